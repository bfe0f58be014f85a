//! What a cell was built from, each with its digest and with who vouched for it: SLSA's
//! `resolvedDependencies`. The annotation `role` says what each is.
//!
//! Trees of files are named by the SHA-256 of their `Directory` message of the Remote Execution API, which
//! the annotation `tree` says; everything else by the SHA-256 of its bytes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::catalog::kernel_source::{KernelOrigin, KernelSource, PinnedSource};
use crate::catalog::{PackageRef, SuiteRecord};
use crate::definition::{ResourceDescriptor, package_url};
use crate::digest::Sha256Digest;
use crate::git::{Repository, Revision};
use crate::image::ImageRecord;
use crate::ledger::{AttemptRecord, CellRecord, PreparationRecord};
use crate::name::{Distro, ModuleName};
use crate::outcome::PreparationOutcome;
use crate::source::{Origin, SourceRecord};

/// How the digest of a tree is made.
const TREE: &str = "remote-execution-api-v2";

/// Lists everything that a cell was built from. The image is the one that the attempt really had.
pub(super) fn dependencies(
    cell: &CellRecord,
    attempt: &AttemptRecord,
    preparations: &[PreparationRecord],
) -> Vec<ResourceDescriptor> {
    let mut all = source(&cell.inputs.module, &cell.source, "source");
    for (name, record) in &cell.needed_sources {
        all.extend(source(name, record, "needed-source"));
    }
    let observed = attempt.observed.as_ref();
    let image = observed.and_then(|observed| observed.image);
    all.extend(builder_image(&cell.image, image.unwrap_or(cell.image.id)));
    let distro = &cell.inputs.target.distro;
    let packages = cell.packages.iter();
    all.extend(packages.map(|package| header_package(package, distro, &cell.vouched)));
    if let Some(kernel) = &cell.kernel_source {
        all.extend(kernel_source(kernel, &cell.vouched));
        all.extend(prepared_kernel(preparations));
    }
    all
}

/// Returns a descriptor of something with a role.
fn dependency(name: impl Into<String>, digest: Sha256Digest, role: &str) -> ResourceDescriptor {
    let mut descriptor = ResourceDescriptor::named(name, digest);
    annotate(&mut descriptor, "role", role);
    descriptor
}

fn annotate(descriptor: &mut ResourceDescriptor, name: &str, value: impl Serialize) {
    let value = serde_json::to_value(value).expect("plain values serialise");
    descriptor.annotations.insert(name.to_owned(), value);
}

/// Returns a module's source: its tree, and the archive that the tree was taken out of.
fn source(module: &ModuleName, record: &SourceRecord, role: &str) -> Vec<ResourceDescriptor> {
    let mut tree = dependency(module.as_str(), record.tree, role);
    annotate(&mut tree, "tree", TREE);
    let state = match &record.revision {
        Revision::Committed { commit } => {
            tree.digest.insert("gitCommit".to_owned(), commit.clone());
            "committed"
        }
        Revision::Archived => "archived",
        Revision::Dirty { .. } => "dirty",
    };
    annotate(&mut tree, "revision", state);
    if let Some(path) = record.origin.path() {
        annotate(&mut tree, "path", path);
    }
    let archive_role = format!("{role}-archive");
    let archive = |name: &str, digest| dependency(name, digest, &archive_role);
    let mut archives = Vec::new();
    match &record.origin {
        Origin::Directory => {}
        Origin::Git { repository, .. } => {
            if let (Revision::Committed { commit }, Ok(Repository::Url(url))) =
                (&record.revision, Repository::try_from(repository.clone()))
                && url.scheme() != "file"
            {
                tree.uri = Some(format!("git+{}@{commit}", url.as_str()));
            }
        }
        Origin::Tarball { sha256, .. } => archives.push(archive(module.as_str(), *sha256)),
        Origin::Package {
            package, vouched, ..
        } => {
            let mut packed = archive(package.name.as_str(), package.sha256);
            annotate_package(&mut packed, package, std::slice::from_ref(&**vouched));
            archives.push(packed);
        }
        Origin::Dsc {
            sha256,
            source,
            version,
            files,
            patches,
            ..
        } => {
            let mut described = archive(&format!("{source}_{version}.dsc"), *sha256);
            annotate(&mut described, "version", version);
            annotate(&mut described, "patches", patches);
            archives.push(described);
            archives.extend(files.iter().map(|file| archive(&file.name, file.sha256)));
        }
        Origin::SourceRpm {
            sha256,
            package,
            version,
            tarball,
            ..
        } => {
            let mut packed = archive(&format!("{package}-{version}.src.rpm"), *sha256);
            annotate(&mut packed, "version", version);
            archives.push(packed);
            archives.push(archive(&tarball.name, tarball.sha256));
        }
    }
    std::iter::once(tree).chain(archives).collect()
}

/// Returns the builder image, and the list of what is in it.
fn builder_image(record: &ImageRecord, id: Sha256Digest) -> Vec<ResourceDescriptor> {
    let mut image = dependency(record.name.as_str(), id, "builder-image");
    image.media_type = Some("application/vnd.oci.image.config.v1+json".to_owned());
    image.download_location = record.pulled.clone();
    annotate(&mut image, "definition", record.definition);
    if let Some(root) = &record.root {
        annotate(&mut image, "root", root.digest);
    }
    if let Some(built) = &record.built {
        annotate(&mut image, "dockerfile", built);
    }
    annotate(&mut image, "archiveDate", record.archive_date);
    let vouched: Vec<Value> = record.suites.iter().map(voucher).collect();
    annotate(&mut image, "vouchedBy", vouched);
    let mut all = vec![image];
    if let Some(inventory) = &record.inventory {
        let name = format!("{} inventory", record.name);
        let mut tools = dependency(name, inventory.digest, "builder-tools");
        annotate(&mut tools, "database", inventory.database);
        annotate(&mut tools, "packages", record.packages.len());
        annotate(&mut tools, "tools", &record.tools);
        all.push(tools);
    }
    all
}

fn header_package(
    package: &PackageRef,
    distro: &Distro,
    vouched: &[SuiteRecord],
) -> ResourceDescriptor {
    let mut descriptor = dependency(package.name.as_str(), package.sha256, "kernel-headers");
    descriptor.uri = Some(package_url(
        package.format,
        distro,
        package.name.as_str(),
        package.version.as_str(),
        &package.architecture,
    ));
    annotate_package(&mut descriptor, package, vouched);
    descriptor
}

fn annotate_package(
    descriptor: &mut ResourceDescriptor,
    package: &PackageRef,
    vouched: &[SuiteRecord],
) {
    annotate(descriptor, "archive", &package.archive);
    annotate(descriptor, "suite", &package.suite);
    annotate(descriptor, "version", &package.version);
    let is_its = |suite: &&SuiteRecord| is_of(suite, &package.archive, &package.suite);
    let vouched: Vec<Value> = vouched.iter().filter(is_its).map(voucher).collect();
    annotate(descriptor, "vouchedBy", vouched);
    if !package.signers.is_empty() {
        annotate(descriptor, "ownSignatureBy", &package.signers);
    }
}

fn is_of(
    suite: &SuiteRecord,
    archive: &crate::name::ArchiveName,
    name: &crate::name::Suite,
) -> bool {
    suite.archive == *archive && suite.suite == *name
}

/// Returns who signed a state of a suite, and which state.
fn voucher(suite: &SuiteRecord) -> Value {
    let mut voucher = json!({
        "archive": suite.archive,
        "suite": suite.suite,
        "date": suite.date,
        "index": suite.index,
        "signedBy": suite.signed_by,
    });
    if !suite.exceptions.is_empty() {
        voucher["exceptions"] = json!(suite.exceptions);
    }
    voucher
}

/// Returns what a kernel was prepared from, where that is done here.
fn kernel_source(kernel: &KernelSource, vouched: &[SuiteRecord]) -> Vec<ResourceDescriptor> {
    let (digest, is_tree) = match kernel.pinned {
        PinnedSource::Tarball(digest) => (digest, false),
        PinnedSource::Tree(digest) => (digest, true),
    };
    let mut source = dependency("linux", digest, "kernel-source");
    if is_tree {
        annotate(&mut source, "tree", TREE);
    }
    match &kernel.origin {
        KernelOrigin::Archive {
            archive,
            suite,
            path,
            signature,
        } => {
            annotate(&mut source, "archive", archive);
            annotate(&mut source, "suite", suite);
            annotate(&mut source, "path", path);
            let states = vouched.iter().filter(|state| is_of(state, archive, suite));
            let states: Vec<Value> = states.map(voucher).collect();
            annotate(&mut source, "vouchedBy", states);
            if let Some(signature) = signature {
                annotate(&mut source, "ownSignatureBy", &signature.signers);
            }
        }
        KernelOrigin::File { .. } => annotate(&mut source, "from", "a file"),
        KernelOrigin::Git {
            repository, commit, ..
        } => {
            source
                .digest
                .insert("gitCommit".to_owned(), commit.to_string());
            match repository {
                Repository::Url(url) if url.scheme() != "file" => {
                    source.uri = Some(format!("git+{}@{commit}", url.as_str()));
                }
                Repository::Url(_) | Repository::Directory(_) => {}
            }
        }
    }
    vec![source, dependency("config", kernel.config, "kernel-config")]
}

/// Returns the kernel that was prepared here, and the builds that prepared it.
fn prepared_kernel(preparations: &[PreparationRecord]) -> Option<ResourceDescriptor> {
    let reference = preparations.iter().find(|record| record.number == 0)?;
    let PreparationOutcome::Prepared { kernel } = &reference.outcome else {
        return None;
    };
    let mut descriptor = dependency("kernel build directory", kernel.tree, "prepared-kernel");
    annotate(&mut descriptor, "tree", TREE);
    annotate(&mut descriptor, "tarball", kernel.tarball);
    annotate(&mut descriptor, "buildSpec", reference.spec);
    let others: BTreeMap<String, Option<Sha256Digest>> = preparations
        .iter()
        .filter(|record| record.number > 0)
        .map(|record| {
            let tree = match &record.outcome {
                PreparationOutcome::Prepared { kernel } => Some(kernel.tree),
                PreparationOutcome::Failed { .. } => None,
            };
            (record.number.to_string(), tree)
        })
        .collect();
    annotate(&mut descriptor, "preparedAgain", others);
    Some(descriptor)
}

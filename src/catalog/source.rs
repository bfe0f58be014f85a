//! Kernels that are prepared here: tarballs that a signed list names, and what is in no archive.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::attempts::Attempts;
use super::error::CatalogError;
use super::facts::{DistroFacts, SuiteFacts, SuiteLocation};
use super::kernel_source::{KernelOrigin, KernelSource, PinnedSource, TarballSignature};
use super::keys::ArchiveKeys;
use super::local_source;
use super::mirror::Mirror;
use super::openpgp::{self, OpenPgpError};
use super::signed_index::{IndexPlace, Voucher};
use super::source_facts::{KernelBuild, SourceFacts};
use super::sums_list;
use super::surroundings::Surroundings;
use super::{DistroKernels, Kernel, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::name::{Arch, Flavour, PackageVersion, Target};
use crate::store::Store;

/// The signed list of a folder of tarballs.
const SUMS: &str = "sha256sums.asc";
const MOST_SUMS_BYTES: u64 = 16 << 20;

/// Returns the kernels of a distribution release that is source.
///
/// # Errors
///
/// A list that cannot be read or authenticated, a file of this machine that is not what the facts say,
/// and a commit that cannot be had: each is an error of the whole.
pub(super) async fn read(
    facts: &DistroFacts,
    source: &SourceFacts,
    archs: &BTreeSet<Arch>,
    at: &Surroundings<'_>,
) -> Result<DistroKernels, CatalogError> {
    let mut suites = Vec::new();
    let mut kernels = Vec::new();
    for archive in &facts.archives {
        let keys =
            ArchiveKeys::read(archive, facts.format).map_err(|source| CatalogError::Keys {
                archive: archive.name.clone(),
                source,
            })?;
        let mirrors = at.site.resolve(&archive.name)?;
        for suite in &archive.suites {
            let place = IndexPlace {
                archive,
                suite,
                arch: None,
                keys: &keys,
                at,
            };
            let vouching = match source.signature {
                Some(_) => Vouching::Tarballs,
                None => Vouching::List,
            };
            let (record, listed) = read_suite(&place, &mirrors, vouching).await?;
            suites.push(record);
            kernels.extend(of_list(facts, source, &place, &listed)?);
        }
    }
    for tree in &source.trees {
        let (origin, digest) = local_source::read(&tree.source, at).await?;
        let pinned = pinned(&tree.build, origin, digest, at.store)?;
        let named = (tree.arch, &tree.flavour, &tree.version);
        kernels.extend(kernel(facts, named, &tree.build, pinned));
    }
    kernels.retain(|kernel| archs.contains(&kernel.target.arch));
    kernels.sort_by(|a, b| a.target.cmp(&b.target));
    kernels.dedup_by(|b, a| a.target == b.target);
    Ok(DistroKernels {
        distro: facts.distro.clone(),
        distro_release: facts.distro_release.clone(),
        format: facts.format,
        facts: facts.digest,
        suites,
        kernels,
        unresolved: Vec::new(),
    })
}

/// Reads the list of a folder, from the first mirror that has a good one.
async fn read_suite(
    place: &IndexPlace<'_>,
    mirrors: &[Mirror],
    vouching: Vouching,
) -> Result<(SuiteRecord, Vec<(String, Sha256Digest)>), CatalogError> {
    let path = path_of(place.suite, SUMS);
    let mut attempts = Attempts::new(&place.archive.name, &place.suite.suite, &path);
    for mirror in mirrors {
        match authenticate(place, mirror, &path, vouching).await {
            Ok((mut record, listed)) => {
                record.passed_over = attempts.succeeded();
                return Ok((record, listed));
            }
            Err(error) => attempts.pass_over(mirror, error)?,
        }
    }
    Err(attempts.failed())
}

/// What has to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vouching {
    /// The list, which has the digests of the tarballs.
    List,
    /// Each tarball. Whose the list is does not matter then, and is recorded.
    Tarballs,
}

/// What a list says, and who says it.
struct Listed {
    text: String,
    date: Timestamp,
    voucher: Voucher,
}

async fn authenticate(
    place: &IndexPlace<'_>,
    mirror: &Mirror,
    path: &str,
    vouching: Vouching,
) -> Result<(SuiteRecord, Vec<(String, Sha256Digest)>), CatalogError> {
    let file = place.fetch(mirror, path, MOST_SUMS_BYTES).await?;
    let keys = place.keys.openpgp().map_err(|error| place.refused(error))?;
    let verified = openpgp::verify(&file, keys, place.at.now);
    let signed = match (verified, vouching) {
        (Ok(signed), _) => Listed {
            text: signed.text,
            // The list has no date of its own; its signature has.
            date: signed.signed_at.ok_or_else(|| {
                let reason = "it does not say when it was made".to_owned();
                place.refused(OpenPgpError::Malformed { reason }.into())
            })?,
            voucher: Voucher {
                signed_by: signed.signed_by,
                ..place.signed()
            },
        },
        (
            Err(error @ (OpenPgpError::UnknownKeys { .. } | OpenPgpError::NotClearSigned { .. })),
            Vouching::Tarballs,
        ) => Listed {
            text: openpgp::unverified_text(&file).map_err(|error| place.refused(error.into()))?,
            date: place.at.now,
            voucher: Voucher {
                exceptions: vec![format!(
                    "list of tarballs: {error}; each tarball's own signature is checked instead, and \
                     what the list leaves out is not seen"
                )],
                ..Voucher::default()
            },
        },
        (Err(error), _) => return Err(place.refused(error.into())),
    };
    let listed = sums_list::read(&signed.text).map_err(|error| place.malformed(path, error))?;
    let listed = listed
        .into_iter()
        .map(|(name, digest)| (name.to_owned(), digest))
        .collect();
    Ok((place.record(&file, signed.date, signed.voucher)?, listed))
}

fn path_of(suite: &SuiteFacts, name: &str) -> String {
    match &suite.location {
        SuiteLocation::Path(folder) => format!("{folder}/{name}"),
        SuiteLocation::Dists { .. } => name.to_owned(),
    }
}

/// Returns every kernel that the facts make of the tarballs in a list.
fn of_list(
    facts: &DistroFacts,
    source: &SourceFacts,
    place: &IndexPlace<'_>,
    listed: &[(String, Sha256Digest)],
) -> Result<Vec<Kernel>, CatalogError> {
    let Some(pattern) = &source.tarball else {
        return Ok(Vec::new());
    };
    let (archive, suite) = (place.archive, place.suite);
    let mut kernels = Vec::new();
    for (name, digest) in listed {
        let Some(version) = pattern.version(name) else {
            continue;
        };
        let Ok(version) = version.parse::<PackageVersion>() else {
            continue;
        };
        for flavour in &source.flavours {
            let release = version.as_str().parse();
            if !release.is_ok_and(|release| flavour.series.contains(&release)) {
                continue;
            }
            let origin = KernelOrigin::Archive {
                archive: archive.name.clone(),
                suite: suite.suite.clone(),
                path: path_of(suite, name),
                signature: source.signature.as_ref().map(|signature| {
                    let path = path_of(suite, &signature.of(version.as_str()));
                    let kept = Sha256Digest::of(format!("{digest}\n{path}").as_bytes());
                    TarballSignature {
                        path,
                        signers: archive.keys.clone(),
                        kept,
                    }
                }),
            };
            let digest = PinnedSource::Tarball(*digest);
            let pinned = pinned(&flavour.build, origin, digest, place.at.store)?;
            let named = (flavour.arch, &flavour.flavour, &version);
            kernels.extend(kernel(facts, named, &flavour.build, pinned));
        }
    }
    Ok(kernels)
}

fn pinned(
    build: &KernelBuild,
    origin: KernelOrigin,
    pinned: PinnedSource,
    store: &Store,
) -> Result<KernelSource, CatalogError> {
    let config = Sha256Digest::of(&build.config);
    if store.blob_path(&config).is_none() {
        store.put(&build.config)?;
    }
    Ok(KernelSource {
        origin,
        pinned,
        config,
        unanswered: build.unanswered,
        level: build.level,
        make: build.make.clone(),
    })
}

/// Names a kernel; a version that makes no kernel release names none.
fn kernel(
    facts: &DistroFacts,
    (arch, flavour, version): (Arch, &Flavour, &PackageVersion),
    build: &KernelBuild,
    source: KernelSource,
) -> Option<Kernel> {
    Some(Kernel {
        target: Target {
            distro: facts.distro.clone(),
            distro_release: facts.distro_release.clone(),
            arch,
            kernel_release: build.release(version.as_str())?,
            package_version: version.clone(),
            flavour: flavour.clone(),
        },
        built: None,
        packages: Vec::new(),
        source: Some(source),
    })
}

//! Having an image: the recorded one if the engine still has it or can load it again, or a new one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::catalog::SuiteRecord;
use crate::catalog::apt::read_suites;
use crate::catalog::error::CatalogError;
use crate::catalog::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::engine::{Docker, End, EngineFailure, Locations};
use crate::image::definition::{Bootstrap, ImageDefinition, ImageOrigin};
use crate::image::{
    BootstrapError, ImageRecord, InventoryError, RootRecord, archive, bootstrap,
    installed_packages, parse_packages,
};
use crate::name::Arch;
use crate::recipe::{BuildSpec, Expected, Limits, Variation};
use crate::store::{Store, StoreError};

/// Prints the first line of each tool's version and the package database.
const PROBE: &str = r#"
for tool; do printf '%s\t%s\n' "$tool" "$("$tool" --version 2>/dev/null | head -n 1)"; done
printf '\n'
cat /var/lib/dpkg/status 2>/dev/null || true
"#;

/// Says why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("cannot authenticate the archive of the image")]
    Catalog(#[from] CatalogError),
    #[error("cannot bootstrap the image")]
    Bootstrap(#[from] BootstrapError),
    #[error("cannot list the packages of the image")]
    Inventory(#[from] InventoryError),
    #[error("cannot read the root file system `{path}`")]
    Root { path: String, source: io::Error },
    #[error("the image `{pinned}` cannot be had")]
    Pull {
        pinned: String,
        source: EngineFailure,
    },
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the engine loaded the image under another digest than {expected}")]
    OtherDigest { expected: Sha256Digest },
    #[error("the image is for `{found}`, and this machine is `{wanted}`")]
    WrongPlatform { wanted: Arch, found: String },
    #[error("the image cannot be asked for its tools: {0}")]
    Probe(String),
}

/// Returns the recorded image if it is still the wanted one and can be had, and `None` if it has to
/// be made.
pub async fn have(
    definition: &ImageDefinition,
    record: ImageRecord,
    docker: &Docker,
    store: &Store,
) -> Result<Option<ImageRecord>, ImageError> {
    if record.definition != definition.digest {
        return Ok(None);
    }
    if docker.image(&record.id).await?.is_some() {
        return Ok(Some(record));
    }
    if let Some(root) = record.root
        && store.blob_path(&root.digest).is_some()
    {
        load(definition, root, docker, store).await?;
        return Ok(Some(record));
    }
    Ok(None)
}

/// Makes or pulls the image as the definition says, and records what is in it.
pub async fn make(
    definition: &ImageDefinition,
    docker: &Docker,
    at: &Surroundings<'_>,
) -> Result<ImageRecord, ImageError> {
    match &definition.origin {
        ImageOrigin::Bootstrap(wanted) => make_here(definition, wanted, docker, at).await,
        ImageOrigin::Registry { reference, digest } => {
            let image =
                docker
                    .pull(reference, digest)
                    .await
                    .map_err(|source| ImageError::Pull {
                        pinned: format!("{reference}@{digest}"),
                        source,
                    })?;
            let arch = machine(docker)?;
            if image.architecture != arch.oci() {
                return Err(ImageError::WrongPlatform {
                    wanted: arch,
                    found: image.architecture,
                });
            }
            let (tools, status) = probe(docker, image.id, &definition.tools).await?;
            Ok(ImageRecord {
                name: definition.name.clone(),
                definition: definition.digest,
                id: image.id,
                root: None,
                pulled: Some(format!("{reference}@{digest}")),
                suites: Vec::new(),
                archive_date: None,
                made: Timestamp::now(),
                packages: parse_packages(&status)?,
                tools,
            })
        }
    }
}

async fn make_here(
    definition: &ImageDefinition,
    wanted: &Bootstrap,
    docker: &Docker,
    at: &Surroundings<'_>,
) -> Result<ImageRecord, ImageError> {
    let suites: Vec<SuiteRecord> = read_suites(&wanted.archives, at).await?;
    let mut mirrors = Vec::new();
    for facts in &wanted.archives {
        let resolved = at.site.resolve(&facts.name).map_err(CatalogError::from)?;
        mirrors.extend(
            resolved
                .into_iter()
                .next()
                .map(|mirror| (facts.name.clone(), mirror)),
        );
    }
    let root = bootstrap(wanted, machine(docker)?, &suites, &mirrors, at.store).await?;
    let path = at.store.blob_path(&root.digest).unwrap_or_default();
    let packages = File::open(&path)
        .map_err(|source| ImageError::Root {
            path: path.display().to_string(),
            source,
        })
        .and_then(|file| Ok(installed_packages(file)?))?;
    let id = load(definition, root, docker, at.store).await?;
    let (tools, _) = probe(docker, id, &definition.tools).await?;
    Ok(ImageRecord {
        name: definition.name.clone(),
        definition: definition.digest,
        id,
        root: Some(root),
        pulled: None,
        archive_date: suites.iter().map(|suite| suite.date).max(),
        suites,
        made: Timestamp::now(),
        packages,
        tools,
    })
}

async fn load(
    definition: &ImageDefinition,
    root: RootRecord,
    docker: &Docker,
    store: &Store,
) -> Result<Sha256Digest, ImageError> {
    let configuration = archive::configuration(machine(docker)?, &root.digest);
    let id = Sha256Digest::of(&configuration);
    let path = store.blob_path(&root.digest).ok_or(StoreError::NoBlob {
        digest: root.digest,
    })?;
    let tag = format!("kmatrix/{}:{}", definition.name, id.short());
    docker
        .load(archive::image_archive(
            &tag,
            configuration,
            &path,
            root.bytes,
        ))
        .await?;
    match docker.image(&id).await? {
        Some(_) => Ok(id),
        None => Err(ImageError::OtherDigest { expected: id }),
    }
}

fn machine(docker: &Docker) -> Result<Arch, ImageError> {
    docker.arch().ok_or_else(|| {
        ImageError::Engine(EngineFailure::Refused {
            message: format!(
                "modules cannot be built on `{}` machines",
                std::env::consts::ARCH
            ),
        })
    })
}

/// Asks the image for its tools' versions and its package database, in a container as sealed as any
/// build.
async fn probe(
    docker: &Docker,
    image: Sha256Digest,
    tools: &[String],
) -> Result<(BTreeMap<String, String>, String), ImageError> {
    let mut command: Vec<String> = ["/bin/sh", "-c", PROBE, "kmatrix-probe"]
        .map(str::to_owned)
        .to_vec();
    command.extend(tools.iter().cloned());
    let spec = BuildSpec {
        schema_version: 1,
        image,
        inputs: Vec::new(),
        command,
        environment: BTreeMap::from([
            (
                "PATH".to_owned(),
                "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("LC_ALL".to_owned(), "C".to_owned()),
        ]),
        host_name: "probe".to_owned(),
        domain_name: String::new(),
        user: 1000,
        group: 1000,
        cpus: 0,
        limits: Limits::default(),
        expected: Expected {
            modules: Vec::new(),
            kernel_release: String::new(),
            machine: 0,
            may_exclude: false,
        },
        variation: Variation::of_attempt(0),
    };
    let (_sender, stop) = watch::channel(false);
    let execution = docker.run(&spec, &Locations::new(), 0, stop).await;
    match execution.end {
        End::Exited { code: 0 } => {}
        End::Lost(failure) => return Err(failure.into()),
        other => return Err(ImageError::Probe(format!("it ended with {other:?}"))),
    }
    let text = String::from_utf8_lossy(&execution.output);
    let (versions, status) = text.split_once("\n\n").unwrap_or((&text, ""));
    let tools = versions
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, version)| !version.is_empty())
        .map(|(tool, version)| (tool.to_owned(), version.to_owned()))
        .collect();
    Ok((tools, status.to_owned()))
}

//! Having an image: the recorded one if the engine still has it or can load it again, or a new one.

use std::fs::File;
use std::io;

use jiff::Timestamp;

use crate::catalog::error::CatalogError;
use crate::catalog::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::engine::{Docker, EngineFailure, LoadedImage};
use crate::image::definition::{Bootstrap, ImageDefinition, ImageOrigin};
use crate::image::dockerfile_build::{DockerfileBuildError, build, wanted};
use crate::image::probe::probe;
use crate::image::registry::RegistryRefusal;
use crate::image::root::{MadeRoot, make_root};
use crate::image::{
    BootstrapError, ImageRecord, InstalledPackage, InventoryError, InventoryRecord,
    PackageDatabase, PassedOver, RootRecord, archive, installed_packages,
};
use crate::name::{Arch, ImageName};
use crate::store::{Store, StoreError};

/// Says why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("cannot authenticate the archive of the image")]
    Catalog(#[from] CatalogError),
    #[error("no mirror of `{}` serves what the image is made from: {}", .tried[0].archive, listed(.tried))]
    Mirrors {
        /// At least two.
        tried: Vec<PassedOver>,
        refused: Box<CatalogError>,
    },
    #[error("cannot bootstrap the image")]
    Bootstrap(#[from] BootstrapError),
    #[error("cannot list the packages of the image")]
    Inventory(#[from] InventoryError),
    #[error("cannot read the root file system `{path}`")]
    Root { path: String, source: io::Error },
    #[error("the image `{pinned}` cannot be had{refusal}")]
    Pull {
        pinned: String,
        refusal: RegistryRefusal,
        source: EngineFailure,
    },
    #[error(transparent)]
    Dockerfile(#[from] DockerfileBuildError),
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the engine loaded the image under another digest than {expected}")]
    OtherDigest { expected: Sha256Digest },
    #[error("the image `{pinned}` is for `{found}`, and this machine is `{wanted}`")]
    WrongPlatform {
        pinned: String,
        wanted: Arch,
        found: String,
    },
    #[error("the image cannot be asked for its tools: {0}")]
    Probe(String),
}

fn listed(tried: &[PassedOver]) -> String {
    let texts: Vec<String> = tried
        .iter()
        .map(|passed| format!("{}: {}", passed.mirror, passed.reason))
        .collect();
    texts.join("; ")
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
    if let ImageOrigin::Dockerfile(origin) = &definition.origin
        && record.built != Some(wanted(origin)?)
    {
        return Ok(None);
    }
    let record = with_inventory(record, store)?;
    if docker.image(&record.id).await?.is_some() {
        return Ok(Some(record));
    }
    if let Some(root) = record.root
        && store.blob_path(&root.digest).is_some()
    {
        load(&definition.name, root, docker, store).await?;
        return Ok(Some(record));
    }
    Ok(None)
}

/// Makes, pulls or builds the image as the definition says, and records what is in it. `known` are
/// the records of the images that there are already.
pub async fn make(
    definition: &ImageDefinition,
    known: &[ImageRecord],
    docker: &Docker,
    at: &Surroundings<'_>,
) -> Result<ImageRecord, ImageError> {
    match &definition.origin {
        ImageOrigin::Bootstrap(wanted) => make_here(definition, wanted, docker, at).await,
        ImageOrigin::Dockerfile(origin) => build(definition, origin, known, docker, at.store).await,
        ImageOrigin::Registry {
            reference, digest, ..
        } => {
            let image = pull(docker, reference, digest).await?;
            let probed = probe(docker, image.id, &definition.tools).await?;
            Ok(ImageRecord {
                name: definition.name.clone(),
                definition: definition.digest,
                id: image.id,
                root: None,
                pulled: Some(format!("{reference}@{digest}")),
                built: None,
                suites: Vec::new(),
                archive_date: None,
                made: Timestamp::now(),
                passed_over: Vec::new(),
                inventory: Some(InventoryRecord::of(probed.database, &probed.packages)),
                packages: probed.packages,
                tools: probed.tools,
            })
        }
    }
}

/// Pulls an image by digest, and refuses one for another machine.
pub(super) async fn pull(
    docker: &Docker,
    reference: &str,
    digest: &Sha256Digest,
) -> Result<LoadedImage, ImageError> {
    let pinned = format!("{reference}@{digest}");
    let pulled = docker.pull(reference, digest).await;
    let image = pulled.map_err(|source| ImageError::Pull {
        refusal: RegistryRefusal::of(&source),
        pinned: pinned.clone(),
        source,
    })?;
    let arch = machine(docker)?;
    if image.architecture != arch.oci() {
        return Err(ImageError::WrongPlatform {
            pinned,
            wanted: arch,
            found: image.architecture,
        });
    }
    Ok(image)
}

async fn make_here(
    definition: &ImageDefinition,
    wanted: &Bootstrap,
    docker: &Docker,
    at: &Surroundings<'_>,
) -> Result<ImageRecord, ImageError> {
    let MadeRoot {
        root,
        suites,
        passed_over,
    } = make_root(wanted, machine(docker)?, None, at).await?;
    let packages = packages_of(&root, at.store)?;
    let id = load(&definition.name, root, docker, at.store).await?;
    let probed = probe(docker, id, &definition.tools).await?;
    Ok(ImageRecord {
        name: definition.name.clone(),
        definition: definition.digest,
        id,
        root: Some(root),
        pulled: None,
        built: None,
        archive_date: suites.iter().map(|suite| suite.date).max(),
        suites,
        made: Timestamp::now(),
        passed_over,
        inventory: Some(InventoryRecord::of(PackageDatabase::Dpkg, &packages)),
        packages,
        tools: probed.tools,
    })
}

/// Completes a record of before there were inventories, from the root file system if it is there.
fn with_inventory(mut record: ImageRecord, store: &Store) -> Result<ImageRecord, ImageError> {
    if record.inventory.is_none()
        && let Some(root) = &record.root
        && store.blob_path(&root.digest).is_some()
    {
        record.packages = packages_of(root, store)?;
        let inventory = InventoryRecord::of(PackageDatabase::Dpkg, &record.packages);
        record.inventory = Some(inventory);
    }
    Ok(record)
}

fn packages_of(root: &RootRecord, store: &Store) -> Result<Vec<InstalledPackage>, ImageError> {
    let path = store.blob_path(&root.digest).unwrap_or_default();
    File::open(&path)
        .map_err(|source| ImageError::Root {
            path: path.display().to_string(),
            source,
        })
        .and_then(|file| Ok(installed_packages(file)?))
}

/// Has an image that somebody else recorded, by its digest: the engine has it, its root file system is in
/// the store, or it can be pulled. Returns false if there is no way to it.
pub async fn obtain(
    record: &ImageRecord,
    docker: &Docker,
    store: &Store,
    offline: bool,
) -> Result<bool, ImageError> {
    if docker.image(&record.id).await?.is_some() {
        return Ok(true);
    }
    if let Some(root) = record.root
        && store.blob_path(&root.digest).is_some()
    {
        let id = load(&record.name, root, docker, store).await?;
        let expected = record.id;
        return if id == expected {
            Ok(true)
        } else {
            Err(ImageError::OtherDigest { expected })
        };
    }
    let pinned = record
        .pulled
        .as_deref()
        .and_then(|pinned| pinned.rsplit_once('@'));
    if let Some((reference, digest)) = pinned
        && let Ok(digest) = digest.parse()
        && !offline
    {
        return Ok(pull(docker, reference, &digest).await?.id == record.id);
    }
    Ok(false)
}

async fn load(
    name: &ImageName,
    root: RootRecord,
    docker: &Docker,
    store: &Store,
) -> Result<Sha256Digest, ImageError> {
    let configuration = archive::configuration(machine(docker)?, &root.digest);
    let id = Sha256Digest::of(&configuration);
    let path = store.blob_path(&root.digest).ok_or(StoreError::NoBlob {
        digest: root.digest,
    })?;
    let tag = format!("kmatrix/{name}:{}", id.short());
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

pub(super) fn machine(docker: &Docker) -> Result<Arch, ImageError> {
    docker.arch().ok_or_else(|| {
        ImageError::Engine(EngineFailure::Refused {
            message: format!(
                "modules cannot be built on `{}` machines",
                std::env::consts::ARCH
            ),
        })
    })
}

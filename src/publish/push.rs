//! A release into a registry: each module as an artifact, its bundles as referrers of it, and an index
//! under a tag that lists the modules and that the release's own bundles refer to.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::oci::{Entry, Manifest, Put, Registry, RegistryError};
use crate::publish::layout::{Release, ReleaseBundle, ReleaseFile, ReleaseModule};

/// Modules that are under way at a time.
const AT_ONCE: usize = 8;
/// What registries have to take as a manifest, at least (distribution-spec, "Pushing Manifests").
const MAX_INDEX: usize = 4 << 20;

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The index of all modules, which the tag names.
    pub index: Manifest,
    /// In the release's order.
    pub modules: Vec<PushedModule>,
    /// Bundles that refer to the index.
    pub bundles: usize,
}

/// One module in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedModule {
    /// False if the registry had the module's bytes before.
    pub sent: bool,
    /// Bundles that refer to it.
    pub bundles: usize,
}

/// Says why a release was not pushed. What was sent before stays there, under no tag.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("cannot push `{what}`")]
    Registry { what: String, source: RegistryError },
    #[error("cannot read `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the index of {modules} modules is larger than the {MAX_INDEX} bytes that registries take"
    )]
    IndexTooLarge { modules: usize },
}

/// Pushes everything; the tag last, so that it never names half a release.
///
/// # Errors
///
/// At the first thing that fails, with the tag as it was.
pub async fn push(release: &Release, registry: &Registry, tag: &str) -> Result<Pushed, PushError> {
    let index = index(release)?;
    let (empty, content) = Manifest::empty_content();
    let put = registry.put_blob(empty, Bytes::from_static(content)).await;
    put.map_err(failed("the empty configuration"))?;
    let modules = stream::iter(&release.modules)
        .map(|module| push_module(module, registry))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let name = format!("the release `{tag}`");
    let put = registry.put_manifest(&index, None).await;
    put.map_err(failed(&name))?;
    for bundle in &release.bundles {
        attach(bundle, &index, registry).await?;
    }
    let put = registry.put_manifest(&index, Some(tag)).await;
    put.map_err(failed(&name))?;
    Ok(Pushed {
        index,
        modules,
        bundles: release.bundles.len(),
    })
}

/// Makes the index, which is the same for the same files.
fn index(release: &Release) -> Result<Manifest, PushError> {
    let entries: Vec<Entry<'_>> = release
        .modules
        .iter()
        .map(|module| Entry {
            manifest: &module.manifest,
            place: module.place.clone(),
        })
        .collect();
    let index = Manifest::of_release(&entries);
    if index.bytes().len() > MAX_INDEX {
        let modules = release.modules.len();
        return Err(PushError::IndexTooLarge { modules });
    }
    Ok(index)
}

async fn push_module(
    module: &ReleaseModule,
    registry: &Registry,
) -> Result<PushedModule, PushError> {
    let put = put_file(&module.file, registry).await?;
    let name = module.file.path.display().to_string();
    let manifest = registry.put_manifest(&module.manifest, None).await;
    manifest.map_err(failed(&name))?;
    // One after another: each reads and writes the same list where the registry keeps none.
    for bundle in &module.bundles {
        attach(bundle, &module.manifest, registry).await?;
    }
    Ok(PushedModule {
        sent: put == Put::Sent,
        bundles: module.bundles.len(),
    })
}

async fn attach(
    bundle: &ReleaseBundle,
    subject: &Manifest,
    registry: &Registry,
) -> Result<(), PushError> {
    put_file(&bundle.file, registry).await?;
    let ReleaseFile { path, digest, size } = &bundle.file;
    let referrer = Manifest::of_bundle(*digest, *size, &bundle.predicate_type, subject);
    let name = path.display().to_string();
    let put = registry.put_manifest(&referrer, None).await;
    put.map_err(failed(&name))?;
    let referred = registry.refer(subject, &referrer).await;
    referred.map_err(failed(&name))
}

async fn put_file(file: &ReleaseFile, registry: &Registry) -> Result<Put, PushError> {
    let bytes = file.bytes().map_err(|source| PushError::Io {
        path: file.path.clone(),
        source,
    })?;
    let put = registry.put_blob(file.digest, Bytes::from(bytes)).await;
    put.map_err(failed(&file.path.display().to_string()))
}

fn failed(what: &str) -> impl FnOnce(RegistryError) -> PushError {
    let what = what.to_owned();
    move |source| PushError::Registry { what, source }
}

//! Fetching one package that a lock or a catalog names.

use super::PackageRef;
use super::error::CatalogError;
use super::fetch::{ExpectedFile, ExpectedSize, Fetcher};
use super::site::Site;
use crate::store::Store;

/// Brings one package into the store, known by its digest. Who signed it is another matter:
/// [`verify_package`](super::package_signature::verify_package).
///
/// # Errors
///
/// [`CatalogError::Vanished`] if every mirror answers and none has it any more.
pub async fn fetch_package(
    store: &Store,
    site: &Site,
    fetcher: &Fetcher,
    package: &PackageRef,
) -> Result<(), CatalogError> {
    if store.blob_path(&package.sha256).is_some() {
        return Ok(());
    }
    let mirrors = site.resolve(&package.archive)?;
    let file = ExpectedFile {
        path: &package.path,
        sha256: package.sha256,
        bytes: ExpectedSize::Exactly(package.bytes),
    };
    fetcher
        .fetch_blob(store, &mirrors, &file)
        .await
        .map(drop)
        .map_err(|source| {
            if source.is_not_found() {
                CatalogError::Vanished {
                    archive: package.archive.clone(),
                    name: package.name.clone(),
                    version: package.version.clone(),
                    source: Box::new(source),
                }
            } else {
                CatalogError::of_fetch(&package.archive, &package.path, source)
            }
        })
}

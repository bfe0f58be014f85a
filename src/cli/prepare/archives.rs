//! Getting packages and kernels' sources during a run.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::PackageRef;
use crate::catalog::error::CatalogError;
use crate::catalog::facts::DistroFacts;
use crate::catalog::fetch::Fetcher;
use crate::catalog::fetch_source::fetch_source;
use crate::catalog::kernel_source::KernelSource;
use crate::catalog::package::fetch_package;
use crate::catalog::package_signature::verify_package;
use crate::catalog::site::Site;
use crate::catalog::surroundings::Surroundings;
use crate::run::PackageSource;
use crate::store::Store;

/// Fetches packages from where the site says that their archives are, and holds their signatures
/// against the keys that facts pin.
pub(super) struct Archives {
    pub(super) facts: Arc<Vec<DistroFacts>>,
    pub(super) site: Site,
    pub(super) fetcher: Fetcher,
    pub(super) store: Store,
    pub(super) offline: bool,
}

impl PackageSource for Archives {
    fn fetch<'a>(
        &'a self,
        package: &'a PackageRef,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>> {
        Box::pin(async move {
            if self.store.blob_path(&package.sha256).is_none() {
                if self.offline {
                    return Err(CatalogError::Offline {
                        name: package.name.clone(),
                        version: package.version.clone(),
                    });
                }
                fetch_package(&self.store, &self.site, &self.fetcher, package).await?;
            }
            let (store, facts) = (self.store.clone(), self.facts.clone());
            let package = package.clone();
            // Hashing what is signed takes a processor for a while.
            let verified = tokio::task::spawn_blocking(move || {
                verify_package(&store, &package, &facts, Timestamp::now())
            });
            verified.await.map_err(|error| CatalogError::Internal {
                reason: error.to_string(),
            })?
        })
    }

    fn fetch_kernel<'a>(
        &'a self,
        source: &'a KernelSource,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>> {
        Box::pin(async move {
            let at = Surroundings {
                site: &self.site,
                store: &self.store,
                fetcher: &self.fetcher,
                offline: self.offline,
                now: Timestamp::now(),
                seen: &[],
            };
            fetch_source(source, &self.facts, &at).await
        })
    }
}

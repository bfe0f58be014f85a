//! Getting what a kernel is prepared from, when it is prepared.

use super::error::CatalogError;
use super::fetch::{ExpectedFile, ExpectedSize, Fetcher};
use super::kernel_source::{KernelOrigin, KernelSource, PinnedSource};
use super::local_source::{MOST_TARBALL_BYTES, have_commit, take_in};
use super::site::Site;
use crate::digest::Sha256Digest;
use crate::git::GitError;
use crate::store::Store;

/// Has a kernel's source in the store: from its archive, from this machine, or out of its repository.
pub async fn fetch_source(
    store: &Store,
    site: &Site,
    fetcher: &Fetcher,
    source: &KernelSource,
    offline: bool,
) -> Result<(), CatalogError> {
    match (&source.origin, &source.pinned) {
        (KernelOrigin::Archive { archive, path, .. }, PinnedSource::Tarball(digest)) => {
            if store.blob_path(digest).is_some() {
                return Ok(());
            }
            if offline {
                return Err(CatalogError::OfflineKernel {
                    source_name: source.origin.shown(),
                });
            }
            let mirrors = site.resolve(archive)?;
            let file = ExpectedFile {
                path,
                sha256: *digest,
                bytes: ExpectedSize::AtMost(MOST_TARBALL_BYTES),
            };
            let fetched = fetcher.fetch_blob(store, &mirrors, &file).await;
            fetched
                .map(drop)
                .map_err(|error| CatalogError::of_fetch(archive, path, error))
        }
        (KernelOrigin::File { path }, PinnedSource::Tarball(digest)) => {
            take_in(store, path, digest)
        }
        (
            KernelOrigin::Git {
                repository, commit, ..
            },
            PinnedSource::Tree(tree),
        ) => {
            let found = have_commit(store, repository, commit, offline).await?;
            same_tree(source, *tree, found)
        }
        (KernelOrigin::Archive { .. } | KernelOrigin::File { .. }, PinnedSource::Tree(_))
        | (KernelOrigin::Git { .. }, PinnedSource::Tarball(_)) => Err(CatalogError::Internal {
            reason: format!("{} is pinned as what it is not", source.origin.shown()),
        }),
    }
}

/// A commit's id pins its files through SHA-1; the lock has their own digest.
fn same_tree(
    source: &KernelSource,
    wanted: Sha256Digest,
    found: Sha256Digest,
) -> Result<(), CatalogError> {
    match &source.origin {
        KernelOrigin::Git {
            repository, commit, ..
        } if wanted != found => Err(CatalogError::KernelCommit {
            repository: repository.to_string(),
            commit: commit.to_string(),
            source: Box::new(GitError::WrongBytes {
                id: commit.to_string(),
            }),
        }),
        KernelOrigin::Git { .. } | KernelOrigin::Archive { .. } | KernelOrigin::File { .. } => {
            Ok(())
        }
    }
}

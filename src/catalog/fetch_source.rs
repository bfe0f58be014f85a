//! Getting what a kernel is prepared from, when it is prepared.

use super::error::CatalogError;
use super::facts::DistroFacts;
use super::fetch::{ExpectedFile, ExpectedSize};
use super::kernel_source::{KernelOrigin, KernelSource, PinnedSource};
use super::local_source::{MOST_TARBALL_BYTES, have_commit, take_in};
use super::surroundings::Surroundings;
use super::tarball_signature::check_signature;
use crate::digest::Sha256Digest;
use crate::git::GitError;
use crate::name::ArchiveName;

/// Has a kernel's source in the store: from its archive, from this machine, or out of its repository.
///
/// # Security
///
/// A tarball that has to have a signature of its own is held against it each time, by keys that
/// `facts` pin still: a lock cannot bring a key back.
pub async fn fetch_source(
    source: &KernelSource,
    facts: &[DistroFacts],
    at: &Surroundings<'_>,
) -> Result<(), CatalogError> {
    match (&source.origin, &source.pinned) {
        (
            KernelOrigin::Archive {
                archive,
                path,
                signature,
                ..
            },
            PinnedSource::Tarball(digest),
        ) => {
            fetch_tarball(archive, path, digest, at).await?;
            match signature {
                Some(signature) => check_signature(archive, signature, digest, facts, at).await,
                None => Ok(()),
            }
        }
        (KernelOrigin::File { path }, PinnedSource::Tarball(digest)) => {
            take_in(at.store, path, digest)
        }
        (
            KernelOrigin::Git {
                repository, commit, ..
            },
            PinnedSource::Tree(tree),
        ) => {
            let found = have_commit(at.store, repository, commit, at.offline).await?;
            same_tree(source, *tree, found)
        }
        (KernelOrigin::Archive { .. } | KernelOrigin::File { .. }, PinnedSource::Tree(_))
        | (KernelOrigin::Git { .. }, PinnedSource::Tarball(_)) => Err(CatalogError::Internal {
            reason: format!("{} is pinned as what it is not", source.origin.shown()),
        }),
    }
}

async fn fetch_tarball(
    archive: &ArchiveName,
    path: &str,
    digest: &Sha256Digest,
    at: &Surroundings<'_>,
) -> Result<(), CatalogError> {
    if at.store.blob_path(digest).is_some() {
        return Ok(());
    }
    if at.offline {
        return Err(CatalogError::OfflineKernel {
            source_name: format!("`{path}` of `{archive}`"),
        });
    }
    let mirrors = at.site.resolve(archive)?;
    let file = ExpectedFile {
        path,
        sha256: *digest,
        bytes: ExpectedSize::AtMost(MOST_TARBALL_BYTES),
    };
    let fetched = at.fetcher.fetch_blob(at.store, &mirrors, &file).await;
    fetched
        .map(drop)
        .map_err(|error| CatalogError::of_fetch(archive, path, error))
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

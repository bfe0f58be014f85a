//! Kernels' sources that are in no archive: files of this machine, and commits.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::CatalogError;
use super::kernel_source::{KernelOrigin, PinnedSource};
use super::source_facts::LocalSource;
use super::surroundings::Surroundings;
use crate::digest::{Hashing, Sha256Digest};
use crate::git::{self, CommitId, GitError, Repository};
use crate::store::Store;

/// The most bytes of a tarball, whose size nobody says; the largest so far has 150 MB.
pub(super) const MOST_TARBALL_BYTES: u64 = 1 << 30;

/// Has a source in the store, and says what it is.
pub(super) async fn read(
    source: &LocalSource,
    at: &Surroundings<'_>,
) -> Result<(KernelOrigin, PinnedSource), CatalogError> {
    match source {
        LocalSource::Tarball { path, sha256 } => {
            take_in(at.store, path, sha256)?;
            let origin = KernelOrigin::File { path: path.clone() };
            Ok((origin, PinnedSource::Tarball(*sha256)))
        }
        LocalSource::Commit { repository, commit } => {
            let tree = have_commit(at.store, repository, commit, at.offline).await?;
            let origin = KernelOrigin::Git {
                repository: repository.clone(),
                commit: commit.clone(),
                kept: git::kept_as(commit, None),
            };
            Ok((origin, PinnedSource::Tree(tree)))
        }
    }
}

/// Copies a file into the store, unless the store has these bytes already.
pub(super) fn take_in(
    store: &Store,
    path: &Path,
    sha256: &Sha256Digest,
) -> Result<(), CatalogError> {
    if store.blob_path(sha256).is_some() {
        return Ok(());
    }
    let unreadable = |source: io::Error| CatalogError::LocalFile {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?;
    if !bytes.is_file() || bytes.len() > MOST_TARBALL_BYTES {
        let what = format!("it is no file of at most {MOST_TARBALL_BYTES} bytes");
        return Err(unreadable(io::Error::other(what)));
    }
    let mut hashing = Hashing::new(store.blob_writer()?);
    io::copy(&mut file, &mut hashing).map_err(unreadable)?;
    let (writer, found, bytes) = hashing.finish();
    if found != *sha256 {
        return Err(CatalogError::OtherBytes {
            path: path.to_owned(),
            wanted: *sha256,
            found,
        });
    }
    writer.commit(Some((found, bytes)))?;
    Ok(())
}

/// Writes the files of a commit into the store, unless it has them, and returns their tree's digest.
pub(super) async fn have_commit(
    store: &Store,
    repository: &Repository,
    commit: &CommitId,
    offline: bool,
) -> Result<Sha256Digest, CatalogError> {
    let refused = |source: GitError| CatalogError::KernelCommit {
        repository: repository.to_string(),
        commit: commit.to_string(),
        source: Box::new(source),
    };
    if let Repository::Url(url) = repository
        && !git::is_extracted(commit, None, store).map_err(refused)?
    {
        let fetched = git::fetch_commit(url, commit, store, offline).await;
        fetched.map_err(refused)?;
    }
    // Reading a whole kernel takes a processor for half a minute.
    let (from, id, kept) = (repository.clone(), commit.clone(), store.clone());
    let extracted = tokio::task::spawn_blocking(move || git::extracted(&from, &id, None, &kept));
    let extracted = extracted.await.map_err(|error| CatalogError::Internal {
        reason: error.to_string(),
    })?;
    Ok(extracted.map_err(refused)?.1)
}

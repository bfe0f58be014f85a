//! The files of commits, in the store: each commit is fetched once and written once.

use std::path::PathBuf;

use super::fetch::{cache_of, fetch};
use super::objects::{Objects, object_store};
use super::{CommitId, GitError, Repository, RepositoryUrl, commit, has_commit};
use crate::digest::Sha256Digest;
use crate::store::{SourceKind, Store};
use crate::tree::{self, WalkRules};

/// What a commit may hold; a kernel has 95,000 entries.
const RULES: WalkRules<'static> = WalkRules {
    limit: commit::MOST_ENTRIES,
    skip: &[],
};

/// Brings a commit of a repository elsewhere here, unless it is here already.
///
/// # Errors
///
/// A commit that is not here while `offline`, and one that the server does not give.
pub async fn fetch_commit(
    url: &RepositoryUrl,
    commit: &CommitId,
    store: &Store,
    offline: bool,
) -> Result<(), GitError> {
    let cache = store.git_cache();
    let objects = cache_of(&cache, commit).join("objects");
    if objects.is_dir() && has_commit(&objects, commit)? {
        return Ok(());
    }
    if offline {
        return Err(GitError::Offline {
            url: url.to_string(),
            commit: commit.to_string(),
        });
    }
    fetch(&cache, url, commit).await
}

/// Returns where the files of a commit, or of one directory of it, are in the store, and the digest
/// of their tree. They are written there if they are not; a commit that is elsewhere must have been
/// fetched for that.
pub fn extracted(
    repository: &Repository,
    commit: &CommitId,
    path: Option<&str>,
    store: &Store,
) -> Result<(PathBuf, Sha256Digest), GitError> {
    let key = kept_as(commit, path);
    if let Some(known) = store.made_source(SourceKind::Commit, &key)? {
        return Ok(known);
    }
    let objects = match repository {
        Repository::Directory(directory) => object_store(directory)?,
        Repository::Url(_) => cache_of(&store.git_cache(), commit).join("objects"),
    };
    let made = store.make_source()?;
    let mut objects = Objects::open(&objects, commit.as_str())?;
    commit::extract(&mut objects, commit.as_str(), path, made.root()).map_err(
        |error| match error {
            GitError::NoObject { id } if id == commit.as_str() => GitError::NoCommit {
                repository: repository.to_string(),
                commit: id,
            },
            error => error,
        },
    )?;
    let entries = tree::read_directory(made.root(), RULES)?;
    let digest = tree::digest(&entries);
    let directory = store.keep_source(SourceKind::Commit, &key, made, entries)?;
    Ok((directory, digest))
}

/// Returns true if the store has the files of a commit, so that nobody has to be asked for them.
pub fn is_extracted(
    commit: &CommitId,
    path: Option<&str>,
    store: &Store,
) -> Result<bool, GitError> {
    let known = store.made_source(SourceKind::Commit, &kept_as(commit, path))?;
    Ok(known.is_some())
}

/// Returns the name under which the store has the files of a commit.
pub fn kept_as(commit: &CommitId, path: Option<&str>) -> Sha256Digest {
    let key = format!("{commit}\n{}", path.unwrap_or_default());
    Sha256Digest::of(key.as_bytes())
}

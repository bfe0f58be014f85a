//! Commits: reading the files of one, and telling which one a directory is. The only folder that
//! calls `git`.
//!
//! # Security
//!
//! A repository is untrusted: its configuration can name programs to run, its attributes change
//! bytes, its replacements and grafts change history. Nothing of that is read. [`objects`] asks
//! `git` for objects only, through an empty repository of its own that borrows the other's object
//! store, with an empty environment; and every object is hashed here, from the commit down to each
//! file, so whatever answers cannot answer with other bytes.

mod address;
mod commit;
mod extracted;
mod fetch;
mod objects;
mod process;
mod revision;

use std::io;
use std::path::{Path, PathBuf};

pub use address::{
    CommitId, ParseCommitIdError, ParseRepositoryUrlError, Repository, RepositoryUrl,
};
pub use extracted::{extracted, fetch_commit, is_extracted, kept_as};
pub use revision::{Revision, revision};

use crate::store::StoreError;
use crate::tree::TreeError;
use objects::Objects;

/// Says why a commit's files cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("`{}` is no git repository", path.display())]
    NoRepository { path: PathBuf },
    #[error("the repository `{repository}` has no commit {commit}")]
    NoCommit { repository: String, commit: String },
    #[error("{id} is a {found}, not a {wanted}")]
    OtherKind {
        id: String,
        found: String,
        wanted: &'static str,
    },
    #[error("the object {id} is not in the repository")]
    NoObject { id: String },
    #[error("the object {id} has other bytes than its id says")]
    WrongBytes { id: String },
    #[error("the object {id} is malformed: {why}")]
    Malformed { id: String, why: &'static str },
    #[error("the commit has no directory `{path}`")]
    NoDirectory { path: String },
    #[error("`{path}` is a submodule, whose files are in another repository")]
    Submodule { path: String },
    #[error("the name `{name}` in the commit cannot be used")]
    BadName { name: String },
    #[error("`{name}` is a symbolic link to `{target}`, which leaves the source")]
    LinkLeaves { name: String, target: String },
    #[error("the commit has more than {limit} {what}")]
    TooMuch { what: &'static str, limit: u64 },
    #[error("`git` cannot be run")]
    Run { source: io::Error },
    #[error("`git {what}` failed: {why}")]
    Failed { what: &'static str, why: String },
    #[error("`git {what}` was not done after {seconds} s")]
    TimedOut { what: &'static str, seconds: u64 },
    #[error("commit {commit} of `{url}` has not been fetched, and `--offline` was given")]
    Offline { url: String, commit: String },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GitError {
    /// Returns true if the commit cannot be had, rather than being one that cannot be built.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NoRepository { .. }
            | Self::NoCommit { .. }
            | Self::NoObject { .. }
            | Self::WrongBytes { .. }
            | Self::Run { .. }
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Offline { .. }
            | Self::Store(_)
            | Self::Write { .. } => true,
            Self::OtherKind { .. }
            | Self::Malformed { .. }
            | Self::NoDirectory { .. }
            | Self::Submodule { .. }
            | Self::BadName { .. }
            | Self::LinkLeaves { .. }
            | Self::Tree(_)
            | Self::TooMuch { .. } => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRepository { .. } => {
                "`git` names the top directory of a repository, relative to the matrix file, or a URL"
            }
            Self::NoCommit { .. } => {
                "fetch the commit into that repository, or correct `commit` in the matrix"
            }
            Self::OtherKind { found, .. } if found == "tag" => {
                "this is the id of a tag; write what `git rev-parse ID^{commit}` prints"
            }
            Self::OtherKind { .. } => "write the id of a commit",
            Self::NoObject { .. } => {
                "the repository is a partial clone or damaged; `git fsck` tells, and a full clone has it"
            }
            Self::WrongBytes { .. } | Self::Malformed { .. } => {
                "the repository is damaged or was tampered with; run `git fsck` there"
            }
            Self::NoDirectory { .. } => "correct `path` in the matrix",
            Self::Submodule { .. } => {
                "name the submodule's own repository and commit, or a `path` beside it"
            }
            Self::BadName { .. }
            | Self::LinkLeaves { .. }
            | Self::TooMuch { .. }
            | Self::Tree(_) => "name the module's own directory with `path`",
            Self::Run { .. } => "install git",
            Self::Failed { .. } | Self::TimedOut { .. } => {
                "if the server does not give single commits, clone the repository and name the clone"
            }
            Self::Offline { .. } => "run without `--offline` once",
            Self::Write { .. } => "make room, or check who may write there",
            Self::Store(error) => return error.hint(),
        };
        Some(hint.to_owned())
    }
}

/// Returns true if an object store has a commit.
fn has_commit(store: &Path, commit: &CommitId) -> Result<bool, GitError> {
    let mut objects = Objects::open(store, commit.as_str())?;
    match objects.read(commit.as_str(), "commit", 16 << 20) {
        Ok(_) => Ok(true),
        Err(GitError::NoObject { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a repository without anything in it, by hand: `git init` would copy templates.
fn make_empty(directory: &Path, is_sha256: bool, borrows: Option<&Path>) -> Result<(), GitError> {
    let config = if is_sha256 {
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
    } else {
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
    };
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|source| GitError::Write { path, source })
    };
    for name in ["objects/info", "objects/pack", "refs"] {
        let path = directory.join(name);
        std::fs::create_dir_all(&path).map_err(|source| GitError::Write { path, source })?;
    }
    write("HEAD", "ref: refs/heads/none\n")?;
    write("config", config)?;
    if let Some(borrows) = borrows {
        let text = borrows
            .to_str()
            .filter(|text| text.starts_with('/') && !text.contains('\n'))
            .ok_or_else(|| GitError::NoRepository {
                path: borrows.to_owned(),
            })?;
        write("objects/info/alternates", &format!("{text}\n"))?;
    }
    Ok(())
}

//! Why the list of a distribution's kernels, or one of their packages, cannot be had.

use std::fmt;
use std::path::PathBuf;

use super::PassedOver;
use super::fetch_error::FetchError;
use super::format::ArchiveFormat;
use super::keys::SignatureError;
use super::release_file::{ReleaseFileError, ReleaseRefused};
use super::site::SiteError;
use crate::digest::Sha256Digest;
use crate::git::GitError;
use crate::name::{Arch, ArchiveName, PackageName, PackageVersion, Suite};
use crate::package::PackageError;
use crate::store::StoreError;

/// Why the catalog cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the package {name} {version} is not in the store, and `--offline` was given")]
    Offline {
        name: PackageName,
        version: PackageVersion,
    },
    #[error("cannot find the archive")]
    Site(#[from] SiteError),
    #[error("cannot tell kernels by the facts: the pattern `{pattern}` is not valid")]
    Pattern { pattern: String, reason: String },
    #[error("cannot read the keys of the archive `{archive}`")]
    Keys {
        archive: ArchiveName,
        source: SignatureError,
    },
    #[error("cannot fetch `{path}` from the archive `{archive}`")]
    Unreachable {
        archive: ArchiveName,
        path: String,
        source: Box<FetchError>,
    },
    #[error("the archive `{archive}` has no `{path}`")]
    NoSuchFile {
        archive: ArchiveName,
        path: String,
        source: Box<FetchError>,
    },
    #[error("the archive `{archive}` gives other bytes for `{path}` than it promised")]
    WrongHash {
        archive: ArchiveName,
        path: String,
        source: Box<FetchError>,
    },
    #[error("no mirror has a good state of the suite `{suite}` of `{archive}`: {}", Listed(.tried))]
    NoGoodState {
        archive: ArchiveName,
        suite: Suite,
        /// Every place that was tried.
        tried: Vec<PassedOver>,
        /// The first refusal, or else that nobody answers; its text is in `tried`.
        because: Box<CatalogError>,
    },
    #[error("the kernel's source {source_name} is not in the store, and `--offline` was given")]
    OfflineKernel { source_name: String },
    #[error("cannot read the kernel's source `{}`", path.display())]
    LocalFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the kernel's source `{}` has the digest {found}, and not {wanted} as the facts say", path.display())]
    OtherBytes {
        path: PathBuf,
        wanted: Sha256Digest,
        found: Sha256Digest,
    },
    #[error("cannot authenticate the kernel's source by `{path}` of the archive `{archive}`")]
    KernelNotAuthenticated {
        archive: ArchiveName,
        path: String,
        source: Box<SignatureError>,
    },
    #[error("cannot read the kernel's source, commit {commit} of `{repository}`")]
    KernelCommit {
        repository: String,
        commit: String,
        source: Box<GitError>,
    },
    #[error("archives of the format `{format}` cannot be read as packages")]
    NoReader { format: ArchiveFormat },
    #[error("cannot authenticate the package `{name}` {version} of the archive `{archive}`")]
    PackageNotAuthenticated {
        archive: ArchiveName,
        name: PackageName,
        version: PackageVersion,
        source: Box<SignatureError>,
    },
    #[error("the package `{path}` of the archive `{archive}` cannot be opened")]
    MalformedPackage {
        archive: ArchiveName,
        path: String,
        source: Box<PackageError>,
    },
    #[error("a package is {found}, and not {wanted} as the index says")]
    OtherPackage { wanted: String, found: String },
    #[error("cannot authenticate the suite `{suite}` of `{archive}`")]
    NotAuthenticated {
        archive: ArchiveName,
        suite: Suite,
        source: Box<SignatureError>,
    },
    #[error("the index of `{suite}` in `{archive}` is expired")]
    Expired {
        archive: ArchiveName,
        suite: Suite,
        source: ReleaseRefused,
    },
    #[error("the index of `{suite}` in `{archive}` is rolled back")]
    RolledBack {
        archive: ArchiveName,
        suite: Suite,
        source: ReleaseRefused,
    },
    #[error("the index of `{suite}` in `{archive}` cannot be taken")]
    NotPresentState {
        archive: ArchiveName,
        suite: Suite,
        source: ReleaseRefused,
    },
    #[error("the Release file of `{suite}` in `{archive}` is malformed")]
    MalformedRelease {
        archive: ArchiveName,
        suite: Suite,
        source: ReleaseFileError,
    },
    #[error("the suite `{suite}` of `{archive}` has no component `{component}`")]
    NoComponent {
        archive: ArchiveName,
        suite: Suite,
        component: String,
    },
    #[error("the suite `{suite}` of `{archive}` has no package index of `{component}` for {arch}")]
    NoIndex {
        archive: ArchiveName,
        suite: Suite,
        component: String,
        arch: Arch,
    },
    #[error("the package index `{path}` of `{archive}` is malformed")]
    MalformedIndex {
        archive: ArchiveName,
        path: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the package `{name}` {version} has vanished from the archive `{archive}`")]
    Vanished {
        archive: ArchiveName,
        name: PackageName,
        version: PackageVersion,
        source: Box<FetchError>,
    },
    #[error("no suite of {from} has the package `{name}`{}", .version.as_ref().map_or_else(String::new, |version| format!(" {version}")))]
    NoPackage {
        name: PackageName,
        version: Option<PackageVersion>,
        /// The facts that name the suites.
        from: String,
        /// The versions that there are, where one was asked for.
        others: Vec<String>,
    },
    #[error("cannot keep the index of `{suite}`")]
    Keep {
        suite: Suite,
        source: std::io::Error,
    },
    #[error("cannot use the store")]
    Store(#[source] Box<StoreError>),
    #[error("a worker thread ended early: {reason}")]
    Internal { reason: String },
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl CatalogError {
    /// Places a fetch that failed.
    pub(super) fn of_fetch(archive: &ArchiveName, path: &str, source: FetchError) -> Self {
        let archive = archive.clone();
        let path = path.to_owned();
        let source = Box::new(source);
        if source.is_not_found() {
            Self::NoSuchFile {
                archive,
                path,
                source,
            }
        } else if source.is_wrong_bytes() {
            Self::WrongHash {
                archive,
                path,
                source,
            }
        } else {
            Self::Unreachable {
                archive,
                path,
                source,
            }
        }
    }

    /// Places a Release file that is refused.
    pub(super) fn of_refusal(archive: &ArchiveName, suite: &Suite, source: ReleaseRefused) -> Self {
        let archive = archive.clone();
        let suite = suite.clone();
        match source {
            ReleaseRefused::Expired { .. } => Self::Expired {
                archive,
                suite,
                source,
            },
            ReleaseRefused::RolledBack { .. } => Self::RolledBack {
                archive,
                suite,
                source,
            },
            ReleaseRefused::OtherSuite { .. }
            | ReleaseRefused::FromTheFuture { .. }
            | ReleaseRefused::NoValidUntil => Self::NotPresentState {
                archive,
                suite,
                source,
            },
        }
    }

    /// Returns true if it is about what one mirror served, so that another may do better.
    pub(super) fn is_of_mirror(&self) -> bool {
        match self {
            Self::Unreachable { source, .. }
            | Self::NoSuchFile { source, .. }
            | Self::WrongHash { source, .. } => {
                matches!(**source, FetchError::NoMirrorHasIt { .. })
            }
            Self::NotAuthenticated { source, .. }
            | Self::KernelNotAuthenticated { source, .. }
            | Self::PackageNotAuthenticated { source, .. } => source.is_of_mirror(),
            Self::Expired { .. }
            | Self::RolledBack { .. }
            | Self::NotPresentState { .. }
            | Self::MalformedRelease { .. }
            | Self::NoComponent { .. }
            | Self::MalformedIndex { .. }
            | Self::MalformedPackage { .. }
            | Self::OtherPackage { .. } => true,
            Self::LocalFile { .. }
            | Self::KernelCommit { .. }
            | Self::OfflineKernel { .. }
            | Self::OtherBytes { .. }
            | Self::Offline { .. }
            | Self::Site(_)
            | Self::Pattern { .. }
            | Self::Keys { .. }
            | Self::NoGoodState { .. }
            | Self::NoReader { .. }
            | Self::NoIndex { .. }
            | Self::Vanished { .. }
            | Self::NoPackage { .. }
            | Self::Keep { .. }
            | Self::Store(_)
            | Self::Internal { .. } => false,
        }
    }

    /// Returns true if what was found is older than what was seen before.
    pub fn is_rolled_back(&self) -> bool {
        match self {
            Self::NoGoodState { because, .. } => because.is_rolled_back(),
            other => matches!(other, Self::RolledBack { .. }),
        }
    }

    /// Returns why the only mirror that was asked was refused, for who asks mirrors one by one.
    pub(super) fn of_only_mirror(self) -> Self {
        if let Self::NoGoodState { because, .. } = self {
            *because
        } else {
            self
        }
    }

    /// Returns the whole story but for the mirror, which whoever asks knows.
    pub(super) fn in_one_line(&self) -> String {
        if let Self::Unreachable { source, .. }
        | Self::NoSuchFile { source, .. }
        | Self::WrongHash { source, .. } = self
            && let FetchError::NoMirrorHasIt { tried, .. } = &**source
            && let [only] = &tried[..]
        {
            return only.error.to_string();
        }
        let first: &dyn std::error::Error = self;
        let mut parts: Vec<String> = std::iter::successors(Some(first), |error| error.source())
            .map(ToString::to_string)
            .collect();
        parts.dedup();
        parts.join(": ")
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Offline { .. } | Self::OfflineKernel { .. } => Some("run without `--offline` once".to_owned()),
            Self::Site(error) => Some(error.hint()),
            Self::Pattern { .. } => {
                Some("patterns are globs; see the facts file's `[kernel]` table".to_owned())
            }
            Self::Keys { source, .. } => Some(source.hint()),
            Self::Unreachable { archive, .. } => Some(format!(
                "name another mirror with `--mirror {archive}=URL`, or try again later"
            )),
            Self::NoSuchFile { archive, .. } => Some(format!(
                "check that the mirror of `{archive}` carries this suite and component"
            )),
            Self::WrongHash { archive, .. } => Some(format!(
                "the mirror may be in the middle of an update, or a proxy may answer for it; try again, or name another with `--mirror {archive}=URL`"
            )),
            Self::NoGoodState { because, .. } => because.hint(),
            Self::LocalFile { .. } => Some(
                "`tarball` of a `[[kernel.tree]]` is found from where the facts file is".to_owned(),
            ),
            Self::OtherBytes { .. } => Some(
                "get the file again, or correct `sha256` in the facts file if this is the one meant"
                    .to_owned(),
            ),
            Self::KernelCommit { source, .. } => source.hint(),
            Self::NoReader { .. } => {
                Some("see `format` of the facts file".to_owned())
            }
            Self::NotAuthenticated { source, .. }
            | Self::KernelNotAuthenticated { source, .. }
            | Self::PackageNotAuthenticated { source, .. } => Some(source.hint()),
            Self::MalformedPackage { .. } | Self::OtherPackage { .. } => Some(
                "the mirror may be broken or lie; name another with `--mirror`".to_owned(),
            ),
            Self::Expired { .. } => Some(
                "name a mirror that is up to date, or accept this with a reason and a last day in the facts file (`accept-expired`)"
                    .to_owned(),
            ),
            Self::RolledBack { .. } => Some(
                "the mirror holds an older state than the lock; name one that is up to date".to_owned(),
            ),
            Self::NotPresentState { source, .. } => match source {
                ReleaseRefused::FromTheFuture { .. } => {
                    Some("set this machine's clock".to_owned())
                }
                ReleaseRefused::OtherSuite { .. } => {
                    Some("name suites by codename in the facts file".to_owned())
                }
                ReleaseRefused::NoValidUntil => Some(
                    "if the archive never says so, set `requires-valid-until = false` in the facts file"
                        .to_owned(),
                ),
                ReleaseRefused::Expired { .. } | ReleaseRefused::RolledBack { .. } => None,
            },
            Self::MalformedRelease { .. } | Self::MalformedIndex { .. } => Some(
                "it is signed as it is, so tell the archive's maintainers".to_owned(),
            ),
            Self::NoComponent { .. } | Self::NoIndex { .. } => Some(
                "leave the component, the suite or the architecture out of the file that names it, if the archive no longer has it"
                    .to_owned(),
            ),
            Self::Vanished { .. } => Some(
                "archives drop old kernels within weeks; lock afresh with `kmatrix lock --update`"
                    .to_owned(),
            ),
            Self::NoPackage { others, .. } => Some(if others.is_empty() {
                "correct the name, or name the facts of a release that has it".to_owned()
            } else {
                format!("archives drop old versions; there is {}", others.join(", "))
            }),
            Self::Keep { .. } | Self::Store(_) | Self::Internal { .. } => None,
        }
    }
}

struct Listed<'a>(&'a [PassedOver]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "there is none to ask");
        }
        for (index, PassedOver { mirror, path, why }) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}`{path}` of `{mirror}`: {why}")?;
        }
        Ok(())
    }
}

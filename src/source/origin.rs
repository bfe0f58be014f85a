//! What the lock and the ledger keep of where a source came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::{PackageRef, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion};

/// Where a source came from, with everything that pins it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Origin {
    /// A directory, as it stood when it was read.
    #[default]
    Directory,
    /// The commit that the revision names.
    Git {
        /// As the matrix names it.
        repository: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    Tarball {
        sha256: Sha256Digest,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    Package {
        package: PackageRef,
        /// The state of the suite that named the package, and who signed it.
        vouched: Box<SuiteRecord>,
        /// The facts that name the suite, as the matrix does.
        from: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    Dsc {
        sha256: Sha256Digest,
        source: PackageName,
        version: PackageVersion,
        /// The files that the `.dsc` names, each verified.
        files: Vec<PinnedFile>,
        /// The patches that were applied, in their order.
        patches: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    SourceRpm {
        sha256: Sha256Digest,
        package: PackageName,
        version: PackageVersion,
        tarball: PinnedFile,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
}

/// A file that something else names by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedFile {
    pub name: String,
    pub sha256: Sha256Digest,
    pub bytes: u64,
}

/// Says in one line what the source was taken from.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => write!(f, "a directory"),
            Self::Git { repository, .. } => write!(f, "the git repository `{repository}`"),
            Self::Tarball { sha256, .. } => write!(f, "a tarball by digest ({})", sha256.short()),
            Self::Package {
                package, vouched, ..
            } => {
                write!(
                    f,
                    "the package {} {} by digest, vouched for by {}/{} of {}",
                    package.name,
                    package.version,
                    vouched.archive,
                    vouched.suite,
                    vouched.date.strftime("%Y-%m-%d"),
                )?;
                match vouched.signed_by.first() {
                    Some(key) => write!(f, " (key {key})")?,
                    None => write!(f, " (signed by nobody)")?,
                }
                match vouched.exceptions.first() {
                    Some(exception) => write!(f, "; a check was turned off: {exception}"),
                    None => Ok(()),
                }
            }
            Self::Dsc {
                sha256,
                source,
                version,
                patches,
                ..
            } => write!(
                f,
                "the Debian source package {source} {version} by digest ({}), {} patches applied",
                sha256.short(),
                patches.len()
            ),
            Self::SourceRpm {
                sha256,
                package,
                version,
                tarball,
                ..
            } => write!(
                f,
                "`{}` of the RPM source package {package} {version} by digest ({})",
                tarball.name,
                sha256.short()
            ),
        }
    }
}

impl Origin {
    /// Returns the directory inside that is the source.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Directory => None,
            Self::Git { path, .. }
            | Self::Tarball { path, .. }
            | Self::Package { path, .. }
            | Self::Dsc { path, .. }
            | Self::SourceRpm { path, .. } => path.as_deref(),
        }
    }
}

//! What a kernel is prepared from, where there is no package of headers for it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::name::{ArchiveName, Suite};

/// A kernel's source and configuration, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelSource {
    pub origin: TarballOrigin,
    /// The digest of the tarball.
    pub tarball: Sha256Digest,
    /// The digest of the configuration as its user wrote it; the store has its bytes.
    pub config: Sha256Digest,
    pub unanswered: Unanswered,
    pub level: PrepareLevel,
    /// Variables of every call of make, such as `CC=gcc-12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub make: Vec<String>,
}

/// Where a tarball is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "camelCase")]
pub enum TarballOrigin {
    /// An archive, whose signed list has its digest.
    Archive {
        archive: ArchiveName,
        suite: Suite,
        /// Relative to the archive's root.
        path: String,
    },
    /// A file of this machine, whose digest the facts have.
    File { path: PathBuf },
}

/// How much of a kernel is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrepareLevel {
    /// What external modules include and call (`make modules_prepare`). There is no
    /// `Module.symvers`, so nobody checks the symbols of modules.
    Headers,
    /// The kernel and its modules, for a whole `Module.symvers` (`make vmlinux modules`).
    Modules,
}

/// What options become that a configuration does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unanswered {
    /// The kernel's defaults (`make olddefconfig`).
    Default,
    /// No (`make allnoconfig`).
    No,
}

impl TarballOrigin {
    /// Returns what people call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Archive { archive, path, .. } => format!("`{path}` of `{archive}`"),
            Self::File { path } => format!("`{}`", path.display()),
        }
    }
}

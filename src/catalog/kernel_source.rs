//! What a kernel is prepared from, where there is no package of headers for it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::digest::Sha256Digest;
use crate::git::{CommitId, Repository};
use crate::name::{ArchiveName, Suite};

/// A kernel's source and configuration, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelSource {
    pub origin: KernelOrigin,
    #[serde(flatten)]
    pub pinned: PinnedSource,
    /// The digest of the configuration as its user wrote it; the store has its bytes.
    pub config: Sha256Digest,
    pub unanswered: Unanswered,
    pub level: PrepareLevel,
    /// Variables of every call of make, such as `CC=gcc-12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub make: Vec<String>,
}

/// The digest that stands for a kernel's source, under the name of what it is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PinnedSource {
    /// The tarball's bytes.
    Tarball(Sha256Digest),
    /// The tree of files, where there is no tarball.
    Tree(Sha256Digest),
}

/// Where a kernel's source is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "camelCase")]
pub enum KernelOrigin {
    /// An archive, whose signed list has its digest.
    Archive {
        archive: ArchiveName,
        suite: Suite,
        /// Relative to the archive's root.
        path: String,
        /// The tarball's own signature, where there has to be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<TarballSignature>,
    },
    /// A file of this machine, whose digest the facts have.
    File { path: PathBuf },
    /// A commit of a git repository, whose whole id the facts have.
    Git {
        repository: Repository,
        commit: CommitId,
        /// The name under which the store has its files, so that they are kept as long as this is.
        kept: Sha256Digest,
    },
}

/// A signature over a tarball's archive before its compression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TarballSignature {
    /// Relative to the archive's root.
    pub path: String,
    /// The pinned keys of which one must have made it.
    pub signers: Vec<Fingerprint>,
    /// The name under which the store has it once it was found good.
    pub kept: Sha256Digest,
}

/// How much of a kernel is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrepareLevel {
    /// What external modules include and call (`make modules_prepare`). There is no
    /// `Module.symvers`, so nobody checks the symbols of modules: those that are missing are warnings.
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

impl KernelOrigin {
    /// Returns the signature that the source itself must have.
    pub fn signature(&self) -> Option<&TarballSignature> {
        match self {
            Self::Archive { signature, .. } => signature.as_ref(),
            Self::File { .. } | Self::Git { .. } => None,
        }
    }

    /// Returns what people call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Archive { archive, path, .. } => format!("`{path}` of `{archive}`"),
            Self::File { path } => format!("`{}`", path.display()),
            Self::Git {
                repository, commit, ..
            } => format!("commit {commit} of `{repository}`"),
        }
    }
}

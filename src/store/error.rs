//! Why the store cannot do something.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256Digest;
use crate::package::PackageError;

/// Says what the store was doing, to what, and why it could not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// Such as `create the directory`.
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "the bytes have {found} ({found_bytes} bytes), not {expected} ({expected_bytes} bytes)"
    )]
    Mismatch {
        expected: Sha256Digest,
        expected_bytes: u64,
        found: Sha256Digest,
        found_bytes: u64,
    },
    #[error("the store has no blob {digest}")]
    NoBlob { digest: Sha256Digest },
    #[error("blob `{}` is corrupt: its bytes have {found}", path.display())]
    CorruptBlob { path: PathBuf, found: Sha256Digest },
    #[error("blob {digest} has more than {limit} bytes")]
    TooLarge { digest: Sha256Digest, limit: u64 },
    #[error("tree `{}` is corrupt: {why}", path.display())]
    CorruptTree { path: PathBuf, why: String },
    #[error("cannot unpack package {digest}")]
    Package {
        digest: Sha256Digest,
        source: PackageError,
    },
    #[error("`{}` has changed since it was read", path.display())]
    Changed { path: PathBuf },
    #[error("`{name}` is no path of a tree")]
    BadEntry { name: String },
}

impl StoreError {
    /// Returns true if the disk or the user's quota is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_full(source),
            Self::Package { source, .. } => source.write_error().is_some_and(is_full),
            Self::Mismatch { .. }
            | Self::NoBlob { .. }
            | Self::CorruptBlob { .. }
            | Self::TooLarge { .. }
            | Self::CorruptTree { .. }
            | Self::Changed { .. }
            | Self::BadEntry { .. } => false,
        }
    }

    /// Returns what to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } | Self::Package { .. } if self.is_full() => {
                Some("the disk is full: make room, and run the same command again".to_owned())
            }
            Self::CorruptBlob { path, .. } => Some(format!(
                "delete `{}`, and `kmatrix build` fetches or makes it again",
                path.display()
            )),
            Self::CorruptTree { path, .. } => Some(format!(
                "delete `{}`, and it is unpacked again",
                path.display()
            )),
            Self::NoBlob { .. } => Some("it has been removed from the store; `kmatrix build` fetches it again, or makes it again if it comes out the same".to_owned()),
            Self::Changed { .. } => {
                Some("run again while nothing writes to that directory".to_owned())
            }
            Self::Io { .. }
            | Self::Package { .. }
            | Self::Mismatch { .. }
            | Self::TooLarge { .. }
            | Self::BadEntry { .. } => None,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Makes the error of an operation on a path.
pub(super) fn failed(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.into();
    move |source| StoreError::Io {
        doing,
        path,
        source,
    }
}

//! Why a file cannot be had: what each mirror did, and the whole story.

use std::fmt;
use std::io;
use std::time::Duration;

use super::archive_path::ArchivePathError;
use crate::digest::Sha256Digest;
use crate::store::StoreError;

/// Why one mirror did not give a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    #[error("it cannot be reached: {reason}")]
    Unreachable { reason: String },
    #[error("it sent nothing for {} s", .after.as_secs_f32())]
    Stalled { after: Duration },
    #[error("it is too slow: not done after {} s", .after.as_secs_f32())]
    TooSlow { after: Duration },
    #[error("the connection broke after {bytes} bytes: {reason}")]
    Reset { bytes: u64, reason: String },
    #[error("it sent {bytes} bytes and then ended early")]
    Truncated { bytes: u64 },
    #[error("it does not have the file")]
    NotFound,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it redirects where nothing may be fetched from: {reason}")]
    Redirect { reason: String },
    #[error("it sends more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("it sent {found} instead of {expected}")]
    WrongHash {
        expected: Sha256Digest,
        found: Sha256Digest,
    },
    #[error("it sent {found} bytes instead of {expected}")]
    WrongSize { expected: u64, found: u64 },
}

impl MirrorError {
    /// Returns true if asking the same mirror again may help: the answer was lost on the way, and
    /// nothing was learned about the file. Wrong bytes are never asked for twice.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Reset { .. } | Self::Truncated { .. } => true,
            Self::Status(code) => matches!(code, 429 | 502..=504),
            // These have used up their time already.
            Self::Stalled { .. } | Self::TooSlow { .. } => false,
            Self::NotFound
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::WrongHash { .. }
            | Self::WrongSize { .. } => false,
        }
    }

    /// Returns true if the mirror answered with other bytes than those asked for.
    pub fn is_wrong_bytes(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::WrongHash { .. } | Self::WrongSize { .. } => true,
            Self::Unreachable { .. }
            | Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Reset { .. }
            | Self::Truncated { .. }
            | Self::NotFound
            | Self::Status(_)
            | Self::Redirect { .. } => false,
        }
    }
}

/// Why a file cannot be had at all.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no mirror gave `{path}`: {}", Listed(.tried))]
    NoMirrorHasIt { path: String, tried: Vec<Tried> },
    #[error("cannot ask an archive for it")]
    Path(#[from] ArchivePathError),
    #[error("cannot keep `{path}` in the store")]
    Store {
        path: String,
        source: Box<StoreError>,
    },
    #[error("cannot write `{path}` into the store")]
    Write { path: String, source: io::Error },
    #[error("cannot set up the HTTP client: {reason}")]
    Client { reason: String },
}

/// One mirror and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The mirror's address without user name and password.
    pub mirror: String,
    pub error: MirrorError,
}

impl FetchError {
    /// Returns true if every mirror answered and none has the file.
    pub fn is_not_found(&self) -> bool {
        self.tried()
            .is_some_and(|tried| tried.iter().all(|one| one.error == MirrorError::NotFound))
    }

    /// Returns true if a mirror gave other bytes than those asked for.
    pub fn is_wrong_bytes(&self) -> bool {
        self.tried()
            .is_some_and(|tried| tried.iter().any(|one| one.error.is_wrong_bytes()))
    }

    fn tried(&self) -> Option<&[Tried]> {
        match self {
            Self::NoMirrorHasIt { tried, .. } => Some(tried),
            Self::Path(_) | Self::Store { .. } | Self::Write { .. } | Self::Client { .. } => None,
        }
    }
}

struct Listed<'a>(&'a [Tried]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "there is none to ask");
        }
        for (index, Tried { mirror, error }) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}`{mirror}`: {error}")?;
        }
        Ok(())
    }
}

//! An attestation whose signature holds.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attest::Statement;
use crate::digest::Sha256Digest;

/// A statement with who signed it. Made by authentication alone, never from parts.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub(super) statement: Statement<serde_json::Value>,
    pub(super) payload: Sha256Digest,
    pub(super) signed_by: SignedBy,
    pub(super) times: Vec<VerifiedTime>,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SignedBy {
    /// A public key: the SHA-256 of its SubjectPublicKeyInfo (DER).
    Key { spki: Sha256Digest },
    /// A certificate of Fulcio's kind: the identity exactly as it stands there, and its issuer.
    Identity { identity: String, issuer: String },
}

/// A time that somebody else vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedTime {
    pub at: Timestamp,
    pub from: TimeSource,
}

/// Who vouches for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimeSource {
    /// An RFC 3161 timestamp by an authority of the trust root.
    TimestampAuthority,
    /// The integrated time of a Rekor v1 entry, signed by the log.
    TransparencyLog,
}

impl Authenticated {
    /// Returns what was signed.
    pub fn statement(&self) -> &Statement<serde_json::Value> {
        &self.statement
    }

    /// Returns the digest of the payload's bytes: the identity of the attestation, since signatures can
    /// be changed without being broken.
    pub fn payload(&self) -> Sha256Digest {
        self.payload
    }

    /// Returns who signed it.
    pub fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// Returns the times that are vouched for; none says nothing about when it was signed.
    pub fn times(&self) -> &[VerifiedTime] {
        &self.times
    }
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { spki } => write!(f, "the key {}", spki.to_hex()),
            Self::Identity { identity, issuer } => write!(f, "{identity} (by {issuer})"),
        }
    }
}

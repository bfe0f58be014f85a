//! Why an attestation is not accepted, before any policy is asked.

use serde::{Deserialize, Serialize};

/// An attestation that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    pub why: Why,
    /// What was found, for people.
    pub detail: String,
}

/// The kinds of refusal; each has a test that produces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is larger, deeper or of more parts than is read.
    Limit,
    /// It is not JSON, or not of the form that its kind has.
    Malformed,
    /// A key stands twice in one object, or twice but for case.
    DuplicateKey,
    /// A media type, payload type, statement type or version that is not accepted.
    UnknownType,
    /// A bundle with both kinds of content or none, or with parts that exclude each other.
    Content,
    /// No signature, or more than one.
    SignatureCount,
    /// The signature does not hold over the payload.
    Signature,
    /// Nobody who is trusted signed it.
    UntrustedSigner,
    /// A certificate's chain, time or use does not hold.
    Certificate,
    /// An entry of a transparency log is missing, forged, swapped or there twice.
    Log,
    /// A timestamp is missing, forged, swapped or outside its windows.
    Timestamp,
    /// The trust root cannot be used: malformed, expired, rolled back or not the pinned one.
    TrustRoot,
    /// A subject without a usable digest, or one written in another way than lower-case hexadecimal.
    Subject,
}

impl Why {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Limit,
        Self::Malformed,
        Self::DuplicateKey,
        Self::UnknownType,
        Self::Content,
        Self::SignatureCount,
        Self::Signature,
        Self::UntrustedSigner,
        Self::Certificate,
        Self::Log,
        Self::Timestamp,
        Self::TrustRoot,
        Self::Subject,
    ];

    /// Returns the word that verdicts and records have.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Malformed => "malformed",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownType => "unknown-type",
            Self::Content => "content",
            Self::SignatureCount => "signature-count",
            Self::Signature => "signature",
            Self::UntrustedSigner => "untrusted-signer",
            Self::Certificate => "certificate",
            Self::Log => "log",
            Self::Timestamp => "timestamp",
            Self::TrustRoot => "trust-root",
            Self::Subject => "subject",
        }
    }
}

impl Refused {
    /// Returns a refusal.
    pub fn new(why: Why, detail: impl Into<String>) -> Self {
        Self {
            why,
            detail: detail.into(),
        }
    }
}

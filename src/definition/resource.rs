//! in-toto's `ResourceDescriptor` (attestation framework v1, `spec/v1/resource_descriptor.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// Digests by algorithm, in lower-case hexadecimal.
pub type DigestSet = BTreeMap<String, String>;

/// One thing that a statement names, by digest where it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: DigestSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

impl ResourceDescriptor {
    /// Returns a descriptor with a name and a SHA-256 digest.
    pub fn named(name: impl Into<String>, digest: Sha256Digest) -> Self {
        Self {
            name: Some(name.into()),
            digest: sha256(digest),
            ..Self::default()
        }
    }
}

/// Returns the digest set of one SHA-256 digest.
pub fn sha256(digest: Sha256Digest) -> DigestSet {
    BTreeMap::from([("sha256".to_owned(), digest.to_hex())])
}

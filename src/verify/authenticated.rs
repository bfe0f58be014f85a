//! An attestation whose signature holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::Statement;
use crate::digest::Sha256Digest;

/// A statement with who signed it. Made by authentication alone, never from parts.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub(super) statement: Statement<Value>,
    pub(super) payload: Sha256Digest,
    pub(super) signed_by: SignedBy,
    pub(super) times: Vec<VerifiedTime>,
    pub(super) listing: OnceLock<Listing>,
}

/// Which cells of a scope statement list a module: their places by the module's digest, as it is written
/// there.
type Listing = HashMap<String, Vec<usize>>;

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
    pub fn statement(&self) -> &Statement<Value> {
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

    /// Returns the cells of a scope statement that list a module. All of them are looked through once,
    /// because a release has as many modules as it has cells.
    pub fn cells_with(&self, module: &Sha256Digest) -> impl Iterator<Item = &Value> {
        let cells = self.statement.predicate["cells"].as_array();
        let cells = cells.map_or(&[][..], Vec::as_slice);
        let listing = self.listing.get_or_init(|| listing(cells));
        let places = listing.get(&module.to_string()).into_iter().flatten();
        places.filter_map(|place| cells.get(*place))
    }
}

fn listing(cells: &[Value]) -> Listing {
    let mut listing = Listing::new();
    for (place, cell) in cells.iter().enumerate() {
        let modules = cell["modules"].as_array().into_iter().flatten();
        for module in modules.filter_map(Value::as_str) {
            let places = listing.entry(module.to_owned()).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    listing
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { spki } => write!(f, "the key {}", spki.to_hex()),
            Self::Identity { identity, issuer } => write!(f, "{identity} (by {issuer})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_cells_of_a_module_are_found_in_order_and_once() {
        let digest = |name: &str| Sha256Digest::of(name.as_bytes());
        let cell = |modules: &[&str]| {
            let modules: Vec<Sha256Digest> = modules.iter().map(|name| digest(name)).collect();
            json!({ "modules": modules })
        };
        let odd = json!({ "modules": "none" });
        let cells = [cell(&["a", "a"]), odd, cell(&["b"]), cell(&["b", "a"])];
        let found = listing(&cells);
        let places = |name: &str| found.get(&digest(name).to_string()).cloned();
        assert_eq!(places("a"), Some(vec![0, 3]));
        assert_eq!(places("b"), Some(vec![2, 3]));
        assert_eq!(places("c"), None);
    }
}

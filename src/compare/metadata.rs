//! The deterministic part of an attempt's provenance: what must be the same in every attempt.

use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::outcome::BuiltModule;

/// What an attempt was made of and what it made, without anything that a variation changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFacts<'a> {
    /// The digest of the cell's inputs.
    pub inputs: Sha256Digest,
    /// The image that the container really had, as the engine said afterwards.
    pub image: Option<Sha256Digest>,
    pub sealed: Option<bool>,
    pub modules: &'a [BuiltModule],
}

/// Returns the digest of the canonical form (JSON without white space, fields in order).
pub fn metadata_digest(facts: &AttemptFacts<'_>) -> Sha256Digest {
    Sha256Digest::of(&serde_json::to_vec(facts).expect("plain values serialise"))
}

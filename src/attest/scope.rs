//! What a release speaks of: the predicate `urn:kmatrix:release-scope:v1`, whose schema is in
//! `docs/schemas/`.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::label::{Rollup, RulesUsed, Scope, Tier};
use crate::name::CellId;

/// Every cell of a release: promised, built, excluded with reasons, missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeStatement {
    /// The matrix's name: its file's, without the ending.
    pub release: String,
    /// The digest of the plan.
    pub plan: Sha256Digest,
    /// The digest of the lock's bytes.
    pub lock: Sha256Digest,
    pub rollup: Rollup,
    pub scope: Scope,
    /// The cells that have a label, in the order of the plan.
    pub cells: Vec<LabelledCell>,
    pub rules: RulesUsed,
}

/// One cell with a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelledCell {
    pub cell: CellId,
    pub tier: Tier,
    /// The tier with its qualifiers.
    pub word: String,
    /// The digests of the reference's modules as built.
    pub modules: Vec<Sha256Digest>,
    /// The digests of the payloads of the cell's attestations, by kind (`provenance` and so on).
    pub attestations: std::collections::BTreeMap<String, Sha256Digest>,
}

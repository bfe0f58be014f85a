//! What a release speaks of: the predicate `urn:kmatrix:release-scope:v1`, whose schema is in
//! `docs/schemas/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attest::release::ReleaseMaterial;
use crate::digest::Sha256Digest;
use crate::label::{Rollup, RulesUsed, Scope, Tier};
use crate::name::CellId;
use crate::run::Assessment;

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
    pub attestations: BTreeMap<String, Sha256Digest>,
}

impl ScopeStatement {
    /// Puts together what a release speaks of.
    pub fn of(material: &ReleaseMaterial<'_>) -> Self {
        let labelled = |assessment: &Assessment| {
            let label = assessment.label()?;
            let cell = assessment.cell.id.clone();
            let statements = material.statements.get(&cell).into_iter().flatten();
            Some(LabelledCell {
                tier: label.tier,
                word: label.word(),
                modules: assessment.modules().iter().map(|one| one.digest).collect(),
                attestations: statements
                    .map(|one| (one.kind.word().to_owned(), one.digest()))
                    .collect(),
                cell,
            })
        };
        Self {
            release: material.release.to_owned(),
            plan: material.plan,
            lock: material.lock,
            rollup: material.rollup.clone(),
            scope: material.scope.clone(),
            cells: material.cells.iter().filter_map(labelled).collect(),
            rules: RulesUsed::current(),
        }
    }
}

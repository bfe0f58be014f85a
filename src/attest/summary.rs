//! SLSA Verification Summary v1 (slsa.dev, `spec/v1.2/verification_summary`), of a cell or a release.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attest::material::{Attester, CellMaterial, Unsigned};
use crate::attest::uri::{VERIFIER, cell_uri, release_uri, rules_uri};
use crate::attest::{DigestSet, PredicateType, ResourceDescriptor, sha256};
use crate::label::{Label, Reason, Rollup, RulesUsed, Tier, Vector};
use crate::run::{Assessment, Standing};

/// What a verifier found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSummary {
    pub verifier: SummaryVerifier,
    pub time_verified: Timestamp,
    pub resource_uri: String,
    pub policy: SummaryPolicy,
    pub input_attestations: Vec<ResourceDescriptor>,
    pub verification_result: VerificationResult,
    /// Every level that holds, since readers compare words and know no order.
    pub verified_levels: Vec<String>,
    pub slsa_version: String,
    /// An extension: a tier never stands without its vector and reasons.
    #[serde(rename = "kmatrix_label")]
    pub label: LabelSummary,
    /// An extension: the failures that a policy let pass.
    #[serde(
        rename = "kmatrix_exceptions",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exceptions: Vec<SummaryException>,
}

/// A rule that does not hold and that a policy lets pass for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryException {
    pub rule: String,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// From when on it lets nothing pass any more.
    pub until: Timestamp,
}

/// Who verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryVerifier {
    pub id: String,
    pub version: BTreeMap<String, String>,
}

/// By which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryPolicy {
    pub uri: String,
    pub digest: DigestSet,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    Passed,
    Failed,
}

/// The label behind the levels. A release has neither vector nor reasons of its own, but says why it
/// is what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSummary {
    /// The tier with its qualifiers, such as `constrained+stale`.
    pub word: String,
    pub tier: Tier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vector>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    pub rules: RulesUsed,
}

/// The level of SLSA's build track that a builder can claim who is one operator's own machine: there is
/// provenance, and that is all (slsa.dev, `spec/v1.2/build-track-basics`).
const BUILD_LEVEL_1: &str = "SLSA_BUILD_LEVEL_1";
/// What stands in place of levels if the verification failed.
const FAILED: &str = "FAILED";

impl VerificationSummary {
    /// Sums up a cell; `None` if it has no label. It passes if every attempt that was asked for was made
    /// and compared, and the tier is at least the required one. `inputs` are the cell's other statements.
    ///
    /// # Security
    ///
    /// `SLSA_BUILD_LEVEL_1` needs the provenance among the inputs. Nothing higher is ever claimed: a run
    /// cannot know who can reach its machine.
    pub fn of_cell(
        material: &CellMaterial<'_>,
        required: Tier,
        inputs: &[Unsigned],
        attester: &Attester,
    ) -> Option<Self> {
        let assessment = material.assessment;
        let label = assessment.label()?;
        let passed = reaches(assessment, required);
        let has_provenance = inputs
            .iter()
            .any(|input| input.kind == PredicateType::Provenance);
        let mut verified = levels(label.tier);
        if has_provenance {
            verified.push(BUILD_LEVEL_1);
        }
        Some(Self::new(
            cell_uri(&assessment.cell.id),
            passed.then_some(verified),
            inputs.iter().map(named).collect(),
            LabelSummary::of(label),
            attester,
        ))
    }

    /// Sums up a release. It passes if every cell that was promised passes, but for those that their own
    /// modules exclude. `scope` is the scope statement, which names the statements of every cell.
    pub fn of_release<'a>(
        release: &str,
        rollup: &Rollup,
        rules: RulesUsed,
        cells: impl IntoIterator<Item = &'a Assessment>,
        required: Tier,
        scope: &Unsigned,
        attester: &Attester,
    ) -> Self {
        let mut promised = 0;
        let mut passed = true;
        for cell in cells {
            match &cell.standing {
                Standing::Excluded { .. } => continue,
                Standing::Labelled(_) | Standing::Failed { .. } | Standing::Missing { .. } => {
                    promised += 1;
                    passed &= reaches(cell, required);
                }
            }
        }
        let passed = passed && promised > 0;
        Self::new(
            release_uri(release),
            passed.then(|| levels(rollup.tier)),
            vec![named(scope)],
            LabelSummary {
                word: rollup.tier.to_string(),
                tier: rollup.tier,
                vector: None,
                reasons: Vec::new(),
                because: Some(rollup.because.clone()),
                rules,
            },
            attester,
        )
    }

    /// `verified` are the levels, or nothing if the verification failed.
    fn new(
        resource_uri: String,
        verified: Option<Vec<&'static str>>,
        input_attestations: Vec<ResourceDescriptor>,
        label: LabelSummary,
        attester: &Attester,
    ) -> Self {
        let verification_result = match &verified {
            Some(_) => VerificationResult::Passed,
            None => VerificationResult::Failed,
        };
        let verified = verified.unwrap_or_else(|| vec![FAILED]);
        Self {
            verifier: SummaryVerifier {
                id: VERIFIER.to_owned(),
                version: BTreeMap::from([("kmatrix".to_owned(), attester.version.clone())]),
            },
            time_verified: attester.at,
            resource_uri,
            policy: SummaryPolicy {
                uri: rules_uri(label.rules.version),
                digest: sha256(label.rules.digest),
            },
            input_attestations,
            verification_result,
            verified_levels: verified.into_iter().map(str::to_owned).collect(),
            slsa_version: "1.2".to_owned(),
            label,
            exceptions: Vec::new(),
        }
    }
}

impl LabelSummary {
    fn of(label: &Label) -> Self {
        Self {
            word: label.word(),
            tier: label.tier,
            vector: Some(label.vector.clone()),
            reasons: label.reasons.clone(),
            because: None,
            rules: label.rules.clone(),
        }
    }
}

/// Returns true if a cell is complete and its tier at least the required one.
fn reaches(assessment: &Assessment, required: Tier) -> bool {
    match &assessment.standing {
        Standing::Labelled(label) => label.tier >= required,
        Standing::Failed { .. } | Standing::Missing { .. } | Standing::Excluded { .. } => false,
    }
}

fn named(statement: &Unsigned) -> ResourceDescriptor {
    ResourceDescriptor::statement(statement.digest())
}

/// Returns the level that says that a tier is reached, such as `KMATRIX_CONSTRAINED`; nothing for
/// `irreproducible`, which is no level that anything could reach.
pub fn level(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Full => Some("KMATRIX_FULL"),
        Tier::Constrained => Some("KMATRIX_CONSTRAINED"),
        Tier::Partial => Some("KMATRIX_PARTIAL"),
        Tier::Unverified => Some("KMATRIX_UNVERIFIED"),
        Tier::Irreproducible => None,
    }
}

/// Returns a tier's level and that of every tier which it implies, best first.
pub fn levels(tier: Tier) -> Vec<&'static str> {
    let mut implied: Vec<&'static str> = Tier::ALL
        .iter()
        .filter(|lower| **lower <= tier)
        .filter_map(|lower| level(*lower))
        .collect();
    implied.reverse();
    implied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_implies_the_lower_ones_and_irreproducible_implies_none() {
        assert_eq!(
            levels(Tier::Constrained),
            [
                "KMATRIX_CONSTRAINED",
                "KMATRIX_PARTIAL",
                "KMATRIX_UNVERIFIED"
            ]
        );
        assert_eq!(levels(Tier::Full).len(), 4);
        assert!(levels(Tier::Irreproducible).is_empty());
    }
}

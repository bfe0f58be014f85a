//! SLSA Verification Summary v1 (slsa.dev, `spec/v1.2/verification_summary`), of a cell or a release.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attest::{DigestSet, ResourceDescriptor};
use crate::label::{Reason, RulesUsed, Tier, Vector};

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

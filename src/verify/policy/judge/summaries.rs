//! Verification summaries: what they say, and whether what is there bears it out.

use super::case::Case;
use super::claim::{Claim, Says, sha256_of};
use super::found::Found;
use super::what::present;
use crate::attest::{PredicateType, VerificationResult, VerificationSummary, levels as levels_of};
use crate::digest::Sha256Digest;

/// What this program's own levels begin with.
const OWN: &str = "KMATRIX_";

pub(super) fn summary(case: &Case<'_>) -> Found {
    let kind = PredicateType::Summary;
    let is_needed = case.requirement().statements.contains(&kind);
    if case.summaries().is_empty() && !is_needed {
        return Found::holds("the policy needs none");
    }
    if let Some(found) = present(case, kind) {
        return found;
    }
    for (claim, summary) in case.summaries() {
        match summary.verification_result {
            VerificationResult::Passed => {}
            VerificationResult::Failed => {
                let by = claim.attestation.signed_by();
                return Found::fails(format!("the newest summary by {by} says FAILED"));
            }
        }
    }
    Found::holds("it says PASSED")
}

pub(super) fn levels(case: &Case<'_>) -> Found {
    let borne_out = case
        .comparisons()
        .filter(|(claim, ..)| claim.signer.is_some())
        .map(|(_, _, found)| case.borne_out(found))
        .max();
    for (claim, summary) in case.summaries() {
        let by = claim.attestation.signed_by();
        let label = &summary.label;
        if let Err(found) = agrees_with_itself(claim, summary) {
            return found;
        }
        if let Some(tier) = borne_out
            && label.tier > tier
        {
            return Found::fails(format!(
                "the summary by {by} says `{}`, and the comparisons show `{tier}`",
                label.tier
            ));
        }
    }
    Found::holds("its levels are those of a tier that is borne out")
}

/// Says what is wrong if a summary's levels are not exactly those of its tier.
pub(super) fn agrees_with_itself(
    claim: &Claim<'_>,
    summary: &VerificationSummary,
) -> Result<(), Found> {
    let by = claim.attestation.signed_by();
    let label = &summary.label;
    let named: Vec<&str> = summary
        .verified_levels
        .iter()
        .map(String::as_str)
        .filter(|level| level.starts_with(OWN))
        .collect();
    let expected = match summary.verification_result {
        VerificationResult::Passed => levels_of(label.tier),
        VerificationResult::Failed => Vec::new(),
    };
    if named != expected {
        let listed = if named.is_empty() {
            "no level of it".to_owned()
        } else {
            named.join(", ")
        };
        return Err(Found::fails(format!(
            "the summary by {by} says `{}` and lists {listed}",
            label.tier
        )));
    }
    if label.word.split('+').next() != Some(label.tier.as_str()) {
        let word = label.word.escape_debug();
        return Err(Found::fails(format!(
            "the summary by {by} calls `{}` `{word}`",
            label.tier
        )));
    }
    Ok(())
}

pub(super) fn inputs(case: &Case<'_>) -> Found {
    for (claim, summary) in case.summaries() {
        let by = claim.attestation.signed_by();
        let named: Vec<Option<Sha256Digest>> = summary
            .input_attestations
            .iter()
            .map(|input| sha256_of(&input.digest))
            .collect();
        let own = |kind: PredicateType| {
            let of_kind = case
                .claims
                .iter()
                .filter(move |other| other.kind == Some(kind));
            let of_kind = of_kind.filter(|other| !matches!(other.says, Says::Unreadable(_)));
            of_kind.filter(|other| other.attestation.signed_by() == by)
        };
        for kind in [PredicateType::Provenance, PredicateType::RebuildComparison] {
            let mut strange = own(kind)
                .map(|other| other.attestation.payload())
                .filter(|payload| !named.contains(&Some(*payload)));
            if let Some(strange) = strange.next() {
                return Found::fails(format!(
                    "the summary by {by} rests on another {kind} than {}",
                    strange.short()
                ));
            }
        }
    }
    Found::holds("it rests on the statements that are there")
}

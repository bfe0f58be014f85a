//! How much is proven: comparisons, computed again, and who else vouches for the same bits.

use super::case::Case;
use super::found::Found;
use super::what::present;
use crate::attest::PredicateType;
use crate::label::Tier;

/// SLSA's word for a build that independently operated platforms reproduced, behind `SLSA_`.
pub(super) const REPRODUCED: &str = "BUILD_REPRODUCED";

pub(super) fn comparison(case: &Case<'_>) -> Found {
    let kind = PredicateType::RebuildComparison;
    let is_needed = case.requirement().statements.contains(&kind);
    if case.comparisons().next().is_none() && !is_needed {
        return Found::holds("the policy needs none");
    }
    if let Some(found) = present(case, kind) {
        return found;
    }
    for (claim, comparison, _) in case.comparisons() {
        if !case.is_reference_of(comparison) {
            let by = claim.attestation.signed_by();
            return Found::fails(format!(
                "the reference that {by} compared made other modules"
            ));
        }
    }
    let rebuilds: u32 = case.comparisons().map(|(_, _, found)| found.rebuilt).sum();
    Found::holds(format!(
        "{rebuilds} rebuilds were held against this module and agreed"
    ))
}

pub(super) fn label(case: &Case<'_>) -> Found {
    let mut labels = Vec::new();
    for (claim, comparison, found) in case.comparisons() {
        if let Some(first) = found.contradictions.first() {
            let others = match found.contradictions.len() {
                1 => String::new(),
                count => format!("; and {} more", count - 1),
            };
            let by = claim.attestation.signed_by();
            return Found::fails(format!(
                "the label that {by} signed does not follow: {first}{others}"
            ));
        }
        labels.push(comparison.label.word());
    }
    match labels.as_slice() {
        [] => Found::holds("no label is claimed"),
        labels => Found::holds(format!(
            "`{}` follows from what was seen",
            labels.join("`, `")
        )),
    }
}

pub(super) fn minimum_tier(case: &Case<'_>) -> Found {
    let wanted = case.requirement().tier;
    match case.tier() {
        Some(tier) if tier >= wanted => Found::holds(format!("`{tier}`, at least `{wanted}`")),
        Some(tier) => Found::fails(format!("`{tier}`, and `{wanted}` is required")),
        None if wanted <= Tier::Unverified => Found::holds("nothing is required to be proven"),
        None => Found::missing(format!(
            "no comparison bears a tier out, and `{wanted}` is required"
        )),
    }
}

pub(super) fn independence(case: &Case<'_>) -> Found {
    let operators = case.independent_operators();
    let said = case
        .comparisons()
        .filter(|(_, _, found)| found.says_independent)
        .map(|(claim, ..)| claim)
        .chain(case.summaries().into_iter().filter_map(|(claim, summary)| {
            let mut levels = summary.verified_levels.iter();
            let says = levels.any(|level| level.strip_prefix("SLSA_") == Some(REPRODUCED));
            says.then_some(claim)
        }))
        .next();
    match said {
        Some(claim) if operators.is_empty() => Found::fails(format!(
            "the {} by {} says that others got the same bits, and no other operator vouches for it",
            claim.word(),
            claim.attestation.signed_by()
        )),
        Some(_) => Found::holds(format!("vouched for by {}", operators.join(", "))),
        None => Found::holds("nothing says that others got the same bits"),
    }
}

pub(super) fn independent_rebuilders(case: &Case<'_>) -> Found {
    let wanted = case.requirement().independent_rebuilders;
    let operators = case.independent_operators();
    let names = match operators.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    };
    let count = operators.len();
    if count >= wanted as usize {
        return Found::holds(format!("{count} of {wanted}{names}"));
    }
    Found::missing(format!(
        "{count} of {wanted} operators beside the builder's own vouch for these bits{names}"
    ))
}

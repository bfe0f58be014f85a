//! The statements beside provenance, comparison and summary: SCAI reports, the release's scope, and what is
//! in the builder image.

use super::case::Case;
use super::claim::{Claim, Says, ScopeClaim, sha256_of};
use super::found::Found;
use super::what::present;
use crate::attest::{LabelledCell, PredicateType, REPRODUCIBLE};
use crate::digest::Sha256Digest;
use crate::label::Grade;

/// What a rule says of a kind of statement that the policy does not ask for.
const NOT_NEEDED: &str = "the policy needs none";

fn is_needed(case: &Case<'_>, kind: PredicateType) -> bool {
    case.requirement().statements.contains(&kind)
}

pub(super) fn scai(case: &Case<'_>) -> Found {
    let kind = PredicateType::Scai;
    if is_needed(case, kind)
        && let Some(found) = present(case, kind)
    {
        return found;
    }
    let mut attributes = Vec::new();
    for (claim, report) in case.reports() {
        let by = claim.attestation.signed_by();
        let names = report.attributes.iter().map(|one| one.attribute.as_str());
        if names.clone().next().is_none() {
            return Found::fails(format!("the report by {by} names no attribute"));
        }
        if names.clone().any(|name| name == REPRODUCIBLE)
            && let Some(grade) = shown_less(case)
        {
            return Found::fails(format!(
                "the report by {by} says {REPRODUCIBLE}, and a comparison shows `{grade}`"
            ));
        }
        attributes.extend(names);
    }
    if attributes.is_empty() {
        return Found::holds(NOT_NEEDED);
    }
    Found::holds(format!("it says {}", attributes.join(", ")))
}

/// Returns what a comparison shows that is less than every bit the same.
fn shown_less(case: &Case<'_>) -> Option<Grade> {
    let grades = case.comparisons().map(|(_, comparison, _)| comparison);
    let mut grades = grades.map(|comparison| comparison.label.vector.reproducibility);
    grades.find(|grade| *grade < Grade::Fixed)
}

pub(super) fn scope(case: &Case<'_>) -> Found {
    let kind = PredicateType::Scope;
    if let Some(found) = unreadable(case, kind) {
        return found;
    }
    let mut releases = Vec::new();
    let mut otherwise = Vec::new();
    for (_, scope) in case.scopes().filter(|(claim, _)| claim.signer.is_some()) {
        match listed(case, scope) {
            Ok(_) => releases.push(format!("`{}`", scope.release)),
            Err(why) => otherwise.push(why),
        }
    }
    if !releases.is_empty() {
        return Found::holds(format!("{} lists it", releases.join(", ")));
    }
    match otherwise.pop() {
        _ if !is_needed(case, kind) => Found::holds(NOT_NEEDED),
        Some(why) => Found::fails(why),
        None => Found::missing("no scope statement by a signer of the policy lists it"),
    }
}

/// Returns where a scope lists the module for its cell, with the provenance that is there; or says why it
/// does not.
pub(super) fn listed<'s>(
    case: &Case<'_>,
    scope: &'s ScopeClaim,
) -> Result<&'s LabelledCell, String> {
    let release = &scope.release;
    let mut cells = scope.cells.iter();
    let Some(listed) = cells.find(|cell| Some(&cell.cell) == case.cell()) else {
        return Err(format!(
            "the scope of `{release}` lists the module for another cell"
        ));
    };
    // The statements that are there must be those that the release was made of.
    let named = listed.attestations.get(PredicateType::Provenance.word());
    let mut there = case.provenances();
    let is_there = there.any(|(other, _)| Some(&other.attestation.payload()) == named);
    if named.is_some() && !is_there {
        return Err(format!(
            "the scope of `{release}` names another provenance of {}",
            listed.cell
        ));
    }
    Ok(listed)
}

pub(super) fn sbom(case: &Case<'_>) -> Found {
    let kind = PredicateType::Sbom;
    if let Some(found) = unreadable(case, kind) {
        return found;
    }
    if !is_needed(case, kind) {
        return Found::holds(NOT_NEEDED);
    }
    let images = case.images();
    if images.is_empty() {
        return Found::missing("no provenance names the image that it was built in");
    }
    for image in &images {
        let Some(image) = image else {
            return Found::fails("the builder image has no SHA-256 digest");
        };
        if !case.claims.iter().any(|claim| lists(claim, image)) {
            return Found::missing(format!(
                "no signer of the policy says what is in the builder image {}",
                image.short()
            ));
        }
    }
    Found::holds("what is in the builder image is told")
}

fn lists(claim: &Claim<'_>, image: &Sha256Digest) -> bool {
    let mut subjects = claim.attestation.statement().subject.iter();
    claim.signer.is_some()
        && matches!(claim.says, Says::Sbom)
        && subjects.any(|subject| sha256_of(&subject.digest) == Some(*image))
}

/// Says what is wrong with a statement of a kind that is there, needed or not.
fn unreadable(case: &Case<'_>, kind: PredicateType) -> Option<Found> {
    let mut of_kind = case.claims.iter().filter(|claim| claim.kind == Some(kind));
    of_kind.find_map(|claim| match &claim.says {
        Says::Unreadable(why) => Some(Found::fails(format!(
            "the {kind} is not of its form: {why}"
        ))),
        Says::Provenance(_)
        | Says::Comparison(..)
        | Says::Summary(_)
        | Says::Scope(_)
        | Says::WholeScope(_)
        | Says::Scai(_)
        | Says::Sbom
        | Says::Other
        | Says::OfOthers => None,
    })
}

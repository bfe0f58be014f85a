//! Judging a release as a whole: whether what its scope promises is there, and what is said of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::case::newest_summaries;
use super::claim::{Says, sha256_of};
use super::found::Found;
use super::release_case::{ReleaseCase, ReleaseModule};
use super::summaries::agrees_with_itself;
use super::{when, who};
use crate::attest::{PredicateType, ScopeStatement, VerificationResult, release_uri};
use crate::digest::Sha256Digest;
use crate::label::{CellStanding, Rollup, Tier, roll_up};
use crate::name::CellId;
use crate::verify::policy::{Mode, Policy, ReleaseRule, Rule};
use crate::verify::{Authenticated, ReleaseVerdict, RuleResult};

/// Asks every rule about a release of what was found in one place. `attestations` may speak of other things
/// too. Modules have verdicts of their own, and exceptions are for those alone.
pub fn judge_release<'a>(
    modules: &'a [ReleaseModule],
    attestations: impl IntoIterator<Item = &'a Authenticated>,
    expected: Option<&'a str>,
    policy: &'a Policy,
    at: Timestamp,
) -> ReleaseVerdict {
    let case = ReleaseCase::new(modules, attestations, expected, policy, at);
    let signed = case.signed();
    let of_signers = [
        (Rule::Signer, who::signer(&signed)),
        (Rule::SignerStatements, who::signer_statements(&signed)),
        (Rule::SignerWindow, who::signer_window(&signed)),
        (Rule::SignerLevel, who::signer_level(&signed)),
        (Rule::DeniedKey, who::denied_key(&signed)),
        (Rule::DeniedIdentity, who::denied_identity(&signed)),
        (Rule::DeniedStatement, who::denied_statement(&signed)),
        (Rule::DeniedWindow, who::denied_window(&signed)),
        (Rule::MaximumAge, when::maximum_age(&signed)),
    ];
    let of_signers = of_signers
        .into_iter()
        .map(|(rule, found)| (rule.id(), found));
    let of_release = ReleaseRule::ALL
        .iter()
        .map(|rule| (rule.id(), ask(*rule, &case)));
    let result = |(rule, found): (&str, Found)| RuleResult {
        rule: rule.to_owned(),
        outcome: found.outcome,
        because: found.because,
    };
    let scope = case.scope();
    let is_complete = |scope: &ScopeStatement| {
        let cells = scope.cells.iter();
        let whole = cells.filter(|one| case.missing_of(&one.cell, &one.modules).is_empty());
        whole.count()
    };
    ReleaseVerdict {
        release: scope.map(|scope| scope.release.clone()),
        policy: policy.digest,
        rules: of_signers.chain(of_release).map(result).collect(),
        audit_only: policy.mode == Mode::Audit,
        tier: scope.map(|scope| rolled_up(scope).tier),
        promised: scope.map_or(0, |scope| scope.scope.promised),
        complete: scope.map_or(0, is_complete),
        statements: case
            .claims
            .iter()
            .map(|c| c.attestation.payload())
            .collect(),
    }
}

fn ask(rule: ReleaseRule, case: &ReleaseCase<'_>) -> Found {
    match rule {
        ReleaseRule::Scope => scope(case),
        ReleaseRule::Expected => expected(case),
        ReleaseRule::Cells => cells(case),
        ReleaseRule::Modules => modules(case),
        ReleaseRule::Statements => statements(case),
        ReleaseRule::Tier => tier(case),
        ReleaseRule::Summary => summary(case),
    }
}

/// Returns the scope, or says that there is none.
fn the_scope<'c>(case: &'c ReleaseCase<'_>) -> Result<&'c ScopeStatement, Found> {
    let nobody = || {
        Found::missing(
            "no signer of the policy says what belongs to the release, so what is missing cannot be told; \
             modules that are none can be named one by one",
        )
    };
    case.scope().ok_or_else(nobody)
}

fn scope(case: &ReleaseCase<'_>) -> Found {
    for claim in &case.claims {
        if let (Some(PredicateType::Scope), Says::Unreadable(why)) = (claim.kind, &claim.says) {
            return Found::fails(format!("the scope is not of its form: {why}"));
        }
    }
    let first = match the_scope(case) {
        Ok(first) => first,
        Err(found) => return found,
    };
    for (claim, scope) in case.scopes() {
        if scope.release != first.release {
            let (one, other) = (&first.release, &scope.release);
            return Found::fails(format!(
                "there are scopes of `{one}` and of `{other}`, and the caller does not say which it expects"
            ));
        }
        let subjects = &claim.attestation.statement().subject;
        let is_subject = |digest| {
            subjects
                .iter()
                .any(|one| sha256_of(&one.digest) == Some(digest))
        };
        if !is_subject(scope.plan) || !is_subject(scope.lock) {
            return Found::fails("the scope is about another plan or lock than it names");
        }
        if let Err(why) = adds_up(scope) {
            return Found::fails(format!(
                "the scope of `{}` does not add up: {why}",
                scope.release
            ));
        }
    }
    let scope = &first.scope;
    Found::holds(format!(
        "`{}` promises {} cells, of which {} are built",
        first.release, scope.promised, scope.built
    ))
}

/// Returns where every promised cell stands, by the scope's own lists; those that have a label and are not
/// complete are failed or missing.
fn standings(scope: &ScopeStatement) -> BTreeMap<&CellId, CellStanding> {
    let labelled = scope.cells.iter().map(|one| {
        let (tier, stale) = (one.tier, false);
        (&one.cell, CellStanding::Labelled { tier, stale })
    });
    let lists = &scope.scope;
    let excluded = lists.excluded_by_modules.iter();
    let failed = lists
        .failed
        .iter()
        .map(|one| (&one.cell, CellStanding::Failed));
    let missing = lists
        .missing
        .iter()
        .map(|one| (&one.cell, CellStanding::Missing));
    labelled
        .chain(excluded.map(|one| (&one.cell, CellStanding::Excluded)))
        .chain(failed)
        .chain(missing)
        .collect()
}

fn rolled_up(scope: &ScopeStatement) -> Rollup {
    roll_up(standings(scope))
}

/// Says where a scope contradicts itself.
fn adds_up(scope: &ScopeStatement) -> Result<(), String> {
    let lists = &scope.scope;
    let not_built = [&lists.excluded_by_modules, &lists.failed, &lists.missing];
    let of_lists: usize = not_built.iter().map(|list| list.len()).sum();
    let standings = standings(scope);
    let is_built = |standing: &&CellStanding| matches!(standing, CellStanding::Labelled { .. });
    let built = standings.values().filter(is_built).count();
    if lists.promised != lists.built + of_lists || lists.promised != standings.len() {
        return Err(format!(
            "it promises {} cells, says that {} are built and of {of_lists} why not, and names {}",
            lists.promised,
            lists.built,
            standings.len()
        ));
    }
    if built != lists.built {
        return Err(format!(
            "it says that {} cells are built, and lists {built}",
            lists.built
        ));
    }
    let labelled = scope.cells.len();
    let known: BTreeSet<&CellId> = scope.cells.iter().map(|one| &one.cell).collect();
    if known.len() != labelled {
        return Err("a cell is listed twice".to_owned());
    }
    let excluded = lists.excluded_by_modules.iter();
    if let Some(both) = excluded
        .map(|one| &one.cell)
        .find(|cell| known.contains(cell))
    {
        return Err(format!("{both} is excluded and has a label"));
    }
    if let Some(none) = scope.cells.iter().find(|one| one.modules.is_empty()) {
        return Err(format!("{} has a label and no module", none.cell));
    }
    Ok(())
}

fn expected(case: &ReleaseCase<'_>) -> Found {
    let Some(wanted) = case.expected else {
        return Found::holds("the caller expects no release in particular");
    };
    match the_scope(case) {
        Ok(scope) if scope.release == wanted => Found::holds(format!("it is `{wanted}`")),
        Ok(scope) => Found::fails(format!(
            "the caller expects `{wanted}`, and it is `{}`",
            scope.release
        )),
        Err(found) => found,
    }
}

fn cells(case: &ReleaseCase<'_>) -> Found {
    if let Err(found) = the_scope(case) {
        return found;
    }
    let mut listed = 0;
    let mut gone: Vec<(&CellId, String)> = Vec::new();
    for (_, scope) in case.scopes() {
        for cell in &scope.cells {
            listed += cell.modules.len();
            let missing = case.missing_of(&cell.cell, &cell.modules);
            gone.extend(missing.iter().map(|payload| {
                let of = format!(
                    "the module {} of {} is not there",
                    payload.short(),
                    cell.cell
                );
                (&cell.cell, of)
            }));
        }
        let lists = &scope.scope;
        gone.extend(lists.failed.iter().chain(&lists.missing).map(|one| {
            let of = format!("{} is promised and was not built: {}", one.cell, one.reason);
            (&one.cell, of)
        }));
    }
    match gone.as_slice() {
        [] => Found::holds(format!("all {listed} modules that it lists are there")),
        [(_, why)] => Found::missing(why.clone()),
        [(_, why), rest @ ..] => Found::missing(format!("{why}; and {} more", rest.len())),
    }
}

fn modules(case: &ReleaseCase<'_>) -> Found {
    if let Err(found) = the_scope(case) {
        return found;
    }
    for (_, scope) in case.scopes() {
        let listed: BTreeMap<&CellId, &[Sha256Digest]> = scope
            .cells
            .iter()
            .map(|one| (&one.cell, one.modules.as_slice()))
            .collect();
        let is_listed = |module: &&ReleaseModule| match (&module.cell, module.payload) {
            (Some(cell), Some(payload)) => listed
                .get(cell)
                .is_some_and(|modules| modules.contains(&payload)),
            (None, _) | (_, None) => false,
        };
        if let Some(strange) = case.modules.iter().find(|module| !is_listed(module)) {
            let of = strange
                .cell
                .as_ref()
                .map_or_else(|| "no known cell".to_owned(), ToString::to_string);
            return Found::fails(format!(
                "the file {} of {of} is there, and `{}` does not list it",
                strange.artifact.short(),
                scope.release
            ));
        }
    }
    Found::holds("it lists every module that is there")
}

fn statements(case: &ReleaseCase<'_>) -> Found {
    if let Err(found) = the_scope(case) {
        return found;
    }
    let kinds = [PredicateType::Provenance, PredicateType::RebuildComparison];
    for (_, scope) in case.scopes() {
        for cell in &scope.cells {
            let there = case.of_cell(&cell.cell);
            for kind in kinds {
                let Some(named) = cell.attestations.get(kind.word()) else {
                    continue;
                };
                let has = |module: &&ReleaseModule| module.statements.contains(named);
                if !there.iter().all(has) {
                    return Found::missing(format!(
                        "the {kind} {} of {} that the scope names is not there",
                        named.short(),
                        cell.cell
                    ));
                }
            }
        }
    }
    Found::holds("the provenance and the comparison of every cell are those that it names")
}

fn tier(case: &ReleaseCase<'_>) -> Found {
    let scope = match the_scope(case) {
        Ok(scope) => scope,
        Err(found) => return found,
    };
    let comes_to = rolled_up(scope).tier;
    for (_, scope) in case.scopes() {
        for cell in &scope.cells {
            let mut tiers = case.of_cell(&cell.cell).iter().filter_map(|one| one.tier);
            if let Some(tier) = tiers.find(|tier| *tier < cell.tier) {
                return Found::fails(format!(
                    "the scope says `{}` of {}, and what is there shows `{tier}`",
                    cell.tier, cell.cell
                ));
            }
        }
        let (says, shows) = (scope.rollup.tier, rolled_up(scope).tier);
        if says > shows {
            return Found::fails(format!(
                "the scope says `{says}`, and its cells come to `{shows}`"
            ));
        }
    }
    let said = newest_summaries(&case.claims).into_iter();
    let lowest = said.map(|(_, summary)| summary.label.tier).min();
    let tier = lowest
        .map_or(comes_to, |lowest| lowest.min(comes_to))
        .min(scope.rollup.tier);
    let required = required(case, scope);
    if tier < required {
        return Found::fails(format!(
            "the release is `{tier}`, and `{required}` is what is required of its modules"
        ));
    }
    if let Some(more) = lowest_above(case, comes_to) {
        return Found::fails(format!(
            "a summary says `{more}` of the release, and its cells come to `{comes_to}`"
        ));
    }
    Found::holds(format!("the release is `{tier}`"))
}

/// Returns what a summary says of the release that is more than its cells come to.
fn lowest_above(case: &ReleaseCase<'_>, comes_to: Tier) -> Option<Tier> {
    let summaries = newest_summaries(&case.claims).into_iter();
    let mut tiers = summaries.map(|(_, summary)| summary.label.tier);
    tiers.find(|tier| *tier > comes_to)
}

/// Returns the tier of a release in which every cell has just what is required of it.
fn required(case: &ReleaseCase<'_>, scope: &ScopeStatement) -> Tier {
    let of_cell = |cell: &CellId| {
        let required = case.of_cell(cell).iter().map(|module| module.required);
        let by_name = || case.policy.requirement_of(&[cell.module.as_str()]).tier;
        required.min().unwrap_or_else(by_name)
    };
    let cells = scope.cells.iter().map(|one| {
        let (tier, stale) = (of_cell(&one.cell), false);
        (&one.cell, CellStanding::Labelled { tier, stale })
    });
    roll_up(cells).tier
}

fn summary(case: &ReleaseCase<'_>) -> Found {
    let kind = PredicateType::Summary;
    for claim in &case.claims {
        if let (Some(PredicateType::Summary), Says::Unreadable(why)) = (claim.kind, &claim.says) {
            return Found::fails(format!("the summary is not of its form: {why}"));
        }
    }
    let newest = newest_summaries(&case.claims);
    if !newest.iter().any(|(claim, _)| claim.signer.is_some()) {
        return if case.policy.requirement.statements.contains(&kind) {
            Found::missing("there is no summary of the release by a signer of the policy")
        } else {
            Found::holds("the policy needs none")
        };
    }
    let scopes: Vec<Sha256Digest> = case
        .scopes()
        .map(|(claim, _)| claim.attestation.payload())
        .collect();
    let uri = case.scope().map(|scope| release_uri(&scope.release));
    for (claim, summary) in newest {
        let by = claim.attestation.signed_by();
        if uri.as_ref().is_some_and(|uri| *uri != summary.resource_uri) {
            return Found::fails(format!("the summary by {by} is of another release"));
        }
        if summary.verification_result == VerificationResult::Failed {
            return Found::fails(format!("the newest summary by {by} says FAILED"));
        }
        if let Err(found) = agrees_with_itself(claim, summary) {
            return found;
        }
        let mut inputs = summary.input_attestations.iter();
        let rests = inputs.any(|one| sha256_of(&one.digest).is_some_and(|d| scopes.contains(&d)));
        if !scopes.is_empty() && !rests {
            return Found::fails(format!("the summary by {by} rests on another scope"));
        }
    }
    Found::holds("it says PASSED, and rests on the scope that is there")
}

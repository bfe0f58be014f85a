//! The judge of releases, held against a sound one of two cells of which each row changes one thing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::{
    CELL, OTHER_CELL, Signed, World, at, authenticated, broken_of, cell, key, of_release,
    release_summary, scope_of, value,
};
use crate::attest::VerificationSummary;
use crate::attest::{PredicateType as Kind, ScopeStatement, Subject, VerificationResult};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::label::{NotBuilt, Tier};
use crate::verify::policy::{Policy, ReleaseModule, ReleaseRule, judge_release};
use crate::verify::{Authenticated, ReleaseVerdict};

/// A release with what is said of it.
struct Released {
    modules: Vec<ReleaseModule>,
    scope: ScopeStatement,
    scope_by: Option<Signed>,
    summary: VerificationSummary,
    summary_by: Option<Signed>,
    /// What the summary rests on; if nothing else is said, the scope that is there.
    rests_on: Option<Sha256Digest>,
    subjects: Vec<Subject>,
    others: Vec<Authenticated>,
    expected: Option<&'static str>,
    world: World,
}

fn payload(name: &str) -> Sha256Digest {
    Sha256Digest::of(name.as_bytes())
}

fn module(id: &str) -> ReleaseModule {
    ReleaseModule {
        artifact: payload(id),
        payload: Some(payload(id)),
        cell: Some(cell(id)),
        tier: Some(Tier::Constrained),
        required: Tier::Constrained,
        statements: vec![payload("provenance"), payload("comparison")],
    }
}

impl Released {
    fn sound() -> Self {
        let cells = [CELL, OTHER_CELL].map(|id| (cell(id), payload(id)));
        let mut scope = scope_of("nightly", &cells);
        for one in &mut scope.cells {
            for kind in ["provenance", "comparison"] {
                one.attestations.insert(kind.to_owned(), payload(kind));
            }
        }
        let vendor = Some(Signed::by(key("vendor")));
        Self {
            modules: vec![module(CELL), module(OTHER_CELL)],
            summary: release_summary(&scope, payload("nothing yet")),
            scope,
            scope_by: vendor.clone(),
            summary_by: vendor,
            rests_on: None,
            subjects: of_release(),
            others: Vec::new(),
            expected: None,
            world: World::sound(),
        }
    }

    /// Signs a summary with another tier than the cells come to.
    fn summarise_as(&mut self, tier: Tier) {
        let mut scope = self.scope.clone();
        scope.rollup.tier = tier;
        self.summary = release_summary(&scope, payload("nothing yet"));
    }

    fn statement(&self, kind: Kind, predicate: Value, by: &Signed) -> Authenticated {
        authenticated(kind, self.subjects.clone(), predicate, by)
    }

    fn verdict(&self) -> ReleaseVerdict {
        let policy = self.world.policy_text();
        let policy = Policy::parse("p.toml", policy.as_bytes()).expect("valid");
        let mut all = self.others.clone();
        let mut rests_on = payload("nothing");
        if let Some(by) = &self.scope_by {
            let scope = self.statement(Kind::Scope, value(&self.scope), by);
            rests_on = scope.payload();
            all.push(scope);
        }
        if let Some(by) = &self.summary_by {
            let mut summary = self.summary.clone();
            let digest = self.rests_on.unwrap_or(rests_on);
            summary.input_attestations =
                vec![crate::attest::ResourceDescriptor::named("scope", digest)];
            all.push(self.statement(Kind::Summary, value(&summary), by));
        }
        judge_release(&self.modules, &all, self.expected, &policy, self.world.at)
    }
}

type Row = (
    &'static str,
    fn(&mut Released),
    &'static [&'static str],
    Exit,
);

const FAILS: Exit = Exit::VerificationFailed;
const MISSING: Exit = Exit::EvidenceMissing;

const ROWS: &[Row] = &[
    (
        "nothing_is_said_of_the_release_fail",
        |r| (r.scope_by, r.summary_by) = (None, None),
        &[
            "signer",
            "release-scope",
            "release-cells",
            "release-modules",
            "release-statements",
            "release-tier",
            "release-summary",
        ],
        MISSING,
    ),
    (
        "the_scope_is_withheld_fail",
        |r| r.scope_by = None,
        &[
            "release-scope",
            "release-cells",
            "release-modules",
            "release-statements",
            "release-tier",
        ],
        MISSING,
    ),
    (
        "the_scope_is_a_strangers_fail",
        |r| r.scope_by = Some(Signed::by(key("nobody"))),
        &[
            "signer",
            "release-scope",
            "release-cells",
            "release-modules",
            "release-statements",
            "release-tier",
        ],
        FAILS,
    ),
    (
        "the_scope_is_none_fail",
        |r| {
            let by = Signed::by(key("vendor"));
            r.others
                .push(r.statement(Kind::Scope, json!({ "release": "nightly" }), &by));
        },
        &["release-scope"],
        FAILS,
    ),
    (
        "a_cell_that_the_release_promises_is_gone_fail",
        |r| drop(r.modules.pop()),
        &["release-cells"],
        MISSING,
    ),
    (
        "a_cell_has_another_module_fail",
        |r| r.modules[1].payload = Some(payload("other")),
        &["release-cells", "release-modules"],
        FAILS,
    ),
    (
        "a_module_of_a_cell_that_is_not_promised_fail",
        |r| {
            r.modules
                .push(module(&CELL.replace("=6.12.1-1", "=6.12.1-2")))
        },
        &["release-modules"],
        FAILS,
    ),
    (
        "a_module_without_provenance_fail",
        |r| {
            let mut stray = module(CELL);
            stray.cell = None;
            r.modules.push(stray);
        },
        &["release-modules"],
        FAILS,
    ),
    (
        "a_cell_was_not_built_by_the_scopes_own_words_fail",
        |r| {
            let cell = r.scope.cells.pop().expect("two").cell;
            let reason = "interrupted".to_owned();
            r.scope.scope.missing.push(NotBuilt { cell, reason });
            r.scope.scope.built = 1;
            r.modules.pop();
            (r.scope.rollup.tier, r.summary_by) = (Tier::Unverified, None);
            r.world.require = "tier = 'unverified'\nstatements = ['provenance']".to_owned();
            r.modules[0].required = Tier::Unverified;
        },
        &["release-cells"],
        MISSING,
    ),
    (
        "more_is_promised_than_is_named_fail",
        |r| r.scope.scope.promised = 3,
        &["release-scope"],
        FAILS,
    ),
    (
        "a_cell_is_listed_twice_fail",
        |r| r.scope.cells.push(r.scope.cells[0].clone()),
        &["release-scope"],
        FAILS,
    ),
    (
        "a_cell_is_built_and_has_no_module_fail",
        |r| {
            r.scope.cells[1].modules.clear();
            r.modules.pop();
        },
        &["release-scope"],
        FAILS,
    ),
    (
        "the_scope_is_about_another_lock_fail",
        |r| r.subjects[1] = Subject::plain("lock", payload("another lock")),
        &["release-scope"],
        FAILS,
    ),
    (
        "there_are_scopes_of_two_releases_fail",
        |r| {
            let mut other = r.scope.clone();
            other.release = "weekly".to_owned();
            let by = Signed::by(key("vendor"));
            r.others.push(r.statement(Kind::Scope, value(&other), &by));
        },
        &["release-scope", "release-summary"],
        FAILS,
    ),
    (
        "the_caller_expects_another_release_fail",
        |r| r.expected = Some("weekly"),
        &["release-expected"],
        FAILS,
    ),
    (
        "the_comparison_that_is_named_is_withheld_fail",
        |r| r.modules[0].statements.truncate(1),
        &["release-statements"],
        MISSING,
    ),
    (
        "a_cell_shows_less_than_the_scope_says_fail",
        |r| r.modules[1].tier = Some(Tier::Partial),
        &["release-tier"],
        FAILS,
    ),
    (
        "the_release_is_said_to_be_better_than_its_cells_fail",
        |r| r.scope.rollup.tier = Tier::Full,
        &["release-tier"],
        FAILS,
    ),
    (
        "the_summary_is_better_than_the_cells_fail",
        |r| r.summarise_as(Tier::Full),
        &["release-tier"],
        FAILS,
    ),
    (
        "the_summary_is_lower_than_is_required_fail",
        |r| r.summarise_as(Tier::Partial),
        &["release-tier"],
        FAILS,
    ),
    (
        "the_summary_is_withheld_fail",
        |r| r.summary_by = None,
        &["release-summary"],
        MISSING,
    ),
    (
        "the_summary_says_failed_fail",
        |r| {
            r.summary.verification_result = VerificationResult::Failed;
            r.summary.verified_levels = vec!["FAILED".to_owned()];
        },
        &["release-summary"],
        FAILS,
    ),
    (
        "the_summary_lists_a_level_more_fail",
        |r| r.summary.verified_levels.push("KMATRIX_FULL".to_owned()),
        &["release-summary"],
        FAILS,
    ),
    (
        "the_summary_rests_on_another_scope_fail",
        |r| r.rests_on = Some(payload("another scope")),
        &["release-summary"],
        FAILS,
    ),
    (
        "the_summary_is_of_another_release_fail",
        |r| r.summary.resource_uri = "urn:kmatrix:release:weekly".to_owned(),
        &["release-summary"],
        FAILS,
    ),
    (
        "who_signed_the_scope_may_not_fail",
        |r| {
            r.scope_by = Some(Signed::by(key("auditor")));
            let spki = payload("auditor");
            r.world.policy = format!("[[deny]]\nreason = 'r'\nkey = '{spki}'\n");
        },
        &["denied-key"],
        FAILS,
    ),
    (
        "it_was_signed_too_long_ago_fail",
        |r| {
            r.world.require = "max-age = '30d'".to_owned();
            r.world.at = at("2026-07-02T12:00:00Z");
        },
        &["maximum-age"],
        FAILS,
    ),
];

#[test]
fn what_is_sound_holds_in_every_rule_about_releases() {
    let verdict = Released::sound().verdict();
    assert_eq!(
        broken_of(&verdict.rules),
        Vec::<&str>::new(),
        "{verdict:#?}"
    );
    assert!(verdict.passes());
    assert_eq!((verdict.promised, verdict.complete), (2, 2));
    assert_eq!(verdict.release.as_deref(), Some("nightly"));
    assert_eq!(verdict.tier, Some(Tier::Constrained));
    assert_eq!(verdict.statements.len(), 2);
}

#[test]
fn whatever_is_wrong_with_a_release_fails_by_the_rules_that_are_there_for_it() {
    let mut names = BTreeSet::new();
    for (name, change, expected, exit) in ROWS {
        assert!(names.insert(*name), "{name} stands twice");
        let mut released = Released::sound();
        change(&mut released);
        let verdict = released.verdict();
        assert_eq!(
            broken_of(&verdict.rules),
            *expected,
            "{name}: {:#?}",
            verdict.rules
        );
        assert_eq!(verdict.exit(), *exit, "{name}");
        assert!(!verdict.passes(), "{name}");
    }
}

#[test]
fn every_rule_about_releases_has_a_row_in_which_it_alone_fails() {
    for rule in ReleaseRule::ALL {
        let alone = ROWS.iter().any(|(_, _, broken, _)| *broken == [rule.id()]);
        assert!(alone, "{rule}");
    }
}

#[test]
fn what_is_said_of_other_releases_does_not_count_where_one_is_expected() {
    let mut released = Released::sound();
    let mut other = released.scope.clone();
    other.release = "weekly".to_owned();
    other.cells.clear();
    let by = Signed::by(key("vendor"));
    let other = released.statement(Kind::Scope, value(&other), &by);
    released.others.push(other);
    released.expected = Some("nightly");
    let verdict = released.verdict();
    assert_eq!(broken_of(&verdict.rules), Vec::<&str>::new());
}

#[test]
fn what_its_own_modules_exclude_is_not_missed() {
    let mut released = Released::sound();
    let cell = released.scope.cells.pop().expect("two").cell;
    let reason = "BUILD_EXCLUSIVE_KERNEL".to_owned();
    released
        .scope
        .scope
        .excluded_by_modules
        .push(NotBuilt { cell, reason });
    released.scope.scope.built = 1;
    released.modules.pop();
    let verdict = released.verdict();
    assert_eq!(broken_of(&verdict.rules), Vec::<&str>::new());
}

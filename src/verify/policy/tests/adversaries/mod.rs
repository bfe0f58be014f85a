//! The tables of what is wrong: each row changes one thing, and names every rule that must not hold.

mod built;
mod denied;
mod exceptions;
mod expected;
mod handed_in;
pub(super) mod makers;
mod older;
mod others;
mod proof;
mod signers;
mod summaries;
mod times;

use std::collections::BTreeSet;

use crate::attest::PredicateType as Kind;
use crate::exit::Exit;
use crate::verify::policy::Rule;
use crate::verify::policy::tests::world::{World, broken};
use crate::verify::{Refused, Why};

/// What is wrong, what is done for that, and the rules that do not hold then.
type Row = (
    &'static str,
    fn(&mut World) -> Option<String>,
    &'static [&'static str],
);

/// The policy's signers are the vendor with two keys and an identity, and an auditor. A change may give
/// back another policy.
const ROWS: &[&[Row]] = &[
    handed_in::ROWS,
    signers::ROWS,
    denied::ROWS,
    built::ROWS,
    expected::ROWS,
    proof::ROWS,
    summaries::ROWS,
    others::ROWS,
    times::ROWS,
    older::ROWS,
    exceptions::ROWS,
];

fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().copied().flatten()
}

#[test]
fn whatever_is_wrong_fails_by_the_rules_that_are_there_for_it() {
    let mut names = BTreeSet::new();
    let mut others = Vec::new();
    for (name, change, expected) in rows() {
        assert!(names.insert(*name), "{name} stands twice");
        let mut world = World::sound();
        let policy = change(&mut world).unwrap_or_else(|| world.policy_text());
        let verdict = world.verdict_by(&policy);
        let of = |rule: &str| {
            verdict
                .rules
                .iter()
                .find(|r| r.rule == rule)
                .map(|r| &r.because)
        };
        let because: Vec<_> = broken(&verdict)
            .into_iter()
            .map(|rule| (rule, of(rule)))
            .collect();
        if broken(&verdict) != *expected {
            others.push(format!("{name}: {because:#?}, and not {expected:?}"));
        }
        assert!(!verdict.holds() && !verdict.passes(), "{name}");
        assert_ne!(verdict.exit(), Exit::Success, "{name}");
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    println!("{} adversaries of the policy", rows().count());
    assert!(rows().count() >= 125, "{}", rows().count());
}

#[test]
fn every_rule_has_a_row_in_which_it_alone_fails() {
    for rule in Rule::ALL {
        let alone = rows().any(|(_, _, broken)| *broken == [rule.id()]);
        // Rego needs a file beside the policy, and has tests of its own.
        assert!(alone || *rule == Rule::Rego, "{rule}");
    }
}

#[test]
fn what_is_missing_and_what_fails_have_their_own_status() {
    let mut world = World::sound();
    world.left_out.insert(Kind::Summary);
    assert_eq!(world.verdict().exit(), Exit::EvidenceMissing);
    world.refused.push(Refused::new(Why::Malformed, "no JSON"));
    assert_eq!(world.verdict().exit(), Exit::VerificationFailed);
}

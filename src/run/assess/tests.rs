use super::evidence::isolation;
use super::rebuilds::{made, without_modules};
use super::*;
use crate::digest::Sha256Digest;
use crate::engine::EngineFailure;
use crate::gate::{Gate, Verdict};
use crate::label::Tier;
use crate::ledger::testing::{self, attempt, attempt_of, cell, probe_of, spec_of};
use crate::outcome::Reached;
use crate::variation::Axis;

fn with_bits(bits: &[u8]) -> Outcome {
    testing::with_bits(Sha256Digest::of(bits))
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed { failure }
}

fn same() -> Comparison {
    Comparison {
        differences: Vec::new(),
        metadata_equal: true,
    }
}

/// Returns of each rebuild that counts whether it agreed.
fn answers(attempts: &[AttemptRecord], comparisons: &[(u32, Comparison)]) -> Vec<bool> {
    let trials = trials(&attempts[0], attempts, comparisons);
    trials.iter().map(|trial| trial.same).collect()
}

#[test]
fn other_bits_are_a_difference_whatever_is_recorded_of_the_comparison() {
    let attempts = [
        attempt(0, with_bits(b"a")),
        attempt(1, with_bits(b"a")),
        attempt(2, with_bits(b"b")),
    ];
    let lost = [(1, same())];
    assert_eq!(answers(&attempts, &lost), [true, false]);
    let wrong = [(1, same()), (2, same())];
    assert_eq!(answers(&attempts, &wrong), [true, false]);
    assert_eq!(answers(&attempts[..2], &[]), [false; 0], "not compared");
}

#[test]
fn an_infrastructure_failure_is_neither_a_difference_nor_a_failed_rebuild() {
    let lost = Failure::Engine(EngineFailure::Vanished);
    let attempts = [
        attempt(0, with_bits(b"a")),
        attempt(1, failed(lost)),
        attempt(2, failed(Failure::Interrupted)),
    ];
    assert_eq!(answers(&attempts, &[]), [false; 0]);
    assert_eq!(without_modules(&attempts), 0);
    let own = attempt(3, failed(Failure::Compile { code: 2 }));
    assert_eq!(without_modules(&[own]), 1);
}

#[test]
fn every_attempt_that_made_modules_has_to_be_sealed() {
    let attempts = [
        attempt(0, with_bits(b"a")),
        attempt(1, with_bits(b"a")),
        attempt(2, failed(Failure::NoModule)),
    ];
    let found = isolation(&attempts);
    assert_eq!((found.attempts, found.sealed), (2, 0));
}

/// Returns a cell with a reference and a rebuild that are alike in all that is asked of them, and with
/// what else is to be of the attempts.
fn assessed(change: impl FnOnce(&mut Vec<AttemptRecord>)) -> Assessment {
    let cell = cell();
    let mut attempts = vec![0, 1]
        .into_iter()
        .map(|number| attempt_of(&cell, number, &spec_of(&cell, number)))
        .collect();
    change(&mut attempts);
    let compared = attempts.iter().filter(|one| one.number > 0);
    let comparisons = compared.map(|one| (one.number, same())).collect();
    assess(cell, attempts, comparisons, Vec::new(), None)
}

fn graded(assessment: &Assessment) -> (Grade, Tier, String) {
    let label = assessment.label().expect("a label");
    let because = label.reasons[0].because.clone();
    (label.vector.reproducibility, label.tier, because)
}

#[test]
fn an_axis_that_did_not_reach_the_build_holds_it_at_fixed() {
    let (grade, tier, _) = graded(&assessed(|_| {}));
    assert_eq!((grade, tier), (Grade::Varied, Tier::Constrained));
    for axis in Axis::expected() {
        // The probe finds the reference's, or could not look.
        for found in [Some(0), None] {
            let assessment = assessed(|attempts| {
                attempts[1].reached = probe_of(|of| if of == axis { found } else { Some(1) });
            });
            let (grade, tier, because) = graded(&assessment);
            assert_eq!((grade, tier), (Grade::Fixed, Tier::Partial), "{axis}");
            let held = format!("but with the same {};", axis.noun());
            assert!(because.contains(&held), "{because}");
        }
    }
    let assessment = assessed(|attempts| attempts[1].reached = Reached::default());
    assert_eq!(graded(&assessment).0, Grade::Fixed);
}

#[test]
fn a_gate_counts_for_the_worst_of_all_attempts() {
    type Change = fn(&mut AttemptRecord);
    let fail: Change = |one| one.gates[0].gates[2].verdict = Verdict::Failed;
    let unknown: Change = |one| one.gates[0].gates[2].verdict = Verdict::Unknown;
    let forget: Change = |one| drop(one.gates[0].gates.remove(2));
    let forget_all: Change = |one| one.gates.clear();
    let of_another: Change = |one| one.gates[0].path = "other.ko".to_owned();
    for (change, verdict) in [
        (fail, Verdict::Failed),
        (unknown, Verdict::Unknown),
        (forget, Verdict::Unknown),
        (forget_all, Verdict::Unknown),
        (of_another, Verdict::Unknown),
    ] {
        for number in [0, 1] {
            let assessment = assessed(|attempts| change(&mut attempts[number]));
            let label = assessment.label().expect("a label");
            let found = label.findings.iter();
            let found = found.filter(|found| found.gate == Gate::Symbols);
            let found: Vec<Verdict> = found.map(|found| found.verdict).collect();
            assert_eq!(found, [verdict], "attempt {number}");
            assert_eq!(label.vector.interface, Grade::InterfaceUnpinned);
            assert_eq!(label.tier, Tier::Unverified);
        }
    }
    // What failed once is not made good by what was not recorded elsewhere.
    let assessment = assessed(|attempts| {
        fail(&mut attempts[1]);
        forget_all(&mut attempts[0]);
    });
    let label = assessment.label().expect("a label");
    let of_symbols = label.findings.iter().find(|one| one.gate == Gate::Symbols);
    assert_eq!(of_symbols.map(|one| one.verdict), Some(Verdict::Failed));
}

#[test]
fn a_rebuild_that_was_taken_away_leaves_its_number() {
    let more = |numbers: &[u32], bits: &[u8]| {
        let rebuilds = numbers.iter().map(|number| {
            let cell = cell();
            AttemptRecord {
                outcome: with_bits(bits),
                ..attempt_of(&cell, *number, &spec_of(&cell, *number))
            }
        });
        rebuilds.collect::<Vec<_>>()
    };
    let of = |numbers: &[u32]| graded(&assessed(|all| all.extend(more(numbers, b"module"))));
    assert_eq!(of(&[2, 3]).0, Grade::Varied);
    let (grade, tier, because) = of(&[3]);
    assert_eq!((grade, tier), (Grade::Unattempted, Tier::Unverified));
    assert!(because.starts_with("of 1 of 3 nothing came"), "{because}");
    // The one that differed: with it, and without it.
    let with = graded(&assessed(|all| {
        all.extend(more(&[2], b"other"));
        all.extend(more(&[3], b"module"));
    }));
    assert_eq!((with.0, with.1), (Grade::Differs, Tier::Irreproducible));
    assert!(!tier.says_more_than(with.1));
}

#[test]
fn as_many_rebuilds_have_to_be_there_as_were_asked_for_or_have_numbers() {
    let built = |number| attempt(number, with_bits(b"a"));
    let lost = |number| attempt(number, failed(Failure::Engine(EngineFailure::Vanished)));
    let on_others = |number| {
        let mut of_others = built(number);
        of_others.variation.axes.clear();
        of_others
    };
    let asks = |rebuilds: u32, attempts: &[AttemptRecord]| {
        made(&CellRecord { rebuilds, ..cell() }, attempts)
    };
    assert_eq!(asks(0, &[built(0)]), 0);
    assert_eq!(asks(2, &[built(0)]), 2);
    assert_eq!(asks(2, &[built(0), built(1)]), 2);
    assert_eq!(
        asks(1, &[built(0), built(1), built(2)]),
        2,
        "more than asked"
    );
    assert_eq!(asks(1, &[built(0), built(2)]), 2, "a gap");
    assert_eq!(asks(2, &[built(0), on_others(1), built(2)]), 3);
    assert_eq!(asks(2, &[built(0), built(1), lost(2)]), 1);
    assert_eq!(
        asks(2, &[built(0), built(1), lost(2), built(2)]),
        2,
        "made again"
    );
}

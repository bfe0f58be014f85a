use super::evidence::isolation;
use super::rebuilds::without_modules;
use super::*;
use crate::digest::Sha256Digest;
use crate::engine::EngineFailure;
use crate::ko::ModuleFacts;
use crate::ledger::testing::attempt;

fn with_bits(bits: &[u8]) -> Outcome {
    Outcome::Built {
        modules: vec![BuiltModule {
            path: "m.ko".to_owned(),
            digest: Sha256Digest::of(bits),
            bytes: 1,
            facts: ModuleFacts {
                machine: 62,
                vermagic: None,
                srcversion: None,
                name: None,
                license: None,
                depends: None,
                compilers: Vec::new(),
            },
        }],
    }
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

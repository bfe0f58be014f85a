//! The attempts that a cell still needs. Pure.

use std::collections::BTreeSet;

use crate::compare::Comparison;
use crate::ledger::{AttemptRecord, PreparationRecord};
use crate::outcome::{Outcome, PreparationOutcome};
use crate::variation::{Axis, Variation};

/// Returns the attempts that a cell still needs: its reference, and rebuilds on these axes. One that
/// failed is made again under its number; one that was made on other axes stays beside them.
pub fn needed(known: &[AttemptRecord], rebuilds: u32, axes: &BTreeSet<Axis>) -> Vec<Variation> {
    let mut needed = Vec::new();
    let answered = |number: u32| {
        let mut of_number = known.iter().filter(|attempt| attempt.number == number);
        of_number.any(|attempt| is_answer(&attempt.outcome))
    };
    if !answered(0) {
        needed.push(Variation::reference());
    }
    let mut numbers = rebuilds_on(known, axes);
    let mut next = next_number(known);
    while numbers.len() < rebuilds as usize {
        numbers.push(next);
        next += 1;
    }
    needed.extend(
        numbers
            .into_iter()
            .take(rebuilds as usize)
            .filter(|number| !answered(*number))
            .map(|number| Variation::of(number, axes)),
    );
    needed
}

/// Returns the numbers of the rebuilds that were made on just these axes, in order.
pub fn rebuilds_on(known: &[AttemptRecord], axes: &BTreeSet<Axis>) -> Vec<u32> {
    let numbers: BTreeSet<u32> = known
        .iter()
        .filter(|attempt| attempt.number > 0 && attempt.variation.axes == *axes)
        .map(|attempt| attempt.number)
        .collect();
    numbers.into_iter().collect()
}

/// Returns the numbers of the rebuilds that have still to be held against their reference: a kill may
/// come between an attempt's record and that of its comparison.
pub fn uncompared(known: &[AttemptRecord], compared: &[(u32, Comparison)]) -> Vec<u32> {
    let built = |attempt: &&AttemptRecord| match &attempt.outcome {
        Outcome::Built { .. } => true,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => false,
    };
    let has_reference = known.iter().filter(built).any(|one| one.number == 0);
    known
        .iter()
        .filter(built)
        .map(|attempt| attempt.number)
        .filter(|number| has_reference && *number > 0)
        .filter(|number| !compared.iter().any(|(of, _)| of == number))
        .collect()
}

/// Returns a number that no attempt has.
pub fn next_number(known: &[AttemptRecord]) -> u32 {
    let highest = known.iter().map(|attempt| attempt.number).max();
    highest.unwrap_or(0) + 1
}

/// Returns the numbers of the preparations that a cell's kernel still needs: one to be used, and if
/// the cell is rebuilt, one that shows whether it comes out again.
pub fn needed_preparations(known: &[PreparationRecord], rebuilds: u32) -> Vec<u32> {
    (0..=rebuilds.min(1))
        .filter(|number| {
            !known.iter().any(|record| {
                record.number == *number
                    && match &record.outcome {
                        PreparationOutcome::Prepared { .. } => true,
                        PreparationOutcome::Failed { .. } => false,
                    }
            })
        })
        .collect()
}

/// Returns true if an attempt of the same inputs has nothing to add.
fn is_answer(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Built { .. } | Outcome::Excluded { .. } => true,
        Outcome::Failed { .. } => false,
    }
}

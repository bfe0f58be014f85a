//! The attempts that a cell still needs. Pure.

use std::collections::BTreeSet;

use crate::compare::{Comparison, differing};
use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Outcome, PreparationOutcome};
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
            .enumerate()
            .filter(|(_, number)| !answered(*number))
            .map(|(earlier, number)| Variation::of(number, earlier, axes)),
    );
    needed
}

/// Returns the rebuild that brings back modules of the reference that are kept no longer: one with
/// nothing varied, beside those that are wanted anyway. `None` if nothing is lost, or if a rebuild with
/// nothing varied has shown that it would not give the same bits.
pub fn restoring(
    known: &[AttemptRecord],
    wanted: &[Variation],
    is_kept: impl Fn(&Sha256Digest) -> bool,
) -> Option<Variation> {
    let lost = lost_modules(known, is_kept)?;
    let gave_others = |attempt: &AttemptRecord| match &attempt.outcome {
        Outcome::Built { modules } => !differing(lost, modules).is_empty(),
        Outcome::Failed { .. } | Outcome::Excluded { .. } => false,
    };
    let mut unvaried = known
        .iter()
        .filter(|attempt| attempt.number > 0 && attempt.variation.axes.is_empty());
    if unvaried.any(gave_others) {
        return None;
    }
    let wanted = wanted.iter().map(|variation| variation.attempt + 1);
    let number = wanted.max().unwrap_or(0).max(next_number(known));
    let nothing = BTreeSet::new();
    Some(Variation::like(&Variation::reference(), number, &nothing))
}

/// Returns the modules of the reference, if one of them is kept no longer.
pub fn lost_modules(
    known: &[AttemptRecord],
    is_kept: impl Fn(&Sha256Digest) -> bool,
) -> Option<&[BuiltModule]> {
    let modules = known.iter().find_map(|attempt| match &attempt.outcome {
        Outcome::Built { modules } if attempt.number == 0 => Some(modules.as_slice()),
        Outcome::Built { .. } | Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
    })?;
    let is_lost = modules.iter().any(|module| !is_kept(&module.digest));
    is_lost.then_some(modules)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{attempt, with_bits};
    use crate::outcome::Failure;

    /// Returns an attempt on these axes; without bits it has failed.
    fn on(number: u32, axes: &BTreeSet<Axis>, is_built: bool) -> AttemptRecord {
        let outcome = if is_built {
            with_bits(Sha256Digest::of(b"module"))
        } else {
            Outcome::Failed {
                failure: Failure::NoModule,
            }
        };
        let mut made = attempt(number, outcome);
        made.variation = match number {
            0 => Variation::reference(),
            _ => Variation::of(number, 0, axes),
        };
        made
    }

    /// Returns number, CPUs and whether there are more jobs of each attempt that is needed.
    fn asked(
        known: &[AttemptRecord],
        rebuilds: u32,
        axes: &BTreeSet<Axis>,
    ) -> Vec<(u32, u32, bool)> {
        let needed = needed(known, rebuilds, axes);
        let of = |one: &Variation| (one.attempt, one.cpus, one.more_jobs);
        needed.iter().map(of).collect()
    }

    #[test]
    fn the_first_rebuild_on_its_axes_has_one_cpu_whatever_its_number() {
        let all = Axis::expected();
        let few: BTreeSet<Axis> = [Axis::Umask].into_iter().collect();
        let (one, more) = ((1, false), (0, true));
        let of = |number: u32, (cpus, more_jobs)| (number, cpus, more_jobs);
        assert_eq!(
            asked(&[], 3, &all),
            [(0, 0, false), of(1, one), of(2, more), of(3, more)]
        );
        let known = [on(0, &few, true), on(1, &few, true), on(2, &few, false)];
        assert_eq!(asked(&known, 2, &all), [of(3, one), of(4, more)]);
        // The umask alone is varied, and CPUs are the reference's.
        assert_eq!(asked(&known, 3, &few), [(2, 0, false), (3, 0, false)]);
    }

    #[test]
    fn modules_that_are_lost_are_built_again_with_nothing_varied() {
        let all = Axis::expected();
        let nothing = BTreeSet::new();
        let known = [on(0, &all, true), on(1, &all, true), on(2, &all, false)];
        let wanted = [Variation::of(2, 1, &all)];
        let of = |known: &[AttemptRecord], is_kept: bool| {
            let restoring = restoring(known, &wanted, |_| is_kept)?;
            Some((restoring.attempt, restoring.axes))
        };
        assert_eq!(of(&known, true), None);
        assert_eq!(of(&known, false), Some((3, nothing.clone())));
        assert_eq!(of(&known[..2], false), Some((3, nothing.clone())));
        assert_eq!(of(&known[1..], false), None, "there is no reference");
        // One of before gave them, and was lost with them.
        let again = |bits: &[u8]| {
            let mut made = on(3, &nothing, true);
            made.outcome = with_bits(Sha256Digest::of(bits));
            [&known[..], &[made]].concat()
        };
        assert_eq!(of(&again(b"module"), false), Some((4, BTreeSet::new())));
        assert_eq!(of(&again(b"other"), false), None);
    }

    #[test]
    fn what_failed_is_made_again_as_it_was() {
        let all = Axis::expected();
        let known = [on(0, &all, true), on(1, &all, false), on(2, &all, true)];
        assert_eq!(asked(&known, 2, &all), [(1, 1, false)]);
        let known = [on(0, &all, true), on(1, &all, true), on(2, &all, false)];
        assert_eq!(asked(&known, 2, &all), [(2, 0, true)]);
        assert_eq!(asked(&known, 1, &all), []);
        assert_eq!(asked(&known, 0, &all), []);
    }
}

//! The attempts that a cell still needs. Pure.

use std::collections::BTreeSet;

use crate::compare::{Comparison, differing};
use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Outcome, PreparationOutcome};
use crate::variation::{Axis, Cpus, Variation};

/// Returns the attempts that a cell still needs: its reference, and rebuilds on these axes. One that
/// failed is made again under its number; one that was made on other axes stays beside them. A number
/// of which nothing is recorded, because something ended it, is given out again.
pub fn needed(known: &[AttemptRecord], rebuilds: u32, axes: &BTreeSet<Axis>) -> Vec<Variation> {
    let mut needed = Vec::new();
    if !is_answered(known, 0) {
        needed.push(Variation::reference());
    }
    let numbers = rebuilds_on(known, axes);
    let recorded = |number: &u32| {
        let attempt = known.iter().find(|attempt| attempt.number == *number);
        attempt.map(|attempt| &attempt.variation)
    };
    let mut has_one_cpu = numbers
        .iter()
        .filter_map(recorded)
        .any(|variation| variation.cpus == 1);
    let missing = (rebuilds as usize).saturating_sub(numbers.len());
    let failed = numbers
        .iter()
        .take(rebuilds as usize)
        .filter(|number| !is_answered(known, **number));
    needed.extend(failed.filter_map(recorded).cloned());
    needed.extend(free_numbers(known).take(missing).map(|number| {
        let cpus = if has_one_cpu {
            Cpus::AllAndMoreJobs
        } else {
            Cpus::One
        };
        has_one_cpu = true;
        Variation::of(number, cpus, axes)
    }));
    needed.sort_by_key(|variation| variation.attempt);
    needed
}

/// Returns true if an attempt of this number has nothing to add.
fn is_answered(known: &[AttemptRecord], number: u32) -> bool {
    let mut of_number = known.iter().filter(|attempt| attempt.number == number);
    of_number.any(|attempt| is_answer(&attempt.outcome))
}

/// Returns the numbers of rebuilds that nothing is recorded of, from the lowest.
fn free_numbers(known: &[AttemptRecord]) -> impl Iterator<Item = u32> + use<> {
    let taken: BTreeSet<u32> = known.iter().map(|attempt| attempt.number).collect();
    (1..).filter(move |number| !taken.contains(number))
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
    let nothing = BTreeSet::new();
    let on_nothing = rebuilds_on(known, &nothing);
    let failed = on_nothing
        .into_iter()
        .find(|number| !is_answered(known, *number));
    let is_wanted = |number: &u32| wanted.iter().any(|one| one.attempt == *number);
    let number = match failed {
        Some(number) if is_wanted(&number) => return None,
        Some(number) => number,
        None => free_numbers(known).find(|number| !is_wanted(number))?,
    };
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

/// Returns the lowest number that no attempt has.
pub fn next_number(known: &[AttemptRecord]) -> u32 {
    free_numbers(known).next().unwrap_or(u32::MAX)
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
            1 => Variation::of(number, Cpus::One, axes),
            _ => Variation::of(number, Cpus::AllAndMoreJobs, axes),
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
    fn one_rebuild_on_its_axes_has_one_cpu_whatever_its_number() {
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
    fn numbers_that_an_interrupt_left_open_are_given_out_again() {
        let all = Axis::expected();
        // The one that was interrupted had one CPU.
        let known = [on(0, &all, true), on(2, &all, true)];
        assert_eq!(asked(&known, 2, &all), [(1, 1, false)]);
        let known = [on(0, &all, true), on(1, &all, true), on(3, &all, true)];
        assert_eq!(asked(&known, 4, &all), [(2, 0, true), (4, 0, true)]);
        assert_eq!(next_number(&known), 2);
        assert_eq!(next_number(&known[..2]), 2);
        assert_eq!(next_number(&[]), 1);
    }

    #[test]
    fn modules_that_are_lost_are_built_again_with_nothing_varied() {
        let all = Axis::expected();
        let nothing = BTreeSet::new();
        let known = [on(0, &all, true), on(1, &all, true), on(2, &all, false)];
        let wanted = [Variation::of(2, Cpus::AllAndMoreJobs, &all)];
        let of = |known: &[AttemptRecord], is_kept: bool| {
            let restoring = restoring(known, &wanted, |_| is_kept)?;
            Some((restoring.attempt, restoring.axes))
        };
        assert_eq!(of(&known, true), None);
        assert_eq!(of(&known, false), Some((3, nothing.clone())));
        assert_eq!(of(&known[..2], false), Some((3, nothing.clone())));
        assert_eq!(of(&known[1..], false), None, "there is no reference");
        // One that failed is made again under its number.
        let failed = [&known[..], &[on(3, &nothing, false)]].concat();
        assert_eq!(of(&failed, false), Some((3, nothing.clone())));
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

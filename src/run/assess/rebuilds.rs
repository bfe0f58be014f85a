//! What rebuilds showed, and why some of them differ.

use std::collections::{BTreeMap, BTreeSet};

use super::doubts::{Agreed, Shown};
use super::evidence::{built, isolation};
use crate::compare::cause::{Lines, Named, OfRebuild, blame_each, together};
use crate::compare::{Answer, Comparison, Inquiry, Trial, agreeing_with, differing, inquire};
use crate::label::Rebuilds;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::outcome::Outcome;
use crate::run::rebuilds_on;
use crate::variation::Axis;

/// Counts what rebuilds showed.
pub(super) fn rebuilds(
    cell: &CellRecord,
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Rebuilds {
    let trials = trials(reference, attempts, comparisons);
    let mut normalised = 0;
    let mut normalisations = BTreeSet::new();
    for (_, comparison) in comparisons.iter().filter(|(_, found)| !found.is_same()) {
        if let Some(named) = comparison.normalisations() {
            normalised += 1;
            normalisations.extend(named);
        }
    }
    let count = |wanted: bool| {
        let count = trials.iter().filter(|trial| trial.same == wanted).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let same = count(true);
    let different = count(false).saturating_sub(normalised);
    let agreeing = || trials.iter().filter(|trial| trial.same);
    let with = |axes: &BTreeSet<Axis>| agreeing_with(&trials, axes);
    let varied = agreeing()
        .map(|trial| &trial.axes)
        .max_by_key(|axes| (axes.len(), with(axes)))
        .cloned()
        .unwrap_or_default();
    let with_these = with(&varied);
    let sealing = isolation(attempts);
    let agreed = Agreed {
        varied: &varied,
        rebuilds: with_these,
        sealed: sealing.sealed == sealing.attempts,
    };
    let finding = match inquire(&trials) {
        Inquiry::Over(answer) => Some(answer),
        Inquiry::Try { .. } => None,
    };
    Rebuilds {
        same,
        normalised,
        normalisations,
        different,
        failed: without_modules(attempts),
        made: made(cell, attempts),
        with_these,
        doubts: Shown::of(cell, attempts).doubts(&agreed),
        varied,
        causes: named_causes(cell, comparisons, &trials, finding.as_ref()),
        finding,
    }
}

/// Returns why rebuilds differ: what their bytes say, held against what an inquiry came to.
fn named_causes(
    cell: &CellRecord,
    comparisons: &[(u32, Comparison)],
    trials: &[Trial],
    finding: Option<&Answer>,
) -> Vec<Named> {
    let lines = Lines {
        source: &cell.source.suspicions,
        given: &cell.inputs.given(),
    };
    let causes = comparisons.iter().map(|(_, found)| {
        let each = found.differences.iter();
        each.flat_map(|found| found.causes.clone()).collect()
    });
    // The trials begin with those that were compared.
    let named: Vec<(&BTreeSet<Axis>, Vec<Named>)> =
        trials.iter().map(|trial| &trial.axes).zip(causes).collect();
    match finding {
        Some(answer) => {
            let named: Vec<OfRebuild<'_>> = named
                .iter()
                .map(|(axes, named)| (*axes, named.as_slice()))
                .collect();
            blame_each(&named, answer, &lines)
        }
        None => together(named.into_iter().flat_map(|(_, named)| named), &lines),
    }
}

/// Returns how many rebuilds there have to be: numbers are given without gaps, so that one which is
/// missing was taken away; and those that were asked for, beside any on other axes. What only the
/// engine ended has said nothing, and is recorded as that.
pub(super) fn made(cell: &CellRecord, attempts: &[AttemptRecord]) -> u32 {
    let numbers: BTreeSet<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    let rebuilds = u32::try_from(numbers.iter().filter(|number| **number > 0).count());
    let asked = u32::try_from(rebuilds_on(attempts, &cell.axes).len());
    let (rebuilds, asked) = (rebuilds.unwrap_or(u32::MAX), asked.unwrap_or(u32::MAX));
    let wanted = (rebuilds - asked).saturating_add(cell.rebuilds.max(asked));
    let last = numbers.last().copied().unwrap_or(0);
    let is_lost = |number: &&u32| {
        let of_number = || attempts.iter().filter(|one| one.number == **number);
        of_number().all(|attempt| match &attempt.outcome {
            Outcome::Failed { failure } => failure.is_infrastructure(),
            Outcome::Built { .. } | Outcome::Excluded { .. } => false,
        })
    };
    let lost = numbers.iter().filter(|number| **number > 0).filter(is_lost);
    let lost = u32::try_from(lost.count()).unwrap_or(u32::MAX);
    last.max(wanted).saturating_sub(lost)
}

/// Returns how many rebuilds made no module for a reason that is the build's own.
pub(super) fn without_modules(attempts: &[AttemptRecord]) -> u32 {
    let rebuilds = attempts.iter().filter(|attempt| attempt.number > 0);
    let failed = rebuilds.filter(|attempt| match &attempt.outcome {
        Outcome::Failed { failure } => !failure.is_infrastructure(),
        Outcome::Built { .. } | Outcome::Excluded { .. } => false,
    });
    u32::try_from(failed.count()).unwrap_or(u32::MAX)
}

/// Returns every rebuild that was held against the reference, with the axes on which it was found to
/// differ from the reference's surroundings: those that its spec varied, if a probe inside both
/// containers tells so. One whose modules have other digests than the reference's differs, whatever
/// came of its comparison, and if there is none.
pub(in crate::run) fn trials(
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Vec<Trial> {
    let of = |number: u32| attempts.iter().find(|attempt| attempt.number == number);
    let differs = |rebuild: &AttemptRecord| {
        let is_built = matches!(rebuild.outcome, Outcome::Built { .. });
        is_built && !differing(built(reference), built(rebuild)).is_empty()
    };
    let trial = |number: u32, same: bool| {
        let rebuild = of(number);
        Trial {
            number,
            axes: rebuild.map_or_else(BTreeSet::new, |rebuild| rebuild.varied(reference)),
            choices: rebuild.map_or_else(BTreeMap::new, |rebuild| rebuild.choices(reference)),
            same,
        }
    };
    let compared = comparisons.iter().map(|(number, comparison)| {
        let same = comparison.is_same() && !of(*number).is_some_and(differs);
        trial(*number, same)
    });
    let is_compared = |number: u32| comparisons.iter().any(|(known, _)| *known == number);
    let others = attempts
        .iter()
        .filter(|rebuild| rebuild.number > 0 && !is_compared(rebuild.number))
        .filter(|rebuild| differs(rebuild))
        .map(|rebuild| trial(rebuild.number, false));
    compared.chain(others).collect()
}

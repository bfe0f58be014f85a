//! The rebuilds that find out why a cell differs. Pure.

use crate::compare::{Comparison, Inquiry, MOST_TRIALS, inquire};
use crate::ledger::AttemptRecord;
use crate::outcome::{Outcome, Reached};
use crate::run::assess::trials;
use crate::run::next_number;
use crate::variation::Variation;

/// How often the same axes are tried, at most: one more than any of them needs, so that an axis which
/// reaches some attempts and not others does not keep an inquiry going.
const MOST_OF_ONE_KIND: usize = 4;

/// Returns the next rebuild that has to be made to learn which axis makes a cell differ; `None` if
/// nothing differs, if it is known, or if it cannot be learned.
pub fn next_trial(
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Option<Variation> {
    let reference = attempts.iter().find(|attempt| attempt.number == 0)?;
    // What an older version built has no probe to say what reached it.
    if reference.reached == Reached::default() {
        return None;
    }
    let axes = match inquire(&trials(reference, attempts, comparisons)) {
        Inquiry::Try(axes) => axes,
        Inquiry::Over(_) => return None,
    };
    let on_these = || {
        attempts
            .iter()
            .filter(|attempt| attempt.number > 0 && attempt.variation.axes == axes)
    };
    let is_hopeless = on_these().any(|attempt| match &attempt.outcome {
        Outcome::Built { .. } => false,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => true,
    });
    let is_enough = comparisons.len() >= MOST_TRIALS || on_these().count() >= MOST_OF_ONE_KIND;
    // Time zones, say, may differ from the reference's day in one rebuild and not in another.
    let first = comparisons.iter().find(|(_, found)| !found.is_same())?.0;
    (!is_hopeless && !is_enough).then(|| Variation::like(first, next_number(attempts), &axes))
}

//! The rebuilds that find out why a cell differs. Pure.

use crate::compare::{Comparison, Inquiry, MOST_ALIKE, MOST_TRIALS, inquire};
use crate::ledger::AttemptRecord;
use crate::outcome::{Outcome, Reached};
use crate::run::assess::trials;
use crate::run::next_number;
use crate::variation::Variation;

/// How often the same surroundings are tried, at most: one more than any of them needs, so that an axis
/// which reaches some attempts and not others does not keep an inquiry going.
const MOST_OF_ONE_KIND: usize = MOST_ALIKE + 1;

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
    let (axes, like) = match inquire(&trials(reference, attempts, comparisons)) {
        Inquiry::Try { axes, like } => (axes, like),
        Inquiry::Over(_) => return None,
    };
    let like = attempts.iter().find(|attempt| attempt.number == like)?;
    let next = Variation::like(&like.variation, next_number(attempts), &axes);
    let on_these = || {
        attempts
            .iter()
            .filter(|attempt| attempt.number > 0 && attempt.variation.axes == axes)
            .filter(|attempt| attempt.variation.choices() == next.choices())
    };
    let is_hopeless = on_these().any(|attempt| match &attempt.outcome {
        Outcome::Built { .. } => false,
        Outcome::Failed { failure } => !failure.is_infrastructure(),
        Outcome::Excluded { .. } => true,
    });
    // Those that are made without an inquiry vary all that the one varies that it looks at.
    let fewer = like.variation.axes.len();
    let own = attempts
        .iter()
        .filter(|attempt| attempt.number > 0 && attempt.variation.axes.len() < fewer);
    let is_enough = own.count() >= MOST_TRIALS || on_these().count() >= MOST_OF_ONE_KIND;
    (!is_hopeless && !is_enough).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Answer;
    use crate::digest::Sha256Digest;
    use crate::ledger::testing::{attempt, probe_of, with_bits};
    use crate::variation::{Axis, Cpus};

    /// Makes attempts of a build whose bits are what it makes of its surroundings, until nothing more
    /// has to be tried, and returns what was found and all surroundings.
    fn inquired(
        rebuilds: u32,
        build: impl Fn(&Variation) -> String,
    ) -> (Option<Answer>, Vec<Variation>) {
        let (mut attempts, mut comparisons) = (Vec::new(), Vec::new());
        let mut make = |variation: Variation| {
            let number = variation.attempt;
            let bits = Sha256Digest::of(build(&variation).as_bytes());
            let mut made = attempt(number, with_bits(bits));
            let on = |axis| Some(u32::from(variation.axes.contains(&axis)) * number);
            made.reached = probe_of(on);
            made.variation = variation;
            attempts.push(made);
            if number > 0 && attempts[0].outcome == attempts[attempts.len() - 1].outcome {
                let same = Comparison {
                    differences: Vec::new(),
                    metadata_equal: true,
                };
                comparisons.push((number, same));
            }
            next_trial(&attempts, &comparisons).ok_or_else(|| {
                match inquire(&trials(&attempts[0], &attempts, &comparisons)) {
                    Inquiry::Over(answer) => Some(answer),
                    Inquiry::Try { .. } => None,
                }
            })
        };
        let mut all = vec![Variation::reference()];
        all.extend((1..=rebuilds).map(|n| {
            Variation::of(
                n,
                if n == 1 {
                    Cpus::One
                } else {
                    Cpus::AllAndMoreJobs
                },
                &Axis::expected(),
            )
        }));
        let mut next = Err(None);
        for variation in &all {
            next = make(variation.clone());
        }
        loop {
            match next {
                Ok(variation) => {
                    all.push(variation.clone());
                    next = make(variation);
                }
                Err(answer) => return (answer, all),
            }
        }
    }

    fn only(axis: Axis, agreeing: usize) -> Option<Answer> {
        let sets = vec![[axis].into_iter().collect()];
        Some(Answer::Axes { sets, agreeing })
    }

    #[test]
    fn what_makes_a_rebuild_differ_is_looked_for_with_its_own_values() {
        // Of these, the second rebuild has what makes no difference.
        let (found, all) = inquired(2, |of| (of.locale == "tr_TR.UTF-8").to_string());
        assert_eq!(found, only(Axis::Locale, 3));
        let tried = all[3..].iter().filter(|of| of.axes.contains(&Axis::Locale));
        assert!(tried.clone().count() > 2);
        assert!(tried.clone().all(|of| of.locale == "tr_TR.UTF-8"));
        // Of these, the first one has.
        let (found, all) = inquired(2, |of| (of.umask == "002").to_string());
        assert_eq!(found, only(Axis::Umask, 3));
        assert!(all[3..].iter().all(|of| of.umask != "077"));
        let (found, all) = inquired(5, |of| of.more_jobs.to_string());
        assert_eq!(found, only(Axis::Cpus, 8));
        assert!(all[6..].iter().all(|of| of.cpus == 0));
        let (found, _) = inquired(5, |of| (of.cpus == 1).to_string());
        assert_eq!(found, only(Axis::Cpus, 8));
    }

    #[test]
    fn the_same_values_that_give_both_results_flip() {
        // The second and the fourth have the same values on the axes that have but a few.
        let (found, _) = inquired(4, |of| (of.attempt == 4).to_string());
        let axes = Axis::expected();
        assert_eq!(found, Some(Answer::Unsteady { axes }));
    }
}

//! Which axis did it: from the rebuilds that were made to the one that has to be made next, and in the
//! end to the smallest sets of axes that make a module differ.
//!
//! A rebuild with nothing varied that differs is noise, and no axis is to blame. Else the axes of a
//! rebuild that differs are cut down by halving, until each that is left is needed; what else makes
//! it differ is looked for among the others, until all the others together agree.
//!
//! Some axes have a few values of which one may make a module differ and another not: one CPU or more
//! jobs than CPUs, one locale or another. Rebuilds are held against each other only where these are the
//! same, and what makes a rebuild differ is looked for with its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::variation::Axis;

/// How often each of these is made before it is believed: a rebuild with nothing varied, one with the
/// axes that are blamed, and one with all the others. What flips between two results at 6:4 passes all
/// three in less than one case in a hundred.
const CONFIRMATIONS: usize = 3;

/// How often it has to agree with the CPUs held before they are believed to do it. Threads that race do so
/// more often where there are more of them, and now and then with the reference's: then it is no axis
/// that does it.
const CONFIRMATIONS_OF_CPUS: usize = 8;

/// The most rebuilds with the same surroundings that an inquiry asks for.
pub const MOST_ALIKE: usize = CONFIRMATIONS_OF_CPUS;

/// How many ways there are to choose between values, on four axes of two values each. Where somebody tells of
/// more, nobody looks at more.
const MOST_CHOICES: usize = 16;

/// The most axes that are looked for that do it only together.
const MOST_TOGETHER: usize = 3;

/// The most rebuilds that an inquiry takes, beside those that are made without one.
pub const MOST_TRIALS: usize = 40;

/// One rebuild that was held against the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The attempt's number.
    pub number: u32,
    /// The axes on which it was found to differ from the reference's surroundings.
    pub axes: BTreeSet<Axis>,
    /// What it had on those of them that have but a few values (`Variation::choices`).
    pub choices: BTreeMap<Axis, String>,
    /// True if it has the reference's bits.
    pub same: bool,
}

/// Where an inquiry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// A rebuild is needed with just these axes, and on them with what the attempt of this number had.
    Try {
        axes: BTreeSet<Axis>,
        like: u32,
    },
    Over(Answer),
}

/// What an inquiry came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Answer {
    /// Nothing differed.
    Same,
    /// It differed although nothing was varied.
    Noise { differing: usize, of: usize },
    /// With these axes varied it gave both the reference's bits and others.
    Unsteady { axes: BTreeSet<Axis> },
    /// More axes than are looked for are needed together, or it flips: which of the two, nobody has
    /// found out.
    TooMany { axes: BTreeSet<Axis>, limit: usize },
    /// Any of these sets makes it differ; with all of them held it agreed, this often.
    Axes {
        sets: Vec<BTreeSet<Axis>>,
        agreeing: usize,
    },
}

/// Says what to try next, or what was found.
pub fn inquire(trials: &[Trial]) -> Inquiry {
    let mut answer = Found::default();
    let mut unexplained: Vec<&Trial> = trials.iter().filter(|trial| !trial.same).collect();
    // The one with the most axes first; of several the first that was made, whichever ended first.
    unexplained.sort_by_key(|trial| (Reverse(trial.axes.len()), trial.number));
    let mut bases = 0;
    while let Some(base) = unexplained.first().copied() {
        bases += 1;
        if bases > MOST_CHOICES {
            let axes = base.axes.clone();
            return Inquiry::Over(Answer::Unsteady { axes });
        }
        let alike = Trials::like(base, trials);
        match alike.inquire(&base.axes, &mut answer) {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Step::Over(answer)) => return Inquiry::Over(answer),
            ControlFlow::Break(Step::Try(axes)) => {
                let like = base.number;
                return Inquiry::Try { axes, like };
            }
        }
        unexplained.retain(|trial| !is_like(trial, base));
    }
    let Some(agreeing) = answer.agreeing else {
        return Inquiry::Over(Answer::Same);
    };
    // What differs without any of the sets does so by chance, or against what larger ones showed.
    let is_explained = |trial: &&Trial| answer.sets.iter().any(|set| set.is_subset(&trial.axes));
    let mut differing = trials.iter().filter(|trial| !trial.same);
    match differing.find(|trial| !is_explained(trial)) {
        Some(trial) => Inquiry::Over(Answer::Unsteady {
            axes: trial.axes.clone(),
        }),
        None => Inquiry::Over(Answer::Axes {
            sets: answer.sets,
            agreeing,
        }),
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    sets: Vec<BTreeSet<Axis>>,
    /// How often it agreed with all of the sets held; the fewest of all that rebuilds were held against.
    agreeing: Option<usize>,
}

/// What ends or holds up an inquiry.
enum Step {
    Try(BTreeSet<Axis>),
    Over(Answer),
}

/// Returns true if a rebuild has on its axes what another one has.
fn is_like(trial: &Trial, base: &Trial) -> bool {
    let mut axes = trial.axes.iter();
    axes.all(|axis| trial.choices.get(axis) == base.choices.get(axis))
}

/// Where the cutting down of a set of axes stands.
enum Cut {
    Try(BTreeSet<Axis>),
    /// These gave both results.
    Mixed(BTreeSet<Axis>),
    /// More of these seem to be needed than are looked for.
    TooMany(BTreeSet<Axis>),
    /// Each of these is needed, as far as every larger set differs where a smaller one does.
    Done(BTreeSet<Axis>),
}

/// Rebuilds that may be held against each other.
struct Trials<'a>(Vec<&'a Trial>);

impl<'a> Trials<'a> {
    fn like(base: &Trial, trials: &'a [Trial]) -> Self {
        let alike = trials.iter().filter(|trial| is_like(trial, base));
        Self(alike.collect())
    }

    /// Looks for what makes a rebuild on these axes differ, beside what was found before.
    fn inquire(&self, whole: &BTreeSet<Axis>, found: &mut Found) -> ControlFlow<Step> {
        let over = |answer| ControlFlow::Break(Step::Over(answer));
        let next = |axes| ControlFlow::Break(Step::Try(axes));
        let nothing = BTreeSet::new();
        let (agreeing, differing) = self.count(&nothing);
        if differing > 0 {
            return over(Answer::Noise {
                differing,
                of: agreeing + differing,
            });
        }
        if agreeing < CONFIRMATIONS {
            return next(nothing);
        }
        loop {
            let rest: BTreeSet<Axis> = whole
                .iter()
                .filter(|axis| !found.sets.iter().any(|set| set.contains(axis)))
                .copied()
                .collect();
            let enough = if found.sets.iter().any(|set| set.contains(&Axis::Cpus)) {
                CONFIRMATIONS_OF_CPUS
            } else {
                CONFIRMATIONS
            };
            match self.count(&rest) {
                (0, 0) => return next(rest),
                (1.., 1..) => return over(Answer::Unsteady { axes: rest }),
                (agreeing, 0) if agreeing < enough => return next(rest),
                (agreeing, 0) => {
                    let fewest = found.agreeing.map_or(agreeing, |known| known.min(agreeing));
                    found.agreeing = Some(fewest);
                    return ControlFlow::Continue(());
                }
                (0, _) => {}
            }
            let smallest = match self.cut(&rest) {
                Cut::Try(axes) => return next(axes),
                Cut::Mixed(axes) => return over(Answer::Unsteady { axes }),
                Cut::TooMany(axes) => {
                    let limit = MOST_TOGETHER;
                    return over(Answer::TooMany { axes, limit });
                }
                Cut::Done(axes) => axes,
            };
            match self.count(&smallest) {
                (1.., _) => return over(Answer::Unsteady { axes: smallest }),
                (0, differing) if differing < CONFIRMATIONS => return next(smallest),
                (0, _) => found.sets.push(smallest),
            }
        }
    }

    /// Returns how many rebuilds with just these axes agreed, and how many differed.
    fn count(&self, axes: &BTreeSet<Axis>) -> (usize, usize) {
        let of = |same| {
            let matching = self.0.iter().filter(|trial| trial.axes == *axes);
            matching.filter(|trial| trial.same == same).count()
        };
        (of(true), of(false))
    }

    /// Cuts a set that differs down to axes that are all needed. The shortest beginning of the list
    /// that differs ends with one of them, and is found by halving; with that one kept, the next is
    /// found in the beginning.
    fn cut(&self, axes: &BTreeSet<Axis>) -> Cut {
        let mut rest: Vec<Axis> = axes.iter().copied().collect();
        let mut needed = BTreeSet::new();
        loop {
            if !needed.is_empty() {
                match self.count(&needed) {
                    (0, 0) => return Cut::Try(needed),
                    (0, 1..) => return Cut::Done(needed),
                    (1.., 0) if !rest.is_empty() => {}
                    (1.., _) => return Cut::Mixed(needed),
                }
            }
            // As many of the first as agree, and as many as differ.
            let (mut agree, mut differ) = (0, rest.len());
            while differ - agree > 1 {
                let middle = agree + (differ - agree) / 2;
                let mut tried = needed.clone();
                tried.extend(&rest[..middle]);
                match self.count(&tried) {
                    (0, 0) => return Cut::Try(tried),
                    (0, 1..) => differ = middle,
                    (1.., 0) => agree = middle,
                    (1.., 1..) => return Cut::Mixed(tried),
                }
            }
            needed.insert(rest[differ - 1]);
            rest.truncate(differ - 1);
            if needed.len() > MOST_TOGETHER {
                return Cut::TooMany(axes.clone());
            }
        }
    }
}

/// Returns how many rebuilds agreed that had all of these axes varied. Of those with one CPU one counts: threads
/// that race each other never do so there, so the others say nothing of them.
pub fn agreeing_with(trials: &[Trial], axes: &BTreeSet<Axis>) -> u32 {
    let agreeing = trials
        .iter()
        .filter(|trial| trial.same && axes.is_subset(&trial.axes));
    let has_one = |trial: &&Trial| {
        trial
            .choices
            .get(&Axis::Cpus)
            .is_some_and(|cpus| cpus == "1")
    };
    let (on_one, others): (Vec<&Trial>, Vec<&Trial>) = agreeing.partition(has_one);
    u32::try_from(others.len() + on_one.len().min(1)).unwrap_or(u32::MAX)
}

/// Returns the highest rate at which a rebuild may still differ although this many agreed, at 95 %:
/// one with a higher rate would have shown itself in 19 of 20 such series. 1 if there were none.
pub fn rate_not_excluded(agreeing: u32) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / f64::from(agreeing.max(1)))
}

#[cfg(test)]
mod tests;

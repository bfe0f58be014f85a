//! Which axis did it: from the rebuilds that were made to the one that has to be made next, and in the
//! end to the smallest sets of axes that make a module differ.
//!
//! A rebuild with nothing varied that differs is noise, and no axis is to blame. Else the axes of a
//! rebuild that differs are cut down by halving, until each that is left is needed; what else makes
//! it differ is looked for among the others, until all the others together agree.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::variation::Axis;

/// How often each of these is made before it is believed: a rebuild with nothing varied, one with the
/// axes that are blamed, and one with all the others. What flips between two results at 6:4 passes all
/// three in less than one case in a hundred.
const CONFIRMATIONS: usize = 3;

/// The most axes that are looked for that do it only together.
const MOST_TOGETHER: usize = 3;

/// The most rebuilds that an inquiry takes.
pub const MOST_TRIALS: usize = 40;

/// One rebuild that was held against the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The axes on which it was found to differ from the reference's surroundings.
    pub axes: BTreeSet<Axis>,
    /// True if it has the reference's bits.
    pub same: bool,
}

/// Where an inquiry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// A rebuild with just these axes is needed.
    Try(BTreeSet<Axis>),
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
    /// The same axes gave both the reference's bits and others.
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
    let trials = Trials(trials);
    let Some(whole) = trials.largest_that_differs() else {
        return Inquiry::Over(Answer::Same);
    };
    let nothing = BTreeSet::new();
    let (agreeing, differing) = trials.count(&nothing);
    if differing > 0 {
        return Inquiry::Over(Answer::Noise {
            differing,
            of: agreeing + differing,
        });
    }
    if agreeing < CONFIRMATIONS {
        return Inquiry::Try(nothing);
    }
    let mut sets: Vec<BTreeSet<Axis>> = Vec::new();
    loop {
        let rest: BTreeSet<Axis> = whole
            .iter()
            .filter(|axis| !sets.iter().any(|set| set.contains(axis)))
            .copied()
            .collect();
        match trials.count(&rest) {
            (0, 0) => return Inquiry::Try(rest),
            (1.., 1..) => return Inquiry::Over(Answer::Unsteady { axes: rest }),
            (agreeing, 0) if agreeing < CONFIRMATIONS => return Inquiry::Try(rest),
            (agreeing, 0) => return Inquiry::Over(Answer::Axes { sets, agreeing }),
            (0, _) => {}
        }
        let smallest = match trials.cut(&rest) {
            Cut::Try(axes) => return Inquiry::Try(axes),
            Cut::Mixed(axes) => return Inquiry::Over(Answer::Unsteady { axes }),
            Cut::TooMany(axes) => {
                let limit = MOST_TOGETHER;
                return Inquiry::Over(Answer::TooMany { axes, limit });
            }
            Cut::Done(axes) => axes,
        };
        match trials.count(&smallest) {
            (1.., _) => return Inquiry::Over(Answer::Unsteady { axes: smallest }),
            (0, differing) if differing < CONFIRMATIONS => return Inquiry::Try(smallest),
            (0, _) => sets.push(smallest),
        }
    }
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

struct Trials<'a>(&'a [Trial]);

impl Trials<'_> {
    /// Returns how many rebuilds with just these axes agreed, and how many differed.
    fn count(&self, axes: &BTreeSet<Axis>) -> (usize, usize) {
        let of = |same| {
            let matching = self.0.iter().filter(|trial| trial.axes == *axes);
            matching.filter(|trial| trial.same == same).count()
        };
        (of(true), of(false))
    }

    fn differing(&self) -> impl Iterator<Item = &BTreeSet<Axis>> {
        self.0
            .iter()
            .filter(|trial| !trial.same)
            .map(|trial| &trial.axes)
    }

    fn largest_that_differs(&self) -> Option<BTreeSet<Axis>> {
        self.differing().max_by_key(|axes| axes.len()).cloned()
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

/// Returns the highest rate at which a rebuild may still differ although this many agreed, at 95 %:
/// one with a higher rate would have shown itself in 19 of 20 such series. 1 if there were none.
pub fn rate_not_excluded(agreeing: u32) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / f64::from(agreeing.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(axes: &[Axis]) -> BTreeSet<Axis> {
        axes.iter().copied().collect()
    }

    /// Rebuilds until the inquiry is over, beginning with one that varies everything.
    fn solve(mut same: impl FnMut(&BTreeSet<Axis>, usize) -> bool) -> (Answer, usize) {
        let mut trials = Vec::new();
        let mut next = Axis::all();
        loop {
            let result = same(&next, trials.len());
            trials.push(Trial {
                axes: next,
                same: result,
            });
            match inquire(&trials) {
                Inquiry::Try(_) if trials.len() == MOST_TRIALS => {
                    let axes = trials[0].axes.clone();
                    return (Answer::Unsteady { axes }, MOST_TRIALS);
                }
                Inquiry::Try(axes) => next = axes,
                Inquiry::Over(finding) => return (finding, trials.len()),
            }
        }
    }

    #[test]
    fn every_single_axis_is_found() {
        for axis in Axis::ALL {
            let (finding, trials) = solve(|axes, _| !axes.contains(&axis));
            let expected = Answer::Axes {
                sets: vec![set(&[axis])],
                agreeing: CONFIRMATIONS,
            };
            assert_eq!(finding, expected);
            assert!(trials <= 15, "{axis} took {trials}");
        }
    }

    #[test]
    fn axes_that_do_it_together_are_found_together() {
        for (index, one) in Axis::ALL.into_iter().enumerate() {
            for other in Axis::ALL.into_iter().skip(index + 1) {
                let (finding, _) = solve(|axes, _| !(axes.contains(&one) && axes.contains(&other)));
                let expected = Answer::Axes {
                    sets: vec![set(&[one, other])],
                    agreeing: CONFIRMATIONS,
                };
                assert_eq!(finding, expected);
            }
        }
    }

    #[test]
    fn three_axes_are_found_together_and_of_four_it_is_said_that_they_are_too_many() {
        let of = |needed: &[Axis]| {
            let needed = set(needed);
            solve(|axes, _| !needed.is_subset(axes))
        };
        let three = [Axis::HostName, Axis::Locale, Axis::Memory];
        let (finding, _) = of(&three);
        let expected = Answer::Axes {
            sets: vec![set(&three)],
            agreeing: CONFIRMATIONS,
        };
        assert_eq!(finding, expected);
        let (finding, trials) = of(&[Axis::HostName, Axis::Locale, Axis::Umask, Axis::Memory]);
        let expected = Answer::TooMany {
            axes: Axis::all(),
            limit: MOST_TOGETHER,
        };
        assert_eq!(finding, expected);
        assert!(trials < MOST_TRIALS, "{trials}");
    }

    #[test]
    fn axes_that_each_do_it_are_found_one_by_one() {
        let (finding, _) =
            solve(|axes, _| !axes.contains(&Axis::HostName) && !axes.contains(&Axis::Clock));
        let Answer::Axes { mut sets, .. } = finding else {
            panic!("{finding:?}");
        };
        sets.sort();
        assert_eq!(sets, [set(&[Axis::HostName]), set(&[Axis::Clock])]);
    }

    #[test]
    fn what_differs_with_nothing_varied_is_noise() {
        let (finding, trials) = solve(|_, _| false);
        assert_eq!(
            finding,
            Answer::Noise {
                differing: 1,
                of: 1
            }
        );
        assert_eq!(trials, 2);
    }

    #[test]
    fn what_flips_is_hardly_ever_blamed_on_an_axis() {
        // A linear congruential generator (Knuth's MMIX), for coins that fall alike every time.
        let mut state: u64 = 1;
        let mut blamed = 0;
        for _ in 0..2000 {
            let (finding, _) = solve(|_, number| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                number > 0 && (state >> 33) % 10 < 6
            });
            match finding {
                Answer::Axes { .. } => blamed += 1,
                Answer::Noise { .. }
                | Answer::Unsteady { .. }
                | Answer::TooMany { .. }
                | Answer::Same => {}
            }
        }
        assert!(blamed <= 20, "{blamed} of 2000");
    }

    #[test]
    fn what_agreeing_rebuilds_exclude_is_a_number() {
        for (agreeing, percent) in [(1, 95), (2, 78), (3, 63), (8, 31), (59, 5), (299, 1)] {
            let rate = rate_not_excluded(agreeing) * 100.0;
            assert_eq!(rate.round() as u32, percent, "{agreeing}");
        }
    }
}

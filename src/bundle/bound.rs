//! What a sample of a release says of all of it: exact bounds for a finite number of cells.
//!
//! Of `cells` cells, `sampled` were drawn without replacement and `differing` of those differ. How many
//! of all differ is bounded from above by the largest number under which so few would still have been
//! drawn in at least 1 of 20 cases: the one-sided Clopper-Pearson bound with the hypergeometric in
//! place of the binomial distribution. Every cell that was looked at counts as itself, so a sample of
//! all of them leaves nothing open.

use serde::{Deserialize, Serialize};

/// The share of draws in which a bound may be wrong.
const ALPHA: f64 = 0.05;

/// Numbers that come out as exactly [`ALPHA`] but for rounding are taken as reaching it, which makes a
/// bound larger and never smaller.
const ROUNDING: f64 = 1e-9;

/// What was drawn of one stratum, or of all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draw {
    pub cells: u64,
    pub sampled: u64,
    /// Those that differ, and those that nothing could be found out of, which may.
    pub differing: u64,
}

/// How many cells of a release can differ, at 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    pub at_most: u64,
    pub of: u64,
}

impl Bound {
    /// Returns the bound in tenths of a percent, rounded up.
    pub fn per_mille(self) -> u64 {
        (self.at_most * 1000).div_ceil(self.of.max(1))
    }
}

/// Bounds how many cells differ of those that draws were made from, one draw per stratum.
///
/// Of one stratum the bound is exact. Of several without a difference it is exact too: the cells that
/// differ are taken to stand where they are the least likely to be drawn. Of several with a difference
/// each is bounded for its share of the error (Bonferroni), which is never too low.
pub fn bound(draws: &[Draw]) -> Bound {
    let factorials = LogFactorials::up_to(draws.iter().map(|draw| draw.cells).max().unwrap_or(0));
    let of = draws.iter().map(|draw| draw.cells).sum();
    let at_most = match draws {
        [] => 0,
        [one] => factorials.most(*one, ALPHA),
        several if several.iter().all(|draw| draw.differing == 0) => most_unseen(several),
        several => {
            let share = ALPHA / several.len() as f64;
            several
                .iter()
                .map(|draw| factorials.most(*draw, share))
                .sum()
        }
    };
    Bound { at_most, of }
}

/// Returns the most cells that can differ if none of those that were drawn does. Each further one that
/// differs makes it less likely that none was drawn, by a factor that falls with their number in its
/// stratum; so the least telling places are found one by one.
fn most_unseen(draws: &[Draw]) -> u64 {
    let mut placed = vec![0_u64; draws.len()];
    let mut log_likelihood = 0.0;
    loop {
        let factor = |index: usize| {
            let draw = draws[index];
            let left = draw.cells - placed[index];
            left.saturating_sub(draw.sampled) as f64 / left.max(1) as f64
        };
        let best = (0..draws.len()).max_by(|a, b| factor(*a).total_cmp(&factor(*b)));
        let Some(best) = best.filter(|best| factor(*best) > 0.0) else {
            break;
        };
        log_likelihood += factor(best).ln();
        if log_likelihood < ALPHA.ln() - ROUNDING {
            break;
        }
        placed[best] += 1;
    }
    placed.iter().sum()
}

/// Natural logarithms of factorials.
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn up_to(most: u64) -> Self {
        let mut sum = 0.0;
        let mut table = vec![0.0];
        for number in 1..=most {
            sum += (number as f64).ln();
            table.push(sum);
        }
        Self(table)
    }

    fn choose(&self, of: u64, taken: u64) -> f64 {
        self.0[of as usize] - self.0[taken as usize] - self.0[(of - taken) as usize]
    }

    /// Returns the probability that at most as many as were drawn are, if `differ` cells do.
    fn at_most_drawn(&self, draw: Draw, differ: u64) -> f64 {
        let Draw { cells, sampled, .. } = draw;
        let all = self.choose(cells, sampled);
        let fewest = sampled.saturating_sub(cells - differ);
        let most = draw.differing.min(differ).min(sampled);
        (fewest..=most)
            .map(|drawn| {
                self.choose(differ, drawn) + self.choose(cells - differ, sampled - drawn) - all
            })
            .map(f64::exp)
            .sum()
    }

    /// Returns the most cells that can differ, with the error that is allowed.
    fn most(&self, draw: Draw, alpha: f64) -> u64 {
        let (mut possible, mut too_many) = (
            draw.differing,
            draw.cells - draw.sampled + draw.differing + 1,
        );
        while too_many - possible > 1 {
            let middle = possible + (too_many - possible) / 2;
            if self.at_most_drawn(draw, middle) >= alpha * (1.0 - ROUNDING) {
                possible = middle;
            } else {
                too_many = middle;
            }
        }
        possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells, sampled, differing, and the most that can differ.
    const BOUNDS: [(u64, u64, u64, u64); 20] = [
        (20, 19, 0, 1),
        (20, 10, 0, 3),
        (100, 1, 0, 95),
        (100, 10, 0, 24),
        (100, 10, 1, 38),
        (100, 45, 0, 4),
        (100, 45, 3, 13),
        (100, 59, 0, 3),
        (1000, 59, 0, 48),
        (1000, 59, 2, 100),
        (1000, 300, 0, 8),
        (10_000, 59, 0, 493),
        (10_000, 59, 1, 777),
        (10_000, 299, 0, 98),
        (10_000, 299, 10, 557),
        (10_000, 2995, 0, 8),
        (2000, 1999, 1, 1),
        (6, 3, 0, 3),
        (2, 1, 0, 1),
        (4, 1, 0, 3),
    ];

    /// Strata of cells and sampled ones, and the most that can differ, found by trying every
    /// allocation.
    type Strata = (&'static [(u64, u64)], u64);
    const STRATA: &[Strata] = &[
        (&[(10, 2), (10, 2)], 9),
        (&[(10, 5), (30, 5)], 12),
        (&[(8, 1), (8, 4), (20, 6)], 10),
        (&[(5, 5), (40, 10)], 9),
        (&[(12, 3), (6, 1), (3, 1)], 9),
        (&[(60, 30), (60, 5)], 26),
    ];

    fn draw(cells: u64, sampled: u64, differing: u64) -> Draw {
        Draw {
            cells,
            sampled,
            differing,
        }
    }

    /// The numbers were computed with exact rational arithmetic by another program.
    #[test]
    fn bounds_are_those_of_exact_arithmetic() {
        for (cells, sampled, differing, at_most) in BOUNDS {
            let found = bound(&[draw(cells, sampled, differing)]);
            assert_eq!(
                (found.at_most, found.of),
                (at_most, cells),
                "{sampled} of {cells}, {differing} differ"
            );
        }
    }

    #[test]
    fn several_strata_are_bounded_where_a_difference_hides_best() {
        for (draws, at_most) in STRATA {
            let draws: Vec<Draw> = draws.iter().map(|(n, k)| draw(*n, *k, 0)).collect();
            assert_eq!(bound(&draws).at_most, *at_most, "{draws:?}");
        }
    }

    #[test]
    fn a_sample_of_everything_leaves_nothing_open() {
        for (cells, differing) in [(1, 0), (1, 1), (7, 3), (500, 0)] {
            assert_eq!(bound(&[draw(cells, cells, differing)]).at_most, differing);
        }
        let all = [draw(3, 3, 1), draw(4, 4, 0)];
        assert_eq!(bound(&all), Bound { at_most: 1, of: 7 });
        assert_eq!(bound(&[]), Bound { at_most: 0, of: 0 });
    }

    #[test]
    fn what_was_not_looked_at_may_all_differ() {
        assert_eq!(bound(&[draw(12, 0, 0)]).at_most, 12);
        assert_eq!(bound(&[draw(5, 5, 0), draw(9, 0, 0)]).at_most, 9);
    }

    #[test]
    fn a_larger_sample_never_proves_less_and_a_difference_never_proves_more() {
        for cells in [1_u64, 2, 9, 40] {
            for sampled in 0..cells {
                let less = bound(&[draw(cells, sampled, 0)]).at_most;
                assert!(bound(&[draw(cells, sampled + 1, 0)]).at_most <= less);
            }
            for differing in 0..cells {
                let fewer = bound(&[draw(cells, cells, differing)]).at_most;
                assert!(bound(&[draw(cells, cells, differing + 1)]).at_most > fewer);
            }
        }
    }

    #[test]
    fn a_share_is_rounded_up() {
        for (at_most, of, per_mille) in [(0, 10, 0), (1, 3, 334), (10, 10, 1000), (1, 10_000, 1)] {
            assert_eq!(Bound { at_most, of }.per_mille(), per_mille);
        }
    }
}

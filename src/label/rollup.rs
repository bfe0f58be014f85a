//! The label of a whole release: every cell that was promised, built or not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::label::Tier;
use crate::name::{Arch, CellId, Distro};

/// Where one promised cell stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum CellStanding {
    Labelled {
        tier: Tier,
        stale: bool,
    },
    /// It made no module.
    Failed,
    /// The module says that it is not for this kernel.
    Excluded,
    /// Nothing is recorded of it.
    Missing,
}

/// What is said of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollup {
    pub tier: Tier,
    pub promised: usize,
    /// The number of cells per tier, best first; tiers without cells are left out.
    pub tiers: Vec<(Tier, usize)>,
    /// Cells that their own modules exclude: promised, and neither built nor failed.
    #[serde(default)]
    pub excluded: usize,
    pub failed: usize,
    pub missing: usize,
    pub stale: usize,
    /// Set with `partial`: the families that are at least `constrained`, such as `debian/amd64`.
    pub holds_for: Vec<String>,
    /// Set with `partial`: the families that are not.
    pub not_for: Vec<String>,
    pub because: String,
}

/// Rolls the cells of a release up. Cells that are missing or failed are part of it; those that their
/// modules exclude are counted and named, and say nothing for or against a family.
pub fn roll_up<'a>(cells: impl IntoIterator<Item = (&'a CellId, CellStanding)>) -> Rollup {
    let mut counts: BTreeMap<Tier, usize> = BTreeMap::new();
    let mut families: BTreeMap<(&Distro, Arch), bool> = BTreeMap::new();
    let (mut promised, mut excluded, mut failed, mut missing, mut stale) = (0, 0, 0, 0, 0);
    for (id, standing) in cells {
        promised += 1;
        let holds = match standing {
            CellStanding::Labelled { tier, stale: old } => {
                *counts.entry(tier).or_default() += 1;
                stale += usize::from(old);
                tier >= Tier::Constrained
            }
            CellStanding::Excluded => {
                excluded += 1;
                continue;
            }
            CellStanding::Failed => {
                failed += 1;
                false
            }
            CellStanding::Missing => {
                missing += 1;
                false
            }
        };
        let family = families.entry((&id.distro, id.arch)).or_insert(true);
        *family &= holds;
    }
    let (holds_for, not_for) = groups(&families);
    let worst = counts.keys().next().copied();
    let incomplete = failed + missing > 0;
    let (tier, because) = match worst {
        None => (Tier::Unverified, "no cell has a label".to_owned()),
        Some(worst) if !incomplete && worst >= Tier::Constrained => {
            let because = match excluded {
                0 => format!("every cell is at least {worst}"),
                count => format!(
                    "every cell is at least {worst}, but for {count} that their modules exclude"
                ),
            };
            (worst, because)
        }
        Some(_) if !holds_for.is_empty() => (
            Tier::Partial,
            format!(
                "{} at least constrained, {} not{}",
                are(&holds_for),
                are(&not_for),
                match excluded {
                    0 => String::new(),
                    count => format!("; their modules exclude {count} cells"),
                }
            ),
        ),
        Some(Tier::Irreproducible) => (
            Tier::Irreproducible,
            "cells differ when they are rebuilt, and no distribution family and architecture is \
             constrained as a whole"
                .to_owned(),
        ),
        Some(_) => (
            Tier::Unverified,
            "no distribution family or architecture is constrained as a whole".to_owned(),
        ),
    };
    let partial = tier == Tier::Partial;
    Rollup {
        tier,
        promised,
        tiers: counts.into_iter().rev().collect(),
        excluded,
        failed,
        missing,
        stale,
        holds_for: if partial { holds_for } else { Vec::new() },
        not_for: if partial { not_for } else { Vec::new() },
        because,
    }
}

/// Names whole distributions and architectures where they stand on one side, and pairs otherwise.
fn groups(families: &BTreeMap<(&Distro, Arch), bool>) -> (Vec<String>, Vec<String>) {
    let mut holds = BTreeSet::new();
    let mut not = BTreeSet::new();
    for ((distro, arch), all_hold) in families {
        let name = format!("{distro}/{arch}");
        if *all_hold {
            holds.insert(name);
        } else {
            not.insert(name);
        }
    }
    (holds.into_iter().collect(), not.into_iter().collect())
}

fn are(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tier: Tier) -> CellStanding {
        CellStanding::Labelled { tier, stale: false }
    }

    fn rolled(cells: &[(&str, CellStanding)]) -> Rollup {
        let ids: Vec<CellId> = cells
            .iter()
            .map(|(id, _)| id.parse().expect("a cell id"))
            .collect();
        roll_up(ids.iter().zip(cells.iter().map(|(_, s)| s.clone())))
    }

    const A: &str = "debian-12/amd64/6.1.0-1-amd64=1/m";
    const B: &str = "debian-12/arm64/6.1.0-1-arm64=1/m";
    const C: &str = "debian-13/amd64/6.12.1-amd64=1/m";

    #[test]
    fn a_release_is_what_all_its_cells_are() {
        use Tier as T;
        for (a, b, c, expected) in [
            (at(T::Full), at(T::Full), at(T::Full), T::Full),
            (at(T::Full), at(T::Constrained), at(T::Full), T::Constrained),
            (at(T::Full), at(T::Unverified), at(T::Full), T::Partial),
            (at(T::Full), CellStanding::Failed, at(T::Full), T::Partial),
            (at(T::Full), CellStanding::Missing, at(T::Full), T::Partial),
            (
                at(T::Partial),
                at(T::Partial),
                at(T::Partial),
                T::Unverified,
            ),
            (
                at(T::Irreproducible),
                at(T::Unverified),
                at(T::Full),
                T::Irreproducible,
            ),
            (
                CellStanding::Failed,
                CellStanding::Failed,
                CellStanding::Missing,
                T::Unverified,
            ),
        ] {
            let rollup = rolled(&[(A, a.clone()), (B, b.clone()), (C, c.clone())]);
            assert_eq!(rollup.tier, expected, "{a:?} {b:?} {c:?}");
            assert_eq!(rollup.promised, 3);
        }
    }

    #[test]
    fn an_excluded_cell_is_counted_and_says_nothing_for_or_against() {
        let excluded = || CellStanding::Excluded;
        let rollup = rolled(&[(A, at(Tier::Full)), (B, excluded())]);
        assert_eq!(rollup.tier, Tier::Full);
        assert_eq!((rollup.promised, rollup.excluded), (2, 1));
        assert_eq!(
            rollup.because,
            "every cell is at least full, but for 1 that their modules exclude"
        );
        let failed = rolled(&[(A, excluded()), (B, CellStanding::Failed)]);
        assert_eq!((failed.tier, failed.failed), (Tier::Unverified, 1));
        let partial = rolled(&[
            (A, at(Tier::Full)),
            (B, excluded()),
            (C, CellStanding::Failed),
        ]);
        assert_eq!(partial.tier, Tier::Unverified, "debian/amd64 does not hold");
        assert_eq!(rolled(&[(A, excluded())]).tier, Tier::Unverified);
    }

    #[test]
    fn partial_names_both_sides() {
        let rollup = rolled(&[(A, at(Tier::Full)), (B, CellStanding::Missing)]);
        assert_eq!(rollup.holds_for, ["debian/amd64"]);
        assert_eq!(rollup.not_for, ["debian/arm64"]);
        assert_eq!(
            rollup.because,
            "debian/amd64 is at least constrained, debian/arm64 is not"
        );
    }

    #[test]
    fn an_empty_release_proves_nothing() {
        assert_eq!(rolled(&[]).tier, Tier::Unverified);
    }
}

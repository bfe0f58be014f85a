//! What would raise a label, found by trying: every better vector is held against the rule table, and
//! the smallest changes that reach a tier are kept.

use serde::{Deserialize, Serialize};

use crate::label::{Axis, Grade, RuleTable, Tier, Vector};

/// One smallest set of changes that takes a label to a tier: with any of them left out, or any of
/// them smaller, that tier is not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    pub tier: Tier,
    /// In the order of the vector.
    pub changes: Vec<Change>,
}

/// One axis, the grade that it has and the grade that it would need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub axis: Axis,
    pub from: Grade,
    pub to: Grade,
}

/// One grade that a better tier needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Raise {
    pub tier: Tier,
    pub axis: Axis,
    pub from: Grade,
    pub to: Grade,
}

/// Returns every smallest way to every tier that is better than the vector's, the next tier first. A
/// tier that no change ends at, because what reaches it reaches a better one, has none.
pub fn ways(table: &RuleTable, vector: &Vector) -> Vec<Way> {
    let now = table.tier(vector);
    let mut better: Vec<Tried> = tried(table, vector);
    better.retain(|tried| tried.tier > now);
    better.sort_by_key(|tried| tried.steps.iter().sum::<usize>());
    let mut found = Vec::new();
    for tier in Tier::ALL.iter().filter(|tier| **tier > now) {
        let mut smallest: Vec<&Tried> = Vec::new();
        for tried in better.iter().filter(|tried| tried.tier >= *tier) {
            if !smallest.iter().any(|known| known.is_within(tried)) {
                smallest.push(tried);
            }
        }
        let ending_here = smallest.into_iter().filter(|tried| tried.tier == *tier);
        found.extend(ending_here.map(|tried| Way {
            tier: *tier,
            changes: changes(vector, &tried.vector),
        }));
    }
    found
}

/// Returns the changes of the first way, or of a better one that takes no other axis.
pub fn raised_by(ways: &[Way]) -> Vec<Raise> {
    let axes = |way: &Way| -> Vec<Axis> { way.changes.iter().map(|change| change.axis).collect() };
    let Some(first) = ways.first() else {
        return Vec::new();
    };
    let alike = ways.iter().rev().find(|way| axes(way) == axes(first));
    let way = alike.unwrap_or(first);
    way.changes
        .iter()
        .map(|change| Raise {
            tier: way.tier,
            axis: change.axis,
            from: change.from,
            to: change.to,
        })
        .collect()
}

/// One vector that was tried.
struct Tried {
    vector: Vector,
    tier: Tier,
    /// By how many grades each axis that bears on a tier is better.
    steps: Vec<usize>,
}

impl Tried {
    /// Returns true if another takes all these changes, or larger ones.
    fn is_within(&self, other: &Self) -> bool {
        self.steps.iter().zip(&other.steps).all(|(a, b)| a <= b)
    }
}

/// Tries every vector that is nowhere worse. Axes that no tier names are left as they are.
fn tried(table: &RuleTable, vector: &Vector) -> Vec<Tried> {
    let names = |axis: &Axis| {
        let mut needs = table.tiers.iter().flat_map(|(_, needs)| needs);
        needs.any(|(named, _)| named == axis)
    };
    let mut all = vec![(vector.clone(), Vec::new())];
    for axis in Axis::ALL.iter().filter(|axis| names(axis)) {
        let better = from(*axis, vector.get(*axis));
        all = all
            .iter()
            .flat_map(|(vector, steps)| {
                better.iter().enumerate().map(|(step, grade)| {
                    let (mut vector, mut steps) = (vector.clone(), steps.clone());
                    vector.set(*axis, *grade);
                    steps.push(step);
                    (vector, steps)
                })
            })
            .collect();
    }
    all.into_iter()
        .map(|(vector, steps)| Tried {
            tier: table.tier(&vector),
            vector,
            steps,
        })
        .collect()
}

/// Returns the grades of an axis from this one upwards.
fn from(axis: Axis, grade: Grade) -> &'static [Grade] {
    let grades = axis.grades();
    let at = grades.iter().position(|known| *known == grade);
    &grades[at.unwrap_or(0)..]
}

fn changes(before: &Vector, after: &Vector) -> Vec<Change> {
    Axis::ALL
        .iter()
        .map(|axis| Change {
            axis: *axis,
            from: before.get(*axis),
            to: after.get(*axis),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::rule_table;

    fn best() -> Vector {
        let mut vector = Vector::lowest();
        for axis in Axis::ALL {
            let grades = axis.grades();
            vector.set(*axis, grades[grades.len() - 1]);
        }
        vector
    }

    fn shown(vector: &Vector) -> Vec<String> {
        ways(rule_table(), vector)
            .iter()
            .map(|way| {
                let to: Vec<&str> = way
                    .changes
                    .iter()
                    .map(|change| change.to.as_str())
                    .collect();
                format!("{}: {}", way.tier, to.join(" "))
            })
            .collect()
    }

    #[test]
    fn every_better_tier_has_its_smallest_changes() {
        use Grade as G;
        let of = |grades: &[(Axis, Grade)]| {
            let mut vector = best();
            for (axis, grade) in grades {
                vector.set(*axis, *grade);
            }
            shown(&vector)
        };
        assert_eq!(of(&[]), [""; 0]);
        assert_eq!(of(&[(Axis::Interface, G::Signed)]), ["full: traced"]);
        assert_eq!(
            of(&[(Axis::Interface, G::Signed), (Axis::Source, G::Dirty)]),
            ["constrained: archived", "full: traced archived"]
        );
        assert_eq!(
            of(&[
                (Axis::Interface, G::Locked),
                (Axis::Reproducibility, G::Differs)
            ]),
            [
                "partial: normalised",
                "constrained: varied",
                "full: varied traced"
            ]
        );
        assert_eq!(
            of(&[(Axis::ClosedInputs, G::Undeclared)]),
            ["constrained: declared", "full: no-closed-inputs"]
        );
    }

    #[test]
    fn each_change_of_a_way_is_needed_and_all_of_them_are_enough() {
        let table = rule_table();
        let mut vector = Vector::lowest();
        for grade in Axis::Reproducibility.grades() {
            vector.set(Axis::Reproducibility, *grade);
            for way in ways(table, &vector) {
                let with = |left_out: Option<Axis>| {
                    let mut raised = vector.clone();
                    for change in &way.changes {
                        if Some(change.axis) != left_out {
                            raised.set(change.axis, change.to);
                        }
                    }
                    table.tier(&raised)
                };
                assert_eq!(with(None), way.tier, "{way:?}");
                for change in &way.changes {
                    assert!(with(Some(change.axis)) < way.tier, "{way:?}");
                }
            }
        }
    }

    #[test]
    fn the_short_answer_goes_as_far_as_the_same_axes_go() {
        let mut vector = best();
        vector.set(Axis::Reproducibility, Grade::Unattempted);
        vector.set(Axis::Interface, Grade::Locked);
        let raises = raised_by(&ways(rule_table(), &vector));
        let [raise] = &raises[..] else {
            panic!("{raises:?}");
        };
        assert_eq!((raise.tier, raise.to), (Tier::Constrained, Grade::Varied));
        assert_eq!(raise.from, Grade::Unattempted);
    }
}

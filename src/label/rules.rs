//! The rule table: versioned data, read from `rules.toml`, which is part of the program.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::digest::Sha256Digest;
use crate::label::{Axis, Grade, Tier, Vector};

const TEXT: &str = include_str!("rules.toml");

/// What each tier needs.
#[derive(Debug)]
pub struct RuleTable {
    pub version: u32,
    /// The digest of the file that the table was read from.
    pub digest: Sha256Digest,
    /// Best first: a tier, and the least grade per axis that it needs.
    pub tiers: Vec<(Tier, Vec<(Axis, Grade)>)>,
}

/// Returns the program's rule table.
pub fn rule_table() -> &'static RuleTable {
    static TABLE: OnceLock<RuleTable> = OnceLock::new();
    TABLE.get_or_init(|| read(TEXT).expect("the program's own rule table"))
}

/// Returns the file's text, for printing.
pub fn text() -> &'static str {
    TEXT
}

fn read(text: &str) -> Result<RuleTable, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        version: u32,
        tier: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        name: Tier,
        needs: Vec<Grade>,
    }
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let tiers = file
        .tier
        .into_iter()
        .map(|entry| {
            let needs = entry
                .needs
                .into_iter()
                .map(|grade| (axis_of(grade), grade))
                .collect();
            (entry.name, needs)
        })
        .collect();
    Ok(RuleTable {
        version: file.version,
        digest: Sha256Digest::of(text.as_bytes()),
        tiers,
    })
}

fn axis_of(grade: Grade) -> Axis {
    Axis::ALL
        .iter()
        .copied()
        .find(|axis| axis.grades().contains(&grade))
        .expect("every grade belongs to an axis")
}

impl RuleTable {
    /// Returns the tier that a vector reaches.
    pub fn tier(&self, vector: &Vector) -> Tier {
        if vector.reproducibility == Grade::Differs {
            return Tier::Irreproducible;
        }
        self.tiers
            .iter()
            .find(|(_, needs)| missing(needs, vector).next().is_none())
            .map_or(Tier::Unverified, |(tier, _)| *tier)
    }
}

fn missing<'a>(
    needs: &'a [(Axis, Grade)],
    vector: &'a Vector,
) -> impl Iterator<Item = (Axis, Grade)> + 'a {
    needs
        .iter()
        .copied()
        .filter(|(axis, least)| vector.get(*axis) < *least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best() -> Vector {
        let mut vector = Vector::lowest();
        for axis in Axis::ALL {
            let grades = axis.grades();
            vector.set(*axis, grades[grades.len() - 1]);
        }
        vector
    }

    #[test]
    fn the_grades_of_the_axes_are_all_grades_in_order() {
        let listed: Vec<Grade> = Axis::ALL
            .iter()
            .flat_map(|axis| axis.grades().iter().copied())
            .collect();
        assert_eq!(listed, Grade::ALL);
    }

    #[test]
    fn tiers_follow_the_table() {
        let with = |changes: &[(Axis, Grade)]| {
            let mut vector = best();
            for (axis, grade) in changes {
                vector.set(*axis, *grade);
            }
            rule_table().tier(&vector)
        };
        use {Axis as A, Grade as G, Tier as T};
        assert_eq!(with(&[]), T::Full);
        for (changes, tier) in [
            (&[(A::Reproducibility, G::Varied)][..], T::Full),
            (&[(A::Interface, G::Traced)], T::Full),
            (&[(A::Source, G::Archived)], T::Full),
            (&[(A::Signing, G::Unsigned)], T::Full),
            (&[(A::Interface, G::Signed)], T::Constrained),
            (&[(A::Interface, G::Locked)], T::Constrained),
            (&[(A::ClosedInputs, G::Declared)], T::Constrained),
            (&[(A::Toolchain, G::Pinned)], T::Constrained),
            (&[(A::Reproducibility, G::Fixed)], T::Partial),
            (&[(A::Reproducibility, G::Normalised)], T::Partial),
            (&[(A::Interface, G::InterfaceUnpinned)], T::Unverified),
            (&[(A::Toolchain, G::ToolchainUnpinned)], T::Unverified),
            (&[(A::ClosedInputs, G::Undeclared)], T::Unverified),
            (&[(A::Isolation, G::Open)], T::Unverified),
            (&[(A::Source, G::Dirty)], T::Unverified),
            (&[(A::Metadata, G::MetadataDiffers)], T::Unverified),
            (&[(A::Reproducibility, G::Unattempted)], T::Unverified),
            (&[(A::Reproducibility, G::Differs)], T::Irreproducible),
        ] {
            assert_eq!(with(changes), tier, "{changes:?}");
        }
        assert_eq!(rule_table().tier(&Vector::lowest()), T::Unverified);
    }

    #[test]
    fn a_worse_grade_never_raises_a_tier() {
        let table = rule_table();
        // Every vector of the axes that bear on a tier.
        let mut vectors = vec![Vector::lowest()];
        for axis in Axis::ALL {
            vectors = vectors
                .into_iter()
                .flat_map(|vector| {
                    axis.grades().iter().map(move |grade| {
                        let mut next = vector.clone();
                        next.set(*axis, *grade);
                        next
                    })
                })
                .collect();
        }
        for vector in &vectors {
            for axis in Axis::ALL {
                let grades = axis.grades();
                let at = grades
                    .iter()
                    .position(|grade| *grade == vector.get(*axis))
                    .expect("a grade of the axis");
                if at == 0 {
                    continue;
                }
                let mut worse = vector.clone();
                worse.set(*axis, grades[at - 1]);
                let (after, before) = (table.tier(&worse), table.tier(vector));
                assert!(!after.says_more_than(before), "{axis} {vector:?}");
                // But for a difference that nobody looked for, the word never rises either.
                let is_hidden = vector.get(*axis) == Grade::Differs;
                assert!(after <= before || is_hidden, "{axis} {vector:?}");
            }
        }
    }

    #[test]
    fn only_the_two_tiers_that_say_nothing_for_a_cell_are_alike() {
        for (index, tier) in Tier::ALL.iter().enumerate() {
            for lower in &Tier::ALL[..index] {
                let are_alike = (*tier, *lower) == (Tier::Unverified, Tier::Irreproducible);
                assert_eq!(tier.says_more_than(*lower), !are_alike, "{tier} {lower}");
                assert!(!lower.says_more_than(*tier), "{lower} {tier}");
            }
        }
    }

    #[test]
    fn any_change_of_the_text_changes_the_digest() {
        let known = rule_table().digest;
        assert_eq!(known, Sha256Digest::of(TEXT.as_bytes()));
        for (from, to) in [
            ("version = 1", "version = 2"),
            ("\"traced\"", "\"signed\""),
            ("# The rule table", "# A rule table"),
            ("    \"sealed\",\n", ""),
        ] {
            let changed = TEXT.replacen(from, to, 1);
            assert_ne!(changed, TEXT, "`{from}` is in the text");
            let table = read(&changed).expect("a table");
            assert_ne!(table.digest, known, "{from}");
        }
        let longer = read(&format!("{TEXT}\n")).expect("a table");
        assert_ne!(longer.digest, known, "an empty line counts too");
    }
}

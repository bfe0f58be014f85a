//! What the rebuilds showed, and its grade.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::compare::cause::{Cause, Confidence, Named};
use crate::compare::{Answer, Normalisation, rate_not_excluded};
use crate::label::Grade;
use crate::variation::Axis;

/// How many doubts a reason names.
const MOST_DOUBTS: usize = 3;

/// What the rebuilds showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebuilds {
    pub same: u32,
    /// Those that are the same after named normalisations, and not before.
    #[serde(default)]
    pub normalised: u32,
    /// All of the normalisations that these took.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub normalisations: BTreeSet<Normalisation>,
    pub different: u32,
    /// Those that made no module although the reference did, for a reason that is the build's own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// How many there have to be, as their numbers and what was asked for tell, but for those that only
    /// the engine ended. What is missing of them may have differed.
    #[serde(default)]
    pub made: u32,
    /// The axes that were varied together, as observed, in most of those that agreed.
    pub varied: BTreeSet<Axis>,
    /// How many of those that agreed had all of these varied.
    pub with_these: u32,
    /// What could make some differ and is not excluded by those that agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What makes some differ, where that was looked for to its end.
    pub finding: Option<Answer>,
    /// Why some differ, the most certain first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Named>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Rebuilds {
    /// Returns how many agreed with all of the axes in `varied` varied.
    fn agreed(&self) -> u32 {
        self.with_these.min(self.same)
    }

    /// Returns how many have left nothing but their number.
    fn unaccounted(&self) -> u32 {
        let known = [self.same, self.normalised, self.different, self.failed];
        let known = known.into_iter().fold(0, u32::saturating_add);
        self.made.saturating_sub(known)
    }

    /// Returns true if all of them agreed, and nothing lets chance in.
    pub(super) fn is_even(&self) -> bool {
        self.agreed() > 0
            && self.different + self.normalised + self.failed + self.unaccounted() == 0
            && self.doubts.is_empty()
    }

    /// Says in one line what makes rebuilds differ; nothing if none does, or if nobody looked.
    pub fn blamed(&self) -> Option<String> {
        match self.finding.as_ref()? {
            Answer::Same => None,
            Answer::Noise { .. } => Some("it differs with nothing varied".to_owned()),
            Answer::Unsteady { .. } => {
                Some("some agree and some differ with the same axes varied".to_owned())
            }
            Answer::TooMany { limit, .. } => Some(format!(
                "it takes more than {limit} axes together, or differs by chance"
            )),
            Answer::Axes { sets, agreeing } => {
                let sets: Vec<String> = sets.iter().map(names).collect();
                let sets = sets.join(", or another ");
                Some(format!(
                    "it takes another {sets}: {agreeing} rebuilds without that agree"
                ))
            }
        }
    }

    /// Returns the share of builds, in percent and rounded up, that may still flip although these
    /// rebuilds agreed: what flips more often would have shown itself in 19 of 20 cases.
    pub fn flips_not_excluded_percent(&self) -> u32 {
        (rate_not_excluded(self.agreed()) * 100.0).ceil() as u32
    }
}

/// Grades what the rebuilds showed. Numbers that contradict each other count for the least of what
/// they could say.
pub(super) fn rebuilds(found: Option<&Rebuilds>) -> (Grade, String) {
    let Some(rebuilds) = found else {
        return (Grade::Unattempted, "it was not rebuilt".to_owned());
    };
    let (grade, because) = if rebuilds.different + rebuilds.normalised > 0 {
        differing(rebuilds)
    } else if rebuilds.agreed() > 0 {
        agreeing(rebuilds)
    } else {
        (Grade::Unattempted, "no rebuild gave its bits".to_owned())
    };
    let mut gone = Vec::new();
    if rebuilds.failed > 0 {
        gone.push(format!("{} made no module", rebuilds.failed));
    }
    match rebuilds.unaccounted() {
        0 => {}
        count => gone.push(format!(
            "of {count} of {} nothing came to be compared",
            rebuilds.made
        )),
    }
    if gone.is_empty() {
        return (grade, because);
    }
    let gone = gone.join(", and ");
    if grade > Grade::Differs {
        let text = format!("{gone}, so the other rebuilds prove nothing: {because}");
        return (Grade::Unattempted, text);
    }
    (grade, format!("{because}; {gone}"))
}

fn agreeing(rebuilds: &Rebuilds) -> (Grade, String) {
    let count = rebuilds.agreed();
    let noun = if count == 1 { "rebuild" } else { "rebuilds" };
    let proof = format!(
        "at 95 % that excludes only what flips in more than {} % of builds",
        rebuilds.flips_not_excluded_percent()
    );
    let held: Vec<&str> = Axis::expected()
        .into_iter()
        .filter(|axis| !rebuilds.varied.contains(axis))
        .map(Axis::noun)
        .collect();
    if held.is_empty() && rebuilds.doubts.is_empty() {
        let all: Vec<&str> = rebuilds.varied.iter().map(|axis| axis.noun()).collect();
        let all = all.join(", ");
        let place = if rebuilds.varied.contains(&Axis::HeaderPath) {
            ""
        } else {
            ", and with the headers in their place"
        };
        let text = format!("{count} {noun} gave the same bits with another {all}{place}; {proof}");
        return (Grade::Varied, text);
    }
    let mut but = Vec::new();
    if !held.is_empty() {
        but.push(format!("with the same {}", held.join(", ")));
    }
    but.extend(rebuilds.doubts.iter().take(MOST_DOUBTS).cloned());
    match rebuilds.doubts.len().saturating_sub(MOST_DOUBTS) {
        0 => {}
        more => but.push(format!("{more} more such doubts")),
    }
    let but = but.join("; and ");
    let text = format!("{count} {noun} gave the same bits, but {but}; {proof}");
    (Grade::Fixed, text)
}

fn differing(rebuilds: &Rebuilds) -> (Grade, String) {
    let (grade, because) = without_cause(rebuilds);
    let cause = match rebuilds.causes.first() {
        None => String::new(),
        Some(named) if named.cause == Cause::Unexplained => {
            "; no cause that is known accounts for it".to_owned()
        }
        Some(named) => {
            let sure = match named.confidence {
                Confidence::Certain => "the cause is",
                Confidence::Likely => "the cause is likely",
            };
            format!("; {sure} {} (`{}`)", named.cause.entry().noun, named.cause)
        }
    };
    (grade, because + &cause)
}

fn without_cause(rebuilds: &Rebuilds) -> (Grade, String) {
    let other = rebuilds.different + rebuilds.normalised;
    let total = rebuilds.same + other;
    let count = format!("{other} of {total} rebuilds gave other bits");
    let is_axes = matches!(rebuilds.finding, Some(Answer::Axes { .. }));
    if rebuilds.different == 0 && !is_axes {
        return normalised(rebuilds, &count);
    }
    // Where all axes that are varied belong to a set, those that agree with it held vary nothing.
    let same = rebuilds.same as usize;
    match &rebuilds.finding {
        Some(Answer::Axes { sets, agreeing })
            if sets.is_empty()
                || sets.iter().any(BTreeSet::is_empty)
                || !(1..=same).contains(agreeing) =>
        {
            if rebuilds.different == 0 {
                normalised(rebuilds, &count)
            } else {
                (Grade::Differs, count)
            }
        }
        None | Some(Answer::Same) => (Grade::Differs, count),
        Some(Answer::Noise { differing, of }) => {
            let text = format!("{count}; so did {differing} of {of} with nothing varied");
            (Grade::Differs, text)
        }
        Some(Answer::Unsteady { axes }) => {
            let text = format!(
                "{count}; with another {} some agree and some do not",
                names(axes)
            );
            (Grade::Differs, text)
        }
        Some(Answer::TooMany { axes, limit }) => {
            let text = format!(
                "{count}; it takes more than {limit} axes together (of {}), or differs by chance: \
                 which of the two was not found out",
                names(axes)
            );
            (Grade::Differs, text)
        }
        Some(Answer::Axes { sets, agreeing }) => {
            let sets: Vec<String> = sets.iter().map(names).collect();
            let text = format!(
                "{count}, all of them with another {}; {agreeing} with the same and everything \
                 else varied agreed",
                sets.join(", or another ")
            );
            (Grade::Fixed, text)
        }
    }
}

/// Grades rebuilds of which none differs after normalisation.
fn normalised(rebuilds: &Rebuilds, count: &str) -> (Grade, String) {
    if rebuilds.normalisations.is_empty() {
        return (Grade::Differs, count.to_owned());
    }
    let taken: Vec<String> = rebuilds
        .normalisations
        .iter()
        .map(|each| format!("`{each}` ({})", each.reason()))
        .collect();
    let taken = taken.join(", ");
    (
        Grade::Normalised,
        format!("{count}, all of them the same after normalisation: {taken}"),
    )
}

/// Writes axes that only do it together as one.
fn names(axes: &BTreeSet<Axis>) -> String {
    if axes.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<&str> = axes.iter().map(|axis| axis.noun()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_agreeing(same: u32) -> Rebuilds {
        Rebuilds {
            same,
            normalised: 0,
            normalisations: BTreeSet::new(),
            different: 0,
            failed: 0,
            made: same,
            varied: Axis::all(),
            with_these: same,
            doubts: Vec::new(),
            finding: None,
            causes: Vec::new(),
        }
    }

    fn one_differing(finding: Option<Answer>) -> (Grade, String) {
        rebuilds(Some(&Rebuilds {
            different: 1,
            finding,
            ..all_agreeing(9)
        }))
    }

    #[test]
    fn what_agreeing_rebuilds_prove_is_said_in_numbers() {
        let (grade, because) = rebuilds(Some(&all_agreeing(8)));
        assert_eq!(grade, Grade::Varied);
        let end = "at 95 % that excludes only what flips in more than 32 % of builds";
        assert!(because.ends_with(end), "{because}");
        assert!(!because.contains("in their place"), "{because}");
        let (grade, because) = rebuilds(Some(&Rebuilds {
            varied: Axis::expected(),
            ..all_agreeing(8)
        }));
        assert_eq!(grade, Grade::Varied);
        assert!(
            because.contains(", and with the headers in their place; at 95 %"),
            "{because}"
        );
    }

    #[test]
    fn a_doubt_that_is_not_settled_keeps_agreement_from_counting_in_full() {
        let (grade, because) = rebuilds(Some(&Rebuilds {
            doubts: vec!["the order may flip".to_owned()],
            ..all_agreeing(3)
        }));
        assert_eq!(grade, Grade::Fixed);
        assert!(
            because.contains("but the order may flip; at 95 %"),
            "{because}"
        );
    }

    #[test]
    fn a_rebuild_that_made_no_module_takes_away_what_others_prove() {
        let failed = |found: Rebuilds| rebuilds(Some(&Rebuilds { failed: 1, ..found }));
        let (grade, because) = failed(all_agreeing(3));
        assert_eq!(grade, Grade::Unattempted);
        assert!(
            because.starts_with("1 made no module, so the other rebuilds prove nothing: 3 "),
            "{because}"
        );
        let (grade, because) = failed(Rebuilds {
            different: 1,
            ..all_agreeing(3)
        });
        assert_eq!(grade, Grade::Differs);
        assert!(because.ends_with("; 1 made no module"), "{because}");
    }

    #[test]
    fn a_rebuild_of_which_nothing_but_its_number_is_left_may_have_differed() {
        let gap = |found: Rebuilds| rebuilds(Some(&Rebuilds { made: 4, ..found }));
        let (grade, because) = gap(all_agreeing(3));
        assert_eq!(grade, Grade::Unattempted);
        assert!(
            because.starts_with("of 1 of 4 nothing came to be compared, so the other rebuilds"),
            "{because}"
        );
        let (grade, because) = gap(Rebuilds {
            different: 1,
            ..all_agreeing(1)
        });
        assert_eq!(grade, Grade::Differs);
        assert!(
            because.ends_with("of 2 of 4 nothing came to be compared"),
            "{because}"
        );
    }

    #[test]
    fn what_only_normalisation_makes_the_same_says_which() {
        let (grade, because) = rebuilds(Some(&Rebuilds {
            normalised: 1,
            normalisations: [Normalisation::Debug].into(),
            finding: Some(Answer::Noise {
                differing: 1,
                of: 1,
            }),
            ..all_agreeing(0)
        }));
        assert_eq!(grade, Grade::Normalised);
        assert!(
            because.contains("after normalisation: `debug` ("),
            "{because}"
        );
    }

    #[test]
    fn only_an_axis_that_was_found_out_keeps_a_difference_from_counting_in_full() {
        let sets = vec![[Axis::HostName].into_iter().collect()];
        let (grade, because) = one_differing(Some(Answer::Axes { sets, agreeing: 3 }));
        assert_eq!(grade, Grade::Fixed);
        assert!(
            because.contains("all of them with another host name"),
            "{because}"
        );
        for finding in [
            None,
            Some(Answer::Noise {
                differing: 1,
                of: 1,
            }),
            Some(Answer::Unsteady { axes: Axis::all() }),
            Some(Answer::TooMany {
                axes: Axis::all(),
                limit: 3,
            }),
        ] {
            let (grade, because) = one_differing(finding);
            assert_eq!(grade, Grade::Differs, "{because}");
            assert!(because.starts_with("1 of 10 rebuilds"), "{because}");
        }
    }

    #[test]
    fn more_axes_than_are_looked_for_are_not_said_to_flip() {
        let axes = [Axis::HostName, Axis::Home, Axis::Locale, Axis::Clock];
        let (grade, because) = one_differing(Some(Answer::TooMany {
            axes: axes.into(),
            limit: 3,
        }));
        assert_eq!(grade, Grade::Differs);
        assert!(
            because.contains("more than 3 axes together") && !because.contains("same surroundings"),
            "{because}"
        );
    }
}

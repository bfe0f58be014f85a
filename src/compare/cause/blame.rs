//! What the answer of an inquiry makes of causes that were read from bytes.

use std::collections::BTreeSet;

use super::named::{Found, together};
use super::open::order_of;
use super::{Cause, Confidence, Lines, Named};
use crate::compare::Answer;
use crate::variation::Axis;

/// The causes that the bytes of one rebuild name, and the axes on which it differed from the reference.
pub type OfRebuild<'a> = (&'a BTreeSet<Axis>, &'a [Named]);

/// Holds the causes of all rebuilds against what an inquiry came to.
///
/// Where every set of axes that makes the module differ was varied by itself, what such a rebuild shows
/// is that set's doing, and what rebuilds show that varied more is all of that at once.
pub fn blame_each(rebuilds: &[OfRebuild<'_>], answer: &Answer, lines: &Lines<'_>) -> Vec<Named> {
    let by = |axes: Option<&BTreeSet<Axis>>| {
        let of_axes = rebuilds
            .iter()
            .filter(|(varied, _)| axes.is_none_or(|axes| axes == *varied));
        together(of_axes.flat_map(|(_, named)| named.to_vec()), lines)
    };
    match answer {
        Answer::Axes { sets, agreeing } if sets.iter().all(|set| !by(Some(set)).is_empty()) => {
            let each = sets.iter().flat_map(|set| {
                let alone = Answer::Axes {
                    sets: vec![set.clone()],
                    agreeing: *agreeing,
                };
                blame(by(Some(set)), &alone, lines)
            });
            together(each, lines)
        }
        Answer::Axes { .. }
        | Answer::Same
        | Answer::Unsteady { .. }
        | Answer::TooMany { .. }
        | Answer::Noise { .. } => blame(by(None), answer, lines),
    }
}

/// Holds causes against what an inquiry came to: an axis that was found makes its cause certain, and
/// gives its name to what no bytes tell.
pub fn blame(named: Vec<Named>, answer: &Answer, lines: &Lines<'_>) -> Vec<Named> {
    let mut found = Found::default();
    match answer {
        Answer::Same => return named,
        Answer::Unsteady { .. } | Answer::TooMany { .. } | Answer::Noise { .. } => {
            // What differs with nothing varied, or now and then, in a source that throws dice and takes in
            // nothing else that is new each time, is what it threw.
            let has = |rule: &str| lines.has(rule);
            let throws = has("random") && !has("clock-in-script") && !has("network");
            let is_noise = matches!(answer, Answer::Noise { .. });
            for each in named {
                let (cause, confidence) = match each.cause {
                    Cause::LinkOrder if is_noise && !throws => {
                        (Cause::LinkOrderParallel, each.confidence)
                    }
                    Cause::Unexplained if throws => (Cause::RandomBytes, Confidence::Likely),
                    Cause::CompilerFlags if throws => (Cause::RandomBytes, each.confidence),
                    cause => (cause, each.confidence),
                };
                found.add_all(cause, confidence, each);
            }
        }
        Answer::Axes { sets, .. } => {
            let axes: BTreeSet<Axis> = sets.iter().flatten().copied().collect();
            let is_shown = |each: &Named| {
                let axis = each.cause.entry().axis;
                axis.is_some_and(|axis| axes.contains(&axis))
            };
            // The set that none of the causes stands for has to account for what is left.
            let shown: BTreeSet<Axis> = named
                .iter()
                .filter(|each| is_shown(each))
                .filter_map(|each| each.cause.entry().axis)
                .collect();
            let unshown: Vec<&BTreeSet<Axis>> =
                sets.iter().filter(|set| set.is_disjoint(&shown)).collect();
            let left: Option<BTreeSet<Axis>> = match (unshown.as_slice(), sets.as_slice()) {
                ([only], _) => Some((*only).clone()),
                ([], [only]) => Some(only.clone()),
                (_, _) => None,
            };
            for each in named {
                let confidence = each.confidence;
                let cause = each.cause;
                match &left {
                    _ if is_shown(&each) => found.add_all(cause, Confidence::Certain, each),
                    Some(set) if is_open(&each) => {
                        for axis in set {
                            let blamed = of(*axis, cause, lines);
                            found.add_all(blamed, Confidence::Certain, each.clone());
                        }
                    }
                    Some(_) | None => found.add_all(cause, confidence, each),
                }
            }
        }
    }
    found.in_order(lines)
}

/// Returns true for what bytes alone do not tell: another axis may well be behind it.
fn is_open(named: &Named) -> bool {
    let is_guess = named.confidence == Confidence::Likely && named.cause.entry().axis.is_some();
    let is_nameless = matches!(
        named.cause,
        Cause::Unexplained | Cause::RandomBytes | Cause::LinkOrder | Cause::CompilerFlags
    );
    is_guess || is_nameless
}

/// Returns the cause that an axis stands for where the bytes looked like another.
fn of(axis: Axis, looked_like: Cause, lines: &Lines<'_>) -> Cause {
    let is_order = matches!(
        looked_like,
        Cause::LinkOrder
            | Cause::LinkOrderWildcard
            | Cause::LinkOrderReaddir
            | Cause::LinkOrderParallel
    );
    let has = |rule: &str| lines.has(rule);
    let is_by_compiler = has("clock-in-code") && !has("clock-in-script");
    if axis == Axis::FileOrder {
        match order_of(lines) {
            Cause::LinkOrder => Cause::LinkOrderReaddir,
            known => known,
        }
    } else if axis == Axis::Cpus && is_order {
        Cause::LinkOrderParallel
    } else if axis == Axis::Clock && is_by_compiler {
        Cause::ClockCode
    } else {
        Cause::of_axis(axis)
    }
}

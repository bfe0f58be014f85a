//! What a rebuild comparison comes to when nothing that follows from its attempts is believed: the
//! attempts are counted and graded again by this program's own rules.

use std::collections::BTreeSet;

use crate::attest::{ComparedAttempt, RebuildComparison};
use crate::compare::{Inquiry, Trial, agreeing_with, inquire};
use crate::label::{
    Axis, Evidence, Grade, Label, Rebuilds, RulesUsed, Tier, Vector, grade, rule_table,
};
use crate::outcome::Failure;

/// A comparison, computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recomputed {
    /// The tier that is borne out by the attempts alone: at most the one that is claimed.
    pub tier: Tier,
    /// The tier if signatures show that the reference and a rebuild that agrees are of different
    /// operators, whatever was varied.
    pub tier_if_independent: Tier,
    /// How many rebuilds have the reference's bits.
    pub rebuilt: u32,
    /// True if the label says `independent`.
    pub says_independent: bool,
    /// Where the statement contradicts itself or the rules, in sentences.
    pub contradictions: Vec<String>,
}

/// Computes a comparison again.
pub(super) fn recompute(comparison: &RebuildComparison) -> Recomputed {
    let label = &comparison.label;
    let mut contradictions = Vec::new();
    let trials = trials(comparison, &mut contradictions);
    let rebuilt = count(trials.iter().filter(|(_, trial)| trial.same).count());
    let shown = shown(comparison, &trials);
    let own = own_grades(&label.vector);
    let vector = bounded(&own, &shown);
    let tier = rule_table().tier(&vector);
    let beside = is_beside(comparison, &trials);
    let tier_if_independent = if beside {
        let mut vector = vector.clone();
        vector.reproducibility = Grade::Independent;
        rule_table().tier(&vector)
    } else {
        tier
    };
    let says_independent = label.vector.reproducibility == Grade::Independent;
    let most = if says_independent {
        tier_if_independent
    } else {
        tier
    };
    for axis in [Axis::Reproducibility, Axis::Metadata] {
        let (says, shows) = (own.get(axis), shown.get(axis));
        let is_of_another = axis == Axis::Reproducibility && says_independent && beside;
        if says > shows && !is_of_another {
            contradictions.push(format!(
                "{axis} is `{says}`, and its attempts show `{shows}`"
            ));
        }
    }
    grades_of_axes(&label.vector, &mut contradictions);
    reasons(label, &mut contradictions);
    let table_tier = rule_table().tier(&own);
    if label.rules == RulesUsed::current() && label.tier != table_tier {
        contradictions.push(format!(
            "its tier is `{}`, and by the rules that it names its vector makes `{table_tier}`",
            label.tier
        ));
    } else if label.tier > most {
        contradictions.push(format!(
            "its tier is `{}`, and what it shows makes `{most}`",
            label.tier
        ));
    }
    Recomputed {
        tier: tier.min(label.tier),
        tier_if_independent: tier_if_independent.min(label.tier),
        rebuilt,
        says_independent,
        contradictions,
    }
}

/// Returns true if the reference and a rebuild are of two platforms by the statement's own words, and
/// nothing in it keeps their agreement from counting.
fn is_beside(comparison: &RebuildComparison, trials: &[(&ComparedAttempt, Trial)]) -> bool {
    let reference = &comparison.reference.platform;
    let doubts = comparison
        .label
        .rebuilds
        .as_ref()
        .is_some_and(|found| !found.doubts.is_empty());
    let every_attempt = trials.len() == comparison.rebuilds.len();
    let of_another = trials
        .iter()
        .any(|(rebuild, _)| rebuild.platform != *reference);
    !doubts && every_attempt && of_another && trials.iter().all(|(_, trial)| trial.same)
}

/// Returns every rebuild that was made, with whether it has the reference's bits, as its digests say.
fn trials<'c>(
    comparison: &'c RebuildComparison,
    contradictions: &mut Vec<String>,
) -> Vec<(&'c ComparedAttempt, Trial)> {
    let reference = &comparison.reference;
    if reference.number != 0 || reference.outcome != "built" || reference.modules.is_empty() {
        contradictions.push("its reference is no attempt 0 that made a module".to_owned());
    }
    let mut numbers = BTreeSet::from([reference.number]);
    let mut specs = BTreeSet::from([(&reference.platform, reference.spec)]);
    let mut trials = Vec::new();
    for rebuild in &comparison.rebuilds {
        let number = rebuild.number;
        if !comparison.platforms.contains_key(&rebuild.platform) {
            contradictions.push(format!("attempt {number} is of no platform that it names"));
        }
        if !numbers.insert(number) | !specs.insert((&rebuild.platform, rebuild.spec)) {
            contradictions.push(format!(
                "attempt {number} is in it twice, or is the reference"
            ));
            continue;
        }
        let same = rebuild.outcome == "built" && digests(rebuild) == digests(reference);
        if same != rebuild.same {
            let word = if same { "the same" } else { "other" };
            contradictions.push(format!(
                "attempt {number} has {word} digests, and it says not"
            ));
        }
        if rebuild.outcome == "built" {
            // One spec is one surrounding, whatever is said of it.
            let axes = if rebuild.spec == reference.spec {
                BTreeSet::new()
            } else {
                &rebuild.varied & &rebuild.reached
            };
            let mut choices = rebuild.choices.clone();
            choices.retain(|axis, _| axes.contains(axis));
            let trial = Trial {
                number,
                axes,
                choices,
                same,
            };
            trials.push((rebuild, trial));
        }
    }
    trials
}

/// Returns an attempt's modules by path; one that is named twice is named twice here too.
fn digests(attempt: &ComparedAttempt) -> Vec<(&str, crate::digest::Sha256Digest)> {
    let modules = attempt.modules.iter();
    let mut digests: Vec<_> = modules.map(|m| (m.path.as_str(), m.sha256)).collect();
    digests.sort_unstable();
    digests
}

/// Grades what the attempts show, and nothing else: reproducibility and metadata.
fn shown(comparison: &RebuildComparison, trials: &[(&ComparedAttempt, Trial)]) -> Vector {
    let claimed = comparison.label.rebuilds.as_ref();
    let agreeing = || trials.iter().filter(|(_, trial)| trial.same);
    let same = count(agreeing().count());
    let differing = count(trials.len()) - same;
    let normalised = match (comparison.normalisations.is_empty(), claimed) {
        (false, Some(claimed)) => claimed.normalised.min(differing),
        (true, _) | (_, None) => 0,
    };
    let all: Vec<Trial> = trials.iter().map(|(_, trial)| trial.clone()).collect();
    let with = |axes: &BTreeSet<_>| agreeing_with(&all, axes);
    let varied = agreeing()
        .map(|(_, trial)| &trial.axes)
        .max_by_key(|axes| (axes.len(), with(axes)))
        .cloned()
        .unwrap_or_default();
    let is_lost = |word: &str| Failure::INFRASTRUCTURE.contains(&word);
    let failed = comparison.rebuilds.iter().filter(|rebuild| {
        let word = rebuild.outcome.as_str();
        word != "built" && word != "excluded" && !is_lost(word)
    });
    // A number that is missing is a rebuild that was left out.
    let last = comparison.rebuilds.iter().map(|rebuild| rebuild.number);
    let lost = comparison.rebuilds.iter();
    let lost = count(lost.filter(|rebuild| is_lost(&rebuild.outcome)).count());
    let numbered = last.max().unwrap_or(0).saturating_sub(lost);
    let rebuilds = Rebuilds {
        same,
        normalised,
        normalisations: comparison.normalisations.clone(),
        different: differing - normalised,
        failed: count(failed.count()),
        made: claimed.map_or(0, |claimed| claimed.made).max(numbered),
        with_these: with(&varied),
        varied,
        doubts: claimed.map_or_else(Vec::new, |claimed| claimed.doubts.clone()),
        finding: match inquire(&all) {
            Inquiry::Over(answer) => Some(answer),
            Inquiry::Try { .. } => None,
        },
        causes: Vec::new(),
    };
    // With the bits, the provenance names other modules: where some agree, those are asked.
    let mut asked = trials.iter().filter(|(_, trial)| trial.same || same == 0);
    let equal = !trials.is_empty() && asked.all(|(rebuild, _)| rebuild.metadata_equal);
    let evidence = Evidence {
        rebuilds: Some(rebuilds),
        metadata_equal: Some(equal),
        ..Evidence::default()
    };
    grade(&evidence).0
}

/// Takes a grade that its axis does not have as the lowest, and `independent` as `varied`.
fn own_grades(vector: &Vector) -> Vector {
    let mut own = vector.clone();
    for axis in Axis::ALL {
        let grades = axis.grades();
        if !grades.contains(&vector.get(*axis)) {
            own.set(*axis, grades[0]);
        }
    }
    if own.reproducibility == Grade::Independent {
        own.reproducibility = Grade::Varied;
    }
    own
}

/// Returns the claimed vector, no better than what the attempts show.
fn bounded(own: &Vector, shown: &Vector) -> Vector {
    let mut vector = own.clone();
    for axis in [Axis::Reproducibility, Axis::Metadata] {
        let shows = shown.get(axis);
        // A difference is no rank: hiding it as something that ranks lower makes it no better.
        if own.get(axis) > shows || shows == Grade::Differs {
            vector.set(axis, shows);
        }
    }
    vector
}

fn grades_of_axes(claimed: &Vector, contradictions: &mut Vec<String>) {
    for axis in Axis::ALL {
        let grade = claimed.get(*axis);
        if !axis.grades().contains(&grade) {
            contradictions.push(format!("`{grade}` is no grade of {axis}"));
        }
    }
}

/// A label never stands without a reason for each of its grades.
fn reasons(label: &Label, contradictions: &mut Vec<String>) {
    for axis in Axis::ALL {
        let mut of_axis = label.reasons.iter().filter(|reason| reason.axis == *axis);
        match (of_axis.next(), of_axis.next()) {
            (Some(reason), None) if reason.grade == label.vector.get(*axis) => {}
            (Some(_), None) => {
                contradictions.push(format!("the reason of {axis} is one of another grade"));
            }
            (None, _) | (_, Some(_)) => {
                contradictions.push(format!("{axis} has not one reason"));
            }
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

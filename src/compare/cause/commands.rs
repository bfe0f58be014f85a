//! What the commands of two builds say of their modules.

use super::find::{Context, is_debug};
use super::named::Found;
use super::texts::of_axis;
use super::{Cause, Confidence, Evidence, shape};
use crate::compare::Differences;
use crate::outcome::{Changed, Sign, WordKind};

/// What stands before an object in a place of evidence.
pub(super) const PLACE: &str = "command of ";

/// Names the options that differ: code that was compiled otherwise follows from them.
pub(super) fn options(pair: &Differences, context: &Context<'_>, found: &mut Found) {
    let is_compiled_otherwise = pair.sections.iter().any(|section| {
        !section.normalised && (section.name.contains("text") || is_debug(&section.name))
    });
    if !is_compiled_otherwise {
        return;
    }
    let names = |view: &crate::compare::ModuleView| {
        let facts = view.facts.as_ref();
        facts.map_or_else(Vec::new, |facts| facts.compilers.clone())
    };
    let is_one_compiler = {
        let (one, two) = (names(&pair.first), names(&pair.second));
        !one.is_empty() && one == two
    };
    for changed in context.commands {
        let (cause, confidence) = match changed.kind {
            WordKind::Flag => (Cause::CompilerFlags, Confidence::Certain),
            // By its own word it is the same, whatever it is called by.
            WordKind::Tool if is_one_compiler => continue,
            WordKind::Tool => (Cause::CompilerVersion, Confidence::Likely),
            WordKind::Definition | WordKind::Path => continue,
        };
        match by_surroundings(changed, context) {
            axes if axes.is_empty() => found.add(cause, confidence, evidence(changed)),
            axes => {
                for cause in axes {
                    found.add(cause, Confidence::Certain, evidence(changed));
                }
            }
        }
    }
}

/// Adds what commands show of causes that were found elsewhere.
pub(super) fn bear_out(context: &Context<'_>, found: &mut Found) {
    for changed in context.commands {
        let mut causes = by_surroundings(changed, context);
        match changed.kind {
            WordKind::Path => causes.extend([Cause::BuildPathCode, Cause::BuildPathDebug]),
            WordKind::Definition => {
                let looks = shape::look("", &text(&changed.first), &text(&changed.second));
                causes.extend(looks.into_iter().map(|(cause, _)| cause));
            }
            WordKind::Tool => causes.push(Cause::CompilerVersion),
            WordKind::Flag => causes.push(Cause::CompilerFlags),
        }
        causes.sort_unstable();
        causes.dedup();
        for cause in causes {
            found.bear_out(cause, evidence(changed));
        }
    }
}

/// Returns the causes that definitions show where bytes show none: what the surroundings account for,
/// what a value looks like, or the definition itself.
pub(super) fn definitions(context: &Context<'_>) -> Vec<(Cause, Confidence, Evidence)> {
    let mut all = Vec::new();
    let definitions = context
        .commands
        .iter()
        .filter(|changed| match changed.kind {
            WordKind::Definition => true,
            WordKind::Tool | WordKind::Flag | WordKind::Path => false,
        });
    for changed in definitions {
        let by_axis = by_surroundings(changed, context);
        let mut named: Vec<(Cause, Confidence)> = by_axis
            .into_iter()
            .map(|cause| (cause, Confidence::Certain))
            .collect();
        if named.is_empty() {
            named = shape::look("", &text(&changed.first), &text(&changed.second));
        }
        if named.is_empty() {
            named.push((Cause::CompilerFlags, Confidence::Likely));
        }
        let with_evidence = |(cause, confidence)| (cause, confidence, evidence(changed));
        all.extend(named.into_iter().map(with_evidence));
    }
    all
}

/// Returns the commands that ask the network, by the program that does, of the builds that have them.
pub(super) fn asking(context: &Context<'_>) -> Vec<Evidence> {
    let asks = |sign: &&Sign| sign.rule == "network-in-command";
    let [one, two] = context.signs.map(|signs| signs.iter().filter(asks));
    let mut all: Vec<Evidence> = Vec::new();
    let firsts = one.map(|sign| (sign, true));
    for (sign, is_first) in firsts.chain(two.map(|sign| (sign, false))) {
        let place = format!("{PLACE}{}", sign.object);
        let word = Some(sign.word.clone());
        let is_known = |known: &&mut Evidence| known.place == place && known.first == word;
        match all.iter_mut().find(is_known) {
            Some(known) if !is_first => known.second = word,
            _ if is_first => all.push(Evidence::values(&place, word, None::<String>)),
            _ => all.push(Evidence::values(&place, None::<String>, word)),
        }
    }
    all
}

/// Returns the option that a place of evidence shows, such as `-DNAME`; `None` if it is no command's.
pub(super) fn option_of(evidence: &Evidence) -> Option<&str> {
    let word = evidence.first.as_deref().or(evidence.second.as_deref())?;
    evidence.place.strip_prefix(PLACE)?;
    Some(match word.split_once('=') {
        Some((name, _)) => name,
        None if word.starts_with("-O") => "-O",
        None => word,
    })
}

/// Returns the causes whose values in both builds are all that tells a word apart.
fn by_surroundings(changed: &Changed, context: &Context<'_>) -> Vec<Cause> {
    let (Some((one, two)), Some(first), Some(second)) =
        (context.surroundings, &changed.first, &changed.second)
    else {
        return Vec::new();
    };
    let axes = one.tell_apart(two, first, second).into_iter();
    axes.map(|axis| of_axis(axis, "", first)).collect()
}

fn text(word: &Option<String>) -> String {
    word.clone().unwrap_or_default()
}

fn evidence(changed: &Changed) -> Evidence {
    let place = format!("{PLACE}{}", changed.object);
    Evidence::values(&place, changed.first.as_ref(), changed.second.as_ref())
}

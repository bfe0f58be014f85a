//! What no place says by itself: it follows from something else, looks like something, or is left
//! unexplained.

use super::find::{Context, is_debug, is_table};
use super::named::Found;
use super::{Cause, Confidence, Evidence, Lines, commands, order, texts};
use crate::compare::{Difference, Differences, Excerpt};

/// How many bytes of no meaning a random constant has; fewer may as well count something.
const RANDOM: std::ops::RangeInclusive<u64> = 4..=64;
/// How many places of random bytes are believed before it is code that differs.
const MOST_RANDOM: usize = 4;

/// Returns the cause of another order, by the lines of the source that list files.
pub(super) fn order_of(lines: &Lines<'_>) -> Cause {
    let mut lines = lines.source.iter().filter(|line| line.rule == "file-order");
    match lines.next() {
        Some(line) if line.text.contains("wildcard") => Cause::LinkOrderWildcard,
        Some(_) => Cause::LinkOrderReaddir,
        None => Cause::LinkOrder,
    }
}

/// Names the causes of the places that are left.
pub(super) fn name(
    pair: &Differences,
    context: &Context<'_>,
    left: Vec<Difference>,
    found: &mut Found,
) {
    sources(pair, context, &left, found);
    let mut open = Vec::new();
    for place in left {
        if follows(pair, &place) {
            continue;
        }
        let named = by_itself(&place, context);
        for (cause, confidence) in &named {
            found.add(*cause, *confidence, Evidence::of(&place));
        }
        if named.is_empty() {
            open.push(place);
        }
    }
    // What follows only from code that differs is told by that code.
    let (mut main, derived): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|place| !is_derived(place));
    if main.is_empty() && found.0.is_empty() {
        main = derived;
    }
    if main.is_empty() || found.has(Cause::changes_all_code) {
        return;
    }
    let cause = guess(pair, context, &main);
    let confidence = if cause == Cause::Unexplained {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    // A definition that accounts for something else does not account for this as well.
    let mut behind = match cause {
        Cause::Unexplained | Cause::NetworkContent => commands::definitions(context),
        _ => Vec::new(),
    };
    behind.retain(|(behind, _, _)| !found.has(|known| known == *behind));
    if behind.is_empty() {
        for place in &main {
            found.add(cause, confidence, Evidence::of(place));
        }
        if cause == Cause::NetworkContent {
            for evidence in commands::asking(context) {
                found.bear_out(cause, evidence);
            }
        }
    }
    for (cause, confidence, evidence) in behind {
        for place in &main {
            found.add(cause, confidence, Evidence::of(place));
        }
        found.bear_out(cause, evidence);
    }
}

/// Finds sources that differ.
fn sources(pair: &Differences, context: &Context<'_>, left: &[Difference], found: &mut Found) {
    if context.same_source || found.has(Cause::changes_all_code) {
        return;
    }
    let version = |view: &crate::compare::ModuleView| {
        let facts = view.facts.as_ref();
        facts.and_then(|facts| facts.srcversion.clone())
    };
    let (one, two) = (version(&pair.first), version(&pair.second));
    let is_versioned = one.is_some() && two.is_some();
    // A generated file that takes in the surroundings counts as a source too.
    let is_taken_in = found.has(|cause| {
        let entry = cause.entry();
        entry.axis.is_some()
            || matches!(
                cause,
                Cause::RandomBytes | Cause::RepositoryState | Cause::NetworkContent
            )
    });
    if is_versioned && one != two && !is_taken_in {
        let evidence = Evidence::values("srcversion", one, two);
        found.add(Cause::SourceDrift, Confidence::Certain, evidence);
        return;
    }
    if is_versioned {
        return;
    }
    for place in left {
        let Difference::Symbol {
            name,
            first,
            second,
        } = place
        else {
            continue;
        };
        let is_own = !order::is_numbered(name) && !name.starts_with('.');
        if first.is_some() != second.is_some() && is_own {
            found.add(Cause::SourceDrift, Confidence::Likely, Evidence::of(place));
        }
    }
}

/// Returns true for what only repeats that something else differs.
fn follows(pair: &Differences, place: &Difference) -> bool {
    let grew = |name: &str| {
        let section = pair.sections.iter().find(|section| section.name == name);
        section.is_some_and(|section| section.reference_bytes != section.rebuild_bytes)
    };
    let has_texts = |name: &str| {
        pair.places.iter().any(|place| match place {
            Difference::Text { section, .. } => texts::family(section) == texts::family(name),
            Difference::Bytes { .. }
            | Difference::Header { .. }
            | Difference::Section { .. }
            | Difference::Relocation { .. }
            | Difference::Symbol { .. }
            | Difference::Modinfo { .. }
            | Difference::Version { .. } => false,
        })
    };
    match place {
        Difference::Bytes { section, .. } => {
            section == ".note.gnu.build-id" || section.starts_with(".BTF")
        }
        Difference::Text { section, .. } => section.starts_with(".BTF") || is_table(section),
        Difference::Section {
            name,
            first,
            second,
        } => {
            // What is longer may have to stand aligned otherwise.
            let is_alignment = match (first, second) {
                (Some(first), Some(second)) => {
                    (first.kind, first.flags) == (second.kind, second.flags)
                        && first.alignment != second.alignment
                        && grew(name)
                }
                (Some(_), None) | (None, Some(_)) | (None, None) => false,
            };
            is_alignment
                || (texts::family(name) != name && has_texts(name))
                || name.starts_with(".BTF")
                || name == ".note.gnu.build-id"
                || is_debug(name)
        }
        Difference::Modinfo { key, .. } => key == "vermagic" || key == "srcversion",
        // What is pointed at stands elsewhere, since what stands before it is longer.
        Difference::Relocation { first, second, .. } => match (first, second) {
            (Some(first), Some(second)) => {
                let (one, two) = (target(first), target(second));
                texts::family(one) == texts::family(two) && (grew(one) || has_texts(one))
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => false,
        },
        Difference::Symbol {
            name,
            first,
            second,
        } => match (first, second) {
            (Some(first), Some(second)) => order::is_moved(first, second),
            // A section's own symbol comes and goes with it.
            (Some(only), None) | (None, Some(only)) => {
                order::is_numbered(name)
                    || name.starts_with('.')
                    || order::goes_with_section(pair, only)
            }
            (None, None) => false,
        },
        Difference::Version { .. } | Difference::Header { .. } => false,
    }
}

/// Returns what a relocation points at, such as `.rodata.str1.1` of `type 2 .rodata.str1.1+0x4`.
fn target(shown: &str) -> &str {
    let symbol = shown.splitn(3, ' ').nth(2).unwrap_or(shown);
    let end = symbol.rfind("+0x").or_else(|| symbol.rfind("-0x"));
    end.map_or(symbol, |end| &symbol[..end])
}

/// Returns true for what debuggers are told, and for symbols and what points at them: they differ
/// with the code.
fn is_derived(place: &Difference) -> bool {
    match place {
        Difference::Bytes { section, .. } | Difference::Text { section, .. } => {
            is_debug(section) || section == "__bug_table" || section.starts_with(".orc_unwind")
        }
        Difference::Header { .. }
        | Difference::Section { .. }
        | Difference::Relocation { .. }
        | Difference::Symbol { .. }
        | Difference::Modinfo { .. }
        | Difference::Version { .. } => false,
    }
}

/// Returns what a place looks like by itself.
fn by_itself(place: &Difference, context: &Context<'_>) -> Vec<(Cause, Confidence)> {
    match place {
        Difference::Bytes {
            section,
            inside,
            first,
            second,
            ..
        } => {
            if inside.as_ref().is_some_and(|inside| inside != "seconds") {
                return vec![(Cause::ClockArchive, Confidence::Certain)];
            }
            if let Some((one, two)) = context.surroundings
                && let Some(axis) = one.tell_runs_apart(two, first, second)
            {
                return vec![(Cause::of_axis(axis), Confidence::Certain)];
            }
            if let (Some(one), Some(two)) = (&first.text, &second.text) {
                let causes = texts::of_texts(section, one, two, context);
                if !causes.is_empty() {
                    return causes;
                }
            }
            if inside.is_some() {
                return vec![(Cause::ClockGenerated, Confidence::Likely)];
            }
            Vec::new()
        }
        Difference::Modinfo { key, first, second } => {
            let (one, two) = (first.join(", "), second.join(", "));
            let causes = texts::of_texts(".modinfo", &one, &two, context);
            let is_of_source = matches!(
                key.as_str(),
                "license" | "author" | "alias" | "parm" | "parmtype" | "name" | "import_ns"
            );
            if causes.is_empty() && is_of_source && !context.same_source {
                return vec![(Cause::SourceDrift, Confidence::Likely)];
            }
            causes
        }
        Difference::Header { .. }
        | Difference::Section { .. }
        | Difference::Text { .. }
        | Difference::Relocation { .. }
        | Difference::Symbol { .. }
        | Difference::Version { .. } => Vec::new(),
    }
}

/// Returns what all places that are left together look like.
fn guess(pair: &Differences, context: &Context<'_>, places: &[Difference]) -> Cause {
    let is_code = |place: &Difference| match place {
        Difference::Bytes { section, .. } => section.contains("text"),
        Difference::Header { .. }
        | Difference::Section { .. }
        | Difference::Text { .. }
        | Difference::Relocation { .. }
        | Difference::Symbol { .. }
        | Difference::Modinfo { .. }
        | Difference::Version { .. } => false,
    };
    if pair.first.latent_entropy && pair.second.latent_entropy && places.iter().all(is_code) {
        return Cause::LatentEntropySeed;
    }
    let asks_network = context.lines.has("network") || !commands::asking(context).is_empty();
    if context.open && asks_network {
        return Cause::NetworkContent;
    }
    let is_random = |place: &Difference| match place {
        Difference::Bytes { first, second, .. } => {
            first.bytes == second.bytes
                && RANDOM.contains(&first.bytes)
                && looks_random(first)
                && looks_random(second)
        }
        Difference::Header { .. }
        | Difference::Section { .. }
        | Difference::Text { .. }
        | Difference::Relocation { .. }
        | Difference::Symbol { .. }
        | Difference::Modinfo { .. }
        | Difference::Version { .. } => false,
    };
    let is_same_length = pair
        .sections
        .iter()
        .all(|section| section.reference_bytes == section.rebuild_bytes || section.normalised);
    let is_few = places.len() <= MOST_RANDOM && pair.left_out == 0;
    if !(is_few && is_same_length && places.iter().all(is_random)) {
        return Cause::Unexplained;
    }
    // A line of the source that takes in something else may be what did it.
    let other = context
        .lines
        .source
        .iter()
        .filter(|line| !line.only_points())
        .any(|line| !matches!(line.rule.as_str(), "random" | "file-order" | "repository"));
    let random = context.lines.has("random");
    if other && !random {
        return Cause::Unexplained;
    }
    Cause::RandomBytes
}

/// Returns true if bytes are no word, and no small number.
fn looks_random(excerpt: &Excerpt) -> bool {
    let Ok(bytes) = hex::decode(&excerpt.hex) else {
        return false;
    };
    let mut seen: Vec<u8> = bytes.clone();
    seen.sort_unstable();
    seen.dedup();
    let is_word = excerpt.text.as_ref().is_some_and(|text| {
        let letters = text
            .chars()
            .filter(|c| c.is_ascii_alphabetic() || *c == ' ');
        letters.count() == text.len()
    });
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    !is_word && seen.len() * 2 > bytes.len() && zeros * 2 < bytes.len()
}

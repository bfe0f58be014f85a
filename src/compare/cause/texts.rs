//! Strings that only one of two modules has, each beside the one that it most likely stands for.

use super::find::Context;
use super::named::Found;
use super::{Cause, Confidence, Evidence, shape};
use crate::compare::{Difference, Differences};
use crate::variation::Axis;

/// A string of the first module: its section, offset, symbol and text.
type Place<'a> = (&'a str, u64, Option<&'a str>, &'a str);

/// Returns what sections of strings have in common whose strings may move from one to the other, such
/// as `.rodata.str` of `.rodata.str1.1` and `.rodata.str1.8` (a string of 32 bytes stands aligned).
pub(super) fn family(section: &str) -> &str {
    match section.find(".str") {
        Some(at) if at > 0 => &section[..at + ".str".len()],
        Some(_) | None => section,
    }
}

/// Says whether two strings belong together.
type Alike<'a> = &'a dyn Fn(&str, &str) -> bool;

/// A string of each module, as they are beside each other.
struct Pair<'a> {
    section: &'a str,
    offset: u64,
    symbol: Option<&'a str>,
    first: Option<&'a str>,
    second: Option<&'a str>,
}

/// Names the causes that strings show, and returns the places that show none.
pub(super) fn name(
    pair: &Differences,
    context: &Context<'_>,
    found: &mut Found,
) -> Vec<Difference> {
    let mut open = Vec::new();
    // Debuggers are told of other headers where they are another kernel's.
    let has_other_headers = found.has(|cause| cause == Cause::KernelDrift);
    for text in pairs(pair, context) {
        let (section, offset) = (text.section, text.offset);
        if has_other_headers && section.starts_with(".debug") {
            continue;
        }
        let place = Difference::Text {
            section: section.to_owned(),
            offset,
            symbol: text.symbol.map(str::to_owned),
            first: text.first.map(str::to_owned),
            second: text.second.map(str::to_owned),
        };
        let causes = match (text.first, text.second) {
            (Some(first), Some(second)) => of_texts(section, first, second, context),
            (Some(_), None) | (None, Some(_)) | (None, None) => Vec::new(),
        };
        for (cause, confidence) in &causes {
            found.add(*cause, *confidence, Evidence::of(&place));
        }
        if causes.is_empty() {
            open.push(place);
        }
    }
    open
}

/// Returns what tells two texts apart: the surroundings of their builds, or what they look like.
pub(super) fn of_texts(
    section: &str,
    first: &str,
    second: &str,
    context: &Context<'_>,
) -> Vec<(Cause, Confidence)> {
    if let Some((one, two)) = context.surroundings {
        let axes = one.tell_apart(two, first, second);
        if !axes.is_empty() {
            let of = |axis| (of_axis(axis, section, first), Confidence::Certain);
            return axes.into_iter().map(of).collect();
        }
    }
    if section.starts_with(".debug") {
        if let (Some(one), Some(two)) = (assembler(first), assembler(second))
            && one != two
        {
            return vec![(Cause::BinutilsVersion, Confidence::Certain)];
        }
        if let (Some(one), Some(two)) = (options(first), options(second))
            && one != two
        {
            return vec![(Cause::CompilerFlags, Confidence::Certain)];
        }
    }
    shape::look(section, first, second)
}

/// Returns the cause that an axis stands for in a text.
pub(super) fn of_axis(axis: Axis, section: &str, text: &str) -> Cause {
    let is_debug = section.starts_with(".debug");
    if axis == Axis::BuildPath && is_debug {
        Cause::BuildPathDebug
    } else if axis == Axis::BuildPath && shape::is_source(text) {
        Cause::BuildPathCode
    } else if axis == Axis::Clock && shape::is_macro(text) {
        Cause::ClockCode
    } else {
        Cause::of_axis(axis)
    }
}

/// Returns the assembler that a text of debug information names.
fn assembler(text: &str) -> Option<&str> {
    text.starts_with("GNU AS ").then_some(text)
}

/// Returns the options of a compiler that names itself with them (`DW_AT_producer`).
fn options(text: &str) -> Option<&str> {
    let is_named = text.starts_with("GNU C") || text.starts_with("clang version");
    is_named.then(|| text.find(" -").map_or("", |at| &text[at..]))
}

/// Puts beside each other the strings of a section that belong together; the lists differ in order.
fn pairs<'a>(pair: &'a Differences, context: &Context<'_>) -> Vec<Pair<'a>> {
    let mut all: Vec<Pair<'a>> = Vec::new();
    let mut sections: Vec<&str> = Vec::new();
    for place in &pair.places {
        if let Difference::Text { section, .. } = place
            && !sections.contains(&family(section))
        {
            sections.push(family(section));
        }
    }
    for family_of in sections {
        let mut firsts: Vec<Place<'_>> = Vec::new();
        let mut seconds: Vec<(&str, &str)> = Vec::new();
        for place in &pair.places {
            if let Difference::Text {
                section,
                offset,
                symbol,
                first,
                second,
            } = place
                && family(section) == family_of
            {
                let place = |text| (section.as_str(), *offset, symbol.as_deref(), text);
                firsts.extend(first.as_deref().map(place));
                seconds.extend(second.as_deref().map(|text| (section.as_str(), text)));
            }
        }
        let alike: [Alike<'_>; 3] = [
            &|first, second| match context.surroundings {
                Some((one, two)) => !one.tell_apart(two, first, second).is_empty(),
                None => false,
            },
            &shape::are_one_file,
            &|first, second| !shape::look(family_of, first, second).is_empty(),
        ];
        for are_alike in alike {
            firsts.retain(|(section, offset, symbol, first)| {
                let Some(at) = seconds
                    .iter()
                    .position(|(_, second)| are_alike(first, second))
                else {
                    return true;
                };
                all.push(Pair {
                    section,
                    offset: *offset,
                    symbol: *symbol,
                    first: Some(*first),
                    second: Some(seconds.remove(at).1),
                });
                false
            });
        }
        let most = firsts.len().max(seconds.len());
        for n in 0..most {
            let (first, second) = (firsts.get(n), seconds.get(n));
            let section = first.map(|place| place.0).or(second.map(|place| place.0));
            all.push(Pair {
                section: section.unwrap_or(family_of),
                offset: first.map_or(0, |place| place.1),
                symbol: first.and_then(|place| place.2),
                first: first.map(|place| place.3),
                second: second.map(|place| place.1),
            });
        }
    }
    all
}

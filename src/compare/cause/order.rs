//! Whether the same things stand in another order.

use super::Evidence;
use super::texts::family;
use crate::compare::{Difference, Differences};

/// How many bytes a section may grow by what stands between things that must stand aligned.
const MOST_GAPS: u64 = 256;

/// Returns what shows that the same symbols stand in another order: two that changed places, or more.
pub(super) fn reordered(pair: &Differences) -> Option<Vec<Evidence>> {
    let mut moved = Vec::new();
    for place in &pair.places {
        let Difference::Symbol {
            first,
            second,
            name,
        } = place
        else {
            continue;
        };
        let (Some(first), Some(second)) = (first, second) else {
            // Numbered names may be other ones for the same things.
            if is_numbered(name) || name.starts_with('.') {
                continue;
            }
            return None;
        };
        let (one, two) = (spot(first)?, spot(second)?);
        if one.rest != two.rest || one.section != two.section {
            continue;
        }
        if is_function_or_object(one.rest) {
            moved.push((one, two, Evidence::of(place)));
        }
    }
    let has = |forward: bool, section: &str| {
        moved
            .iter()
            .any(|(one, two, _)| one.section == section && (two.offset > one.offset) == forward)
    };
    let turned =
        |section: &str| has(true, section) && has(false, section) && is_as_long(pair, section);
    let evidence: Vec<Evidence> = moved
        .iter()
        .filter(|(one, _, _)| turned(one.section))
        .map(|(_, _, evidence)| evidence.clone())
        .collect();
    (!evidence.is_empty()).then_some(evidence)
}

/// Where a symbol stands, as [`Difference::Symbol`] says it.
struct Spot<'a> {
    section: &'a str,
    offset: u64,
    /// Its size, binding and type.
    rest: &'a str,
}

fn spot(shown: &str) -> Option<Spot<'_>> {
    let (place, rest) = shown.split_once(", ")?;
    let (section, offset) = place.rsplit_once("+0x").unwrap_or((place, "0"));
    Some(Spot {
        section,
        offset: u64::from_str_radix(offset, 16).ok()?,
        rest,
    })
}

/// Returns true if a symbol is in both, and all that differs is where it stands.
pub(super) fn is_moved(first: &str, second: &str) -> bool {
    match (spot(first), spot(second)) {
        (Some(one), Some(two)) => {
            family(one.section) == family(two.section) && one.rest == two.rest
        }
        (None, _) | (_, None) => false,
    }
}

/// Returns true if the section that a symbol stands in is only in one of the modules, so that the symbol
/// comes and goes with it.
pub(super) fn goes_with_section(pair: &Differences, shown: &str) -> bool {
    let is_of_one = |spot: Spot<'_>| {
        let section = pair
            .sections
            .iter()
            .find(|found| found.name == spot.section);
        section
            .is_some_and(|found| found.reference_bytes.is_none() || found.rebuild_bytes.is_none())
    };
    spot(shown).is_some_and(is_of_one)
}

/// Returns true for what the compiler numbers, such as `__func__.12` and `__UNIQUE_ID_x345`.
pub(super) fn is_numbered(name: &str) -> bool {
    let digits = name.trim_end_matches(|c: char| c.is_ascii_digit());
    digits.len() < name.len() && (digits.ends_with('.') || name.starts_with("__UNIQUE_ID"))
}

/// Types 1 and 2 (System V ABI, "Symbol Table").
fn is_function_or_object(rest: &str) -> bool {
    rest.contains("type 1,") || rest.contains("type 2,") || rest.contains("type 0,")
}

fn is_as_long(pair: &Differences, section: &str) -> bool {
    let found = pair.sections.iter().find(|found| found.name == section);
    found.is_none_or(|found| match (found.reference_bytes, found.rebuild_bytes) {
        (Some(one), Some(two)) => one.abs_diff(two) <= MOST_GAPS,
        (None, _) | (_, None) => false,
    })
}

//! What came of holding rebuilds against the reference, for people.

use std::io::{self, Write};

use crate::compare::{Agreement, Comparison, ModuleDifference};
use crate::report::numbers::numbers;
use crate::report::pair::place_shown;

/// How many of the places that differ are printed.
const MOST_PLACES: usize = 8;

/// Prints the comparisons; those that differ in the same sections as one, with the first one's values.
pub(super) fn print_comparisons(
    to: &mut impl Write,
    comparisons: &[(u32, Comparison)],
) -> io::Result<()> {
    let kind = |found: &(u32, Comparison)| -> Vec<Kind> {
        found.1.differences.iter().map(Kind::of).collect()
    };
    let mut groups: Vec<Vec<&(u32, Comparison)>> = Vec::new();
    for found in comparisons {
        let is_its = |group: &&mut Vec<&(u32, Comparison)>| kind(group[0]) == kind(found);
        match groups.iter_mut().find(is_its) {
            Some(group) => group.push(found),
            None => groups.push(vec![found]),
        }
    }
    for alike in &groups {
        print_alike(to, alike)?;
    }
    Ok(())
}

/// In what a module differs, without the values.
#[derive(PartialEq, Eq)]
struct Kind {
    path: String,
    note: Option<String>,
    sections: Vec<String>,
    agreement: Option<Agreement>,
}

impl Kind {
    fn of(difference: &ModuleDifference) -> Self {
        let sections = difference.sections.iter();
        Self {
            path: difference.path.clone(),
            note: difference.note.clone(),
            sections: sections.map(|section| section.name.clone()).collect(),
            agreement: difference.agreement.clone(),
        }
    }
}

fn print_alike(to: &mut impl Write, alike: &[&(u32, Comparison)]) -> io::Result<()> {
    let Some((first, comparison)) = alike.first() else {
        return Ok(());
    };
    let of = match alike.len() {
        1 => format!("rebuild {first}"),
        _ => format!(
            "rebuilds {}",
            numbers(alike.iter().map(|(number, _)| *number))
        ),
    };
    if comparison.is_same() {
        return writeln!(to, "\n{of}: every bit is the same");
    }
    for difference in &comparison.differences {
        write!(to, "\n{of}: ")?;
        print_difference(to, difference)?;
    }
    let has_other_values = alike.iter().any(|(_, other)| {
        let places = |found: &Comparison| -> Vec<_> {
            let all = found.differences.iter();
            all.map(|difference| (difference.sections.clone(), difference.places.clone()))
                .collect()
        };
        places(other) != places(comparison)
    });
    if has_other_values {
        writeln!(
            to,
            "  these are the values of rebuild {first}; others have their own"
        )?;
    }
    Ok(())
}

fn print_difference(to: &mut impl Write, difference: &ModuleDifference) -> io::Result<()> {
    writeln!(to, "{} differs", difference.path)?;
    if let Some(note) = &difference.note {
        writeln!(to, "  {note}")?;
    }
    for section in &difference.sections {
        let bytes = |bytes: Option<u64>| match bytes {
            Some(bytes) => format!("{bytes} bytes"),
            None => "absent".to_owned(),
        };
        writeln!(
            to,
            "  {}: {} in the reference, {} in the rebuild",
            section.name,
            bytes(section.reference_bytes),
            bytes(section.rebuild_bytes)
        )?;
    }
    for place in difference.places.iter().take(MOST_PLACES) {
        writeln!(to, "  {}", place_shown(place))?;
    }
    if let Some(agreement) = &difference.agreement {
        let names: Vec<&str> = agreement.normalisations.iter().map(|n| n.id()).collect();
        writeln!(to, "  the same after: {}", names.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(section: &str, bytes: u64) -> Comparison {
        let difference = serde_json::json!({
            "path": "m.ko", "reference": null, "rebuild": null, "note": null,
            "sections": [{"name": section, "referenceBytes": 1, "rebuildBytes": bytes}],
        });
        Comparison {
            differences: vec![serde_json::from_value(difference).expect("a difference")],
            metadata_equal: true,
        }
    }

    #[test]
    fn comparisons_of_one_kind_are_printed_once() {
        let same = || Comparison {
            differences: Vec::new(),
            metadata_equal: true,
        };
        let comparisons = [
            (1, same()),
            (2, differing(".text", 2)),
            (3, same()),
            (4, same()),
            (5, same()),
            (6, differing(".data", 3)),
            (7, differing(".text", 4)),
            (8, differing(".data", 3)),
        ];
        let mut printed = Vec::new();
        print_comparisons(&mut printed, &comparisons).expect("memory");
        assert_eq!(
            String::from_utf8(printed).expect("text"),
            "\nrebuilds 1, 3 to 5: every bit is the same\n\
             \nrebuilds 2, 7: m.ko differs\n  .text: 1 bytes in the reference, 2 bytes in the rebuild\n\
             \x20 these are the values of rebuild 2; others have their own\n\
             \nrebuilds 6, 8: m.ko differs\n  .data: 1 bytes in the reference, 3 bytes in the rebuild\n"
        );
    }
}

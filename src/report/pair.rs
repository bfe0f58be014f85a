//! Two modules held against each other, for people in a few lines and as JSON in full.

use std::io::{self, Write};

use serde::Serialize;

use super::causes::print_causes;
use crate::compare::cause::Named;
use crate::compare::{Agreement, Difference, Differences, Excerpt, Layer};
use crate::outcome::Changed;

/// How many sections and places are printed.
const MOST_SECTIONS: usize = 12;
const MOST_PLACES: usize = 8;

/// What `explain A.ko B.ko --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairDocument<'a> {
    schema_version: u32,
    /// The files as they were named.
    files: [&'a str; 2],
    same: bool,
    #[serde(flatten)]
    differences: &'a Differences,
    causes: &'a [Named],
    /// In what the commands differ; `None` where those of one are not known.
    commands: Option<&'a [Changed]>,
}

impl<'a> PairDocument<'a> {
    /// Puts the document together.
    pub fn new(
        files: [&'a str; 2],
        differences: &'a Differences,
        causes: &'a [Named],
        commands: Option<&'a [Changed]>,
    ) -> Self {
        Self {
            schema_version: 1,
            files,
            same: is_same(differences),
            differences,
            causes,
            commands,
        }
    }
}

fn is_same(differences: &Differences) -> bool {
    let layer = differences.agreement.as_ref().map(|found| found.layer);
    layer == Some(Layer::File)
}

/// Prints the causes, the layers, what differs and the first places.
pub fn explain_pair(
    to: &mut impl Write,
    [first, second]: [&str; 2],
    differences: &Differences,
    causes: &[Named],
) -> io::Result<()> {
    if is_same(differences) {
        return writeln!(to, "{first} and {second} are the same, bit by bit");
    }
    writeln!(to, "{first} and {second} differ")?;
    print_causes(to, causes, "  ")?;
    for layer in Layer::ALL {
        let (one, two) = (&differences.first.layers, &differences.second.layers);
        let (one, two) = (one.get(layer), two.get(layer));
        let name = layer.to_string();
        if one == two {
            writeln!(to, "  {name:<12}  same     {}", one.short())?;
        } else {
            writeln!(to, "  {name:<12}  differs  {} {}", one.short(), two.short())?;
        }
    }
    if let Some(agreement) = &differences.agreement {
        print_agreement(to, agreement)?;
    }
    if !differences.sections.is_empty() {
        writeln!(to, "sections, with their bytes in each:")?;
    }
    for section in differences.sections.iter().take(MOST_SECTIONS) {
        let bytes = |bytes: Option<u64>| bytes.map_or("absent".to_owned(), |n| n.to_string());
        writeln!(
            to,
            "  {:<24}  {:>8} {:>8}{}",
            section.name,
            bytes(section.reference_bytes),
            bytes(section.rebuild_bytes),
            if section.normalised {
                "  the same after normalisation"
            } else {
                ""
            }
        )?;
    }
    if let Some(more) = differences.sections.len().checked_sub(MOST_SECTIONS + 1) {
        writeln!(to, "  and {} more", more + 1)?;
    }
    if !differences.places.is_empty() {
        writeln!(to, "places:")?;
    }
    for place in differences.places.iter().take(MOST_PLACES) {
        writeln!(to, "  {}", place_shown(place))?;
    }
    let rest = differences.places.len().saturating_sub(MOST_PLACES) as u64 + differences.left_out;
    if rest > 0 {
        writeln!(to, "  and {rest} more")?;
    }
    Ok(())
}

fn print_agreement(to: &mut impl Write, agreement: &Agreement) -> io::Result<()> {
    let names: Vec<&str> = agreement.normalisations.iter().map(|n| n.id()).collect();
    writeln!(to, "the same after: {}", names.join(", "))?;
    for normalisation in &agreement.normalisations {
        writeln!(to, "  {normalisation}: {}", normalisation.reason())?;
    }
    Ok(())
}

/// Returns one place in one line.
pub(super) fn place_shown(place: &Difference) -> String {
    let or_none = |value: &Option<String>| match value {
        Some(value) => format!("`{}`", value.escape_debug()),
        None => "nothing".to_owned(),
    };
    let at = |section: &str, offset: u64, symbol: &Option<String>| match symbol {
        Some(symbol) => format!("{section}+{offset:#x} ({symbol})"),
        None => format!("{section}+{offset:#x}"),
    };
    match place {
        Difference::Header {
            field,
            first,
            second,
        } => format!("{field}: {first} | {second}"),
        Difference::Section {
            name,
            first,
            second,
        } => match (first, second) {
            (Some(_), None) => format!("{name}: only the first has it"),
            (None, _) => format!("{name}: only the second has it"),
            (Some(first), Some(second)) => format!(
                "{name}: type {} flags {:#x} alignment {} | type {} flags {:#x} alignment {}",
                first.kind,
                first.flags,
                first.alignment,
                second.kind,
                second.flags,
                second.alignment
            ),
        },
        Difference::Bytes {
            section,
            offset,
            symbol,
            inside: _,
            first,
            second,
        } => format!(
            "{}: {} | {}",
            at(section, *offset, symbol),
            excerpt(first),
            excerpt(second)
        ),
        Difference::Text {
            section,
            offset,
            symbol,
            first,
            second,
        } => format!(
            "{}: {} | {}",
            at(section, *offset, symbol),
            or_none(first),
            or_none(second)
        ),
        Difference::Relocation {
            section,
            offset,
            symbol,
            first,
            second,
        } => format!(
            "relocation of {}: {} | {}",
            at(section, *offset, symbol),
            or_none(first),
            or_none(second)
        ),
        Difference::Symbol {
            name,
            first,
            second,
        } => format!("symbol `{name}`: {} | {}", or_none(first), or_none(second)),
        Difference::Modinfo { key, first, second } => {
            format!(
                "{key}: `{}` | `{}`",
                first.join("`, `"),
                second.join("`, `")
            )
        }
        Difference::Version {
            symbol,
            first,
            second,
        } => {
            let crc =
                |crc: &Option<u32>| crc.map_or("nothing".to_owned(), |n| format!("{n:#010x}"));
            format!("version of `{symbol}`: {} | {}", crc(first), crc(second))
        }
    }
}

fn excerpt(excerpt: &Excerpt) -> String {
    if excerpt.bytes == 0 {
        return "nothing".to_owned();
    }
    let shown = match &excerpt.text {
        Some(text) => format!("`{text}`"),
        None => excerpt.hex.clone(),
    };
    match excerpt.bytes - (excerpt.hex.len() as u64 / 2) {
        0 => shown,
        more => format!("{shown} and {more} bytes more"),
    }
}

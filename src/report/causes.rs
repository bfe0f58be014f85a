//! Causes: those that were found, and the catalogue of all.

use std::io::{self, Write};

use serde::Serialize;
use textwrap::WordSplitter;

use crate::compare::cause::{CATALOGUE, Cause, Entry, Evidence, Named, Tried};

/// How wide a sentence may be.
const WIDE: usize = 76;
/// The most characters of a value that are printed, and how many places of a cause.
const MOST_OF_A_VALUE: usize = 60;
const MOST_PLACES: usize = 2;

/// What `explain --causes --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CausesDocument {
    schema_version: u32,
    causes: Vec<CauseDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CauseDocument {
    id: &'static str,
    is: &'static str,
    bytes: &'static str,
    build: &'static str,
    axis: Option<&'static str>,
    fix: &'static str,
    /// The test that tried the fix.
    tried: Option<String>,
    /// Why none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<&'static str>,
}

impl CausesDocument {
    /// Lists every cause.
    pub fn all() -> Self {
        Self {
            schema_version: 1,
            causes: CATALOGUE.iter().map(CauseDocument::from).collect(),
        }
    }
}

impl From<&'static Entry> for CauseDocument {
    fn from(entry: &'static Entry) -> Self {
        Self {
            id: entry.id,
            is: entry.noun,
            bytes: entry.bytes,
            build: entry.build,
            axis: entry.axis.map(|axis| axis.id()),
            fix: entry.fix,
            tried: test_of(entry),
            untried: entry.tried.reason(),
        }
    }
}

/// Returns where a fix is tried.
fn test_of(entry: &Entry) -> Option<String> {
    match entry.tried {
        Tried::ByCompiler => Some(format!("tests/causes.rs, row `{}`", entry.id)),
        Tried::ByTools => Some(format!("tests/end_to_end/tools, row `{}`", entry.id)),
        Tried::InCorpus(module) => Some(format!("tests/corpus/{module}, and its `mended`")),
        Tried::Not(_) => None,
    }
}

/// Prints the catalogue as `docs/causes.md` has it.
pub fn print_catalogue(to: &mut impl Write) -> io::Result<()> {
    writeln!(
        to,
        "# Causes\n\n\
         Why two modules differ, as `kmatrix explain` names it. This page is what `kmatrix explain --causes`\n\
         prints, and a test holds it against the table in `src/compare/cause/catalogue/`.\n\n\
         A cause is `certain` if the two values are those of the two builds, if an inquiry found its axis, or if\n\
         nothing else looks like it; else it is `likely`. What only follows from something else is no cause:\n\
         the build id, srcversion where a generated file differs, `.BTF` of types that differ, sizes, and what\n\
         points at something that moved. What nothing accounts for is `unexplained`, and shown as it is.\n\n\
         A fix that is marked as tried has a test, which makes two modules differ by that cause with the real\n\
         tools, names it, and makes them the same by the fix: with the machine's own compiler in\n\
         `tests/causes.rs`, with the tools of several builder images, the kernel's own, and for real kernels in\n\
         `tests/end_to_end/tools`, and by rebuilds for a real kernel in `tests/corpus`."
    )?;
    for entry in &CATALOGUE {
        writeln!(to, "\n## `{}`\n\n{}.\n", entry.id, capital(entry.noun))?;
        writeln!(to, "- in the modules: {}", entry.bytes)?;
        writeln!(to, "- in the build: {}", entry.build)?;
        if let Some(axis) = entry.axis {
            writeln!(to, "- axis: `{axis}`")?;
        }
        if !entry.rules.is_empty() {
            let rules: Vec<String> = entry.rules.iter().map(|rule| format!("`{rule}`")).collect();
            writeln!(to, "- suspicion: {}", rules.join(", "))?;
        }
        writeln!(to, "- fix: {}", entry.fix)?;
        if let Some(test) = test_of(entry) {
            writeln!(to, "- tried by: {test}")?;
        }
        if let Some(reason) = entry.tried.reason() {
            writeln!(to, "- not tried by a test: {reason}")?;
        }
    }
    Ok(())
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

/// Prints causes that were found, each with the first places that show it and what helps.
pub(super) fn print_causes(to: &mut impl Write, causes: &[Named], indent: &str) -> io::Result<()> {
    for named in causes {
        if named.cause == Cause::Unexplained {
            let noun = if named.places == 1 { "place" } else { "places" };
            writeln!(to, "{indent}unexplained: {} {noun}", named.places)?;
        } else {
            let (noun, confidence) = (named.cause.entry().noun, named.confidence);
            writeln!(to, "{indent}cause: {noun} ({}, {confidence})", named.cause)?;
        }
        for evidence in named.evidence.iter().take(MOST_PLACES) {
            writeln!(to, "{indent}  {}", shown(evidence))?;
        }
        if let Some(line) = &named.source {
            writeln!(
                to,
                "{indent}  from {}:{}: {}",
                line.path, line.line, line.text
            )?;
        }
        if let Some(given) = &named.given {
            writeln!(to, "{indent}  from the matrix: {}", given.escape_debug())?;
        }
        let options = textwrap::Options::new(WIDE).word_splitter(WordSplitter::NoHyphenation);
        let fix = format!("fix: {}", named.fix);
        for line in textwrap::wrap(&fix, options) {
            writeln!(to, "{indent}  {line}")?;
        }
    }
    Ok(())
}

fn shown(evidence: &Evidence) -> String {
    let value = |value: &Option<String>| match value {
        None => "nothing".to_owned(),
        Some(text) if text.chars().count() > MOST_OF_A_VALUE => {
            let begin: String = text.chars().take(MOST_OF_A_VALUE).collect();
            format!("`{}...`", begin.escape_debug())
        }
        Some(text) => format!("`{}`", text.escape_debug()),
    };
    let offset = evidence
        .offset
        .map_or_else(String::new, |offset| format!("+{offset:#x}"));
    let symbol = evidence
        .symbol
        .as_ref()
        .map_or_else(String::new, |symbol| format!(" ({symbol})"));
    format!(
        "{}{offset}{symbol}: {} | {}",
        evidence.place,
        value(&evidence.first),
        value(&evidence.second)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_causes_is_what_the_table_says() {
        let mut page = Vec::new();
        print_catalogue(&mut page).expect("memory");
        let page = String::from_utf8(page).expect("text");
        assert_eq!(
            page,
            include_str!("../../docs/causes.md"),
            "write it anew: `kmatrix explain --causes > docs/causes.md`"
        );
    }
}

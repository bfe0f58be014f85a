//! What is said of a whole release: the roll-up, its scope, how alike its modules are, and which cells
//! were uneven over time.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use textwrap::WordSplitter;

use crate::digest::Sha256Digest;
use crate::label::{NotBuilt, Rollup, RulesUsed, Scope};
use crate::ledger::CellHistory;
use crate::name::CellId;
use crate::report::history::ends;
use crate::report::table::rollup_lines;
use crate::run::{Cause, Uniform, Uniformity};

/// A release as `kmatrix report` shows it.
#[derive(Debug)]
pub struct Release {
    /// The matrix file as it was named.
    pub matrix: String,
    pub plan: Sha256Digest,
    pub rules: RulesUsed,
    pub rollup: Rollup,
    pub scope: Scope,
    pub uniformity: Vec<Uniformity>,
    /// The cells whose attempts did not all end alike.
    pub uneven: Vec<(CellId, CellHistory)>,
}

/// What `report --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseDocument<'a> {
    schema_version: u32,
    matrix: &'a str,
    plan: Sha256Digest,
    rules: &'a RulesUsed,
    rollup: &'a Rollup,
    scope: &'a Scope,
    uniformity: &'a [Uniformity],
    uneven: Vec<UnevenDocument<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnevenDocument<'a> {
    cell: &'a CellId,
    #[serde(flatten)]
    history: &'a CellHistory,
}

impl<'a> From<&'a Release> for ReleaseDocument<'a> {
    fn from(release: &'a Release) -> Self {
        Self {
            schema_version: 1,
            matrix: &release.matrix,
            plan: release.plan,
            rules: &release.rules,
            rollup: &release.rollup,
            scope: &release.scope,
            uniformity: &release.uniformity,
            uneven: release
                .uneven
                .iter()
                .map(|(cell, history)| UnevenDocument { cell, history })
                .collect(),
        }
    }
}

/// Prints a release for people.
pub fn print_release(to: &mut impl Write, release: &Release) -> io::Result<()> {
    let Release { matrix, plan, .. } = release;
    writeln!(to, "{matrix}, plan {plan}")?;
    rollup_lines(to, &release.rollup)?;
    let (version, digest) = (release.rules.version, release.rules.digest);
    writeln!(to, "  rules: version {version}, {digest}")?;
    print_scope(to, &release.scope)?;
    for module in &release.uniformity {
        print_uniformity(to, module)?;
    }
    if !release.uneven.is_empty() {
        writeln!(to, "\nuneven over time")?;
    }
    for (cell, history) in &release.uneven {
        writeln!(to, "  {cell}")?;
        writeln!(to, "    {}", ends(history))?;
    }
    Ok(())
}

fn print_scope(to: &mut impl Write, scope: &Scope) -> io::Result<()> {
    writeln!(
        to,
        "\nscope: {} of {} promised cells built",
        scope.built, scope.promised
    )?;
    for (what, cells) in [
        ("failed", &scope.failed),
        ("missing", &scope.missing),
        ("excluded by their modules", &scope.excluded_by_modules),
    ] {
        let by_reason = grouped(cells.iter().map(|NotBuilt { cell, reason }| (reason, cell)));
        print_groups(to, what, &by_reason)?;
    }
    let left_out = scope.excluded_by_matrix.iter().map(|left_out| {
        let mut reason = left_out.reason.clone();
        if let Some(ticket) = &left_out.ticket {
            reason.push_str(&format!(" ({ticket})"));
        }
        if let Some(expires) = left_out.expires {
            reason.push_str(&format!(", until {expires}"));
        }
        (reason, &left_out.cell)
    });
    print_groups(to, "left out by the matrix", &grouped(left_out))?;
    let let_go = scope.let_go.iter().map(|gone| {
        let reason = format!("accepted on {}", gone.accepted.strftime("%Y-%m-%d"));
        (reason, &gone.cell)
    });
    print_groups(to, "let go, their kernels having gone", &grouped(let_go))
}

/// Puts cells of one reason together.
fn grouped<'a>(
    cells: impl Iterator<Item = (impl ToString, &'a CellId)>,
) -> BTreeMap<String, Vec<&'a CellId>> {
    let mut groups: BTreeMap<String, Vec<&CellId>> = BTreeMap::new();
    for (reason, cell) in cells {
        groups.entry(reason.to_string()).or_default().push(cell);
    }
    groups
}

fn print_groups(
    to: &mut impl Write,
    what: &str,
    groups: &BTreeMap<String, Vec<&CellId>>,
) -> io::Result<()> {
    for (reason, cells) in groups {
        writeln!(to, "  {} {what}: {reason}", cells.len())?;
        for cell in cells {
            writeln!(to, "    {cell}")?;
        }
    }
    Ok(())
}

fn print_uniformity(to: &mut impl Write, module: &Uniformity) -> io::Result<()> {
    let plural = if module.cells == 1 { "cell" } else { "cells" };
    writeln!(to, "\n{} over {} {plural}", module.module, module.cells)?;
    let of = |cause: Cause| {
        module
            .findings
            .iter()
            .filter(move |found| found.cause == cause)
    };
    print_names(to, "the same", of(Cause::Same))?;
    print_names(to, "different by the kernel alone", of(Cause::Kernel))?;
    for found in of(Cause::Other) {
        writeln!(to, "  different by something else: {}", name(found))?;
        for side in &found.sides {
            writeln!(to, "    {}", side.value)?;
            for cell in &side.cells {
                writeln!(to, "      {cell}")?;
            }
        }
    }
    for cell in &module.not_compared {
        writeln!(to, "  not compared, for want of modules: {cell}")?;
    }
    Ok(())
}

fn print_names<'a>(
    to: &mut impl Write,
    what: &str,
    findings: impl Iterator<Item = &'a Uniform>,
) -> io::Result<()> {
    let names: Vec<String> = findings.map(name).collect();
    if names.is_empty() {
        return Ok(());
    }
    writeln!(to, "  {what}:")?;
    // Names have dashes, and are looked up whole.
    let whole = textwrap::Options::new(76).word_splitter(WordSplitter::NoHyphenation);
    for line in textwrap::wrap(&names.join(", "), whole) {
        writeln!(to, "    {line}")?;
    }
    Ok(())
}

/// Names what was compared, and in how many values it came.
fn name(found: &Uniform) -> String {
    let noun = found.aspect.noun();
    let name = match &found.of {
        Some(of) => format!("{noun} {of}"),
        None => noun.to_owned(),
    };
    match found.sides.len() {
        0 | 1 => name,
        count => format!("{name} ({count} values)"),
    }
}

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
use crate::run::{Aspect, Cause, Uniform, Uniformity};

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
    let others: Vec<String> = of_cause(module, Cause::Other).map(name).collect();
    let verdict = match (module.cells, &others[..]) {
        (0, _) => "nothing to compare".to_owned(),
        (_, []) => "uniform".to_owned(),
        (_, others) => format!("uniform but for {}", others.join(", ")),
    };
    let (id, count) = (&module.module, module.cells);
    writeln!(to, "\n{id} over {count} {plural}: {verdict}")?;
    print_names(to, "the same", of_cause(module, Cause::Same))?;
    let by_kernel = of_cause(module, Cause::Kernel);
    print_names(to, "different by the kernel alone", by_kernel)?;
    for found in of_cause(module, Cause::Other) {
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

fn of_cause(module: &Uniformity, cause: Cause) -> impl Iterator<Item = &Uniform> {
    let findings = module.findings.iter();
    findings.filter(move |found| found.cause == cause)
}

/// Prints what was compared, each aspect once with all that it is of.
fn print_names<'a>(
    to: &mut impl Write,
    what: &str,
    findings: impl Iterator<Item = &'a Uniform>,
) -> io::Result<()> {
    let mut aspects: Vec<(Aspect, String, Vec<String>)> = Vec::new();
    for found in findings {
        let of = found.of.iter().map(|of| counted(of, found));
        let noun = match found.of {
            Some(_) => found.aspect.noun().to_owned(),
            None => counted(found.aspect.noun(), found),
        };
        match aspects.last_mut() {
            Some((aspect, _, all)) if *aspect == found.aspect => all.extend(of),
            Some(_) | None => aspects.push((found.aspect, noun, of.collect())),
        }
    }
    if aspects.is_empty() {
        return Ok(());
    }
    writeln!(to, "  {what}:")?;
    // Names have dashes, and are looked up whole.
    let whole = textwrap::Options::new(76).word_splitter(WordSplitter::NoHyphenation);
    for (_, noun, of) in aspects {
        let line = match &of[..] {
            [] => noun,
            of => format!("{noun}: {}", of.join(", ")),
        };
        let indented = whole.clone().subsequent_indent("  ");
        for line in textwrap::wrap(&line, indented) {
            writeln!(to, "    {line}")?;
        }
    }
    Ok(())
}

/// Names what differs, and in how many values it came.
fn name(found: &Uniform) -> String {
    let noun = found.aspect.noun();
    match &found.of {
        Some(of) => format!("{noun} of {}", counted(of, found)),
        None => counted(noun, found),
    }
}

fn counted(name: &str, found: &Uniform) -> String {
    match found.sides.len() {
        0 | 1 => name.to_owned(),
        count => format!("{name} ({count} values)"),
    }
}

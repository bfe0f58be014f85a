//! Everything about one cell, for people.

use std::io::{self, Write};

use textwrap::WordSplitter;

use crate::digest::Sha256Digest;
use crate::gate::Verdict;
use crate::image::ImageReproduction;
use crate::label::Label;
use crate::recipe::BuildSpec;
use crate::report::attempts::print_attempts;
use crate::report::causes::print_causes;
use crate::report::comparisons::print_comparisons;
use crate::report::preparations::{print_kernel_source, print_preparations};
use crate::report::reproduced;
use crate::run::{Assessment, Standing};
use crate::source::{Certainty, Origin, Revision, SourceRecord};

/// How wide a reason may be, beside the names of the axes on 80 columns.
const REASON: usize = 60;

/// Prints inputs, who vouched for them, the preparations of the kernel, the attempts with their commands and logs, what was
/// compared, and the label with its vector. `reproduction` is what came of making the cell's very
/// image again. `place` says where a log of this name is, and `spec` reads one.
pub fn explain(
    to: &mut impl Write,
    assessment: &Assessment,
    reproduction: Option<&ImageReproduction>,
    history: &[(String, u32)],
    place: impl Fn(&str, &Sha256Digest) -> Option<String>,
    spec: impl Fn(&Sha256Digest) -> Option<BuildSpec>,
) -> io::Result<()> {
    let cell = &assessment.cell;
    writeln!(to, "{}", cell.id)?;
    match &assessment.standing {
        Standing::Labelled(label) => print_label(to, label)?,
        Standing::Failed {
            number,
            failure,
            label,
        } => {
            writeln!(to, "failed in attempt {number}: {failure}")?;
            writeln!(to, "  hint: {}", failure.hint())?;
            if let Some(label) = label {
                print_label(to, label)?;
            }
        }
        Standing::Excluded { exclusion } => {
            writeln!(to, "{exclusion}")?;
            writeln!(to, "  neither built nor failed; no exit status tells of it")?;
        }
        Standing::Missing { failure, label } => {
            writeln!(to, "not every attempt was made; run `kmatrix build` again")?;
            if let Some((number, failure)) = failure {
                writeln!(to, "  attempt {number}: {failure}")?;
                writeln!(to, "  hint: {}", failure.hint())?;
            }
            if let Some(label) = label {
                print_label(to, label)?;
            }
        }
    }
    print_inputs(to, assessment, reproduction)?;
    print_preparations(to, &assessment.preparations, &place)?;
    print_attempts(to, &assessment.attempts, &place, &spec)?;
    print_comparisons(to, &assessment.comparisons)?;
    if !history.is_empty() {
        let words: Vec<String> = history
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .collect();
        writeln!(to, "\nattempts over all time: {}", words.join(", "))?;
    }
    Ok(())
}

fn print_label(to: &mut impl Write, label: &Label) -> io::Result<()> {
    writeln!(to, "label: {}", label.word())?;
    for reason in &label.reasons {
        let (axis, grade) = (reason.axis, reason.grade);
        writeln!(to, "  {axis:<15}  {grade}")?;
        // Names have dashes, and are looked up whole.
        let whole = textwrap::Options::new(REASON).word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(&reason.because, whole) {
            writeln!(to, "{:19}{line}", "")?;
        }
    }
    writeln!(to, "  {:<15}  {}", "image", label.freshness)?;
    if let Some(rebuilds) = &label.rebuilds {
        print_causes(to, &rebuilds.causes, "  ")?;
    }
    for finding in &label.findings {
        let (gate, module) = (finding.gate, &finding.module);
        let says = match finding.verdict {
            Verdict::Failed => "does not pass",
            Verdict::Unknown | Verdict::Passed => "is not known to pass",
        };
        writeln!(to, "  finding: {module} {says} `{gate}`")?;
        writeln!(to, "{:19}{}", "", finding.because)?;
    }
    print_ways(to, label)?;
    let rules = &label.rules;
    writeln!(to, "  rules: version {}, {}", rules.version, rules.digest)
}

/// Prints what would raise a label: the next better tier with what it takes, then those above it.
fn print_ways(to: &mut impl Write, label: &Label) -> io::Result<()> {
    let Some(first) = label.raised_by.first() else {
        return writeln!(to, "  nothing would raise it");
    };
    for way in label.raised_to.iter().filter(|way| way.tier >= first.tier) {
        let needs: Vec<String> = way
            .changes
            .iter()
            .map(|change| format!("{} from {} to {}", change.axis, change.from, change.to))
            .collect();
        writeln!(to, "  raised to {} by: {}", way.tier, needs.join(", "))?;
    }
    Ok(())
}

fn print_inputs(
    to: &mut impl Write,
    assessment: &Assessment,
    reproduction: Option<&ImageReproduction>,
) -> io::Result<()> {
    let cell = &assessment.cell;
    writeln!(to, "\ninputs {}", cell.inputs.digest())?;
    match &cell.inputs.cross {
        Some(prefix) => writeln!(to, "  executed {}, with {prefix}", cell.inputs.executed())?,
        None => writeln!(to, "  executed {}", cell.inputs.executed())?,
    }
    writeln!(to, "  source {}", cell.source.tree)?;
    print_origin(to, &cell.source)?;
    for needed in &cell.inputs.needed {
        writeln!(to, "  needs {} {}", needed.module, needed.source_tree)?;
    }
    writeln!(to, "  image {} {}", cell.image.name, cell.image.id)?;
    writeln!(to, "    reproduced: {}", reproduced(reproduction))?;
    if let Some(date) = cell.image.archive_date {
        let date = date.strftime("%Y-%m-%d %H:%M UTC");
        let count = cell.image.packages.len();
        writeln!(to, "    archive of {date}, {count} packages")?;
    }
    for (tool, version) in &cell.image.tools {
        writeln!(to, "    {tool}: {version}")?;
    }
    for package in &cell.packages {
        let (name, version) = (&package.name, &package.version);
        writeln!(to, "  package {name} {version} ({})", package.architecture)?;
        writeln!(to, "    {}", package.sha256)?;
        writeln!(
            to,
            "    {}/{} {}",
            package.archive, package.suite, package.path
        )?;
    }
    if let (Some(source), Some(preparation)) = (&cell.kernel_source, &cell.inputs.prepared) {
        print_kernel_source(to, source, preparation)?;
    }
    for suite in &cell.vouched {
        writeln!(to, "  vouched for by {}/{}", suite.archive, suite.suite)?;
        writeln!(
            to,
            "    release of {}, {}",
            suite.date.strftime("%Y-%m-%d %H:%M UTC"),
            suite.index
        )?;
        for key in &suite.signed_by {
            writeln!(to, "    signed by {key}")?;
        }
        for exception in &suite.exceptions {
            writeln!(to, "    check turned off: {exception}")?;
        }
    }
    Ok(())
}

/// Prints where the source came from, what pins it, and every closed input in it.
fn print_origin(to: &mut impl Write, source: &SourceRecord) -> io::Result<()> {
    if source.origin != Origin::Directory {
        writeln!(to, "    from {}", source.origin)?;
    }
    if let Some(path) = source.origin.path() {
        writeln!(to, "    directory {path}")?;
    }
    let pin =
        |to: &mut dyn Write, name: &str, sha256: &Sha256Digest| writeln!(to, "    {name} {sha256}");
    match &source.origin {
        Origin::Directory | Origin::Git { .. } => {}
        Origin::Tarball { sha256, .. } => pin(to, "tarball", sha256)?,
        Origin::Package {
            package, vouched, ..
        } => {
            pin(to, &package.path, &package.sha256)?;
            pin(to, "release file", &vouched.index)?;
        }
        Origin::Dsc {
            sha256,
            files,
            patches,
            ..
        } => {
            pin(to, "dsc", sha256)?;
            for file in files {
                pin(to, &file.name, &file.sha256)?;
            }
            for patch in patches {
                writeln!(to, "    patch {patch}")?;
            }
        }
        Origin::SourceRpm {
            sha256, tarball, ..
        } => {
            pin(to, "source package", sha256)?;
            pin(to, &tarball.name, &tarball.sha256)?;
        }
    }
    match &source.revision {
        Revision::Committed { commit } => writeln!(to, "    commit {commit}")?,
        Revision::Archived => writeln!(to, "    from an archive")?,
        Revision::Dirty { reason } => writeln!(to, "    not committed: {reason}")?,
    }
    let doubtful = source.suspicions.iter().filter(|line| !line.only_points());
    for suspicion in doubtful {
        let takes = suspicion.rule().map_or("something", |rule| rule.takes);
        let (path, line) = (&suspicion.path, suspicion.line);
        writeln!(to, "    {path}:{line} takes in {takes}: {}", suspicion.text)?;
    }
    for input in &source.closed_inputs {
        let sure = match input.certainty {
            Certainty::Certain => "prebuilt",
            Certainty::Suspected => "suspected",
        };
        writeln!(to, "    {sure}: {} ({})", input.path, input.reason)?;
        writeln!(to, "      {}", input.digest)?;
        match &input.declared {
            Some(reason) => writeln!(to, "      declared: {reason}")?,
            None => writeln!(to, "      not declared in the matrix")?,
        }
    }
    Ok(())
}

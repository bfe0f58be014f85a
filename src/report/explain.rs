//! Everything about one cell, for people.

use std::io::{self, Write};

use textwrap::WordSplitter;

use crate::digest::Sha256Digest;
use crate::gate::{ModuleGates, Verdict};
use crate::image::ImageReproduction;
use crate::label::Label;
use crate::ledger::AttemptRecord;
use crate::outcome::Outcome;
use crate::recipe::BuildSpec;
use crate::report::causes::print_causes;
use crate::report::pair::place_shown;
use crate::report::preparations::{print_kernel_source, print_preparations};
use crate::report::{log_name, reproduced};
use crate::run::{Assessment, Standing};
use crate::source::{Certainty, Origin, Revision, SourceRecord};

/// How wide a reason may be, beside the names of the axes on 80 columns.
const REASON: usize = 60;
/// How many of the places that differ are printed.
const MOST_PLACES: usize = 8;

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
    print_attempts(to, assessment, &place, &spec)?;
    print_comparisons(to, assessment)?;
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
        writeln!(to, "  finding: {module} does not pass `{gate}`")?;
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
    for suspicion in &source.suspicions {
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

fn print_attempts(
    to: &mut impl Write,
    assessment: &Assessment,
    place: &impl Fn(&str, &Sha256Digest) -> Option<String>,
    spec: &impl Fn(&Sha256Digest) -> Option<BuildSpec>,
) -> io::Result<()> {
    for attempt in &assessment.attempts {
        let name = match attempt.number {
            0 => "reference".to_owned(),
            number => format!("rebuild {number}"),
        };
        let seconds = attempt.wall.as_secs_f64();
        let engine = &attempt.engine;
        writeln!(
            to,
            "\n{name}: {} in {seconds:.1} s by {} {} ({})",
            attempt.outcome_word(),
            engine.name,
            engine.version,
            attempt.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )?;
        let variation = &attempt.variation;
        match spec(&attempt.spec) {
            Some(spec) => {
                for step in spec.steps().lines() {
                    writeln!(to, "  {step}")?;
                }
                for (name, value) in &spec.environment {
                    writeln!(to, "    {name}={value}")?;
                }
            }
            None => writeln!(to, "  its spec is not in the store")?,
        }
        writeln!(
            to,
            "  host {}.{}, user {}:{}, umask {}",
            variation.host_name,
            variation.domain_name,
            variation.user,
            variation.group,
            variation.umask
        )?;
        print_reached(to, assessment, attempt)?;
        match &attempt.observed {
            Some(observed) => writeln!(
                to,
                "  {}, CPUs {}",
                if observed.is_sealed() {
                    "sealed"
                } else {
                    "not sealed"
                },
                observed.cpus
            )?,
            None => writeln!(to, "  how closed it was is not recorded")?,
        }
        writeln!(to, "  spec {}", attempt.spec)?;
        if let Outcome::Built { modules } = &attempt.outcome {
            for module in modules {
                writeln!(
                    to,
                    "  {} {} ({} bytes)",
                    module.path, module.digest, module.bytes
                )?;
                if let Some(vermagic) = &module.facts.vermagic {
                    writeln!(to, "    vermagic {}", vermagic.trim_end())?;
                }
                if let Some(srcversion) = &module.facts.srcversion {
                    writeln!(to, "    srcversion {srcversion}")?;
                }
            }
        }
        print_gates(to, &attempt.gates)?;
        match place(&log_name(attempt.number), &attempt.log) {
            Some(place) => writeln!(to, "  log {place}")?,
            None => writeln!(to, "  log {} (not in the store)", attempt.log)?,
        }
    }
    Ok(())
}

/// Prints the axes on which a rebuild differs from the reference, as the probes in both found.
fn print_reached(
    to: &mut impl Write,
    assessment: &Assessment,
    attempt: &AttemptRecord,
) -> io::Result<()> {
    let mut attempts = assessment.attempts.iter();
    let Some(reference) = attempts.find(|reference| reference.number == 0) else {
        return Ok(());
    };
    let reached = attempt.reached.differs_from(&reference.reached);
    for axis in &attempt.variation.axes {
        let value = match attempt.reached.on(*axis) {
            Some(value) if reached.contains(axis) => value.trim_end(),
            Some(_) | None => "did not reach the build",
        };
        writeln!(to, "  varied {:<22}{value}", axis.noun())?;
    }
    Ok(())
}

/// Prints what every module passed in one line, and all else with its evidence.
fn print_gates(to: &mut impl Write, gates: &[ModuleGates]) -> io::Result<()> {
    for module in gates {
        let passed: Vec<&str> = module
            .gates
            .iter()
            .filter(|result| result.verdict == Verdict::Passed)
            .map(|result| result.gate.id())
            .collect();
        writeln!(
            to,
            "  gates of {}: passed {}",
            module.path,
            passed.join(", ")
        )?;
        for result in &module.gates {
            let word = match result.verdict {
                Verdict::Passed => continue,
                Verdict::Failed => "failed",
                Verdict::Unknown => "unknown",
            };
            for evidence in &result.evidence {
                writeln!(to, "    {} {word}: {evidence}", result.gate)?;
            }
        }
    }
    Ok(())
}

fn print_comparisons(to: &mut impl Write, assessment: &Assessment) -> io::Result<()> {
    for (number, comparison) in &assessment.comparisons {
        if comparison.is_same() {
            writeln!(to, "\nrebuild {number}: every bit is the same")?;
            continue;
        }
        for difference in &comparison.differences {
            writeln!(to, "\nrebuild {number}: {} differs", difference.path)?;
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
        }
    }
    Ok(())
}

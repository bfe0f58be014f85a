//! The attempts of a cell, for people: those that show something new in full, the others by what they
//! have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::digest::Sha256Digest;
use crate::gate::{ModuleGates, Verdict};
use crate::ledger::AttemptRecord;
use crate::outcome::{Commands, Outcome};
use crate::recipe::BuildSpec;
use crate::report::log_name;
use crate::report::numbers::numbers;
use crate::variation::Axis;

/// Prints the attempts. A rebuild that ended as one before it did is printed with all others that did
/// so in the same surroundings.
pub(super) fn print_attempts(
    to: &mut impl Write,
    attempts: &[AttemptRecord],
    place: &impl Fn(&str, &Sha256Digest) -> Option<String>,
    spec: &impl Fn(&Sha256Digest) -> Option<BuildSpec>,
) -> io::Result<()> {
    let reference = attempts.iter().find(|attempt| attempt.number == 0);
    let mut in_full: Vec<&AttemptRecord> = Vec::new();
    let mut alike: Vec<(Alike<'_>, Vec<&AttemptRecord>)> = Vec::new();
    for attempt in attempts {
        let is_known =
            |known: &&&AttemptRecord| known.number > 0 && is_like(reference, known, attempt);
        let Some(like) = in_full.iter().find(is_known) else {
            print_attempt(to, reference, attempt, place, spec)?;
            in_full.push(attempt);
            continue;
        };
        let alike_as = Alike {
            like: like.number,
            axes: &attempt.variation.axes,
            reached: reached(reference, attempt),
            but: other_choices(like, attempt),
        };
        match alike.iter_mut().find(|(known, _)| *known == alike_as) {
            Some((_, attempts)) => attempts.push(attempt),
            None => alike.push((alike_as, vec![attempt])),
        }
    }
    if !alike.is_empty() {
        writeln!(to)?;
    }
    for (alike, attempts) in &alike {
        print_alike(to, alike, attempts)?;
    }
    Ok(())
}

/// What attempts have in common that are printed as one.
#[derive(PartialEq, Eq)]
struct Alike<'a> {
    /// The number of the attempt that ended like them.
    like: u32,
    /// What was to be varied, and what of it reached the build.
    axes: &'a BTreeSet<Axis>,
    reached: BTreeSet<Axis>,
    /// What they have, and that attempt has not, on axes that have but a few values.
    but: BTreeMap<Axis, String>,
}

fn other_choices(like: &AttemptRecord, attempt: &AttemptRecord) -> BTreeMap<Axis, String> {
    let known = like.variation.choices();
    let mut choices = attempt.variation.choices();
    choices.retain(|axis, value| known.get(axis) != Some(value));
    choices
}

/// Returns true if two attempts ended alike: in one outcome, with the reference's bits or with others,
/// and nothing else is to be said of one of them.
fn is_like(reference: Option<&AttemptRecord>, one: &AttemptRecord, other: &AttemptRecord) -> bool {
    let is_same = |attempt: &AttemptRecord| {
        let modules = |attempt: &AttemptRecord| match &attempt.outcome {
            Outcome::Built { modules } => Some(modules.clone()),
            Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
        };
        let made = modules(attempt);
        made.is_some() && made == reference.and_then(modules)
    };
    let is_sealed = |attempt: &AttemptRecord| {
        let observed = attempt.observed.as_ref();
        observed.map(|observed| observed.is_sealed())
    };
    let verdicts = |attempt: &AttemptRecord| -> Vec<_> {
        let results = attempt.gates.iter().flat_map(|module| &module.gates);
        results
            .map(|result| (result.gate, result.verdict))
            .collect()
    };
    let shown = |attempt: &AttemptRecord| {
        let commands = attempt.commands.as_ref();
        commands.map(|all| (all.whole, all.links, all.signs.len()))
    };
    one.outcome_word() == other.outcome_word()
        && is_same(one) == is_same(other)
        && verdicts(one) == verdicts(other)
        && is_sealed(one) == is_sealed(other)
        && shown(one) == shown(other)
}

/// Returns the axes on which a rebuild differs from the reference, as the probes in both found.
fn reached(reference: Option<&AttemptRecord>, attempt: &AttemptRecord) -> BTreeSet<Axis> {
    reference.map_or_else(BTreeSet::new, |reference| attempt.varied(reference))
}

fn print_alike(
    to: &mut impl Write,
    alike: &Alike<'_>,
    attempts: &[&AttemptRecord],
) -> io::Result<()> {
    let (noun, listed) = match attempts {
        [one] => ("rebuild", one.number.to_string()),
        several => (
            "rebuilds",
            numbers(several.iter().map(|attempt| attempt.number)),
        ),
    };
    let varied = match alike.axes {
        axes if axes.is_empty() => "nothing varied".to_owned(),
        axes if *axes == Axis::all() => "everything varied".to_owned(),
        axes => format!("varied {}", nouns(axes)),
    };
    let missed = alike.axes - &alike.reached;
    let missed = if missed.is_empty() {
        String::new()
    } else {
        format!(" ({} did not reach the build)", nouns(&missed))
    };
    let but: Vec<String> = alike
        .but
        .iter()
        .map(|(axis, value)| format!("{} {value}", axis.noun()))
        .collect();
    let but = if but.is_empty() {
        String::new()
    } else {
        format!("; but {}", but.join(", "))
    };
    let line = format!(
        "{noun} {listed}: as rebuild {}, {varied}{missed}{but}",
        alike.like
    );
    for (index, line) in textwrap::wrap(&line, 78).iter().enumerate() {
        let indent = if index == 0 { "" } else { "  " };
        writeln!(to, "{indent}{line}")?;
    }
    Ok(())
}

fn nouns(axes: &BTreeSet<Axis>) -> String {
    let nouns: Vec<&str> = axes.iter().map(|axis| axis.noun()).collect();
    nouns.join(", ")
}

fn print_attempt(
    to: &mut impl Write,
    reference: Option<&AttemptRecord>,
    attempt: &AttemptRecord,
    place: &impl Fn(&str, &Sha256Digest) -> Option<String>,
    spec: &impl Fn(&Sha256Digest) -> Option<BuildSpec>,
) -> io::Result<()> {
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
    print_reached(to, reference, attempt)?;
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
    if let Some(commands) = &attempt.commands {
        print_commands(to, commands)?;
    }
    match place(&log_name(attempt.number), &attempt.log) {
        Some(place) => writeln!(to, "  log {place}"),
        None => writeln!(to, "  log {} (not in the store)", attempt.log),
    }
}

/// Prints the axes on which a rebuild differs from the reference.
fn print_reached(
    to: &mut impl Write,
    reference: Option<&AttemptRecord>,
    attempt: &AttemptRecord,
) -> io::Result<()> {
    if reference.is_none() {
        return Ok(());
    }
    let reached = reached(reference, attempt);
    for axis in &attempt.variation.axes {
        let value = match attempt.reached.on(*axis) {
            Some(value) if reached.contains(axis) => value.trim_end(),
            Some(_) | None => "did not reach the build",
        };
        writeln!(to, "  varied {:<22}{value}", axis.noun())?;
    }
    Ok(())
}

/// Prints how many commands were kept, and what they show.
fn print_commands(to: &mut impl Write, commands: &Commands) -> io::Result<()> {
    let whole = if commands.whole {
        ""
    } else {
        ", not all of them"
    };
    let (count, text) = (commands.count, commands.text);
    writeln!(to, "  commands {text} ({count}{whole})")?;
    for sign in &commands.signs {
        let says = sign.rule().map_or("shows something", |rule| rule.says);
        let others = match sign.others {
            0 => String::new(),
            count => format!(", and of {count} more"),
        };
        let (object, word) = (&sign.object, &sign.word);
        writeln!(to, "    that of {object}{others} {says}: {word}")?;
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

#[cfg(test)]
mod tests;

//! From a cell's records to the facts that its label is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::interface::interface;
use super::rebuilds::rebuilds;
use crate::compare::{Answer, Comparison};
use crate::gate::{Gate, GateResult, Verdict};
use crate::label::{
    ClosedInputs, Evidence, Examined, Isolation, Rebuilds, Seen, SourceOrigin, Toolchain,
};
use crate::ledger::{AttemptRecord, CellRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Outcome};
use crate::source::{Origin, Revision, SourceRecord};

/// Collects all facts of a cell whose reference was built.
pub(super) fn evidence(
    cell: &CellRecord,
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
    preparations: &[PreparationRecord],
) -> Evidence {
    let compared: Vec<&AttemptRecord> = attempts
        .iter()
        .filter(|attempt| {
            attempt.number == 0
                || comparisons
                    .iter()
                    .any(|(number, _)| *number == attempt.number)
        })
        .collect();
    let rebuilds = rebuilds(cell, reference, attempts, comparisons);
    let rebuilds = (rebuilds.same + rebuilds.normalised + rebuilds.different + rebuilds.failed > 0)
        .then_some(rebuilds);
    Evidence {
        metadata_equal: metadata_equal(rebuilds.as_ref(), comparisons),
        interface: Some(interface(cell, preparations)),
        closed_inputs: Some(closed_inputs(cell)),
        rebuilds,
        toolchain: Some(toolchain(cell, reference, &compared)),
        isolation: Some(isolation(attempts)),
        source: Some(source_origin(cell)),
        examined: examined(attempts),
        signing: None,
        independent: None,
    }
}

/// Counts every attempt that made modules, compared or not.
pub(super) fn isolation(attempts: &[AttemptRecord]) -> Isolation {
    let made = attempts
        .iter()
        .filter(|attempt| matches!(attempt.outcome, Outcome::Built { .. }));
    let is_sealed = |attempt: &&AttemptRecord| {
        let observed = attempt.observed.as_ref();
        observed.is_some_and(|observed| observed.is_sealed())
    };
    Isolation {
        attempts: made.clone().count(),
        sealed: made.filter(is_sealed).count(),
    }
}

/// Returns whether the provenance of the attempts says the same. Where it is known which axes make
/// the bits differ, and with the bits the provenance, those that held these axes are asked.
fn metadata_equal(rebuilds: Option<&Rebuilds>, comparisons: &[(u32, Comparison)]) -> Option<bool> {
    let finding = rebuilds?.finding.as_ref();
    let is_axes = matches!(finding, Some(Answer::Axes { .. }));
    let asked = comparisons
        .iter()
        .filter(|(_, comparison)| !is_axes || comparison.is_same());
    Some(asked.clone().count() > 0 && asked.clone().all(|(_, found)| found.metadata_equal))
}

/// Returns every module that any attempt made, with what gates say of it in all of them, compared or
/// not. A gate that is missing of one attempt is missing, unless it failed in another.
pub(super) fn examined(attempts: &[AttemptRecord]) -> Vec<Examined> {
    // Per module, what each attempt that made it has recorded.
    let mut of_module: BTreeMap<&str, Vec<&[GateResult]>> = BTreeMap::new();
    for attempt in attempts {
        for module in built(attempt) {
            let recorded = attempt.gates.iter().find(|of| of.path == module.path);
            let results = recorded.map_or(&[][..], |of| &of.gates);
            of_module.entry(&module.path).or_default().push(results);
        }
    }
    let of = |(path, attempts): (&str, Vec<&[GateResult]>)| Examined {
        module: path.to_owned(),
        gates: Gate::ALL
            .into_iter()
            .filter_map(|gate| Some((gate, worst(gate, &attempts)?)))
            .collect(),
    };
    of_module.into_iter().map(of).collect()
}

/// Returns the worst that a gate said of a module in any attempt.
fn worst(gate: Gate, attempts: &[&[GateResult]]) -> Option<Seen> {
    let of = |results: &&[GateResult]| results.iter().position(|result| result.gate == gate);
    let found = || attempts.iter().filter_map(|all| Some(&all[of(all)?]));
    let with = |verdict| found().find(|result| result.verdict == verdict);
    let is_whole = attempts.iter().all(|results| of(results).is_some());
    let rest = || with(Verdict::Unknown).or_else(|| with(Verdict::Passed));
    let result = match with(Verdict::Failed) {
        Some(failed) => failed,
        None if is_whole => rest()?,
        None => return None,
    };
    Some(Seen {
        verdict: result.verdict,
        because: result.evidence.first().cloned().unwrap_or_default(),
    })
}

/// Returns the prebuilt objects of the module's own source, and of what it needs.
fn closed_inputs(cell: &CellRecord) -> ClosedInputs {
    let mut inputs = ClosedInputs::default();
    let mut add = |source: &SourceRecord, before: &str| {
        for input in &source.closed_inputs {
            let path = format!("{before}{}", input.path);
            match &input.declared {
                Some(reason) => inputs.declared.push((path, reason.clone())),
                None => inputs.undeclared.push((path, input.reason.clone())),
            }
        }
    };
    add(&cell.source, "");
    for (name, source) in &cell.needed_sources {
        add(source, &format!("{name}: "));
    }
    inputs
}

/// Returns where the source is from: the module's own, or that of a module that it needs, if less is
/// known of that one.
fn source_origin(cell: &CellRecord) -> SourceOrigin {
    let rank = |revision: &Revision| match revision {
        Revision::Committed { .. } => 0,
        Revision::Archived => 1,
        Revision::Dirty { .. } => 2,
    };
    let mut worst = &cell.source;
    let mut revision = cell.source.revision.clone();
    for (name, source) in &cell.needed_sources {
        if rank(&source.revision) > rank(&revision) {
            worst = source;
            revision = match &source.revision {
                Revision::Committed { .. } | Revision::Archived => source.revision.clone(),
                Revision::Dirty { reason } => Revision::Dirty {
                    reason: format!("`{name}`, which it needs: {reason}"),
                },
            };
        }
    }
    let from = match &worst.origin {
        Origin::Directory => None,
        Origin::Git { .. }
        | Origin::Tarball { .. }
        | Origin::Package { .. }
        | Origin::Dsc { .. }
        | Origin::SourceRpm { .. } => Some(worst.origin.to_string()),
    };
    SourceOrigin { revision, from }
}

fn toolchain(
    cell: &CellRecord,
    reference: &AttemptRecord,
    compared: &[&AttemptRecord],
) -> Toolchain {
    let used: BTreeSet<String> = compared
        .iter()
        .flat_map(|attempt| built(attempt))
        .flat_map(|module| module.facts.compilers.iter().cloned())
        .collect();
    let record = &reference.toolchain;
    let mismatch = record.makes_btf.then(|| {
        let wanted = record.pahole.map(|n| format!("v{}.{}", n / 100, n % 100));
        let has = cell.image.tools.get("pahole").map(String::as_str);
        let shown = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
        (wanted.is_none() || wanted.as_deref() != has).then(|| {
            format!(
                "BTF was made by pahole {}, the kernel's by {}",
                shown(has),
                shown(wanted.as_deref())
            )
        })
    });
    Toolchain {
        executed: cell.inputs.executed(),
        // A digest of an image that its steps fetched into pins none of what they fetched.
        pinned: cell.image.is_pinned()
            && compared.iter().all(|attempt| {
                attempt
                    .observed
                    .as_ref()
                    .is_some_and(|observed| observed.image == Some(cell.inputs.image))
            }),
        recorded: record.compiler.clone(),
        used: used.into_iter().collect(),
        mismatch: mismatch.flatten(),
    }
}

/// Returns the modules of an attempt.
pub(super) fn built(attempt: &AttemptRecord) -> &[BuiltModule] {
    match &attempt.outcome {
        Outcome::Built { modules } => modules,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => &[],
    }
}

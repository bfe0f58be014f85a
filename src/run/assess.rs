//! From a cell's records to where it stands: the evidence, its label, or its failure. Pure.

mod doubts;

use std::collections::BTreeSet;

use crate::catalog::kernel_source::{KernelOrigin, KernelSource};
use crate::catalog::{Fingerprint, SuiteRecord};
use crate::compare::cause::{Named, blame, together};
use crate::compare::{Answer, Comparison, Inquiry, Trial, differing, inquire};
use crate::gate::Verdict;
use crate::label::{
    self, Again, AgeLimits, CellStanding, ClosedInputs, Evidence, Fate, Finding, Grade,
    Independent, Interface, Isolation, Label, PackagedInterface, PreparedInterface, Rebuilds,
    Signing, SourceOrigin, Toolchain,
};
use crate::ledger::{AttemptRecord, AttestationRecord, CellRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Exclusion, Failure, Outcome, PreparationOutcome};
use crate::run::rebuilds_on;
use crate::source::{Origin, Revision, SourceRecord};
use crate::variation::Axis;

use doubts::{Agreed, Shown};

/// One cell with all that is recorded of it, and what that proves.
#[derive(Debug, Clone)]
pub struct Assessment {
    pub cell: CellRecord,
    /// By number: the attempt that counts for each.
    pub attempts: Vec<AttemptRecord>,
    pub comparisons: Vec<(u32, Comparison)>,
    /// Those of the cell's kernel, where it is prepared here, by number.
    pub preparations: Vec<PreparationRecord>,
    pub standing: Standing,
}

/// Where a cell stands.
#[derive(Debug, Clone)]
pub enum Standing {
    /// Every attempt that was asked for was made and compared.
    Labelled(Box<Label>),
    /// An attempt made no module. If the reference did, its label says what is proven all the same.
    Failed {
        number: u32,
        failure: Failure,
        label: Option<Box<Label>>,
    },
    /// The module itself says that it is not for this kernel, in every attempt.
    Excluded { exclusion: Exclusion },
    /// Not every attempt was made, or one of them met a failure that says nothing about the module.
    Missing {
        failure: Option<(u32, Failure)>,
        label: Option<Box<Label>>,
    },
}

impl Assessment {
    /// Returns the modules of the reference.
    pub fn modules(&self) -> &[BuiltModule] {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == 0)
            .map_or(&[], built)
    }

    /// Returns the label, where there is one.
    pub fn label(&self) -> Option<&Label> {
        match &self.standing {
            Standing::Labelled(label) => Some(label),
            Standing::Failed { label, .. } | Standing::Missing { label, .. } => label.as_deref(),
            Standing::Excluded { .. } => None,
        }
    }

    /// Returns the standing for the roll-up.
    pub fn for_roll_up(&self) -> CellStanding {
        match &self.standing {
            Standing::Labelled(label) => CellStanding::Labelled {
                tier: label.tier,
                stale: label.freshness.is_stale_or_unknown(),
            },
            Standing::Failed { .. } => CellStanding::Failed,
            Standing::Excluded { .. } => CellStanding::Excluded,
            Standing::Missing { .. } => CellStanding::Missing,
        }
    }

    /// Returns what came of the cell, for the scope statement.
    pub fn fate(&self) -> Fate {
        match &self.standing {
            Standing::Labelled(_) => Fate::Built,
            Standing::Excluded { exclusion } => Fate::ExcludedByModule(exclusion.to_string()),
            Standing::Failed {
                number, failure, ..
            } => Fate::Failed(in_attempt(*number, failure)),
            Standing::Missing {
                failure: Some((number, failure)),
                ..
            } => Fate::Missing(in_attempt(*number, failure)),
            Standing::Missing { failure: None, .. } => {
                let made = self.attempts.len();
                let reason = match made {
                    0 => "no attempt was made".to_owned(),
                    1 => "only one attempt was made".to_owned(),
                    count => format!("only {count} attempts were made, or not all compared"),
                };
                Fate::Missing(reason)
            }
        }
    }

    /// Returns how many rebuilds agreed and how many there were.
    pub fn agreement(&self) -> (usize, usize) {
        let same = self
            .comparisons
            .iter()
            .filter(|(_, comparison)| comparison.is_same())
            .count();
        (same, self.comparisons.len())
    }
}

fn in_attempt(number: u32, failure: &Failure) -> String {
    let class = failure.class();
    match number {
        0 => format!("{class}: {failure}"),
        number => format!("{class}: {failure}, in rebuild {number}"),
    }
}

/// Returns the best signature over what is claimed of a cell's modules: every one of them, as this cell's
/// inputs made it.
pub fn signing(
    cell: &CellRecord,
    attempts: &[AttemptRecord],
    signed: &[AttestationRecord],
) -> Option<Signing> {
    let reference = attempts.iter().find(|attempt| attempt.number == 0)?;
    let modules = built(reference);
    let inputs = cell.inputs.digest();
    let is_of_these = |record: &&AttestationRecord| {
        let has = |module: &BuiltModule| record.subjects.contains(&module.digest);
        !modules.is_empty() && record.inputs == Some(inputs) && modules.iter().all(has)
    };
    let signing = |record: &AttestationRecord| {
        let (kind, _) = record.signer.split_once(':')?;
        let grade = match kind {
            "key" => Grade::External,
            "identity" => Grade::Keyless,
            _ => return None,
        };
        let by = record.signer.clone();
        Some(Signing { grade, by })
    };
    let found = signed.iter().filter(is_of_these).filter_map(signing);
    found.max_by_key(|signing| signing.grade)
}

/// Says what the records of a cell prove. Attempts beyond the rebuilds that the cell asks for count
/// as well: what was observed is never left out.
pub fn assess(
    cell: CellRecord,
    attempts: Vec<AttemptRecord>,
    comparisons: Vec<(u32, Comparison)>,
    preparations: Vec<PreparationRecord>,
    signing: Option<Signing>,
) -> Assessment {
    let reference = attempts.iter().find(|attempt| attempt.number == 0);
    let label = reference
        .filter(|attempt| matches!(attempt.outcome, Outcome::Built { .. }))
        .map(|reference| {
            let evidence = Evidence {
                signing,
                ..evidence(&cell, reference, &attempts, &comparisons, &preparations)
            };
            let limits = AgeLimits {
                warn_after: cell.warn_after,
                stale_after: cell.stale_after,
            };
            let freshness = label::freshness(cell.image.archive_date, reference.started, limits);
            Box::new(label::label(&evidence, freshness))
        });
    let asked = asked(&cell, &attempts);
    let failed = attempts
        .iter()
        .filter(|attempt| asked.contains(&attempt.number))
        .find_map(|attempt| match &attempt.outcome {
            Outcome::Built { .. } | Outcome::Excluded { .. } => None,
            Outcome::Failed { failure } => Some((attempt.number, failure.clone())),
        })
        .or_else(|| unsteady(&attempts));
    let is_compared = |number: &u32| comparisons.iter().any(|(compared, _)| compared == number);
    let complete = asked.len() > cell.rebuilds as usize
        && asked.iter().filter(|number| **number > 0).all(is_compared);
    let standing = match (failed, label) {
        (Some((number, failure)), label) if failure.is_infrastructure() => Standing::Missing {
            failure: Some((number, failure)),
            label,
        },
        (Some((number, failure)), label) => Standing::Failed {
            number,
            failure,
            label,
        },
        (None, Some(label)) if complete => Standing::Labelled(label),
        (None, label) => match excluded(&cell, &attempts) {
            Some(exclusion) => Standing::Excluded { exclusion },
            None => Standing::Missing {
                failure: None,
                label,
            },
        },
    };
    Assessment {
        cell,
        attempts,
        comparisons,
        preparations,
        standing,
    }
}

/// A build of a cell by somebody else, as its record says.
#[derive(Debug, Clone, Copy)]
pub struct Theirs<'a> {
    pub reference: &'a AttemptRecord,
    /// What came of holding the build that was made here against it.
    pub comparison: &'a Comparison,
    /// Set if they have been authenticated, and are not whoever builds here.
    pub independent: Option<&'a Independent>,
}

/// Labels a cell by one build that was made here, and by how it compares with one of somebody else. All
/// but reproducibility is graded by what was observed here alone.
pub fn label_beside(
    cell: &CellRecord,
    ours: &AttemptRecord,
    theirs: Theirs<'_>,
    preparations: &[PreparationRecord],
    signing: Option<Signing>,
) -> Label {
    let both = [
        theirs.reference.clone(),
        AttemptRecord {
            number: theirs.reference.number + 1,
            ..ours.clone()
        },
    ];
    let compared = [(both[1].number, theirs.comparison.clone())];
    let is_same = theirs.comparison.is_same();
    let evidence = Evidence {
        rebuilds: Some(rebuilds(cell, theirs.reference, &both, &compared)),
        metadata_equal: Some(theirs.comparison.metadata_equal),
        independent: theirs.independent.filter(|_| is_same).cloned(),
        signing,
        ..evidence(cell, ours, std::slice::from_ref(ours), &[], preparations)
    };
    let limits = AgeLimits {
        warn_after: cell.warn_after,
        stale_after: cell.stale_after,
    };
    let freshness = label::freshness(cell.image.archive_date, ours.started, limits);
    label::label(&evidence, freshness)
}

/// Returns the numbers of the attempts that the cell asks for: its reference, and rebuilds on its axes.
fn asked(cell: &CellRecord, attempts: &[AttemptRecord]) -> Vec<u32> {
    let rebuilds = rebuilds_on(attempts, &cell.axes);
    let asked = rebuilds.into_iter().take(cell.rebuilds as usize);
    std::iter::once(0).chain(asked).collect()
}

/// Returns what excludes a cell, if every attempt that was asked for says so.
fn excluded(cell: &CellRecord, attempts: &[AttemptRecord]) -> Option<Exclusion> {
    let of = |number: u32| {
        let attempt = attempts.iter().find(|attempt| attempt.number == number)?;
        match &attempt.outcome {
            Outcome::Excluded { exclusion } => Some(exclusion),
            Outcome::Built { .. } | Outcome::Failed { .. } => None,
        }
    };
    let asked = asked(cell, attempts);
    asked.iter().try_for_each(|number| of(*number).map(drop))?;
    let is_complete = asked.len() > cell.rebuilds as usize;
    of(0).filter(|_| is_complete).cloned()
}

/// Returns the failure of a module that is for a kernel in one attempt and not in another.
fn unsteady(attempts: &[AttemptRecord]) -> Option<(u32, Failure)> {
    let first = |wanted: fn(&Outcome) -> bool| {
        let found = attempts.iter().find(|attempt| wanted(&attempt.outcome));
        found.map(|attempt| attempt.number)
    };
    let excluded = first(|outcome| matches!(outcome, Outcome::Excluded { .. }))?;
    let included = first(|outcome| matches!(outcome, Outcome::Built { .. }))?;
    let failure = Failure::UnsteadyExclusion { excluded, included };
    Some((excluded.max(included), failure))
}

fn evidence(
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
        interface: Some(match &cell.kernel_source {
            Some(source) => Interface::Prepared(prepared(cell, source, preparations)),
            None => Interface::Packages(packages(cell)),
        }),
        closed_inputs: Some(closed_inputs(cell)),
        rebuilds,
        toolchain: Some(toolchain(cell, reference, &compared)),
        isolation: Some(isolation(attempts)),
        source: Some(source_origin(cell)),
        findings: findings(&compared),
        signing: None,
        independent: None,
    }
}

/// Counts every attempt that made modules, compared or not.
fn isolation(attempts: &[AttemptRecord]) -> Isolation {
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

/// Returns the gates that modules did not pass, each once for all attempts.
fn findings(attempts: &[&AttemptRecord]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for module in attempts.iter().flat_map(|attempt| &attempt.gates) {
        for result in &module.gates {
            let is_known =
                |known: &Finding| known.gate == result.gate && known.module == module.path;
            if result.verdict == Verdict::Failed && !found.iter().any(is_known) {
                found.push(Finding {
                    gate: result.gate,
                    module: module.path.clone(),
                    because: result.evidence.first().cloned().unwrap_or_default(),
                });
            }
        }
    }
    found
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

fn rebuilds(
    cell: &CellRecord,
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Rebuilds {
    let trials = trials(reference, attempts, comparisons);
    let mut normalised = 0;
    let mut normalisations = BTreeSet::new();
    for (_, comparison) in comparisons.iter().filter(|(_, found)| !found.is_same()) {
        if let Some(named) = comparison.normalisations() {
            normalised += 1;
            normalisations.extend(named);
        }
    }
    let count = |wanted: bool| {
        let count = trials.iter().filter(|trial| trial.same == wanted).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let same = count(true);
    let different = count(false).saturating_sub(normalised);
    let agreeing = || trials.iter().filter(|trial| trial.same);
    let with = |axes: &BTreeSet<Axis>| {
        let count = agreeing().filter(|trial| axes.is_subset(&trial.axes));
        u32::try_from(count.count()).unwrap_or(u32::MAX)
    };
    let varied = agreeing()
        .map(|trial| &trial.axes)
        .max_by_key(|axes| (axes.len(), with(axes)))
        .cloned()
        .unwrap_or_default();
    let with_these = with(&varied);
    let sealing = isolation(attempts);
    let agreed = Agreed {
        varied: &varied,
        rebuilds: with_these,
        sealed: sealing.sealed == sealing.attempts,
    };
    let finding = match inquire(&trials) {
        Inquiry::Over(answer) => Some(answer),
        Inquiry::Try(_) => None,
    };
    Rebuilds {
        same,
        normalised,
        normalisations,
        different,
        failed: without_modules(attempts),
        with_these,
        doubts: Shown::of(cell, attempts).doubts(&agreed),
        varied,
        causes: named_causes(cell, comparisons, finding.as_ref()),
        finding,
    }
}

/// Returns why rebuilds differ: what their bytes say, held against what an inquiry came to.
fn named_causes(
    cell: &CellRecord,
    comparisons: &[(u32, Comparison)],
    finding: Option<&Answer>,
) -> Vec<Named> {
    let suspicions = &cell.source.suspicions;
    let each = comparisons.iter().flat_map(|(_, found)| &found.differences);
    let named = together(each.flat_map(|found| found.causes.clone()), suspicions);
    match finding {
        Some(answer) => blame(named, answer, suspicions),
        None => named,
    }
}

/// Returns how many rebuilds made no module for a reason that is the build's own.
fn without_modules(attempts: &[AttemptRecord]) -> u32 {
    let rebuilds = attempts.iter().filter(|attempt| attempt.number > 0);
    let failed = rebuilds.filter(|attempt| match &attempt.outcome {
        Outcome::Failed { failure } => !failure.is_infrastructure(),
        Outcome::Built { .. } | Outcome::Excluded { .. } => false,
    });
    u32::try_from(failed.count()).unwrap_or(u32::MAX)
}

/// Returns every rebuild that was held against the reference, with the axes on which it was found to
/// differ from the reference's surroundings: those that its spec varied, if a probe inside both
/// containers tells so. One whose modules have other digests than the reference's differs, whatever
/// came of its comparison, and if there is none.
pub(super) fn trials(
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Vec<Trial> {
    let of = |number: u32| attempts.iter().find(|attempt| attempt.number == number);
    let differs = |rebuild: &AttemptRecord| {
        let is_built = matches!(rebuild.outcome, Outcome::Built { .. });
        is_built && !differing(built(reference), built(rebuild)).is_empty()
    };
    let trial = |number: u32, same: bool| Trial {
        axes: of(number).map_or_else(BTreeSet::new, |rebuild| {
            &rebuild.variation.axes & &rebuild.reached.differs_from(&reference.reached)
        }),
        same,
    };
    let compared = comparisons.iter().map(|(number, comparison)| {
        let same = comparison.is_same() && !of(*number).is_some_and(differs);
        trial(*number, same)
    });
    let is_compared = |number: u32| comparisons.iter().any(|(known, _)| *known == number);
    let others = attempts
        .iter()
        .filter(|rebuild| rebuild.number > 0 && !is_compared(rebuild.number))
        .filter(|rebuild| differs(rebuild))
        .map(|rebuild| trial(rebuild.number, false));
    compared.chain(others).collect()
}

fn packages(cell: &CellRecord) -> PackagedInterface {
    let mut vouched_by = BTreeSet::new();
    let mut exceptions = BTreeSet::new();
    let mut complete = true;
    for package in &cell.packages {
        let is_its =
            |suite: &&SuiteRecord| suite.archive == package.archive && suite.suite == package.suite;
        // Where every architecture has an index of its own, each of them counts: which of them named
        // the package is not recorded, and a label may not be higher than the truth.
        let mut suites = cell.vouched.iter().filter(is_its).peekable();
        complete &= suites.peek().is_some();
        for suite in suites {
            exceptions.extend(suite.exceptions.iter().cloned());
            if suite.signed_by.is_empty() {
                complete = false;
                continue;
            }
            vouched_by.insert(voucher(suite));
        }
    }
    PackagedInterface {
        packages: cell.packages.len(),
        vouched_by: if complete {
            vouched_by.into_iter().collect()
        } else {
            Vec::new()
        },
        exceptions: exceptions.into_iter().collect(),
    }
}

/// Returns who signed a state of a suite, for people.
fn voucher(suite: &SuiteRecord) -> String {
    let key = suite.signed_by.first();
    format!(
        "{}/{} of {} (key {})",
        suite.archive,
        suite.suite,
        suite.date.strftime("%Y-%m-%d"),
        key.map_or("", Fingerprint::as_str)
    )
}

/// Returns the keys of which one has signed, for people.
fn shown_keys(keys: &[Fingerprint]) -> String {
    let keys: Vec<&str> = keys.iter().map(Fingerprint::as_str).collect();
    keys.join(" or ")
}

/// Puts together what is known of a kernel that was prepared here.
fn prepared(
    cell: &CellRecord,
    source: &KernelSource,
    preparations: &[PreparationRecord],
) -> PreparedInterface {
    let suite = match &source.origin {
        KernelOrigin::Archive { archive, suite, .. } => cell
            .vouched
            .iter()
            .find(|record| record.archive == *archive && record.suite == *suite),
        KernelOrigin::File { .. } | KernelOrigin::Git { .. } => None,
    };
    let signed = suite.filter(|record| !record.signed_by.is_empty());
    let signature = source.origin.signature();
    let of = |number: u32| preparations.iter().find(|record| record.number == number);
    let kernel = |record: &PreparationRecord| match &record.outcome {
        PreparationOutcome::Prepared { kernel } => Ok(kernel.clone()),
        PreparationOutcome::Failed { failure } => Err(failure.clone()),
    };
    let reference = of(0);
    let used = reference.and_then(|record| kernel(record).ok());
    let again = match (reference, &used, of(1)) {
        (Some(reference), Some(used), Some(rebuild)) => match kernel(rebuild) {
            Ok(other) if other.tree == used.tree => Again::Same {
                varied: &rebuild.variation.axes & &rebuild.reached.differs_from(&reference.reached),
            },
            Ok(_) => Again::Different {
                files: rebuild.differing.clone(),
            },
            Err(failure) => Again::Failed {
                reason: failure.to_string(),
            },
        },
        (_, _, None) | (None, _, Some(_)) | (_, None, Some(_)) => Again::Unattempted,
    };
    let sealed = preparations.iter().all(|record| {
        record.observed.as_ref().is_some_and(|observed| {
            observed.is_sealed() && observed.image == Some(cell.inputs.image)
        })
    });
    PreparedInterface {
        source: source.origin.shown(),
        config: source.config.short(),
        vouched_by: match signature {
            Some(signature) => Some(format!(
                "its own signature (by the key {})",
                shown_keys(&signature.signers)
            )),
            None => signed.map(voucher),
        },
        // Whose the list is bears on nothing where the tarball itself is signed.
        exceptions: match (signature, suite) {
            (None, Some(suite)) => suite.exceptions.clone(),
            (Some(_), _) | (None, None) => Vec::new(),
        },
        is_local: match source.origin {
            KernelOrigin::Archive { .. } => false,
            KernelOrigin::File { .. } | KernelOrigin::Git { .. } => true,
        },
        is_prepared: used.is_some(),
        has_symbols: used.is_some_and(|kernel| kernel.has_symbols),
        sealed,
        again,
    }
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

fn built(attempt: &AttemptRecord) -> &[BuiltModule] {
    match &attempt.outcome {
        Outcome::Built { modules } => modules,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => &[],
    }
}

#[cfg(test)]
mod tests;

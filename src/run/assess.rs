//! From a cell's records to where it stands: the evidence, its label, or its failure. Pure.

use std::collections::BTreeSet;

use crate::catalog::kernel_source::{KernelSource, TarballOrigin};
use crate::catalog::{Fingerprint, SuiteRecord};
use crate::compare::Comparison;
use crate::engine::Observed;
use crate::gate::Verdict;
use crate::label::{
    self, Again, AgeLimits, CellStanding, ClosedInputs, Evidence, Finding, Interface, Isolation,
    Label, PackagedInterface, PreparedInterface, Rebuilds, SourceOrigin, Toolchain,
};
use crate::ledger::{AttemptRecord, CellRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Exclusion, Failure, Outcome, PreparationOutcome};
use crate::recipe::{Axis, Variation};
use crate::source::{Origin, Revision, SourceRecord};

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

/// Says what the records of a cell prove. Attempts beyond the rebuilds that the cell asks for count
/// as well: what was observed is never left out.
pub fn assess(
    cell: CellRecord,
    attempts: Vec<AttemptRecord>,
    comparisons: Vec<(u32, Comparison)>,
    preparations: Vec<PreparationRecord>,
) -> Assessment {
    let reference = attempts.iter().find(|attempt| attempt.number == 0);
    let label = reference
        .filter(|attempt| matches!(attempt.outcome, Outcome::Built { .. }))
        .map(|reference| {
            let evidence = evidence(&cell, reference, &attempts, &comparisons, &preparations);
            let limits = AgeLimits {
                warn_after: cell.warn_after,
                stale_after: cell.stale_after,
            };
            let freshness = label::freshness(cell.image.archive_date, reference.started, limits);
            Box::new(label::label(&evidence, freshness))
        });
    let failed = attempts
        .iter()
        .filter(|attempt| attempt.number <= cell.rebuilds)
        .find_map(|attempt| match &attempt.outcome {
            Outcome::Built { .. } | Outcome::Excluded { .. } => None,
            Outcome::Failed { failure } => Some((attempt.number, failure.clone())),
        })
        .or_else(|| unsteady(&attempts));
    let complete = (1..=cell.rebuilds)
        .all(|number| comparisons.iter().any(|(compared, _)| *compared == number));
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

/// Returns what excludes a cell, if every attempt that was asked for says so.
fn excluded(cell: &CellRecord, attempts: &[AttemptRecord]) -> Option<Exclusion> {
    let of = |number: u32| {
        let attempt = attempts.iter().find(|attempt| attempt.number == number)?;
        match &attempt.outcome {
            Outcome::Excluded { exclusion } => Some(exclusion),
            Outcome::Built { .. } | Outcome::Failed { .. } => None,
        }
    };
    (1..=cell.rebuilds).try_for_each(|number| of(number).map(drop))?;
    of(0).cloned()
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
    Evidence {
        rebuilds: (!comparisons.is_empty()).then(|| rebuilds(reference, attempts, comparisons)),
        metadata_equal: (!comparisons.is_empty()).then(|| {
            comparisons
                .iter()
                .all(|(_, comparison)| comparison.metadata_equal)
        }),
        interface: Some(match &cell.kernel_source {
            Some(source) => Interface::Prepared(prepared(cell, source, preparations)),
            None => Interface::Packages(packages(cell)),
        }),
        closed_inputs: Some(closed_inputs(cell)),
        toolchain: Some(toolchain(cell, reference, &compared)),
        isolation: Some(Isolation {
            attempts: compared.len(),
            sealed: compared
                .iter()
                .filter(|attempt| {
                    attempt
                        .observed
                        .as_ref()
                        .is_some_and(|observed| observed.is_sealed())
                })
                .count(),
        }),
        source: Some(source_origin(cell)),
        findings: findings(&compared),
    }
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
    reference: &AttemptRecord,
    attempts: &[AttemptRecord],
    comparisons: &[(u32, Comparison)],
) -> Rebuilds {
    let mut varied: BTreeSet<Axis> = Axis::ALL.into_iter().collect();
    let (mut same, mut normalised, mut different) = (0, 0, 0);
    let mut normalisations = BTreeSet::new();
    for (number, comparison) in comparisons {
        match comparison.normalisations() {
            None => {
                different += 1;
                continue;
            }
            Some(_) if comparison.is_same() => same += 1,
            Some(named) => {
                normalised += 1;
                normalisations.extend(named);
            }
        }
        let axes: BTreeSet<Axis> = attempts
            .iter()
            .find(|attempt| attempt.number == *number)
            .map(|rebuild| observed_axes(reference, rebuild))
            .unwrap_or_default();
        varied = varied.intersection(&axes).copied().collect();
    }
    Rebuilds {
        same,
        normalised,
        normalisations,
        different,
        varied,
    }
}

/// Returns the axes on which a rebuild differed from the reference.
fn observed_axes(reference: &AttemptRecord, rebuild: &AttemptRecord) -> BTreeSet<Axis> {
    observed_variation(
        (&reference.variation, reference.observed.as_ref()),
        (&rebuild.variation, rebuild.observed.as_ref()),
        reference.engine.cpus,
    )
}

/// Returns the axes on which two executions differed: those that their specs varied, and where the
/// engine tells how the containers really were, only if it tells so too.
fn observed_variation(
    (first, first_observed): (&Variation, Option<&Observed>),
    (second, second_observed): (&Variation, Option<&Observed>),
    machine_cpus: u32,
) -> BTreeSet<Axis> {
    let (Some(one), Some(other)) = (first_observed, second_observed) else {
        return BTreeSet::new();
    };
    second
        .differs_from(first, machine_cpus)
        .into_iter()
        .filter(|axis| match axis {
            Axis::HostName => one.host_name != other.host_name,
            Axis::User => one.user != other.user,
            Axis::Cpus => one.cpus != other.cpus,
            Axis::BuildPath | Axis::Locale | Axis::TimeZone | Axis::Umask | Axis::Environment => {
                true
            }
        })
        .collect()
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

/// Puts together what is known of a kernel that was prepared here.
fn prepared(
    cell: &CellRecord,
    source: &KernelSource,
    preparations: &[PreparationRecord],
) -> PreparedInterface {
    let suite = match &source.origin {
        TarballOrigin::Archive { archive, suite, .. } => cell
            .vouched
            .iter()
            .find(|record| record.archive == *archive && record.suite == *suite)
            .filter(|record| !record.signed_by.is_empty()),
        TarballOrigin::File { .. } => None,
    };
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
                varied: observed_variation(
                    (&reference.variation, reference.observed.as_ref()),
                    (&rebuild.variation, rebuild.observed.as_ref()),
                    reference.engine.cpus,
                ),
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
        vouched_by: suite.map(voucher),
        exceptions: suite.map_or_else(Vec::new, |suite| suite.exceptions.clone()),
        is_local: matches!(source.origin, TarballOrigin::File { .. }),
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

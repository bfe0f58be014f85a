//! From a cell's records to where it stands: the evidence, its label, or its failure. Pure.

mod doubts;
mod evidence;
mod interface;
mod rebuilds;

use crate::compare::Comparison;
use crate::label::{
    self, AgeLimits, CellStanding, Evidence, Fate, Grade, Independent, Label, Rebuilds, Signing,
};
use crate::ledger::{AttemptRecord, AttestationRecord, CellRecord, PreparationRecord};
use crate::outcome::{BuiltModule, Exclusion, Failure, Outcome};
use crate::run::rebuilds_on;

use evidence::{built, evidence};

use rebuilds::rebuilds;

pub(in crate::run) use rebuilds::trials;

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
    // Theirs and one more: what else was asked for is nobody's claim here.
    let rebuilds = Rebuilds {
        made: 1,
        ..rebuilds(cell, theirs.reference, &both, &compared)
    };
    let evidence = Evidence {
        rebuilds: Some(rebuilds),
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

#[cfg(test)]
mod tests;

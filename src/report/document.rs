//! The JSON forms of a run and of a cell: versioned types of their own, converted one way.

use serde::Serialize;

use crate::compare::Comparison;
use crate::label::{Label, Rollup, Scope};
use crate::ledger::{AttemptRecord, CellHistory, CellRecord, PreparationRecord, RunRecord};
use crate::lock::Sharing;
use crate::name::CellId;
use crate::outcome::{BuiltModule, Failure};
use crate::recipe::Executed;
use crate::report::class_of;
use crate::report::sharing::SharingDocument;
use crate::run::{Assessment, Standing};

/// What `build --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDocument<'a> {
    schema_version: u32,
    /// `null` if there was nothing to do.
    run: Option<&'a RunRecord>,
    plan: crate::digest::Sha256Digest,
    exit: u8,
    rollup: &'a Rollup,
    scope: &'a Scope,
    packages: SharingDocument,
    cells: Vec<CellSummary<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CellSummary<'a> {
    id: &'a CellId,
    target: &'a crate::name::Target,
    executed: Executed,
    inputs: crate::digest::Sha256Digest,
    standing: &'static str,
    modules: &'a [BuiltModule],
    comparisons: Vec<Compared<'a>>,
    failure: Option<Failed<'a>>,
    exclusion: Option<Excluded<'a>>,
    label: Option<&'a Label>,
}

/// What a module says of a kernel that it is not for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Excluded<'a> {
    directive: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared<'a> {
    rebuild: u32,
    same: bool,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    attempt: u32,
    class: &'static str,
    /// What the class knows beside its name.
    detail: &'a Failure,
    message: String,
    hint: &'static str,
    infrastructure: bool,
}

/// What `explain --format json` prints, and what stands beside the modules as `record.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellDocument<'a> {
    schema_version: u32,
    cell: &'a CellRecord,
    inputs_digest: crate::digest::Sha256Digest,
    executed: Executed,
    standing: &'static str,
    failure: Option<Failed<'a>>,
    exclusion: Option<Excluded<'a>>,
    label: Option<&'a Label>,
    attempts: &'a [AttemptRecord],
    /// Of the cell's kernel, where it is prepared here.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    preparations: &'a [PreparationRecord],
    comparisons: Vec<Compared<'a>>,
    /// What every run made of the cell; not in `record.json`, which stays as its run wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<&'a CellHistory>,
}

impl<'a> CellDocument<'a> {
    /// Adds what every run made of the cell.
    pub fn with_history(mut self, history: &'a CellHistory) -> Self {
        self.history = Some(history);
        self
    }
}

impl<'a> BuildDocument<'a> {
    /// Puts the results of a run together.
    pub fn new(
        run: Option<&'a RunRecord>,
        plan: crate::digest::Sha256Digest,
        exit: crate::exit::Exit,
        rollup: &'a Rollup,
        scope: &'a Scope,
        sharing: &Sharing,
        assessments: &'a [Assessment],
    ) -> Self {
        Self {
            schema_version: 1,
            run,
            plan,
            exit: exit.code(),
            rollup,
            scope,
            packages: SharingDocument::from(sharing),
            cells: assessments.iter().map(CellSummary::from).collect(),
        }
    }
}

impl<'a> From<&'a Assessment> for CellSummary<'a> {
    fn from(assessment: &'a Assessment) -> Self {
        Self {
            id: &assessment.cell.id,
            target: &assessment.cell.inputs.target,
            executed: assessment.cell.inputs.executed(),
            inputs: assessment.cell.inputs.digest(),
            standing: class_of(&assessment.standing),
            modules: assessment.modules(),
            comparisons: compared(assessment),
            failure: failed(assessment),
            exclusion: excluded(assessment),
            label: assessment.label(),
        }
    }
}

impl<'a> From<&'a Assessment> for CellDocument<'a> {
    fn from(assessment: &'a Assessment) -> Self {
        Self {
            schema_version: 1,
            cell: &assessment.cell,
            inputs_digest: assessment.cell.inputs.digest(),
            executed: assessment.cell.inputs.executed(),
            standing: class_of(&assessment.standing),
            failure: failed(assessment),
            exclusion: excluded(assessment),
            label: assessment.label(),
            attempts: &assessment.attempts,
            preparations: &assessment.preparations,
            comparisons: compared(assessment),
            history: None,
        }
    }
}

fn excluded(assessment: &Assessment) -> Option<Excluded<'_>> {
    match &assessment.standing {
        Standing::Excluded { exclusion } => Some(Excluded {
            directive: &exclusion.directive,
            value: &exclusion.value,
        }),
        Standing::Labelled(_) | Standing::Failed { .. } | Standing::Missing { .. } => None,
    }
}

fn compared(assessment: &Assessment) -> Vec<Compared<'_>> {
    assessment
        .comparisons
        .iter()
        .map(|(rebuild, comparison)| Compared {
            rebuild: *rebuild,
            same: comparison.is_same(),
            comparison,
        })
        .collect()
}

fn failed(assessment: &Assessment) -> Option<Failed<'_>> {
    let (number, failure) = match &assessment.standing {
        Standing::Failed {
            number, failure, ..
        } => (number, failure),
        Standing::Missing { failure, .. } => failure
            .as_ref()
            .map(|(number, failure)| (number, failure))?,
        Standing::Labelled(_) | Standing::Excluded { .. } => return None,
    };
    Some(Failed {
        attempt: *number,
        class: failure.class(),
        detail: failure,
        message: failure.to_string(),
        hint: failure.hint(),
        infrastructure: failure.is_infrastructure(),
    })
}

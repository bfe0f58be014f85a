//! A recorded run, held against the plan and the lock that its matrix has now: nobody could say of
//! another one what it promised.

use std::collections::BTreeMap;
use std::fs;

use crate::cli::Refusal;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal, build_arch};
use crate::exit::Exit;
use crate::ledger::{CellRecord, Ledger, RunRecord, RunStatus};
use crate::lock::Lock;
use crate::matrix::Matrix;
use crate::name::CellId;
use crate::plan::Plan;
use crate::recipe::CellInputs;

/// A run that has ended, with what it promised.
pub(crate) struct LockedRun {
    pub run: RunRecord,
    pub plan: Plan,
    pub lock: Lock,
    /// The lock as it is written.
    pub lock_bytes: Vec<u8>,
    /// In the order of the plan.
    pub cells: Vec<CellRecord>,
}

/// Which run of a matrix is meant, and how the newest is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The id of the run; `None` for the newest.
    pub run: Option<&'a str>,
    pub hint: &'static str,
}

impl LockedRun {
    /// Reads a run of a matrix.
    ///
    /// # Errors
    ///
    /// The run has to have ended, and has to be of the plan and the lock that are there, cell by cell.
    pub(crate) async fn read(
        inputs: &Inputs<'_>,
        ledger: &Ledger,
        matrix: &Matrix,
        wanted: Wanted<'_>,
    ) -> Result<Self, Refusal> {
        let (plan, _, _) = unless_stopped(inputs.plan(matrix, Renewal::Locked)).await?;
        let lock = inputs.last_lock(matrix)?;
        let lock = lock.filter(|lock| lock.plan == plan.digest);
        let lock = lock.ok_or_else(|| moved_on(matrix))?;
        let place = inputs.state.lock(&matrix.path);
        let lock_bytes = fs::read(&place).map_err(|error| {
            let message = format!("cannot read `{}`", place.display());
            Refusal::new(Exit::Internal, message).caused_by(&error)
        })?;
        let run = run_of(ledger, &plan, wanted)?;
        let cells = ledger.cells_of_run(&run.id)?;
        let locked = lock.cells(matrix, build_arch()?);
        let locked: BTreeMap<&CellId, &CellInputs> =
            locked.iter().map(|cell| (&cell.id, &cell.inputs)).collect();
        let is_locked = |cell: &CellRecord| locked.get(&cell.id) == Some(&&cell.inputs);
        if cells.len() != lock.cells.len() || !cells.iter().all(is_locked) {
            return Err(moved_on(matrix));
        }
        Ok(Self {
            run,
            plan,
            lock,
            lock_bytes,
            cells,
        })
    }
}

fn run_of(ledger: &Ledger, plan: &Plan, wanted: Wanted<'_>) -> Result<RunRecord, Refusal> {
    let missing = |message: String, hint: &str| {
        Refusal::new(Exit::EvidenceMissing, message).hint(hint.to_owned())
    };
    let found = match wanted.run {
        Some(id) => ledger.run(id)?.ok_or_else(|| {
            let message = format!("nothing is recorded of a run `{id}`");
            missing(message, wanted.hint)
        })?,
        None => {
            let runs = ledger.runs()?;
            let newest = runs.into_iter().find(|run| run.plan == plan.digest);
            newest.ok_or_else(|| {
                let message = "no run of this matrix is recorded".to_owned();
                missing(message, "run `kmatrix build` first")
            })?
        }
    };
    if found.plan != plan.digest {
        let message = format!(
            "the run {} is of another plan than the matrix is now",
            found.id
        );
        return Err(missing(message, wanted.hint));
    }
    if found.status == RunStatus::Running {
        let message = format!("the run {} has not ended", found.id);
        return Err(missing(message, "run `kmatrix build` again to go on"));
    }
    Ok(found)
}

fn moved_on(matrix: &Matrix) -> Refusal {
    Refusal::new(
        Exit::InputUnavailable,
        format!(
            "the lock of `{}` is not the one that the run was of",
            matrix.path.display()
        ),
    )
    .hint("run `kmatrix build` first: it does only what is missing".to_owned())
}

//! The scheduler: one dispatcher owns the ledger and all state; tasks prepare cells and run
//! attempts and send typed events; reporters only listen.
//!
//! A cell whose inputs have been built and rebuilt is not built again. An attempt that failed is
//! made again by the next run; one that built never is, so a difference is never retried away.

mod assess;
mod attempt;
mod beside;
mod commands;
mod exports;
mod kernel_trees;
mod kernels;
mod made;
mod metadata;
mod prepare;
mod slots;
mod trial;
mod uniformity;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};

use crate::catalog::error::CatalogError;
use crate::compare::Comparison;
use crate::digest::Sha256Digest;
use crate::engine::{Docker, EngineFailure};
use crate::label::Signing;
use crate::ledger::{
    AttemptRecord, CellRecord, Ledger, LedgerError, PreparationRecord, RunRecord, RunStatus,
};
use crate::name::{CellId, KernelRelease};
use crate::outcome::{Failure, Outcome, PreparationFailure};
use crate::store::{Store, StoreError};
use crate::variation::Axis;

pub use assess::{Assessment, Standing, Theirs, assess, label_beside, signing};
pub use beside::compare_beside;
pub use prepare::PackageSource;
pub(crate) use prepare::blocking;
pub use trial::next_trial;
pub use uniformity::{Aspect, Cause, Side, Uniform, Uniformity, uniformity};
pub use wanted::{
    lost_modules, needed, needed_preparations, next_number, rebuilds_on, restoring, uncompared,
};

/// What a run works with.
#[derive(Clone)]
pub struct Workshop {
    pub store: Store,
    pub docker: Docker,
    pub packages: Arc<dyn PackageSource>,
    /// Where the sources stand, by their trees' digests.
    pub sources: Arc<BTreeMap<Sha256Digest, crate::source::Source>>,
    /// Attempts that run at one time.
    pub jobs: u32,
    /// True if cells that differ are rebuilt until it is known which axis does it.
    pub inquires: bool,
}

/// What happens during a run, in the order in which the dispatcher learns of it.
#[derive(Debug, Clone)]
pub enum Event {
    /// A kernel is prepared from its source; number 0 is the one that is used.
    KernelStarted {
        kernel: KernelRelease,
        number: u32,
    },
    KernelEnded {
        kernel: KernelRelease,
        record: Box<PreparationRecord>,
    },
    /// The cell's inputs are in the store and unpacked.
    Prepared {
        cell: CellId,
    },
    AttemptStarted {
        cell: CellId,
        number: u32,
    },
    AttemptEnded {
        cell: CellId,
        attempt: Box<AttemptRecord>,
    },
    /// A rebuild of a cell that differs is to show whether these axes make it differ.
    Inquiring {
        cell: CellId,
        axes: BTreeSet<Axis>,
    },
    /// The store has lost the cell's modules, and they are built again with nothing varied.
    Restoring {
        cell: CellId,
    },
    /// The engine failed, and the attempt is made again.
    Retrying {
        cell: CellId,
        number: u32,
        failure: EngineFailure,
    },
    /// Everything that this run can do for the cell is done.
    CellEnded {
        assessment: Box<Assessment>,
    },
}

/// Says why a run stopped before its end. Nothing that was recorded is lost.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why one cell's inputs are not there. Cells share packages, and so they share this.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InputError {
    #[error(transparent)]
    Catalog(Arc<CatalogError>),
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The bytes are those that the index promised, and the package says that it is another.
    #[error("the package that the index calls {wanted} says that it is {found}")]
    OtherPackage { wanted: String, found: String },
    #[error("the kernel {kernel} cannot be prepared: {failure}")]
    Kernel {
        kernel: KernelRelease,
        failure: PreparationFailure,
        /// What the preparation printed.
        log: PathBuf,
    },
}

impl InputError {
    /// Says what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Kernel { failure, log, .. } => Some(format!(
                "{}; its log is `{}`",
                failure.hint(),
                log.display()
            )),
            Self::OtherPackage { .. } => Some(
                "the archive's index is wrong about it; tell those who sign the archive".to_owned(),
            ),
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    pub record: RunRecord,
    /// In the order of the cells that were handed in.
    pub assessments: Vec<Assessment>,
    /// Set if the engine was lost and the rest was not attempted.
    pub engine_lost: Option<EngineFailure>,
    /// The inputs that could not be had, by cell.
    pub missing_inputs: Vec<(CellId, InputError)>,
}

/// What the tasks tell the dispatcher.
pub(crate) enum Message {
    Event(Event),
    Attempt {
        inputs: Sha256Digest,
        cell: CellId,
        record: Box<AttemptRecord>,
    },
    Preparation {
        kernel: Sha256Digest,
        release: KernelRelease,
        record: Box<PreparationRecord>,
    },
    Comparison {
        inputs: Sha256Digest,
        number: u32,
        comparison: Comparison,
    },
    CellEnded {
        index: usize,
    },
    NoInput {
        cell: CellId,
        error: InputError,
    },
    Broken(StoreError),
}

/// Runs whatever these cells still need, and assesses all of them.
///
/// `listen` is called with every event. When `stop` becomes true, what is in flight is killed and
/// the run ends as interrupted.
pub async fn run(
    workshop: Workshop,
    ledger: &mut Ledger,
    mut record: RunRecord,
    cells: &[CellRecord],
    stop: &watch::Sender<bool>,
    mut listen: impl FnMut(&Event),
) -> Result<Finished, RunError> {
    ledger.begin_run(&record, cells)?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let preparing = Arc::new(Semaphore::new(2));
    let slots = slots::Slots::new(workshop.jobs);
    let unpacked = prepare::Unpacked::default();
    let kernels = kernels::Kernels::default();
    let lost = watch::Sender::new(None::<EngineFailure>);
    for (index, cell) in cells.iter().enumerate() {
        let known = ledger.attempts(&cell.inputs.digest())?;
        let compared = ledger.comparisons(&cell.inputs.digest())?;
        if let Some(prepared) = &cell.inputs.prepared {
            let kernel = prepared.digest();
            kernels.know(kernel, ledger.preparations(&kernel)?);
        }
        let task = attempt::CellTask {
            index,
            run: record.id.clone(),
            cell: cell.clone(),
            known,
            compared,
            workshop: workshop.clone(),
            preparing: preparing.clone(),
            slots: slots.clone(),
            unpacked: unpacked.clone(),
            kernels: kernels.clone(),
            lost: lost.clone(),
            stop: stop.subscribe(),
            sender: sender.clone(),
        };
        tokio::spawn(task.run());
    }
    drop(sender);

    let mut missing_inputs = Vec::new();
    let mut broken: Option<RunError> = None;
    while let Some(message) = receiver.recv().await {
        if broken.is_some() {
            // Nothing can be recorded any more; what is in flight is being stopped.
            continue;
        }
        if let Err(error) = take(message, ledger, cells, &mut missing_inputs, &mut listen) {
            stop.send_replace(true);
            broken = Some(error);
        }
    }

    let engine_lost = lost.borrow().clone();
    record.status = if broken.is_some() || engine_lost.is_some() {
        RunStatus::Abandoned
    } else if *stop.borrow() {
        RunStatus::Interrupted
    } else {
        RunStatus::Finished
    };
    record.ended = Some(jiff::Timestamp::now());
    let ended = ledger.end_run(&record);
    if let Some(error) = broken {
        return Err(error);
    }
    ended?;
    Ok(Finished {
        record,
        assessments: cells
            .iter()
            .map(|cell| assess_cell(ledger, cell))
            .collect::<Result<_, _>>()?,
        engine_lost,
        missing_inputs,
    })
}

/// Takes one message: records it first, and tells of it then.
fn take(
    message: Message,
    ledger: &mut Ledger,
    cells: &[CellRecord],
    missing_inputs: &mut Vec<(CellId, InputError)>,
    listen: &mut impl FnMut(&Event),
) -> Result<(), RunError> {
    match message {
        Message::Event(event) => listen(&event),
        Message::Attempt {
            inputs,
            cell,
            record,
        } => {
            ledger.add_attempt(&inputs, &record)?;
            listen(&Event::AttemptEnded {
                cell,
                attempt: record,
            });
        }
        Message::Preparation {
            kernel,
            release,
            record,
        } => {
            ledger.add_preparation(&kernel, &record)?;
            listen(&Event::KernelEnded {
                kernel: release,
                record,
            });
        }
        Message::Comparison {
            inputs,
            number,
            comparison,
        } => ledger.add_comparison(&inputs, number, &comparison)?,
        Message::CellEnded { index } => {
            let assessment = Box::new(assess_cell(ledger, &cells[index])?);
            listen(&Event::CellEnded { assessment });
        }
        Message::NoInput { cell, error } => missing_inputs.push((cell, error)),
        Message::Broken(error) => return Err(error.into()),
    }
    Ok(())
}

/// Reads everything that the ledger knows of a cell's inputs and says what it proves.
pub fn assess_cell(ledger: &Ledger, cell: &CellRecord) -> Result<Assessment, LedgerError> {
    assess_cell_as_signed(ledger, cell, None)
}

/// Does the same for a statement that is about to be signed: whoever reads it has the signature. Without a
/// signer, the signatures that the ledger knows count.
pub fn assess_cell_as_signed(
    ledger: &Ledger,
    cell: &CellRecord,
    signer: Option<Signing>,
) -> Result<Assessment, LedgerError> {
    let inputs = cell.inputs.digest();
    let attempts = ledger.attempts(&inputs)?;
    let comparisons = ledger.comparisons(&inputs)?;
    let preparations = match &cell.inputs.prepared {
        Some(prepared) => ledger.preparations(&prepared.digest())?,
        None => Vec::new(),
    };
    let signing = match signer {
        Some(signer) => Some(signer),
        None => signing(cell, &attempts, &ledger.attestations_of_inputs(&inputs)?),
    };
    let cell = cell.clone();
    Ok(assess(cell, attempts, comparisons, preparations, signing))
}

/// Returns the failure of an outcome.
pub fn failure_of(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Built { .. } | Outcome::Excluded { .. } => None,
        Outcome::Failed { failure } => Some(failure),
    }
}

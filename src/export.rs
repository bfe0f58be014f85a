//! Modules, logs and records by cell, laid out for people and their scripts:
//!
//! ```text
//! out/debian-12/amd64/6.1.0-56-amd64=6.1.192-2/workload-identity/
//!   workload_identity.ko   the reference's module
//!   reference.log          what each attempt printed
//!   rebuild-1.log
//!   preparation-0.log      the same of the kernel, where it is prepared here
//!   record.json            everything that is recorded, as `kmatrix explain --format json` prints it
//! ```

use std::path::Path;

use crate::ko;
use crate::name::CellId;
use crate::report::{CellDocument, log_name, preparation_log_name};
use crate::run::Assessment;
use crate::state::{self, StateError};
use crate::store::{Store, StoreError};

/// The last file of a cell to be written.
const RECORD: &str = "record.json";

/// The most bytes of a log that are laid out.
const MAX_LOG: u64 = 1 << 30;

/// Says why a cell's results could not be laid out. They are in the store and the ledger all the
/// same.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Writes one cell's results below `out`, each file whole or not at all.
pub fn export(assessment: &Assessment, store: &Store, out: &Path) -> Result<(), ExportError> {
    let directory = out.join(assessment.cell.id.to_string());
    for module in assessment.modules() {
        let bytes = store.read_blob(&module.digest, ko::MAX_BYTES)?;
        state::write_atomically(&directory.join(&module.path), &bytes)?;
    }
    for attempt in &assessment.attempts {
        let bytes = store.read_blob(&attempt.log, MAX_LOG)?;
        state::write_atomically(&directory.join(log_name(attempt.number)), &bytes)?;
    }
    for preparation in &assessment.preparations {
        let bytes = store.read_blob(&preparation.log, MAX_LOG)?;
        let name = preparation_log_name(preparation.number);
        state::write_atomically(&directory.join(name), &bytes)?;
    }
    state::write_json(&directory.join(RECORD), &CellDocument::from(assessment))?;
    Ok(())
}

/// Returns true if a cell's results lie below `out`.
pub fn is_laid_out(cell: &CellId, out: &Path) -> bool {
    out.join(cell.to_string()).join(RECORD).is_file()
}

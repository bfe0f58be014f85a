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

use crate::digest::Sha256Digest;
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

/// Writes one cell's results below `out`, each file whole or not at all, and returns the names of logs
/// that the store has lost and that do not lie there from before.
pub fn export(
    assessment: &Assessment,
    store: &Store,
    out: &Path,
) -> Result<Vec<String>, ExportError> {
    let directory = out.join(assessment.cell.id.to_string());
    let mut lost = Vec::new();
    let mut export_log = |name: String, digest: &Sha256Digest| -> Result<(), ExportError> {
        let place = directory.join(&name);
        match store.read_blob(digest, MAX_LOG) {
            Ok(bytes) => state::write_atomically(&place, &bytes)?,
            // No second build prints the same.
            Err(StoreError::NoBlob { .. }) if place.is_file() => {}
            Err(StoreError::NoBlob { .. }) => lost.push(name),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    };
    for module in assessment.modules() {
        let bytes = store.read_blob(&module.digest, ko::MAX_BYTES)?;
        state::write_atomically(&directory.join(&module.path), &bytes)?;
    }
    for attempt in &assessment.attempts {
        export_log(log_name(attempt.number), &attempt.log)?;
    }
    for preparation in &assessment.preparations {
        export_log(preparation_log_name(preparation.number), &preparation.log)?;
    }
    state::write_json(&directory.join(RECORD), &CellDocument::from(assessment))?;
    Ok(lost)
}

/// Returns true if a cell's results lie below `out`.
pub fn is_laid_out(cell: &CellId, out: &Path) -> bool {
    out.join(cell.to_string()).join(RECORD).is_file()
}

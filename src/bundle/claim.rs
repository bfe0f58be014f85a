//! What the maker of an archive claims of each cell, as the ledger files it.

use std::collections::BTreeMap;

use crate::digest::Sha256Digest;
use crate::ledger::{
    AttemptRecord, CellRecord, ForeignKind, Ledger, LedgerError, PreparationRecord,
};
use crate::name::CellId;
use crate::outcome::{BuiltModule, Outcome};

/// The cells of an archive of which a module is claimed, and the others.
#[derive(Debug, Default)]
pub struct Claims {
    /// Those whose reference made modules, with their inputs; ordered by name.
    pub built: BTreeMap<CellId, Sha256Digest>,
    /// Those of which none was made: there is nothing to build again.
    pub without: Vec<CellId>,
}

/// One cell with what is claimed of it.
#[derive(Debug, Clone)]
pub struct Claim {
    pub cell: CellRecord,
    /// The attempt that is the reference.
    pub reference: AttemptRecord,
}

impl Claim {
    /// Returns the modules that are claimed.
    pub fn modules(&self) -> &[BuiltModule] {
        match &self.reference.outcome {
            Outcome::Built { modules } => modules,
            Outcome::Failed { .. } | Outcome::Excluded { .. } => &[],
        }
    }
}

/// Reads which cells an archive claims modules of.
pub fn claims(ledger: &Ledger, archive: &Sha256Digest) -> Result<Claims, LedgerError> {
    let mut claims = Claims::default();
    let built = ledger.foreign_references(archive)?;
    for (cell, inputs) in ledger.foreign_cells(archive)? {
        if built.contains(&inputs) {
            claims.built.insert(cell, inputs);
        } else {
            claims.without.push(cell);
        }
    }
    Ok(claims)
}

/// Reads what is claimed of one cell; `None` if no module is.
pub fn claim(
    ledger: &Ledger,
    archive: &Sha256Digest,
    cell: &CellId,
    inputs: &Sha256Digest,
) -> Result<Option<Claim>, LedgerError> {
    let Some(cell) = ledger.foreign_cell(archive, cell)? else {
        return Ok(None);
    };
    let attempts: Vec<AttemptRecord> = ledger.foreign_of(archive, ForeignKind::Attempt, inputs)?;
    let counts = |attempt: &AttemptRecord| {
        attempt.number == 0 && !matches!(attempt.outcome, Outcome::Failed { .. })
    };
    let reference = attempts.into_iter().rfind(counts);
    let reference = reference.filter(|one| matches!(one.outcome, Outcome::Built { .. }));
    Ok(reference.map(|reference| Claim { cell, reference }))
}

/// Reads how a kernel was prepared, as the maker of an archive recorded it.
pub fn claimed_preparations(
    ledger: &Ledger,
    archive: &Sha256Digest,
    kernel: &Sha256Digest,
) -> Result<Vec<PreparationRecord>, LedgerError> {
    ledger.foreign_of(archive, ForeignKind::Preparation, kernel)
}

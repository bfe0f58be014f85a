//! All records of a run, as they are handed to others.

use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, CellRecord, Ledger, LedgerError, PreparationRecord};

impl Ledger {
    /// Calls `visit` with every cell that a run promised, in their order, one in memory at a time.
    pub fn for_each_cell<E: From<LedgerError>>(
        &self,
        run: &str,
        mut visit: impl FnMut(CellRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let database = |source| E::from(self.database(source));
        let mut statement = self
            .connection
            .prepare_cached("SELECT record FROM cell WHERE run = ?1 ORDER BY rowid")
            .map_err(database)?;
        let mut rows = statement.query([run]).map_err(database)?;
        while let Some(row) = rows.next().map_err(database)? {
            let text: String = row.get(0).map_err(database)?;
            visit(self.read(&text)?)?;
        }
        Ok(())
    }

    /// Returns every attempt of these inputs, in the order in which they ended, those included that
    /// others have taken the place of.
    pub fn every_attempt(&self, inputs: &Sha256Digest) -> Result<Vec<AttemptRecord>, LedgerError> {
        self.records(
            "SELECT record FROM attempt WHERE inputs = ?1 ORDER BY rowid",
            [inputs.to_string()],
        )
    }

    /// Returns every preparation of a kernel, in the order in which they ended.
    pub fn every_preparation(
        &self,
        kernel: &Sha256Digest,
    ) -> Result<Vec<PreparationRecord>, LedgerError> {
        self.records(
            "SELECT record FROM preparation WHERE kernel = ?1 ORDER BY rowid",
            [kernel.to_string()],
        )
    }
}

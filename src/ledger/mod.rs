//! What happened, for good: runs, the cells they promised, attempts, comparisons and labels.
//!
//! One SQLite file, the only place that knows SQL. Invariants:
//!
//! 1. A row is written in one transaction when its fact is complete; a kill at any moment loses at
//!    most the attempts in flight.
//! 2. Attempts are only added. An attempt that failed stays when a later one succeeds, so that flaky
//!    cells have a history.
//! 3. A schema that this program does not know is refused, never guessed at.

mod attestations;
mod foreign;
mod forensics;
mod history;
mod question;
mod records;
mod rows;
mod schema;
#[cfg(test)]
pub(crate) mod testing;
mod verifications;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use crate::compare::Comparison;
use crate::digest::Sha256Digest;
use crate::name::CellId;

pub use foreign::{
    Added, ArchiveRecord, ForeignAttestation, ForeignFiled, ForeignKind, ForeignRow,
};
pub use forensics::{BuiltCell, CellAttestation, CellModule, CellPackage, Origin, TimeFrom};
pub use history::{CellHistory, CellRun};
pub use question::{PackageWanted, Question};
pub use records::{
    AttemptRecord, AttestationRecord, CellRecord, PreparationRecord, RunRecord, RunStatus,
    VerificationRecord, VerifiedBuild, VerifyingCommand,
};
pub use verifications::VerificationsWanted;

/// Says why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot use the ledger `{}`", path.display())]
    Database {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error(
        "the ledger `{}` has schema {found}; this program knows up to {known}",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("a record in the ledger `{}` cannot be read: {reason}", path.display())]
    Record { path: PathBuf, reason: String },
}

impl LedgerError {
    /// Returns true if there was no space left to write to.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Newer { .. } | Self::Record { .. } => false,
        }
    }
}

/// An open ledger.
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens or makes the ledger, and brings an older schema up to date.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let database = |source| LedgerError::Database {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(database)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(10))
            .map_err(database)?;
        let found = schema::bring_up_to_date(&mut connection).map_err(database)?;
        if found > schema::VERSION {
            return Err(LedgerError::Newer {
                path: path.to_owned(),
                found,
                known: schema::VERSION,
            });
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Writes that a run begins, with every cell that it promises.
    pub fn begin_run<'a>(
        &mut self,
        run: &RunRecord,
        cells: impl IntoIterator<Item = &'a CellRecord>,
    ) -> Result<(), LedgerError> {
        let record = self.write(run)?;
        let cells: Vec<(String, String, String)> = cells
            .into_iter()
            .map(|cell| {
                let inputs = cell.inputs.digest().to_string();
                Ok((cell.id.to_string(), inputs, self.write(cell)?))
            })
            .collect::<Result<_, LedgerError>>()?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO run (id, started, status, record) VALUES (?1, ?2, ?3, ?4)",
                params![run.id, run.started.to_string(), run.status.as_str(), record],
            )?;
            for (id, inputs, record) in &cells {
                transaction.execute(
                    "INSERT INTO cell (run, id, inputs, record) VALUES (?1, ?2, ?3, ?4)",
                    params![run.id, id, inputs, record],
                )?;
            }
            Ok(())
        })
    }

    /// Writes that a run has ended. The status of its record is the one that counts.
    pub fn end_run(&mut self, run: &RunRecord) -> Result<(), LedgerError> {
        let record = self.write(run)?;
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE run SET status = ?2, record = ?3 WHERE id = ?1",
                params![run.id, run.status.as_str(), record],
            )?;
            Ok(())
        })
    }

    /// Marks runs that never ended as interrupted, and returns how many there were. To be called by
    /// the state's only user.
    pub fn close_abandoned_runs(&mut self) -> Result<usize, LedgerError> {
        let mut count = 0;
        self.transaction(|transaction| {
            count = transaction.execute(
                "UPDATE run SET status = ?1 WHERE status = ?2",
                params![RunStatus::Interrupted.as_str(), RunStatus::Running.as_str()],
            )?;
            Ok(())
        })?;
        Ok(count)
    }

    /// Adds one attempt.
    pub fn add_attempt(
        &mut self,
        inputs: &Sha256Digest,
        attempt: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let record = self.write(attempt)?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO attempt (inputs, number, run, spec, outcome, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    inputs.to_string(),
                    attempt.number,
                    attempt.run,
                    attempt.spec.to_string(),
                    attempt.outcome_word(),
                    record
                ],
            )?;
            Ok(())
        })
    }

    /// Returns the newest attempt of each number for these inputs, by number: one that built
    /// or was excluded, if there is one, or the last that failed.
    pub fn attempts(&self, inputs: &Sha256Digest) -> Result<Vec<AttemptRecord>, LedgerError> {
        self.records(
            "SELECT record FROM attempt AS a WHERE inputs = ?1 AND rowid = (
                 SELECT rowid FROM attempt AS b
                 WHERE b.inputs = a.inputs AND b.number = a.number
                 ORDER BY outcome IN ('built', 'excluded') DESC, rowid DESC LIMIT 1)
             ORDER BY number",
            [inputs.to_string()],
        )
    }

    /// Returns how many attempts of these inputs ended in each outcome, over all time.
    pub fn history(&self, inputs: &Sha256Digest) -> Result<Vec<(String, u32)>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT outcome, count(*) FROM attempt WHERE inputs = ?1
                 GROUP BY outcome ORDER BY outcome",
            )?;
            let rows = statement.query_map([inputs.to_string()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|source| self.database(source))
    }

    /// Adds one preparation of a kernel, by the digest of its inputs.
    pub fn add_preparation(
        &mut self,
        kernel: &Sha256Digest,
        preparation: &PreparationRecord,
    ) -> Result<(), LedgerError> {
        let record = self.write(preparation)?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO preparation (kernel, number, run, spec, outcome, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    kernel.to_string(),
                    preparation.number,
                    preparation.run,
                    preparation.spec.to_string(),
                    preparation.outcome_word(),
                    record
                ],
            )?;
            Ok(())
        })
    }

    /// Returns the preparation of each number that counts for a kernel, by number: the first that
    /// succeeded, because modules were built against it, or the last that failed.
    pub fn preparations(
        &self,
        kernel: &Sha256Digest,
    ) -> Result<Vec<PreparationRecord>, LedgerError> {
        self.records(
            "SELECT record FROM preparation AS a WHERE kernel = ?1 AND rowid = (
                 SELECT rowid FROM preparation AS b
                 WHERE b.kernel = a.kernel AND b.number = a.number
                 ORDER BY outcome = 'prepared' DESC,
                     CASE outcome WHEN 'prepared' THEN rowid ELSE -rowid END LIMIT 1)
             ORDER BY number",
            [kernel.to_string()],
        )
    }

    /// Adds what came of holding a rebuild against the reference.
    pub fn add_comparison(
        &mut self,
        inputs: &Sha256Digest,
        number: u32,
        comparison: &Comparison,
    ) -> Result<(), LedgerError> {
        let record = self.write(comparison)?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO comparison (inputs, number, same, record)
                 VALUES (?1, ?2, ?3, ?4)",
                params![inputs.to_string(), number, comparison.is_same(), record],
            )?;
            Ok(())
        })
    }

    /// Returns the comparisons of these inputs by the rebuild's number.
    pub fn comparisons(
        &self,
        inputs: &Sha256Digest,
    ) -> Result<Vec<(u32, Comparison)>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT number, record FROM comparison WHERE inputs = ?1 ORDER BY number",
            )?;
            let rows = statement.query_map([inputs.to_string()], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        query()
            .map_err(|source| self.database(source))?
            .into_iter()
            .map(|(number, text)| Ok((number, self.read(&text)?)))
            .collect()
    }

    /// Returns the newest record of a cell, or `None` if no run ever promised it.
    pub fn cell(&self, id: &CellId) -> Result<Option<CellRecord>, LedgerError> {
        let row: Option<String> = self
            .connection
            .query_row(
                "SELECT record FROM cell WHERE id = ?1 ORDER BY rowid DESC LIMIT 1",
                [id.to_string()],
                |row| row.get(0),
            )
            .optional()
            .map_err(|source| self.database(source))?;
        row.map(|text| self.read(&text)).transpose()
    }

    /// Returns the cells that a run promised, in the order of its plan.
    pub fn cells_of_run(&self, run: &str) -> Result<Vec<CellRecord>, LedgerError> {
        self.records(
            "SELECT record FROM cell WHERE run = ?1 ORDER BY rowid",
            [run],
        )
    }

    /// Returns one run.
    pub fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let rows = self.texts(
            "SELECT json_set(record, '$.status', status) FROM run WHERE id = ?1",
            [id],
        )?;
        rows.first().map(|text| self.read(text)).transpose()
    }

    /// Returns the ids of all cells that any run promised, in order.
    pub fn cell_ids(&self) -> Result<Vec<CellId>, LedgerError> {
        let rows = self.texts("SELECT DISTINCT id FROM cell ORDER BY id", [])?;
        rows.iter()
            .map(|text| text.parse().map_err(|error| self.bad(&error)))
            .collect()
    }

    /// Returns the records that a store must keep the evidence of: of all inputs, the attempts that
    /// [`Ledger::attempts`] returns, who vouched for the newest record of each cell, and everything that was
    /// signed.
    pub fn evidence(&self) -> Result<Vec<serde_json::Value>, LedgerError> {
        let attempts = self.texts(
            "SELECT record FROM attempt AS a WHERE rowid = (
                 SELECT rowid FROM attempt AS b
                 WHERE b.inputs = a.inputs AND b.number = a.number
                 ORDER BY outcome = 'built' DESC, rowid DESC LIMIT 1)",
            [],
        )?;
        let preparations = self.texts(
            "SELECT record FROM preparation WHERE rowid IN (
                 SELECT coalesce(min(CASE outcome WHEN 'prepared' THEN rowid END), max(rowid))
                 FROM preparation GROUP BY kernel, number)",
            [],
        )?;
        let vouched = self.texts(
            "SELECT json_extract(record, '$.vouched') FROM cell
             WHERE rowid IN (SELECT max(rowid) FROM cell GROUP BY id)",
            [],
        )?;
        let signed = self.texts("SELECT record FROM attestation", [])?;
        // What others recorded is named by nothing else; of a cell only what it was built from.
        let foreign = self.texts(
            "SELECT CASE kind WHEN 'cell' THEN json_array(
                 json_extract(record, '$.vouched'), json_extract(record, '$.packages'),
                 json_extract(record, '$.image.root'), json_extract(record, '$.source.tree'),
                 json_extract(record, '$.inputs.needed')) ELSE record END
             FROM foreign_record",
            [],
        )?;
        attempts
            .iter()
            .chain(&preparations)
            .chain(&vouched)
            .chain(&signed)
            .chain(&foreign)
            .map(|text| self.read(text))
            .collect()
    }

    /// Returns the newest runs, newest first.
    pub fn runs(&self) -> Result<Vec<RunRecord>, LedgerError> {
        self.records(
            "SELECT json_set(record, '$.status', status) FROM run
             ORDER BY rowid DESC LIMIT 100",
            [],
        )
    }

    /// Returns the records that a query selects, as its one column.
    fn records<T: serde::de::DeserializeOwned>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<T>, LedgerError> {
        let rows = self.texts(query, parameters)?;
        rows.iter().map(|text| self.read(text)).collect()
    }

    fn texts(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<String>, LedgerError> {
        let collect = || {
            let mut statement = self.connection.prepare_cached(query)?;
            let rows = statement.query_map(parameters, |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        collect().map_err(|source| self.database(source))
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), LedgerError> {
        let run = || {
            let transaction = self.connection.transaction()?;
            work(&transaction)?;
            transaction.commit()
        };
        run().map_err(|source| LedgerError::Database {
            path: self.path.clone(),
            source,
        })
    }

    fn write(&self, record: &impl serde::Serialize) -> Result<String, LedgerError> {
        serde_json::to_string(record).map_err(|error| self.bad(&error))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, LedgerError> {
        serde_json::from_str(text).map_err(|error| self.bad(&error))
    }

    fn database(&self, source: rusqlite::Error) -> LedgerError {
        LedgerError::Database {
            path: self.path.clone(),
            source,
        }
    }

    fn bad(&self, error: &dyn std::fmt::Display) -> LedgerError {
        LedgerError::Record {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;

//! What became of a cell over time: flaky cells have a history.

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::ledger::{Ledger, LedgerError};
use crate::name::CellId;
use crate::outcome::Failure;

/// A cell in every run that built something of it, oldest run first, whatever its inputs were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellHistory {
    pub runs: Vec<CellRun>,
}

/// What one run made of a cell, in numbers of attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellRun {
    pub run: String,
    pub started: Timestamp,
    pub built: u32,
    pub excluded: u32,
    /// Those that made no module for a reason that is the build's own.
    pub failed: u32,
    /// Those that the engine or an interrupt ended. They say nothing about the module, and are never
    /// counted as differences.
    pub infrastructure: u32,
    /// Rebuilds that gave the reference's bits.
    pub same: u32,
    /// Rebuilds that gave other bits.
    pub different: u32,
}

impl CellHistory {
    /// Adds a number up over all runs.
    pub fn sum(&self, of: impl Fn(&CellRun) -> u32) -> u32 {
        self.runs.iter().map(of).sum()
    }

    /// Returns the first run in which a rebuild gave other bits.
    pub fn first_difference(&self) -> Option<&CellRun> {
        self.runs.iter().find(|run| run.different > 0)
    }

    /// Returns true if attempts did not all end alike: bits that differed, builds that failed beside
    /// others that did not, or an engine that was lost.
    pub fn is_uneven(&self) -> bool {
        let failed = self.sum(|run| run.failed);
        self.first_difference().is_some()
            || self.sum(|run| run.infrastructure) > 0
            || (failed > 0 && self.sum(|run| run.built) > 0)
    }

    fn run(&mut self, id: &str, started: Timestamp) -> &mut CellRun {
        let at = match self.runs.iter().position(|run| run.run == id) {
            Some(at) => at,
            None => {
                self.runs.push(CellRun {
                    run: id.to_owned(),
                    started,
                    built: 0,
                    excluded: 0,
                    failed: 0,
                    infrastructure: 0,
                    same: 0,
                    different: 0,
                });
                self.runs.len() - 1
            }
        };
        &mut self.runs[at]
    }
}

/// One number that the ledger counts: of a run, what it is of, and how many there are.
type Count = (String, String, String, u32);

/// Attempts by run and outcome, for all inputs that the cell had.
const ATTEMPTS: &str = "
    SELECT run.id, run.started, attempt.outcome, count(*)
    FROM attempt JOIN run ON run.id = attempt.run
    WHERE attempt.inputs IN (SELECT inputs FROM cell WHERE id = ?1)
    GROUP BY run.id, attempt.outcome ORDER BY run.rowid, attempt.outcome";

/// Comparisons by the run that made the rebuild.
const COMPARISONS: &str = "
    SELECT run.id, run.started, CASE comparison.same WHEN 0 THEN 'different' ELSE 'same' END, count(*)
    FROM comparison
    JOIN attempt ON attempt.rowid = (
        SELECT max(a.rowid) FROM attempt AS a
        WHERE a.inputs = comparison.inputs AND a.number = comparison.number AND a.outcome = 'built')
    JOIN run ON run.id = attempt.run
    WHERE comparison.inputs IN (SELECT inputs FROM cell WHERE id = ?1)
    GROUP BY run.id, comparison.same ORDER BY run.rowid";

impl Ledger {
    /// Returns what every run made of a cell.
    pub fn cell_history(&self, cell: &CellId) -> Result<CellHistory, LedgerError> {
        let read = |query| counts(&self.connection, query, cell);
        let attempts = read(ATTEMPTS).map_err(|source| self.database(source))?;
        let comparisons = read(COMPARISONS).map_err(|source| self.database(source))?;
        let mut history = CellHistory::default();
        for (run, started, word, count) in attempts.iter().chain(&comparisons) {
            let started = started.parse().map_err(|error| self.bad(&error))?;
            let run = history.run(run, started);
            let number = match word.as_str() {
                "built" => &mut run.built,
                "excluded" => &mut run.excluded,
                "same" => &mut run.same,
                "different" => &mut run.different,
                class if Failure::INFRASTRUCTURE.contains(&class) => &mut run.infrastructure,
                _ => &mut run.failed,
            };
            *number += count;
        }
        Ok(history)
    }
}

fn counts(connection: &Connection, query: &str, cell: &CellId) -> rusqlite::Result<Vec<Count>> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([cell.to_string()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.collect()
}

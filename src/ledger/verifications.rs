//! What was verified, and which builds passed.

use jiff::Timestamp;
use rusqlite::params;

use crate::digest::Sha256Digest;
use crate::ledger::{Ledger, LedgerError, VerificationRecord, VerifiedBuild};
use crate::name::CellId;

/// Which verifications are asked for; what is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct VerificationsWanted {
    /// The file, or the module in it as it was built.
    pub module: Option<Sha256Digest>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl VerificationRecord {
    /// Returns the build that passed, if one did.
    fn build(&self) -> Option<VerifiedBuild> {
        let cell = self.verdict["cell"].as_str().filter(|_| self.passed)?;
        let known = self.verdict["known"].clone();
        let cell = cell.parse().ok().filter(|_| !known.is_null())?;
        Some(VerifiedBuild { cell, known })
    }
}

impl Ledger {
    /// Adds verifications, all or none.
    pub fn add_verifications(&mut self, records: &[VerificationRecord]) -> Result<(), LedgerError> {
        let rows = records
            .iter()
            .map(|record| {
                let build = record.build();
                let build = build.map(|build| Ok((build.cell.to_string(), self.write(&build)?)));
                Ok((record, self.write(record)?, build.transpose()?))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        self.transaction(|transaction| {
            for (record, text, build) in &rows {
                transaction.execute(
                    "INSERT INTO verification (at, artifact, policy, passed, record)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        record.at.to_string(),
                        record.artifact.to_string(),
                        record.policy.map(|policy| policy.to_string()),
                        record.passed,
                        text
                    ],
                )?;
                if let Some((cell, build)) = build {
                    transaction.execute(
                        "INSERT OR IGNORE INTO verified_build (cell, record) VALUES (?1, ?2)",
                        params![cell, build],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Returns every build of a cell whose verification passed, each once, by one look at an index. Which
    /// of two is the newer is for whoever judges to say.
    pub fn verified_builds(&self, cell: &CellId) -> Result<Vec<VerifiedBuild>, LedgerError> {
        self.records(
            "SELECT record FROM verified_build WHERE cell = ?1 ORDER BY record",
            [cell.to_string()],
        )
    }

    /// Shows every verification that is wanted, in the order in which they were made, one at a time:
    /// there are many, and each has a whole verdict.
    pub fn for_each_verification(
        &self,
        wanted: &VerificationsWanted,
        mut each: impl FnMut(VerificationRecord),
    ) -> Result<(), LedgerError> {
        let database = |source| self.database(source);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT record FROM verification WHERE ?1 IS NULL OR artifact = ?1
                 OR json_extract(record, '$.verdict.known.payload') = ?1 ORDER BY rowid",
            )
            .map_err(database)?;
        let module = wanted.module.map(|module| module.to_string());
        let mut rows = statement.query([module]).map_err(database)?;
        while let Some(row) = rows.next().map_err(database)? {
            let text: String = row.get(0).map_err(database)?;
            let record: VerificationRecord = self.read(&text)?;
            let is_late_enough = wanted.since.is_none_or(|since| record.at >= since);
            if is_late_enough && wanted.until.is_none_or(|until| record.at <= until) {
                each(record);
            }
        }
        Ok(())
    }

    /// Returns every verification, in the order in which they were made.
    pub fn verifications(&self) -> Result<Vec<VerificationRecord>, LedgerError> {
        let mut all = Vec::new();
        self.for_each_verification(&VerificationsWanted::default(), |record| all.push(record))?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{VerifyingCommand, schema};
    use serde_json::{Value, json};

    const CELL: &str = "debian-12/amd64/6.1.0-1-amd64=1/m";

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::open(&directory.path().join("ledger")).expect("a ledger");
        (directory, ledger)
    }

    fn record(at: &str, passed: bool, verdict: Value) -> VerificationRecord {
        VerificationRecord {
            at: at.parse().expect("a time"),
            by: "somebody".to_owned(),
            command: VerifyingCommand::Verify,
            artifact: Sha256Digest::of(b"module"),
            policy: Some(Sha256Digest::of(b"policy")),
            passed,
            warn_only: false,
            attestations: Vec::new(),
            verdict,
        }
    }

    fn of_build(finished: &str, passed: bool) -> VerificationRecord {
        let payload = Sha256Digest::of(finished.as_bytes());
        let known = json!({ "finished": finished, "payload": payload });
        let verdict = json!({ "cell": CELL, "known": known });
        record("2026-06-01T00:00:00Z", passed, verdict)
    }

    #[test]
    fn every_verification_is_kept_and_found_by_module_and_time() {
        let (_directory, mut ledger) = ledger();
        let records = [
            record("2026-01-01T00:00:00Z", true, json!({})),
            record("2026-01-02T00:00:00.5Z", false, json!({})),
            of_build("2026-01-03T00:00:00Z", true),
        ];
        ledger.add_verifications(&records).expect("added");
        assert_eq!(ledger.verifications().expect("read"), records);
        let count = |wanted: VerificationsWanted| {
            let mut count = 0;
            let each = |_| count += 1;
            ledger.for_each_verification(&wanted, each).expect("read");
            count
        };
        let at = |text: &str| text.parse().ok();
        let by_module = |name: &[u8]| VerificationsWanted {
            module: Some(Sha256Digest::of(name)),
            ..Default::default()
        };
        let within = |since: &str, until: &str| VerificationsWanted {
            since: at(since),
            until: at(until),
            ..Default::default()
        };
        for (wanted, expected) in [
            (by_module(b"module"), 3),
            (by_module(b"2026-01-03T00:00:00Z"), 1),
            (by_module(b"other"), 0),
            (within("2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z"), 1),
            (within("2026-01-02T00:00:01Z", "2026-12-01T00:00:00Z"), 1),
        ] {
            assert_eq!(count(wanted.clone()), expected, "{wanted:?}");
        }
        let cell = CELL.parse().expect("a cell");
        assert_eq!(ledger.verified_builds(&cell).expect("read").len(), 1);
    }

    fn finished(ledger: &Ledger, cell: &str) -> Vec<Value> {
        let cell = cell.parse().expect("a cell");
        let builds = ledger.verified_builds(&cell).expect("read");
        builds
            .into_iter()
            .map(|one| one.known["finished"].clone())
            .collect()
    }

    #[test]
    fn every_build_that_passed_is_known_of_its_cell_once() {
        let (_directory, mut ledger) = ledger();
        let (one, two) = ("2026-01-02T00:00:00.5Z", "2026-01-02T00:00:00Z");
        for (at, passed) in [
            (one, true),
            (two, true),
            (two, true),
            ("2026-01-03T00:00:00Z", false),
        ] {
            ledger
                .add_verifications(&[of_build(at, passed)])
                .expect("added");
        }
        assert_eq!(finished(&ledger, CELL), [one, two]);
        assert!(finished(&ledger, &CELL.replace("/m", "/n")).is_empty());
    }

    #[test]
    fn one_cell_is_asked_for_by_an_index_alone() {
        let (_directory, ledger) = ledger();
        let plan: String = ledger
            .connection
            .query_row(
                "EXPLAIN QUERY PLAN SELECT record FROM verified_build WHERE cell = 'c' ORDER BY record",
                [],
                |row| row.get(3),
            )
            .expect("a plan");
        assert!(
            plan.starts_with("SEARCH verified_build USING PRIMARY KEY"),
            "{plan}"
        );
    }

    #[test]
    fn a_ledger_of_before_there_was_a_list_of_builds_gets_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        let records = [
            of_build("2026-01-02T00:00:00.5Z", true),
            of_build("2026-01-02T00:00:00Z", true),
        ];
        let old = rusqlite::Connection::open(&path).expect("a file");
        let schemas = schema::before("CREATE TABLE verified_build");
        old.execute_batch(&schemas.concat()).expect("a schema");
        old.pragma_update(None, "user_version", schemas.len() as i64)
            .expect("a version");
        for record in &records {
            let text = serde_json::to_string(record).expect("JSON");
            old.execute(
                "INSERT INTO verification VALUES ('', '', '', 1, ?1)",
                [text],
            )
            .expect("a row");
        }
        drop(old);
        let ledger = Ledger::open(&path).expect("a ledger");
        assert_eq!(
            finished(&ledger, CELL),
            ["2026-01-02T00:00:00.5Z", "2026-01-02T00:00:00Z"]
        );
        assert_eq!(ledger.verifications().expect("read"), records);
    }
}

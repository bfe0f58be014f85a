//! What was verified, and which builds passed.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::digest::Sha256Digest;
use crate::ledger::{Ledger, LedgerError, VerificationRecord, VerifiedBuild};
use crate::name::CellId;

/// How far the clocks of a builder and of a verifier may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Which verifications are asked for; what is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct VerificationsWanted {
    /// The file, or the module in it as it was built.
    pub module: Option<Sha256Digest>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl VerificationRecord {
    /// Returns the build that passed; `None` if none did, or if it is said to have ended after it was
    /// verified: such a claim would shut every later build of the cell out.
    fn build(&self) -> Option<VerifiedBuild> {
        if !self.passed {
            return None;
        }
        let known = &self.verdict["known"];
        let build = serde_json::json!({
            "cell": self.verdict["cell"],
            "finished": known["finished"],
            "payload": known["payload"],
        });
        let build: VerifiedBuild = serde_json::from_value(build).ok()?;
        (build.finished.duration_since(self.at) <= SKEW).then_some(build)
    }
}

impl Ledger {
    /// Adds verifications, all or none.
    pub fn add_verifications(&mut self, records: &[VerificationRecord]) -> Result<(), LedgerError> {
        let rows = records
            .iter()
            .map(|record| Ok((record, self.write(record)?)))
            .collect::<Result<Vec<_>, LedgerError>>()?;
        self.transaction(|transaction| {
            for (record, text) in &rows {
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
                if let Some(build) = record.build() {
                    keep_newest(transaction, &build)?;
                }
            }
            Ok(())
        })
    }

    /// Returns the newest build of a cell whose verification passed, by one look at an index.
    pub fn verified_build(&self, cell: &CellId) -> Result<Option<VerifiedBuild>, LedgerError> {
        let rows: Vec<VerifiedBuild> = self.records(
            "SELECT record FROM verified_build WHERE cell = ?1",
            [cell.to_string()],
        )?;
        Ok(rows.into_iter().next())
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

/// Keeps a build unless a newer one of its cell is kept.
fn keep_newest(transaction: &Transaction<'_>, build: &VerifiedBuild) -> rusqlite::Result<()> {
    let cell = build.cell.to_string();
    let known: Option<String> = transaction
        .prepare_cached("SELECT record FROM verified_build WHERE cell = ?1")?
        .query_row([&cell], |row| row.get(0))
        .optional()?;
    // One that cannot be read is made good by one that can.
    let known = known.and_then(|text| serde_json::from_str::<VerifiedBuild>(&text).ok());
    if known.is_some_and(|known| known.finished >= build.finished) {
        return Ok(());
    }
    let record = serde_json::to_string(build).expect("plain values serialise");
    transaction.execute(
        "INSERT OR REPLACE INTO verified_build (cell, record) VALUES (?1, ?2)",
        params![cell, record],
    )?;
    Ok(())
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
        assert!(ledger.verified_build(&cell).expect("read").is_some());
    }

    #[test]
    fn the_newest_build_that_passed_is_known_of_each_cell() {
        let (_directory, mut ledger) = ledger();
        for (finished, passed) in [
            ("2026-01-02T00:00:00.5Z", true),
            ("2026-01-02T00:00:00Z", true),
            ("2026-01-03T00:00:00Z", false),
            // A claim from after its verification is believed by nobody.
            ("2999-01-01T00:00:00Z", true),
        ] {
            let records = [of_build(finished, passed)];
            ledger.add_verifications(&records).expect("added");
        }
        let cell: CellId = CELL.parse().expect("a cell");
        let known = ledger.verified_build(&cell).expect("read").expect("one");
        assert_eq!(known.cell, cell);
        assert_eq!(known.payload, Sha256Digest::of(b"2026-01-02T00:00:00.5Z"));
        let other = CELL.replace("/m", "/n").parse().expect("a cell");
        assert!(ledger.verified_build(&other).expect("read").is_none());
    }

    #[test]
    fn one_cell_is_asked_for_by_an_index_alone() {
        let (_directory, ledger) = ledger();
        let plan: String = ledger
            .connection
            .query_row(
                "EXPLAIN QUERY PLAN SELECT record FROM verified_build WHERE cell = 'c'",
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
        old.pragma_update(None, "user_version", schemas.len())
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
        let cell = CELL.parse().expect("a cell");
        let known = ledger.verified_build(&cell).expect("read").expect("one");
        assert_eq!(known.payload, Sha256Digest::of(b"2026-01-02T00:00:00.5Z"));
        assert_eq!(ledger.verifications().expect("read"), records);
    }
}

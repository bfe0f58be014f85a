//! What others have recorded, as evidence archives brought it.
//!
//! # Security
//!
//! These records stand in tables of their own. Nothing that decides what has to be built, or what a
//! label is, reads them; whoever does reads with each record which archives it came in, and who signed
//! those.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::ledger::{AttestationRecord, Ledger, LedgerError};
use crate::name::CellId;

/// One archive that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveRecord {
    /// The digest of its index, which is its identity.
    pub digest: Sha256Digest,
    /// The name of the release, as whoever made it says.
    pub release: String,
    pub run: String,
    pub plan: Sha256Digest,
    /// Who signed the index, as authenticated; `None` if somebody decided to take it unsigned.
    pub signer: Option<String>,
    /// The first time that is vouched for of that signature; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Timestamp>,
    pub imported: Timestamp,
}

/// A statement that an archive brought, with what was found out of it here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignAttestation {
    /// What the archive says. Its signer and its time are nobody else's word.
    #[serde(flatten)]
    pub record: AttestationRecord,
    /// Who signed it, as authenticated; `None` if it was nobody who was trusted then.
    pub verified_signer: Option<String>,
    /// The times that are vouched for of that signature.
    pub verified_times: Vec<Timestamp>,
}

/// What a record of somebody else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignKind {
    Run,
    Cell,
    Attempt,
    Comparison,
    Preparation,
    Attestation,
}

impl ForeignKind {
    /// Returns the word that the ledger has.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Cell => "cell",
            Self::Attempt => "attempt",
            Self::Comparison => "comparison",
            Self::Preparation => "preparation",
            Self::Attestation => "attestation",
        }
    }
}

/// One record, with what it is looked up by.
#[derive(Debug, Clone)]
pub struct ForeignRow {
    pub kind: ForeignKind,
    pub run: Option<String>,
    pub cell: Option<CellId>,
    /// The inputs of the cell, or of the kernel of a preparation.
    pub inputs: Option<Sha256Digest>,
    /// The record as JSON.
    pub record: String,
}

/// How many records an archive brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Added {
    pub new: u64,
    /// Those that other archives had brought before.
    pub known: u64,
}

impl Ledger {
    /// Adds an archive with all of its records in their order, or nothing of it. Of one that is known the
    /// records take the place of those that it brought before: more may be known now of who signed them.
    pub fn add_archive<E: From<LedgerError>>(
        &mut self,
        archive: &ArchiveRecord,
        rows: impl Iterator<Item = Result<ForeignRow, E>>,
    ) -> Result<Added, E> {
        let record = self.write(archive)?;
        let path = self.path.clone();
        let database = |source| LedgerError::Database {
            path: path.clone(),
            source,
        };
        // Dropped without a commit, a transaction has never been.
        let transaction = self.connection.transaction().map_err(database)?;
        let mut added = Added::default();
        let id: i64 = transaction
            .query_row(
                "INSERT INTO archive (digest, run, signer, imported, record)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (digest)
                 DO UPDATE SET signer = excluded.signer, record = excluded.record RETURNING id",
                params![
                    archive.digest.to_string(),
                    archive.run,
                    archive.signer,
                    archive.imported.to_string(),
                    record
                ],
                |row| row.get(0),
            )
            .map_err(database)?;
        let gone = transaction
            .execute("DELETE FROM foreign_origin WHERE archive = ?1", [id])
            .map_err(database)?;
        for (row, position) in rows.zip(0_i64..) {
            let row = row?;
            if add(&transaction, id, position, &row).map_err(database)? {
                added.new += 1;
            } else {
                added.known += 1;
            }
        }
        if gone > 0 {
            transaction
                .execute(
                    "DELETE FROM foreign_record WHERE NOT EXISTS (
                         SELECT 1 FROM foreign_origin AS o WHERE o.record = foreign_record.id)",
                    [],
                )
                .map_err(database)?;
        }
        transaction.commit().map_err(database)?;
        Ok(added)
    }

    /// Returns an archive that was taken in.
    pub fn archive(&self, digest: &Sha256Digest) -> Result<Option<ArchiveRecord>, LedgerError> {
        let row: Option<String> = self
            .connection
            .query_row(
                "SELECT record FROM archive WHERE digest = ?1",
                [digest.to_string()],
                |row| row.get(0),
            )
            .optional()
            .map_err(|source| self.database(source))?;
        row.map(|text| self.read(&text)).transpose()
    }

    /// Returns every archive that was taken in, in the order in which they were.
    pub fn archives(&self) -> Result<Vec<ArchiveRecord>, LedgerError> {
        self.records("SELECT record FROM archive ORDER BY id", [])
    }

    /// Returns the cells that an archive brought, with their inputs, in its order.
    pub fn foreign_cells(
        &self,
        archive: &Sha256Digest,
    ) -> Result<Vec<(CellId, Sha256Digest)>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT f.cell, f.inputs FROM archive AS a
                 JOIN foreign_origin AS o ON o.archive = a.id
                 JOIN foreign_record AS f ON f.id = o.record
                 WHERE a.digest = ?1 AND f.kind = 'cell' ORDER BY o.position",
            )?;
            let rows = statement.query_map([archive.to_string()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        query()
            .map_err(|source| self.database(source))?
            .into_iter()
            .map(|(cell, inputs)| {
                let cell = cell.parse().map_err(|error| self.bad(&error))?;
                Ok((cell, inputs.parse().map_err(|error| self.bad(&error))?))
            })
            .collect()
    }

    /// Returns the inputs of which an archive says that the reference that counts made modules.
    pub fn foreign_references(
        &self,
        archive: &Sha256Digest,
    ) -> Result<std::collections::BTreeSet<Sha256Digest>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT f.inputs, json_extract(f.record, '$.outcome.outcome') = 'built'
                 FROM archive AS a
                 JOIN foreign_origin AS o ON o.archive = a.id
                 JOIN foreign_record AS f ON f.id = o.record
                 WHERE a.digest = ?1 AND f.kind = 'attempt'
                   AND json_extract(f.record, '$.number') = 0
                   AND json_extract(f.record, '$.outcome.outcome') IN ('built', 'excluded')
                 ORDER BY o.position",
            )?;
            let rows = statement.query_map([archive.to_string()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
            })?;
            rows.collect::<rusqlite::Result<std::collections::BTreeMap<_, _>>>()
        };
        // Of each, the last is kept.
        let counting = query().map_err(|source| self.database(source))?;
        let built = counting.iter().filter(|(_, built)| **built);
        built
            .map(|(text, _)| text.parse().map_err(|error| self.bad(&error)))
            .collect()
    }

    /// Returns one cell that an archive brought.
    pub fn foreign_cell(
        &self,
        archive: &Sha256Digest,
        cell: &CellId,
    ) -> Result<Option<crate::ledger::CellRecord>, LedgerError> {
        let row: Option<String> = self
            .connection
            .query_row(
                "SELECT f.record FROM archive AS a
                 JOIN foreign_origin AS o ON o.archive = a.id
                 JOIN foreign_record AS f ON f.id = o.record
                 WHERE a.digest = ?1 AND f.kind = 'cell' AND f.cell = ?2",
                [archive.to_string(), cell.to_string()],
                |row| row.get(0),
            )
            .optional()
            .map_err(|source| self.database(source))?;
        row.map(|text| self.read(&text)).transpose()
    }

    /// Returns the records of a kind that an archive brought of these inputs, in its order.
    pub fn foreign_of<T: serde::de::DeserializeOwned>(
        &self,
        archive: &Sha256Digest,
        kind: ForeignKind,
        inputs: &Sha256Digest,
    ) -> Result<Vec<T>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT f.record FROM foreign_record AS f
                 JOIN foreign_origin AS o ON o.record = f.id
                 JOIN archive AS a ON a.id = o.archive
                 WHERE a.digest = ?1 AND f.kind = ?2 AND f.inputs = ?3 ORDER BY o.position",
            )?;
            let parameters = [
                archive.to_string(),
                kind.as_str().to_owned(),
                inputs.to_string(),
            ];
            let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let texts = query().map_err(|source| self.database(source))?;
        texts.iter().map(|text| self.read(text)).collect()
    }

    /// Returns the records of a kind that an archive brought, in its order.
    pub fn foreign_records<T: serde::de::DeserializeOwned>(
        &self,
        archive: &Sha256Digest,
        kind: ForeignKind,
    ) -> Result<Vec<(ForeignFiled, T)>, LedgerError> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT f.inputs, f.record FROM archive AS a
                 JOIN foreign_origin AS o ON o.archive = a.id
                 JOIN foreign_record AS f ON f.id = o.record
                 WHERE a.digest = ?1 AND f.kind = ?2 ORDER BY o.position",
            )?;
            let rows = statement
                .query_map([archive.to_string(), kind.as_str().to_owned()], |row| {
                    Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?))
                })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        query()
            .map_err(|source| self.database(source))?
            .into_iter()
            .map(|(inputs, text)| {
                let inputs = inputs.map(|text| text.parse()).transpose();
                Ok((inputs.map_err(|error| self.bad(&error))?, self.read(&text)?))
            })
            .collect()
    }
}

/// The inputs that a record is filed under, where it is.
pub type ForeignFiled = Option<Sha256Digest>;

/// Adds one record, or that one which is known came in this archive too. Returns true if it is new.
fn add(
    transaction: &rusqlite::Transaction<'_>,
    archive: i64,
    position: i64,
    row: &ForeignRow,
) -> rusqlite::Result<bool> {
    let inputs = row.inputs.map(|inputs| inputs.to_string());
    let cell = row.cell.as_ref().map(ToString::to_string);
    let kind = row.kind.as_str();
    let filed = format!(
        "{kind}\n{}\n{}\n{}",
        row.run.as_deref().unwrap_or_default(),
        inputs.as_deref().unwrap_or_default(),
        row.record
    );
    let digest = Sha256Digest::of(filed.as_bytes()).to_string();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO foreign_record (digest, kind, run, cell, inputs, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (digest) DO NOTHING",
    )?;
    let is_new = insert.execute(params![digest, kind, row.run, cell, inputs, row.record])? == 1;
    let mut file = transaction.prepare_cached(
        "INSERT INTO foreign_origin (record, archive, position)
         SELECT id, ?2, ?3 FROM foreign_record WHERE digest = ?1
         ON CONFLICT (archive, record) DO UPDATE SET position = excluded.position",
    )?;
    file.execute(params![digest, archive, position])?;
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str) -> ArchiveRecord {
        ArchiveRecord {
            digest: Sha256Digest::of(name.as_bytes()),
            release: "nightly".to_owned(),
            run: "r1".to_owned(),
            plan: Sha256Digest::of(b"plan"),
            signer: Some(format!("key:{name}")),
            signed: None,
            imported: Timestamp::UNIX_EPOCH,
        }
    }

    fn row(number: u32) -> Result<ForeignRow, LedgerError> {
        Ok(ForeignRow {
            kind: ForeignKind::Attempt,
            run: Some("r1".to_owned()),
            cell: None,
            inputs: Some(Sha256Digest::of(b"inputs")),
            record: format!("{number}"),
        })
    }

    #[test]
    fn a_record_that_came_twice_has_two_signers_and_none_counts_as_ours() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("l")).expect("a ledger");
        let rows = |numbers: &[u32]| numbers.iter().map(|n| row(*n)).collect::<Vec<_>>();
        let first = ledger.add_archive(&archive("a"), rows(&[1, 2]).into_iter());
        assert_eq!(first.expect("added"), Added { new: 2, known: 0 });
        let second = ledger.add_archive(&archive("b"), rows(&[2, 3]).into_iter());
        assert_eq!(second.expect("added"), Added { new: 1, known: 1 });
        for (name, expected) in [("a", &[1, 2][..]), ("b", &[2, 3]), ("c", &[])] {
            let digest = Sha256Digest::of(name.as_bytes());
            let found = ledger.foreign_records::<u32>(&digest, ForeignKind::Attempt);
            let found: Vec<u32> = found.expect("read").into_iter().map(|(_, n)| n).collect();
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(
            ledger.archives().expect("read"),
            [archive("a"), archive("b")]
        );
        let inputs = Sha256Digest::of(b"inputs");
        assert!(ledger.attempts(&inputs).expect("read").is_empty());
        assert!(ledger.history(&inputs).expect("read").is_empty());
    }

    #[test]
    fn what_foreign_records_name_is_needed() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("l")).expect("a ledger");
        let log = Sha256Digest::of(b"log");
        let package = Sha256Digest::of(b"package");
        let row = |kind, record: serde_json::Value| {
            Ok::<_, LedgerError>(ForeignRow {
                kind,
                run: None,
                cell: None,
                inputs: None,
                record: record.to_string(),
            })
        };
        let rows = [
            row(ForeignKind::Attempt, serde_json::json!({ "log": log })),
            row(
                ForeignKind::Cell,
                serde_json::json!({ "packages": [{ "sha256": package }] }),
            ),
        ];
        ledger
            .add_archive(&archive("a"), rows.into_iter())
            .expect("added");
        let evidence = serde_json::to_string(&ledger.evidence().expect("read")).expect("JSON");
        for digest in [log, package] {
            assert!(evidence.contains(&digest.to_string()), "{evidence}");
        }
    }

    #[test]
    fn an_archive_with_a_bad_record_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("l")).expect("a ledger");
        let bad = ledger.bad(&"bad");
        let rows = vec![row(1), Err(bad)];
        assert!(ledger.add_archive(&archive("a"), rows.into_iter()).is_err());
        assert!(ledger.archives().expect("read").is_empty());
        assert_eq!(ledger.archive(&archive("a").digest).expect("read"), None);
        let again = ledger.add_archive(&archive("a"), [row(1)].into_iter());
        assert_eq!(again.expect("added").new, 1);
    }

    #[test]
    fn records_stand_in_the_order_of_each_archive_whichever_came_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("l")).expect("a ledger");
        let orders = [
            ("a", vec![1, 2, 3]),
            ("b", vec![3, 1]),
            ("c", vec![2, 4, 2]),
        ];
        for (name, numbers) in &orders {
            let rows = numbers.iter().map(|n| row(*n)).collect::<Vec<_>>();
            let added = ledger.add_archive(&archive(name), rows.into_iter());
            added.expect("added");
        }
        let inputs = Sha256Digest::of(b"inputs");
        for (name, expected) in [("a", &[1, 2, 3][..]), ("b", &[3, 1]), ("c", &[4, 2])] {
            let digest = Sha256Digest::of(name.as_bytes());
            let found = ledger.foreign_of::<u32>(&digest, ForeignKind::Attempt, &inputs);
            assert_eq!(found.expect("read"), expected, "{name}");
        }
    }

    #[test]
    fn an_archive_that_comes_again_has_what_is_known_now() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("l")).expect("a ledger");
        let unsigned = ArchiveRecord {
            signer: None,
            ..archive("a")
        };
        for (record, numbers, new) in [
            (&unsigned, [1, 2], 2),
            (&archive("b"), [2, 3], 1),
            (&archive("a"), [2, 4], 1),
            (&archive("a"), [2, 4], 0),
        ] {
            let rows = numbers.map(row).into_iter();
            assert_eq!(ledger.add_archive(record, rows).expect("added").new, new);
        }
        let known = ledger.archives().expect("read");
        assert_eq!(known, [archive("a"), archive("b")]);
        let of = |name: &str| {
            let digest = Sha256Digest::of(name.as_bytes());
            let inputs = Sha256Digest::of(b"inputs");
            let found = ledger.foreign_of::<u32>(&digest, ForeignKind::Attempt, &inputs);
            found.expect("read")
        };
        assert_eq!((of("a"), of("b")), (vec![2, 4], vec![2, 3]));
        let evidence = serde_json::to_string(&ledger.evidence().expect("read")).expect("JSON");
        assert!(
            !evidence.contains('1'),
            "nobody says so any more: {evidence}"
        );
    }
}

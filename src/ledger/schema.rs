//! The tables, and the way from every older version of them to this one.

use rusqlite::{Connection, Result};

/// Each entry brings the schema from its index to the next version. Entries are never changed once
/// they have been released; a change is a new entry.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE run (
        id TEXT PRIMARY KEY,
        started TEXT NOT NULL,
        status TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE cell (
        run TEXT NOT NULL REFERENCES run (id),
        id TEXT NOT NULL,
        inputs TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX cell_by_id ON cell (id);
    CREATE INDEX cell_by_run ON cell (run);
    CREATE TABLE attempt (
        inputs TEXT NOT NULL,
        number INTEGER NOT NULL,
        run TEXT NOT NULL REFERENCES run (id),
        spec TEXT NOT NULL,
        outcome TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX attempt_by_inputs ON attempt (inputs, number);
    CREATE TABLE comparison (
        inputs TEXT NOT NULL,
        number INTEGER NOT NULL,
        same INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (inputs, number)
    ) STRICT;
    ",
    // The id of a cell names the package version too.
    "
    UPDATE cell SET id =
        json_extract(record, '$.inputs.target.distro') || '-' ||
        json_extract(record, '$.inputs.target.distroRelease') || '/' ||
        json_extract(record, '$.inputs.target.arch') || '/' ||
        json_extract(record, '$.inputs.target.kernelRelease') || '=' ||
        json_extract(record, '$.inputs.target.packageVersion') || '/' ||
        json_extract(record, '$.inputs.module');
    UPDATE cell SET record = json_set(record, '$.id', id);
    ",
    // Kernels are prepared from source too.
    "
    CREATE TABLE preparation (
        kernel TEXT NOT NULL,
        number INTEGER NOT NULL,
        run TEXT NOT NULL REFERENCES run (id),
        spec TEXT NOT NULL,
        outcome TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX preparation_by_kernel ON preparation (kernel, number);
    ",
    // Statements are signed, and verified.
    "
    CREATE TABLE attestation (
        payload TEXT NOT NULL,
        run TEXT NOT NULL,
        cell TEXT,
        predicate TEXT NOT NULL,
        signer TEXT NOT NULL,
        signed TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX attestation_by_run ON attestation (run, cell);
    CREATE INDEX attestation_by_payload ON attestation (payload);
    CREATE INDEX attestation_by_inputs ON attestation (json_extract(record, '$.inputs'));
    CREATE TABLE attestation_subject (
        sha256 TEXT NOT NULL,
        attestation INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX attestation_by_subject ON attestation_subject (sha256);
    CREATE TABLE verification (
        at TEXT NOT NULL,
        artifact TEXT NOT NULL,
        policy TEXT NOT NULL,
        passed INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX verification_by_artifact ON verification (artifact);
    ",
    // What others have recorded, as archives brought it: apart from what was observed here.
    "
    CREATE TABLE archive (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        run TEXT NOT NULL,
        signer TEXT,
        imported TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE foreign_record (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        run TEXT,
        cell TEXT,
        inputs TEXT,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX foreign_record_by_inputs ON foreign_record (inputs, kind);
    CREATE INDEX foreign_record_by_kind ON foreign_record (kind, cell);
    CREATE TABLE foreign_origin (
        record INTEGER NOT NULL REFERENCES foreign_record (id),
        archive INTEGER NOT NULL REFERENCES archive (id),
        PRIMARY KEY (archive, record)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX foreign_origin_by_record ON foreign_origin (record);
    CREATE INDEX attempt_by_run ON attempt (run);
    ",
    // Which record of an archive stands before which.
    "
    ALTER TABLE foreign_origin ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    ",
    // An archive is verified without a policy; and what passed is asked for of one cell, however many
    // verifications there were.
    "
    CREATE TABLE verified (
        at TEXT NOT NULL,
        artifact TEXT NOT NULL,
        policy TEXT,
        passed INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    INSERT INTO verified SELECT at, artifact, policy, passed, record FROM verification ORDER BY rowid;
    DROP TABLE verification;
    ALTER TABLE verified RENAME TO verification;
    CREATE INDEX verification_by_artifact ON verification (artifact);
    CREATE TABLE verified_build (
        cell TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (cell, record)
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO verified_build
        SELECT json_extract(record, '$.verdict.cell'), json_object(
            'cell', json_extract(record, '$.verdict.cell'),
            'known', json_extract(record, '$.verdict.known'))
        FROM verification WHERE passed
            AND json_extract(record, '$.verdict.cell') IS NOT NULL
            AND json_extract(record, '$.verdict.known') IS NOT NULL;
    ",
];

/// Returns what makes a file of the first version.
#[cfg(test)]
pub(super) fn version_1() -> &'static str {
    MIGRATIONS[0]
}

/// Returns what makes a file of before the entry that has a text.
#[cfg(test)]
pub(super) fn before(text: &str) -> &'static [&'static str] {
    let found = MIGRATIONS.iter().position(|entry| entry.contains(text));
    &MIGRATIONS[..found.expect("there is one")]
}

/// The version that this program writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Applies what is missing and returns the version that the file then has, which is higher than
/// [`VERSION`] if a newer program wrote it; such a file is left alone.
pub fn bring_up_to_date(connection: &mut Connection) -> Result<i64> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Ok(found);
    }
    // Readers go on while a run writes; a power cut loses no committed transaction.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    if found == VERSION {
        return Ok(found);
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been faster since the first look.
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for migration in MIGRATIONS.iter().skip(found.max(0) as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(VERSION)
}

//! What was signed.

use rusqlite::params;

use crate::digest::Sha256Digest;
use crate::ledger::{AttestationRecord, Ledger, LedgerError};

impl Ledger {
    /// Adds statements that were signed, all or none.
    pub fn add_attestations(&mut self, records: &[AttestationRecord]) -> Result<(), LedgerError> {
        let rows = records
            .iter()
            .map(|record| Ok((record, self.write(record)?)))
            .collect::<Result<Vec<_>, LedgerError>>()?;
        self.transaction(|transaction| {
            for (record, text) in &rows {
                transaction.execute(
                    "INSERT INTO attestation (payload, run, cell, predicate, signer, signed, record)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        record.payload.to_string(),
                        record.run,
                        record.cell.as_ref().map(ToString::to_string),
                        record.predicate_type,
                        record.signer,
                        record.signed.to_string(),
                        text
                    ],
                )?;
                let id = transaction.last_insert_rowid();
                for subject in &record.subjects {
                    transaction.execute(
                        "INSERT INTO attestation_subject (sha256, attestation) VALUES (?1, ?2)",
                        params![subject.to_string(), id],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Returns what was signed of a run, in the order in which it was.
    pub fn attestations_of_run(&self, run: &str) -> Result<Vec<AttestationRecord>, LedgerError> {
        self.records(
            "SELECT record FROM attestation WHERE run = ?1 ORDER BY rowid",
            [run],
        )
    }

    /// Returns what was signed of cells with these inputs, in the order in which it was.
    pub fn attestations_of_inputs(
        &self,
        inputs: &Sha256Digest,
    ) -> Result<Vec<AttestationRecord>, LedgerError> {
        self.records(
            "SELECT record FROM attestation WHERE json_extract(record, '$.inputs') = ?1
             ORDER BY rowid",
            [inputs.to_string()],
        )
    }

    /// Returns what was signed of a file, in the order in which it was.
    pub fn attestations_of_subject(
        &self,
        subject: &Sha256Digest,
    ) -> Result<Vec<AttestationRecord>, LedgerError> {
        self.records(
            "SELECT a.record FROM attestation AS a JOIN attestation_subject AS s
             ON s.attestation = a.rowid WHERE s.sha256 = ?1 ORDER BY a.rowid",
            [subject.to_string()],
        )
    }

    /// Returns everything that was signed, in the order in which it was.
    pub fn all_attestations(&self) -> Result<Vec<AttestationRecord>, LedgerError> {
        self.records("SELECT record FROM attestation ORDER BY rowid", [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_found_by_run_and_by_each_subject() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&directory.path().join("ledger")).expect("a ledger");
        let payload = Sha256Digest::of(b"payload");
        let subjects = vec![Sha256Digest::of(b"module"), Sha256Digest::of(b"signed")];
        let record = AttestationRecord {
            run: "r1".to_owned(),
            cell: None,
            inputs: Some(Sha256Digest::of(b"inputs")),
            predicate_type: "type".to_owned(),
            payload,
            subjects: subjects.clone(),
            bundle: Sha256Digest::of(b"bundle"),
            envelope: Sha256Digest::of(b"envelope"),
            signer: "key:1".to_owned(),
            signed: jiff::Timestamp::UNIX_EPOCH,
        };
        let records = [record];
        ledger.add_attestations(&records).expect("added");
        assert_eq!(ledger.attestations_of_run("r1").expect("read"), records);
        assert!(ledger.attestations_of_run("r2").expect("read").is_empty());
        let of = |inputs: &[u8]| ledger.attestations_of_inputs(&Sha256Digest::of(inputs));
        assert_eq!(of(b"inputs").expect("read"), records);
        assert!(of(b"others").expect("read").is_empty());
        for subject in &subjects {
            assert_eq!(
                ledger.attestations_of_subject(subject).expect("read"),
                records
            );
        }
        assert!(
            ledger
                .attestations_of_subject(&payload)
                .expect("read")
                .is_empty()
        );
        assert_eq!(ledger.all_attestations().expect("read"), records);
        let evidence = ledger.evidence().expect("read");
        let kept = serde_json::to_value(&records[0]).expect("JSON");
        assert!(evidence.contains(&kept), "a store keeps what was signed");
    }
}

//! Records of somebody else, as the ledger files them.

use serde::Serialize;

use crate::bundle::authority::Signature;
use crate::bundle::row::Row;
use crate::ledger::{AttestationRecord, ForeignAttestation, ForeignKind, ForeignRow};

/// Returns a record as the ledger files it. Who signed a statement, and when, is what was found out here;
/// what the record says of it stands beside that.
pub(super) fn filed(
    row: Row,
    signature: impl Fn(&AttestationRecord) -> Option<Signature>,
) -> ForeignRow {
    let (kind, run, cell, inputs, record) = match row {
        Row::Run { record } => {
            let json = text(&record);
            (ForeignKind::Run, Some(record.id), None, None, json)
        }
        Row::Cell { run, record } => {
            let json = text(&record);
            let inputs = record.inputs.digest();
            let cell = Some(record.id);
            (ForeignKind::Cell, Some(run), cell, Some(inputs), json)
        }
        Row::Attempt { inputs, record } => {
            let json = text(&record);
            let run = Some(record.run);
            (ForeignKind::Attempt, run, None, Some(inputs), json)
        }
        Row::Comparison {
            inputs,
            number,
            record,
        } => {
            let json = text(&(number, record));
            (ForeignKind::Comparison, None, None, Some(inputs), json)
        }
        Row::Preparation { kernel, record } => {
            let json = text(&record);
            let run = Some(record.run);
            (ForeignKind::Preparation, run, None, Some(kernel), json)
        }
        Row::Attestation { record } => {
            let (verified_signer, verified_times) = match signature(&record) {
                Some(Signature { signer, times }) => (Some(signer), times),
                None => (None, Vec::new()),
            };
            let foreign = ForeignAttestation {
                record: *record,
                verified_signer,
                verified_times,
            };
            let json = text(&foreign);
            let record = foreign.record;
            let (run, cell) = (Some(record.run), record.cell);
            (ForeignKind::Attestation, run, cell, record.inputs, json)
        }
    };
    ForeignRow {
        kind,
        run,
        cell,
        inputs,
        record,
    }
}

fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("plain values serialise")
}

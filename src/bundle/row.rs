//! The records of an archive, one JSON document per line.

use serde::{Deserialize, Serialize};

use crate::compare::Comparison;
use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, AttestationRecord, CellRecord, PreparationRecord, RunRecord};

/// One record of a ledger, with what it is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "camelCase", deny_unknown_fields)]
pub enum Row {
    Run {
        record: Box<RunRecord>,
    },
    Cell {
        run: String,
        record: Box<CellRecord>,
    },
    Attempt {
        inputs: Sha256Digest,
        record: Box<AttemptRecord>,
    },
    Comparison {
        inputs: Sha256Digest,
        number: u32,
        record: Box<Comparison>,
    },
    Preparation {
        kernel: Sha256Digest,
        record: Box<PreparationRecord>,
    },
    Attestation {
        record: Box<AttestationRecord>,
    },
}

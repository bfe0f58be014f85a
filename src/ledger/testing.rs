//! Records for tests.

use std::time::Duration;

use crate::digest::Sha256Digest;
use crate::engine::{EngineIdentity, Steps};
use crate::ledger::AttemptRecord;
use crate::outcome::{Outcome, Reached};
use crate::recipe::toolchain::KernelToolchain;
use crate::variation::{Axis, Variation};

/// Makes an attempt with every axis varied, of which nothing but its outcome is known.
pub(crate) fn attempt(number: u32, outcome: Outcome) -> AttemptRecord {
    AttemptRecord {
        number,
        run: "r1".to_owned(),
        spec: Sha256Digest::of(b"spec"),
        variation: Variation::of(number, &Axis::all()),
        started: jiff::Timestamp::UNIX_EPOCH,
        wall: Duration::from_millis(1500),
        steps: Steps::default(),
        engine: EngineIdentity {
            name: "docker".to_owned(),
            version: "1".to_owned(),
            api_version: "1.41".to_owned(),
            kernel: "6.1".to_owned(),
            cpus: 2,
        },
        observed: None,
        reached: Reached::default(),
        toolchain: KernelToolchain::default(),
        outcome,
        gates: Vec::new(),
        commands: None,
        log: Sha256Digest::of(b"log"),
    }
}

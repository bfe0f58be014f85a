//! Where verifications are recorded, and what is known from there of earlier builds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::Refusal;
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::ledger::{Ledger, VerificationRecord, VerifyingCommand};
use crate::name::CellId;
use crate::report::Judged;
use crate::state::State;
use crate::verify::policy::Known;

/// How many verifications are written in one transaction.
const TOGETHER: usize = 500;

/// What all verifications of one command have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    pub command: VerifyingCommand,
    pub at: Timestamp,
    pub policy: Option<Sha256Digest>,
    pub warn_only: bool,
}

/// A ledger that verifications are added to, or none. It may be asked from several threads.
pub(crate) struct Recording {
    ledger: Option<Mutex<Waiting>>,
    circumstances: Circumstances,
    by: String,
}

/// A ledger with what is to be added to it next.
struct Waiting {
    ledger: Ledger,
    records: Vec<VerificationRecord>,
}

impl Recording {
    /// Opens the ledger of a state directory, if there is one.
    pub fn open(state: Option<&State>, circumstances: Circumstances) -> Result<Self, Refusal> {
        let waiting = |state: &State| {
            let ledger = Ledger::open(&state.ledger())?;
            let records = Vec::new();
            Ok::<_, Refusal>(Mutex::new(Waiting { ledger, records }))
        };
        Ok(Self {
            ledger: state.map(waiting).transpose()?,
            circumstances,
            by: who(),
        })
    }

    /// Returns true if there is a ledger.
    pub fn is_kept(&self) -> bool {
        self.ledger.is_some()
    }

    /// Returns the builds of each of these cells that were verified before.
    pub fn known(&self, cells: BTreeSet<CellId>) -> Result<BTreeMap<CellId, Vec<Known>>, Refusal> {
        let mut known = BTreeMap::new();
        let Some(ledger) = &self.ledger else {
            return Ok(known);
        };
        let waiting = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        for cell in cells {
            let builds = waiting.ledger.verified_builds(&cell)?.into_iter();
            let builds = builds.map(|build| serde_json::from_value(build.known));
            let builds = builds.collect::<Result<_, _>>().map_err(|error| {
                let message = format!("cannot read what was verified of {cell}");
                Refusal::new(Exit::Internal, message).caused_by(&error)
            })?;
            known.insert(cell, builds);
        }
        Ok(known)
    }

    /// Records what a policy says of a module. It is written with those that follow, by
    /// [`Recording::finish`] at the latest.
    pub fn add(&self, judged: &Judged) -> Result<(), Refusal> {
        let verdict = &judged.verdict;
        let json = serde_json::to_value(verdict).map_err(|error| {
            Refusal::new(Exit::Internal, "cannot record a verdict").caused_by(&error)
        })?;
        let passed = verdict.passes() && !self.circumstances.warn_only;
        self.add_record(verdict.artifact, passed, verdict.statements.clone(), json)
    }

    /// Records what came of checking an archive as such.
    pub fn add_archive(
        &self,
        archive: Sha256Digest,
        passed: bool,
        verdict: Value,
    ) -> Result<(), Refusal> {
        self.add_record(archive, passed, Vec::new(), verdict)
    }

    fn add_record(
        &self,
        artifact: Sha256Digest,
        passed: bool,
        attestations: Vec<Sha256Digest>,
        verdict: Value,
    ) -> Result<(), Refusal> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let Circumstances {
            command,
            at,
            policy,
            warn_only,
        } = self.circumstances;
        let mut waiting = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.records.push(VerificationRecord {
            at,
            by: self.by.clone(),
            command,
            artifact,
            policy,
            passed,
            warn_only,
            attestations,
            verdict,
        });
        if waiting.records.len() >= TOGETHER {
            waiting.write()?;
        }
        Ok(())
    }

    /// Writes what is not written yet.
    pub fn finish(&self) -> Result<(), Refusal> {
        match &self.ledger {
            Some(ledger) => ledger
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(),
            None => Ok(()),
        }
    }
}

impl Waiting {
    fn write(&mut self) -> Result<(), Refusal> {
        let records = std::mem::take(&mut self.records);
        Ok(self.ledger.add_verifications(&records)?)
    }
}

/// Returns who asks, as the system names them: the user and the machine.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let names = rustix::system::uname();
    let host = names.nodename().to_string_lossy();
    match uzers::get_user_by_uid(uid) {
        Some(user) => format!("{} (uid {uid}) on {host}", user.name().to_string_lossy()),
        None => format!("uid {uid} on {host}"),
    }
}

//! What the ledger keeps, as it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalog::kernel_source::KernelSource;
use crate::catalog::{PackageRef, SuiteRecord};
use crate::compare::ModuleLayers;
use crate::digest::Sha256Digest;
use crate::engine::{EngineIdentity, Observed, Steps};
use crate::gate::ModuleGates;
use crate::image::ImageRecord;
use crate::name::{CellId, ModuleName};
use crate::outcome::{Commands, Outcome, PreparationOutcome, Reached};
use crate::recipe::CellInputs;
use crate::recipe::toolchain::KernelToolchain;
use crate::source::SourceRecord;
use crate::variation::{Axis, Variation};

/// One execution of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    pub id: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub status: RunStatus,
    /// The matrix file as it was named.
    pub matrix: String,
    pub plan: Sha256Digest,
    pub rebuilds: u32,
    /// The CI job that it ran in, and on which boot of which machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    Running,
    /// Every cell was attempted.
    Finished,
    /// The engine was lost or the disk was full; the rest was not attempted.
    Abandoned,
    Interrupted,
}

impl RunStatus {
    /// Returns the word that the ledger has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One cell as a run promised it: its inputs, and what is known of each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CellRecord {
    pub id: CellId,
    pub inputs: CellInputs,
    pub source: SourceRecord,
    /// The sources of the modules that this one needs.
    #[serde(default)]
    pub needed_sources: BTreeMap<ModuleName, SourceRecord>,
    pub packages: Vec<PackageRef>,
    /// What the kernel is prepared from, where there are no packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_source: Option<KernelSource>,
    /// The states of the suites that the packages came from.
    pub vouched: Vec<SuiteRecord>,
    pub image: ImageRecord,
    pub rebuilds: u32,
    /// The axes on which it is rebuilt.
    #[serde(default = "Axis::all")]
    pub axes: BTreeSet<Axis>,
    /// The age of the image's archive state at build time from which it is ageing; `None` in
    /// records of before there was one.
    #[serde(default)]
    pub warn_after: Option<SignedDuration>,
    /// How old it may be.
    pub stale_after: SignedDuration,
}

/// One build of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRecord {
    pub number: u32,
    pub run: String,
    /// The digest of the build spec; the store has its bytes.
    pub spec: Sha256Digest,
    pub variation: Variation,
    pub started: Timestamp,
    pub wall: Duration,
    pub steps: Steps,
    pub engine: EngineIdentity,
    pub observed: Option<Observed>,
    /// What of the variation reached the build; nothing in records of before it was looked at.
    #[serde(default)]
    pub reached: Reached,
    /// What the kernel's headers say of the tools that it was built with.
    pub toolchain: KernelToolchain,
    pub outcome: Outcome,
    /// What was looked at in each module; empty in records of before there were gates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<ModuleGates>,
    /// The digests of the layers of each module; empty in records of before they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<ModuleLayers>,
    /// What its commands reveal; `None` if it made no module, and in records of before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Commands>,
    /// The digest of what the build printed; the store has its bytes.
    pub log: Sha256Digest,
}

/// One preparation of one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparationRecord {
    /// 0 is the one that modules are built against; the others show whether it comes out again.
    pub number: u32,
    pub run: String,
    /// The digest of the build spec; the store has its bytes.
    pub spec: Sha256Digest,
    pub variation: Variation,
    pub started: Timestamp,
    pub wall: Duration,
    pub steps: Steps,
    pub engine: EngineIdentity,
    pub observed: Option<Observed>,
    /// What of the variation reached the build; nothing in records of before it was looked at.
    #[serde(default)]
    pub reached: Reached,
    pub outcome: PreparationOutcome,
    /// The first files that are not those of number 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
    /// The digest of what the build printed; the store has its bytes.
    pub log: Sha256Digest,
}

impl PreparationRecord {
    /// Returns `prepared`, or the class of the failure.
    pub fn outcome_word(&self) -> &'static str {
        match &self.outcome {
            PreparationOutcome::Prepared { .. } => "prepared",
            PreparationOutcome::Failed { failure } => failure.class(),
        }
    }
}

impl AttemptRecord {
    /// Returns `built`, `excluded` or the class of the failure.
    pub fn outcome_word(&self) -> &'static str {
        match &self.outcome {
            Outcome::Built { .. } => "built",
            Outcome::Failed { failure } => failure.class(),
            Outcome::Excluded { .. } => "excluded",
        }
    }

    /// Returns the axes that were to be varied, and on which its surroundings were seen not to be the
    /// reference's.
    pub fn varied(&self, reference: &Self) -> BTreeSet<Axis> {
        &self.variation.axes & &self.reached.differs_from(&reference.reached)
    }

    /// Returns what it had on those of these axes that have but a few values.
    pub fn choices(&self, reference: &Self) -> BTreeMap<Axis, String> {
        let varied = self.varied(reference);
        let mut choices = self.variation.choices();
        choices.retain(|axis, _| varied.contains(axis));
        choices
    }
}

/// One statement that was signed. Statement, bundle and envelope are in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationRecord {
    /// The run that it speaks of.
    pub run: String,
    /// The cell that it speaks of; `None` for one of the release or of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellId>,
    /// The inputs of that cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Sha256Digest>,
    /// The URI of its predicate.
    pub predicate_type: String,
    /// The digest of the payload: the identity of the attestation.
    pub payload: Sha256Digest,
    /// The digests of its subjects.
    pub subjects: Vec<Sha256Digest>,
    /// The blob of the Sigstore bundle.
    pub bundle: Sha256Digest,
    /// The blob of the raw DSSE envelope.
    pub envelope: Sha256Digest,
    /// Who signed, such as `key:` and the SHA-256 of the public key.
    pub signer: String,
    pub signed: Timestamp,
}

/// One verification, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRecord {
    pub at: Timestamp,
    /// The user that asked and the machine, as the system names them.
    pub by: String,
    #[serde(default)]
    pub command: VerifyingCommand,
    /// The file that was verified; of an archive its index, where that could be read.
    pub artifact: Sha256Digest,
    /// The digest of the policy; `None` if only an archive as such was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Sha256Digest>,
    pub passed: bool,
    /// True if a failure was only to be warned of.
    #[serde(default)]
    pub warn_only: bool,
    /// The payloads of the attestations that were authenticated.
    pub attestations: Vec<Sha256Digest>,
    /// The verdict as it was given.
    pub verdict: serde_json::Value,
}

/// Which command verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyingCommand {
    #[default]
    Verify,
    Gate,
    BundleVerify,
}

impl VerifyingCommand {
    /// Returns the words that call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Gate => "gate",
            Self::BundleVerify => "bundle verify",
        }
    }
}

/// A build whose verification passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedBuild {
    pub cell: CellId,
    /// What whoever judges another build of the cell has to know of it, as its verdict says.
    pub known: serde_json::Value,
}

//! What the rebuilds of one cell showed: the predicate `urn:kmatrix:rebuild-comparison:v1`, whose schema
//! is in `docs/schemas/`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::compare::cause::Named;
use crate::compare::{Layers, Normalisation};
use crate::digest::Sha256Digest;
use crate::label::Label;
use crate::name::CellId;
use crate::variation::Axis;

/// Every attempt of a cell that counts, and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildComparison {
    pub cell: CellId,
    /// The digest of the cell's inputs, the same in every attempt.
    pub inputs: Sha256Digest,
    /// Attempt 0.
    pub reference: ComparedAttempt,
    pub rebuilds: Vec<ComparedAttempt>,
    /// Every normalisation after which rebuilds were the same; empty if every bit is, or none helps.
    pub normalisations: BTreeSet<Normalisation>,
    pub causes: Vec<Named>,
    /// Which platform each attempt ran on, by the key in [`ComparedAttempt::platform`].
    pub platforms: BTreeMap<String, Platform>,
    /// What follows, with vector, reasons and the rules used.
    pub label: Label,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedAttempt {
    pub number: u32,
    /// The digest of its build spec.
    pub spec: Sha256Digest,
    pub platform: String,
    /// The axes on which it differed from the reference.
    pub varied: BTreeSet<Axis>,
    /// Those that were seen to have reached the build.
    pub reached: BTreeSet<Axis>,
    /// `built`, `excluded`, or the class of its failure.
    pub outcome: String,
    pub modules: Vec<ComparedModule>,
    /// True if every module has the reference's bytes; true for the reference.
    pub same: bool,
    /// True if the deterministic part of its provenance is the reference's, byte for byte.
    pub metadata_equal: bool,
}

/// One module of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedModule {
    /// Its path below the source.
    pub path: String,
    /// Of the file as it was built.
    pub sha256: Sha256Digest,
    /// Digests per layer, where they were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Layers>,
}

/// Where attempts ran, and who says that they operated it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Who operates it, as claimed by the signer. Independence follows from signatures, never from this.
    pub operator: String,
    pub builder: String,
    /// The engine with its version, and the machine's architecture.
    pub engine: String,
}

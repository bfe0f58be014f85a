//! What the rebuilds of one cell showed: the predicate `urn:kmatrix:rebuild-comparison:v1`, whose schema
//! is in `docs/schemas/`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::attest::material::{Attester, CellMaterial, built};
use crate::compare::cause::Named;
use crate::compare::{Layers, Normalisation, differing};
use crate::digest::Sha256Digest;
use crate::engine::EngineIdentity;
use crate::label::Label;
use crate::ledger::AttemptRecord;
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
    /// What it had on those of them that have but a few values; empty in statements of before they were
    /// told apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<Axis, String>,
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
    /// The engine with its version, and the machine's kernel.
    pub engine: String,
}

impl RebuildComparison {
    /// Says what the attempts of a cell showed; `None` if it has no reference or no label.
    /// `equal_metadata` are the rebuilds whose provenance says the same as the reference's.
    pub fn of(
        material: &CellMaterial<'_>,
        equal_metadata: &BTreeSet<u32>,
        attester: &Attester,
    ) -> Option<Self> {
        let assessment = material.assessment;
        let label = assessment.label()?.clone();
        let (reference, rebuilds): (Vec<&AttemptRecord>, Vec<&AttemptRecord>) =
            assessment.attempts.iter().partition(|one| one.number == 0);
        let reference = *reference.first()?;
        let mut platforms: Vec<&EngineIdentity> = Vec::new();
        for attempt in &assessment.attempts {
            if !platforms.contains(&&attempt.engine) {
                platforms.push(&attempt.engine);
            }
        }
        let platform = |engine: &EngineIdentity| {
            let known = platforms.iter().position(|one| *one == engine);
            format!("platform-{}", known.map_or(0, |index| index + 1))
        };
        let compared = |attempt: &AttemptRecord| ComparedAttempt {
            number: attempt.number,
            spec: attempt.spec,
            platform: platform(&attempt.engine),
            varied: attempt.variation.axes.clone(),
            reached: attempt.varied(reference),
            choices: attempt.choices(reference),
            outcome: attempt.outcome_word().to_owned(),
            modules: modules(material, attempt),
            same: is_same(reference, attempt),
            metadata_equal: attempt.number == 0 || equal_metadata.contains(&attempt.number),
        };
        let comparisons = assessment.comparisons.iter();
        let normalisations = comparisons
            .filter_map(|(_, comparison)| comparison.normalisations())
            .flatten()
            .collect();
        Some(Self {
            cell: assessment.cell.id.clone(),
            inputs: assessment.cell.inputs.digest(),
            reference: compared(reference),
            rebuilds: rebuilds.into_iter().map(compared).collect(),
            normalisations,
            causes: causes(&label),
            platforms: platforms
                .iter()
                .map(|engine| (platform(engine), Platform::of(engine, attester)))
                .collect(),
            label,
        })
    }
}

impl Platform {
    fn of(engine: &EngineIdentity, attester: &Attester) -> Self {
        let EngineIdentity {
            name,
            version,
            api_version,
            kernel,
            cpus,
        } = engine;
        Self {
            operator: attester.operator.clone(),
            builder: attester.builder.clone(),
            engine: format!("{name} {version} (API {api_version}), Linux {kernel}, {cpus} CPUs"),
        }
    }
}

/// Returns true if every module of an attempt has the reference's bytes.
fn is_same(reference: &AttemptRecord, attempt: &AttemptRecord) -> bool {
    match (built(&reference.outcome), built(&attempt.outcome)) {
        (Some(one), Some(other)) => differing(one, other).is_empty(),
        (None, _) | (_, None) => false,
    }
}

fn modules(material: &CellMaterial<'_>, attempt: &AttemptRecord) -> Vec<ComparedModule> {
    let modules = built(&attempt.outcome).unwrap_or_default().iter();
    modules
        .map(|module| ComparedModule {
            path: module.path.clone(),
            sha256: module.digest,
            layers: material.layers.get(&module.digest).cloned(),
        })
        .collect()
}

/// Returns why rebuilds differ, as the label says it.
fn causes(label: &Label) -> Vec<Named> {
    let rebuilds = label.rebuilds.as_ref();
    rebuilds.map_or_else(Vec::new, |rebuilds| rebuilds.causes.clone())
}

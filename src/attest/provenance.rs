//! SLSA Provenance v1 (slsa.dev, `spec/v1.2/build-provenance`). What its parameters mean under this
//! program's [`BUILD_TYPE`](crate::definition::BUILD_TYPE) is in `docs/attestations.md`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attest::material::Attester;
use crate::definition::{BuildDefinition, ResourceDescriptor};
use crate::digest::Sha256Digest;
use crate::ledger::AttemptRecord;
use crate::recipe::BuildSpec;
use crate::run::Assessment;

/// How modules were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The deterministic part: the same bytes in every attempt.
    pub build_definition: BuildDefinition,
    /// What belongs to one attempt.
    pub run_details: RunDetails,
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    pub builder: BuilderIdentity,
    pub metadata: InvocationMetadata,
    pub byproducts: Vec<ResourceDescriptor>,
}

/// SLSA's builder: who is to be trusted for what the provenance says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderIdentity {
    pub id: String,
    /// Versions of its parts, such as `kmatrix` and the engine.
    pub version: BTreeMap<String, String>,
}

/// Which execution, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationMetadata {
    pub invocation_id: String,
    pub started_on: Timestamp,
    pub finished_on: Timestamp,
}

impl Provenance {
    /// Says how an attempt of a cell was made. `spec` is the attempt's.
    pub fn of(
        assessment: &Assessment,
        attempt: &AttemptRecord,
        spec: &BuildSpec,
        attester: &Attester,
    ) -> Self {
        let cell = &assessment.cell;
        Self {
            build_definition: BuildDefinition::of(cell, attempt, spec, &assessment.preparations),
            run_details: RunDetails {
                builder: BuilderIdentity {
                    id: attester.builder.clone(),
                    version: BTreeMap::from([
                        ("kmatrix".to_owned(), attester.version.clone()),
                        (attempt.engine.name.clone(), attempt.engine.version.clone()),
                    ]),
                },
                metadata: InvocationMetadata {
                    invocation_id: format!("{}/{}", attempt.run, attempt.number),
                    started_on: attempt.started,
                    finished_on: finished(attempt),
                },
                byproducts: vec![
                    byproduct("log", attempt.log, "text/plain"),
                    byproduct("build-spec", attempt.spec, "application/json"),
                ],
            },
        }
    }
}

fn finished(attempt: &AttemptRecord) -> Timestamp {
    let wall = SignedDuration::try_from(attempt.wall).unwrap_or(SignedDuration::ZERO);
    attempt.started.checked_add(wall).unwrap_or(attempt.started)
}

fn byproduct(name: &str, digest: Sha256Digest, media_type: &str) -> ResourceDescriptor {
    ResourceDescriptor {
        media_type: Some(media_type.to_owned()),
        ..ResourceDescriptor::named(name, digest)
    }
}

//! SLSA Provenance v1 (slsa.dev, `spec/v1.2/build-provenance`). What its parameters mean under this
//! program's [`BUILD_TYPE`](crate::attest::BUILD_TYPE) is in `docs/attestations.md`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::attest::ResourceDescriptor;

/// How modules were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The deterministic part: the same bytes in every attempt.
    pub build_definition: BuildDefinition,
    /// What belongs to one attempt.
    pub run_details: RunDetails,
}

/// What was asked for, and from what it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    pub build_type: String,
    pub external_parameters: Map<String, Value>,
    pub internal_parameters: Map<String, Value>,
    pub resolved_dependencies: Vec<ResourceDescriptor>,
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
    pub version: std::collections::BTreeMap<String, String>,
}

/// Which execution, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationMetadata {
    pub invocation_id: String,
    pub started_on: Timestamp,
    pub finished_on: Timestamp,
}

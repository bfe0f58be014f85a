//! What a build was defined by, the same in every attempt: what was asked for, what this program makes
//! of it, and what it was made from (SLSA's `buildDefinition`). Two attempts whose definitions are not
//! the same bytes were not made of the same, whatever their modules are. Pure.

mod dependencies;
mod package_url;
mod parameters;
mod resource;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, CellRecord, PreparationRecord};
use crate::outcome::BuiltModule;
use crate::recipe::BuildSpec;

use dependencies::dependencies;
use parameters::{external, internal};

pub(crate) use package_url::encoded;
pub(crate) use parameters::object;

pub use package_url::package_url;
pub use resource::{DigestSet, ResourceDescriptor, sha256};

/// The `buildType` of the provenance that this program writes, described in
/// `docs/attestations.md`. The number is raised when the meaning of a parameter changes.
///
/// The project's own URIs are URNs, because it owns no host that they could resolve at.
pub const BUILD_TYPE: &str = "urn:kmatrix:build:container-module:v1";

/// What was asked for, and from what it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    pub build_type: String,
    pub external_parameters: Map<String, Value>,
    pub internal_parameters: Map<String, Value>,
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

impl BuildDefinition {
    /// Says what an attempt of a cell was made from, and how. `spec` is the attempt's.
    pub fn of(
        cell: &CellRecord,
        attempt: &AttemptRecord,
        spec: &BuildSpec,
        preparations: &[PreparationRecord],
    ) -> Self {
        Self {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: external(cell),
            internal_parameters: internal(cell, attempt, spec),
            resolved_dependencies: dependencies(cell, attempt, preparations),
        }
    }

    /// Returns the bytes that are the same in every attempt: the modules as built, and this
    /// definition, as JSON without white space, fields in order.
    pub fn deterministic(&self, modules: &[BuiltModule]) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Deterministic<'a> {
            modules: Vec<(&'a str, Sha256Digest)>,
            build_definition: &'a BuildDefinition,
        }
        let made = modules.iter();
        serde_json::to_vec(&Deterministic {
            modules: made.map(|made| (made.path.as_str(), made.digest)).collect(),
            build_definition: self,
        })
        .expect("plain values serialise")
    }
}

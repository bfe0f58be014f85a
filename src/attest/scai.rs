//! SCAI attribute report v0.3 (in-toto attestation framework, `spec/predicates/scai.md`): for those who
//! know that predicate and not this program's own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::attest::{PAYLOAD_TYPE, PredicateType, ResourceDescriptor};
use crate::compare::Normalisation;
use crate::definition::object;
use crate::digest::Sha256Digest;
use crate::label::{Grade, Label};
use crate::variation::Axis;

/// The attribute of modules whose every bit came out again.
pub const REPRODUCIBLE: &str = "REPRODUCIBLE";
/// The attribute of modules that came out again but for what the condition `normalisations` names. It
/// has a name of its own, because readers of the other one need not look at conditions.
pub const NORMALISED: &str = "REPRODUCIBLE_AFTER_NORMALISATION";

/// What is said of the subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeReport {
    pub attributes: Vec<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<ResourceDescriptor>,
}

/// One attribute, with what shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    pub attribute: String,
    pub conditions: Map<String, Value>,
    pub evidence: ResourceDescriptor,
}

impl AttributeReport {
    /// Says that a cell's modules are reproducible, as far as their label does; `None` if it does not.
    /// `comparison` is the digest of the payload of the comparison statement that shows it.
    pub fn of(label: &Label, comparison: Sha256Digest, builder: &str) -> Option<Self> {
        let rebuilds = label.rebuilds.as_ref()?;
        let grade = label.vector.reproducibility;
        let (attribute, agreed) = if grade >= Grade::Fixed {
            (REPRODUCIBLE, rebuilds.with_these)
        } else if grade == Grade::Normalised {
            (NORMALISED, rebuilds.same + rebuilds.normalised)
        } else {
            return None;
        };
        let expected = Axis::expected();
        let held: BTreeSet<&Axis> = expected.difference(&rebuilds.varied).collect();
        let conditions = object(&Conditions {
            grade,
            rebuilds: agreed,
            variations: &rebuilds.varied,
            held,
            normalisations: &rebuilds.normalisations,
        });
        let evidence = ResourceDescriptor {
            media_type: Some(PAYLOAD_TYPE.to_owned()),
            ..ResourceDescriptor::named(PredicateType::RebuildComparison.word(), comparison)
        };
        Some(Self {
            attributes: vec![Attribute {
                attribute: attribute.to_owned(),
                conditions,
                evidence,
            }],
            producer: Some(ResourceDescriptor {
                uri: Some(builder.to_owned()),
                ..ResourceDescriptor::default()
            }),
        })
    }
}

/// Under which conditions an attribute holds.
#[derive(Serialize)]
struct Conditions<'a> {
    grade: Grade,
    /// How many rebuilds agreed under these conditions.
    rebuilds: u32,
    /// The axes that were varied together, as observed.
    variations: &'a BTreeSet<Axis>,
    /// The axes that would have had to be varied for `varied`, and were not.
    held: BTreeSet<&'a Axis>,
    /// What was taken away before anything was compared; empty where every bit is the same.
    normalisations: &'a BTreeSet<Normalisation>,
}

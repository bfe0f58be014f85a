//! What is claimed of a build, as statements that others read: in-toto Statement v1 with SLSA
//! provenance, rebuild comparison, SCAI, SLSA verification summary, scope of a release, and the
//! builder image's SBOM. Pure: signing is [`sign`](crate::sign)'s.
//!
//! A statement's bytes are made once, from typed values whose fields stand in a fixed order, and those
//! bytes are what is signed. They are never made again from what was read.

mod cell;
mod comparison;
mod dependencies;
mod dsse;
mod material;
mod parameters;
mod predicate;
mod provenance;
mod release;
mod resource;
mod sbom;
mod scai;
mod scope;
mod statement;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod uri;

pub use cell::cell_statements;
pub use comparison::{ComparedAttempt, ComparedModule, Platform, RebuildComparison};
pub use dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, pre_authentication_encoding};
pub use material::{About, Attester, CellMaterial, NotAttestable, Shipped, Unsigned};
pub use predicate::{BUILD_TYPE, PredicateType};
pub use provenance::{
    BuildDefinition, BuilderIdentity, InvocationMetadata, Provenance, RunDetails,
};
pub use release::{ReleaseMaterial, release_statements};
pub use resource::{DigestSet, ResourceDescriptor, sha256};
pub use sbom::{Sbom, SbomAge, sbom};
pub use scai::{Attribute, AttributeReport, NORMALISED, REPRODUCIBLE};
pub use scope::{LabelledCell, ScopeStatement};
pub use statement::{STATEMENT_TYPE, Statement, Subject, SubjectForm};
pub use summary::{
    LabelSummary, SummaryPolicy, SummaryVerifier, VerificationResult, VerificationSummary, level,
    levels,
};
pub use uri::{
    AUDIT_BUILDER, CI_BUILDER, LOCAL_BUILDER, VERIFIER, cell_uri, package_url, release_uri,
    rules_uri, statement_uri,
};

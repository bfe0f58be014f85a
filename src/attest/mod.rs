//! What is claimed of a build, as statements that others read: in-toto Statement v1 with SLSA
//! provenance, rebuild comparison, SCAI, SLSA verification summary, scope of a release, and the
//! builder image's SBOM. Pure: signing is [`sign`](crate::sign)'s.
//!
//! A statement's bytes are made once, from typed values whose fields stand in a fixed order, and those
//! bytes are what is signed. They are never made again from what was read.

mod cell;
mod comparison;
mod dsse;
mod material;
mod predicate;
mod provenance;
mod release;
mod sbom;
mod scai;
mod scope;
mod statement;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod uri;

pub use cell::cell_statements;
pub use comparison::{ComparedAttempt, ComparedModule, Platform, RebuildComparison};
pub use dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, pre_authentication_encoding};
pub use material::{About, Attester, CellMaterial, NotAttestable, Shipped, Unsigned};
pub use predicate::PredicateType;
pub use provenance::{BuilderIdentity, InvocationMetadata, Provenance, RunDetails};
pub use release::{ReleaseMaterial, release_statements};
pub use sbom::{Sbom, SbomAge, sbom};
pub use scai::{Attribute, AttributeReport, NORMALISED, REPRODUCIBLE};
pub use scope::{LabelledCell, ScopeStatement};
pub use statement::{STATEMENT_TYPE, Statement, Subject, SubjectForm};
pub use summary::{
    LabelSummary, SummaryException, SummaryPolicy, SummaryVerifier, VerificationResult,
    VerificationSummary, level, levels,
};
pub use uri::{
    AUDIT_BUILDER, CI_BUILDER, LOCAL_BUILDER, VERIFIER, cell_uri, release_uri, rules_uri,
    statement_uri,
};

pub use crate::definition::{
    BUILD_TYPE, BuildDefinition, DigestSet, ResourceDescriptor, package_url, sha256,
};

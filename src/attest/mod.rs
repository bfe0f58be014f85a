//! What is claimed of a build, as statements that others read: in-toto Statement v1 with SLSA
//! provenance, rebuild comparison, SCAI, SLSA verification summary, scope of a release, and the
//! builder image's SBOM. Pure: signing is [`sign`](crate::sign)'s.
//!
//! A statement's bytes are made once, from typed values whose fields stand in a fixed order, and those
//! bytes are what is signed. They are never made again from what was read.

mod comparison;
mod dsse;
mod predicate;
mod provenance;
mod resource;
mod scope;
mod statement;
mod summary;

pub use comparison::{ComparedAttempt, ComparedModule, Platform, RebuildComparison};
pub use dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, pre_authentication_encoding};
pub use predicate::{BUILD_TYPE, PredicateType};
pub use provenance::{
    BuildDefinition, BuilderIdentity, InvocationMetadata, Provenance, RunDetails,
};
pub use resource::{DigestSet, ResourceDescriptor, sha256};
pub use scope::{LabelledCell, ScopeStatement};
pub use statement::{STATEMENT_TYPE, Statement, Subject, SubjectForm};
pub use summary::{
    LabelSummary, SummaryPolicy, SummaryVerifier, VerificationResult, VerificationSummary, level,
    levels,
};

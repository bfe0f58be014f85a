//! Whether what others claim of a module holds: a strict reader, authentication of each attestation,
//! and a policy over what was authenticated. Offline unless asked otherwise.
//!
//! ```text
//! bytes --(strict)--> ReadAttestation --(trust)--> Authenticated --(policy, expectation)--> Verdict
//! ```
//!
//! # Security
//!
//! Nothing of a payload is read before its signature holds, save to find which kind it is. What is not
//! shown does not hold: a claim that is missing fails the rule that needs it.

mod authenticate;
mod authenticated;
mod certificate;
pub mod files;
pub mod policy;
mod refusal;
pub mod rego;
mod sigstore;
mod strict;
mod trust;
mod tuf;
mod verdict;

pub use authenticate::{authenticate, authenticate_all};
pub use authenticated::{Authenticated, SignedBy, TimeSource, VerifiedTime};
pub use refusal::{Refused, Why};
pub use strict::{Limits, read_statement, strict_json};
pub use trust::Trust;
pub use tuf::{LookedAt, Network, TufLook, TufSource};
pub use verdict::{Outcome, ReleaseVerdict, RuleResult, Verdict};

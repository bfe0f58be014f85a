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

mod authenticated;
pub mod policy;
mod refusal;
pub mod rego;
mod verdict;

pub use authenticated::{Authenticated, SignedBy, TimeSource, VerifiedTime};
pub use refusal::{Refused, Why};
pub use verdict::{Outcome, RuleResult, Verdict};

//! Policy: who is believed how much, what must be shown of a module, and what a caller expects. A
//! typed, versioned TOML file, and a pure function from it and what was authenticated to a
//! [`Verdict`](crate::verify::Verdict) that names every rule.
//!
//! # Security
//!
//! A rule that cannot be answered does not hold. Statements are claims of their signers: what can be
//! computed again from other parts of them is, and what only a clock or a registry of people could
//! show is taken from verified times and from the policy, never from a statement.

mod artifact;
mod demands;
mod exception;
mod file;
mod fixture;
mod judge;
mod model;
mod parameters;
mod recompute;
mod rego_rule;
mod rule;
mod signers;
mod summary;
#[cfg(test)]
mod tests;
mod trust;

pub use artifact::Artifact;
pub use exception::{ExceptionState, ExceptionUse};
pub use fixture::{Fixture, FixtureError, Wanted, fixtures};
pub use judge::{Expectation, Known, ReleaseModule, judge, judge_release};
pub use model::{
    AllowedParameter, AllowedSource, Class, Denial, Denied, Exception, Expected, LeastVersion,
    Mode, Policy, PolicySigner, RegoFile, Requirement, Scoped, TrustRootFile, Window,
};
pub use rule::{ReleaseRule, Rule};
pub use summary::summary;

/// The commented default policy, which is the reference of the format too.
pub const DEFAULT: &str = include_str!("default.toml");

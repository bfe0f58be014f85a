//! What a rule found.

use crate::verify::Outcome;

/// The outcome of one rule, with the reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify::policy) struct Found {
    pub outcome: Outcome,
    pub because: String,
}

impl Found {
    pub fn holds(because: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Holds,
            because: because.into(),
        }
    }

    pub fn fails(because: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Fails,
            because: because.into(),
        }
    }

    pub fn missing(because: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Missing,
            because: because.into(),
        }
    }

    /// Takes the one that stopped a rule, or says that it holds.
    pub fn from_result(result: Result<String, Self>) -> Self {
        match result {
            Ok(because) => Self::holds(because),
            Err(found) => found,
        }
    }
}

//! The answer: every rule of the policy, with what it found.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// What a policy says of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The module's file, as it was handed in.
    pub artifact: Sha256Digest,
    /// The digest of the policy file's bytes.
    pub policy: Sha256Digest,
    /// Every rule that was asked, in the policy's order; none is left out because another failed.
    pub rules: Vec<RuleResult>,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleResult {
    /// The rule's id, such as `minimum-tier`.
    pub rule: String,
    pub outcome: Outcome,
    pub because: String,
}

/// How a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Holds,
    Fails,
    /// It fails, and an exception of the policy that has not run out lets it pass.
    Excepted,
    /// What it would look at is missing, which is a failure that has its own exit status.
    Missing,
}

impl Verdict {
    /// Returns true if at least one rule was asked and every one holds or is excepted.
    pub fn holds(&self) -> bool {
        !self.rules.is_empty()
            && self.rules.iter().all(|rule| match rule.outcome {
                Outcome::Holds | Outcome::Excepted => true,
                Outcome::Fails | Outcome::Missing => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcomes: &[Outcome]) -> Verdict {
        Verdict {
            artifact: Sha256Digest::of(b"module"),
            policy: Sha256Digest::of(b"policy"),
            rules: outcomes
                .iter()
                .map(|outcome| RuleResult {
                    rule: "rule".to_owned(),
                    outcome: *outcome,
                    because: String::new(),
                })
                .collect(),
        }
    }

    #[test]
    fn what_is_missing_or_was_not_asked_does_not_hold() {
        assert!(!verdict(&[]).holds());
        assert!(verdict(&[Outcome::Holds, Outcome::Excepted]).holds());
        assert!(!verdict(&[Outcome::Holds, Outcome::Missing]).holds());
        assert!(!verdict(&[Outcome::Fails]).holds());
    }
}

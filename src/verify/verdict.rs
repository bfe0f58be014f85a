//! The answer: every rule of the policy, with what it found.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::label::Tier;
use crate::name::CellId;
use crate::verify::policy::{ExceptionUse, Known};

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
    /// True if the policy only watches: what fails is told, and nothing is called passed.
    #[serde(default)]
    pub audit_only: bool,
    /// The cell that the provenance names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellId>,
    /// What a later verification has to know of this build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// The tier that is borne out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The payloads of the statements about the module.
    #[serde(default)]
    pub statements: Vec<Sha256Digest>,
    /// What became of each exception of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionUse>,
}

/// What a policy says of a release as a whole: of its scope, and of whether what it promises is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseVerdict {
    /// What it is called, if a scope statement says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The digest of the policy file's bytes.
    pub policy: Sha256Digest,
    /// Every rule that was asked, in their order.
    pub rules: Vec<RuleResult>,
    /// True if the policy only watches: what fails is told, and nothing is called passed.
    #[serde(default)]
    pub audit_only: bool,
    /// The tier that its cells come to, as the scope says them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// How many cells it promises, and of how many every module is there.
    pub promised: usize,
    pub complete: usize,
    /// The payloads of the statements about it.
    #[serde(default)]
    pub statements: Vec<Sha256Digest>,
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

impl Outcome {
    /// Returns true if a rule that ended so keeps nothing from passing.
    pub fn lets_pass(self) -> bool {
        match self {
            Self::Holds | Self::Excepted => true,
            Self::Fails | Self::Missing => false,
        }
    }
}

impl Verdict {
    /// Returns true if at least one rule was asked and every one holds or is excepted.
    pub fn holds(&self) -> bool {
        hold(&self.rules)
    }

    /// Returns true if it may be called passed: it holds, and not only because nobody is held to it.
    pub fn passes(&self) -> bool {
        self.holds() && !self.audit_only
    }

    /// Returns the status that says how it came out. What fails counts before what is missing.
    pub fn exit(&self) -> Exit {
        exit(&self.rules)
    }
}

impl ReleaseVerdict {
    /// Returns true if at least one rule was asked and every one holds.
    pub fn holds(&self) -> bool {
        hold(&self.rules)
    }

    /// Returns true if it may be called passed: it holds, and not only because nobody is held to it. Its
    /// modules have verdicts of their own.
    pub fn passes(&self) -> bool {
        self.holds() && !self.audit_only
    }

    /// Returns the status that says how it came out. What fails counts before what is missing.
    pub fn exit(&self) -> Exit {
        exit(&self.rules)
    }
}

fn hold(rules: &[RuleResult]) -> bool {
    !rules.is_empty() && rules.iter().all(|rule| rule.outcome.lets_pass())
}

fn exit(rules: &[RuleResult]) -> Exit {
    let is = |wanted| rules.iter().any(|rule| rule.outcome == wanted);
    if hold(rules) {
        Exit::Success
    } else if is(Outcome::Fails) || !is(Outcome::Missing) {
        Exit::VerificationFailed
    } else {
        Exit::EvidenceMissing
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
            audit_only: false,
            cell: None,
            known: None,
            tier: None,
            statements: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    #[test]
    fn what_fails_counts_before_what_is_missing() {
        use Outcome::{Excepted, Fails, Holds, Missing};
        for (outcomes, expected) in [
            (&[][..], Exit::VerificationFailed),
            (&[Holds, Excepted], Exit::Success),
            (&[Holds, Missing], Exit::EvidenceMissing),
            (&[Missing, Fails, Holds], Exit::VerificationFailed),
        ] {
            assert_eq!(verdict(outcomes).exit(), expected, "{outcomes:?}");
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

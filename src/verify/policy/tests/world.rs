//! A sound module with sound statements about it, of which a test changes one thing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

pub use super::statements::*;
use crate::attest::{
    PredicateType, Provenance, RebuildComparison, ResourceDescriptor, Statement, Subject,
    SubjectForm, VerificationSummary,
};
use crate::digest::Sha256Digest;
use crate::ko::testing::{Form, module};
use crate::verify::policy::{Artifact, Expectation, Policy, judge};
use crate::verify::{
    Authenticated, Refused, RuleResult, SignedBy, TimeSource, Verdict, VerifiedTime,
};

/// Everything that a verdict is made of.
pub struct World {
    pub file: Vec<u8>,
    pub provenance: Provenance,
    pub comparison: RebuildComparison,
    pub summary: VerificationSummary,
    /// Who signed each of the three, and when.
    pub signed: BTreeMap<PredicateType, Signed>,
    /// What is handed in beside them.
    pub others: Vec<Authenticated>,
    /// The inputs that the summary names; if nothing else is said, the statements that are there.
    pub inputs: Option<Vec<Sha256Digest>>,
    pub left_out: BTreeSet<PredicateType>,
    pub subjects: Vec<Subject>,
    pub refused: Vec<Refused>,
    pub expectation: Expectation,
    /// What the policy says beside its signers and sources.
    pub policy: String,
    /// The policy's `[require]`.
    pub require: String,
    pub at: Timestamp,
}

/// A signature.
#[derive(Debug, Clone)]
pub struct Signed {
    pub by: SignedBy,
    pub times: Vec<VerifiedTime>,
}

pub fn key(name: &str) -> SignedBy {
    SignedBy::Key {
        spki: Sha256Digest::of(name.as_bytes()),
    }
}

pub fn identity(name: &str, issuer: &str) -> SignedBy {
    SignedBy::Identity {
        identity: name.to_owned(),
        issuer: issuer.to_owned(),
    }
}

/// Returns a statement as authentication would.
pub fn authenticated(
    kind: PredicateType,
    subjects: Vec<Subject>,
    predicate: Value,
    signed: &Signed,
) -> Authenticated {
    let statement = Statement::new(kind, subjects, predicate);
    Authenticated {
        payload: Sha256Digest::of(&statement.to_bytes()),
        statement,
        signed_by: signed.by.clone(),
        times: signed.times.clone(),
        listing: Default::default(),
    }
}

impl Signed {
    pub fn by(by: SignedBy) -> Self {
        Self {
            by,
            times: vec![VerifiedTime {
                at: at("2026-06-01T12:00:00Z"),
                from: TimeSource::TimestampAuthority,
            }],
        }
    }
}

impl World {
    /// Returns a module of which everything holds that the default policy asks.
    pub fn sound() -> Self {
        let file = module(Form::AMD64);
        let payload = Sha256Digest::of(&file);
        let comparison = comparison(payload);
        let vendor = Signed::by(key("vendor"));
        Self {
            provenance: provenance(),
            summary: summary(&comparison.label),
            comparison,
            signed: [
                PredicateType::Provenance,
                PredicateType::RebuildComparison,
                PredicateType::Summary,
            ]
            .into_iter()
            .map(|kind| (kind, vendor.clone()))
            .collect(),
            others: Vec::new(),
            inputs: None,
            left_out: BTreeSet::new(),
            subjects: vec![Subject::module(
                "m.ko",
                payload,
                SubjectForm::Payload,
                "m.ko",
            )],
            refused: Vec::new(),
            expectation: Expectation {
                kernel: Some("6.12.1-x".parse().expect("a release")),
                arch: Some("amd64".parse().expect("an architecture")),
                known: Some(BTreeMap::new()),
                ..Expectation::default()
            },
            policy: String::new(),
            require: String::new(),
            at: at("2026-06-02T12:00:00Z"),
            file,
        }
    }

    pub fn payload(&self) -> Sha256Digest {
        Artifact::read(&self.file).payload().expect("a module")
    }

    /// Returns the text of the policy: a vendor and a second signer of it, an auditor, an identity.
    pub fn policy_text(&self) -> String {
        let mut text = format!(
            "schema = 1\n[require]\n{}\n[[source]]\nuri = '**'\n",
            self.require
        );
        for (name, operator) in [
            ("vendor", "vendor"),
            ("second", "vendor"),
            ("auditor", "auditor"),
        ] {
            let spki = Sha256Digest::of(name.as_bytes());
            text += &format!(
                "[[signer]]\nname = '{name}'\noperator = '{operator}'\nkey = '{spki}'\nbuilders = ['{BUILDER}']\n"
            );
        }
        text += &format!(
            "[[signer]]\nname = 'ci'\noperator = 'vendor'\nidentity = 'ci@vendor'\nissuer = 'idp'\n\
             builders = ['{BUILDER}']\n"
        );
        text + &self.policy
    }

    /// Adds a line to the policy's signer of a name.
    pub fn with_signer(&self, name: &str, line: &str) -> String {
        let text = self.policy_text();
        let head = format!("name = '{name}'\n");
        assert!(text.contains(&head), "{name}");
        text.replace(&head, &format!("{head}{line}\n"))
    }

    /// Adds a statement beside the three.
    pub fn add(&mut self, kind: PredicateType, by: SignedBy, predicate: Value) {
        let other = authenticated(kind, self.subjects.clone(), predicate, &Signed::by(by));
        self.others.push(other);
    }

    /// Adds the comparison of another signer, whose attempts are its own.
    pub fn add_comparison_by(&mut self, by: SignedBy) {
        let mut own = self.comparison.clone();
        own.inputs = Sha256Digest::of(b"their inputs");
        self.add(PredicateType::RebuildComparison, by, value(&own));
    }

    pub fn attestations(&self) -> Vec<Authenticated> {
        let of = |kind: PredicateType, predicate: Value| {
            authenticated(kind, self.subjects.clone(), predicate, &self.signed[&kind])
        };
        let provenance = of(PredicateType::Provenance, value(&self.provenance));
        let comparison = of(PredicateType::RebuildComparison, value(&self.comparison));
        let mut summary = self.summary.clone();
        let inputs = match &self.inputs {
            Some(inputs) => inputs.clone(),
            None => vec![provenance.payload(), comparison.payload()],
        };
        let descriptors = inputs.into_iter();
        summary.input_attestations = descriptors
            .map(|payload| ResourceDescriptor::named("statement", payload))
            .collect();
        let summary = of(PredicateType::Summary, value(&summary));
        let mut all = vec![provenance, comparison, summary];
        all.retain(|one| {
            let kind = PredicateType::from_uri(&one.statement().predicate_type);
            !self.left_out.contains(&kind.expect("one of ours"))
        });
        all.extend(self.others.iter().cloned());
        all
    }

    pub fn verdict_by(&self, policy: &str) -> Verdict {
        let policy = Policy::parse("policy.toml", policy.as_bytes());
        let policy = policy.unwrap_or_else(|problems| panic!("{problems}"));
        self.verdict_of(&policy)
    }

    pub fn verdict_of(&self, policy: &Policy) -> Verdict {
        judge(
            &Artifact::read(&self.file),
            &self.expectation,
            &self.attestations(),
            &self.refused,
            policy,
            self.at,
        )
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict_by(&self.policy_text())
    }
}

/// Returns the rules that do not hold, in their order.
pub fn broken(verdict: &Verdict) -> Vec<&str> {
    broken_of(&verdict.rules)
}

/// Returns those of some rules that do not hold, in their order.
pub fn broken_of(rules: &[RuleResult]) -> Vec<&str> {
    let broken = rules.iter().filter(|rule| !rule.outcome.lets_pass());
    broken.map(|rule| rule.rule.as_str()).collect()
}

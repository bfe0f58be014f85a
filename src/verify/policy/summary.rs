//! What a verifier says of what it verified: a SLSA verification summary of one verdict.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Artifact, ExceptionState, ExceptionUse, Policy};
use crate::attest::{
    LabelSummary, PredicateType, ResourceDescriptor, Statement, Subject, SummaryException,
    SummaryPolicy, SummaryVerifier, VerificationResult, VerificationSummary, levels, sha256,
};
use crate::label::{RulesUsed, Tier};
use crate::verify::{RuleResult, Verdict};

/// Who says so: this program, by somebody's policy.
const VERIFIER: &str = "urn:kmatrix:verifier:policy:v1";

/// What stands in place of levels if the verification failed.
const FAILED: &str = "FAILED";

/// Sums a verdict up; nothing if no provenance says which cell it is about. It says PASSED only if every
/// rule holds, the policy enforces, and `is_enforced`.
///
/// No SLSA level is claimed: what the builder claims is in its own summary.
pub fn summary(
    name: &str,
    artifact: &Artifact,
    verdict: &Verdict,
    policy: &Policy,
    at: Timestamp,
    is_enforced: bool,
) -> Option<Statement<VerificationSummary>> {
    let cell = verdict.cell.as_ref()?;
    let tier = verdict.tier.unwrap_or(Tier::Unverified);
    let passed = verdict.passes() && is_enforced;
    let (result, levels) = if passed {
        (VerificationResult::Passed, levels(tier))
    } else {
        (VerificationResult::Failed, vec![FAILED])
    };
    let exceptions = used_exceptions(verdict);
    let because = because(verdict, passed, &exceptions);
    let digest = artifact.digest;
    let mut subjects = vec![Subject::plain(name, digest)];
    if let Some(payload) = artifact.payload().filter(|payload| *payload != digest) {
        subjects.push(Subject::plain(format!("{name} as built"), payload));
    }
    let inputs = verdict.statements.iter();
    let inputs = inputs.map(|payload| ResourceDescriptor::statement(*payload));
    let predicate = VerificationSummary {
        verifier: SummaryVerifier {
            id: VERIFIER.to_owned(),
            version: BTreeMap::from([("kmatrix".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        },
        time_verified: at,
        resource_uri: format!("urn:kmatrix:cell:{cell}"),
        policy: SummaryPolicy {
            uri: format!("urn:kmatrix:policy:{}", policy.digest.to_hex()),
            digest: sha256(policy.digest),
        },
        input_attestations: inputs.collect(),
        verification_result: result,
        verified_levels: levels.into_iter().map(str::to_owned).collect(),
        slsa_version: "1.2".to_owned(),
        label: LabelSummary {
            word: tier.to_string(),
            tier,
            vector: None,
            reasons: Vec::new(),
            because: Some(because),
            rules: RulesUsed::current(),
        },
        exceptions,
    };
    Some(Statement::new(PredicateType::Summary, subjects, predicate))
}

/// Returns the exceptions that let something pass.
fn used_exceptions(verdict: &Verdict) -> Vec<SummaryException> {
    let used = |one: &&ExceptionUse| one.state == ExceptionState::Used;
    let named = |one: &ExceptionUse| SummaryException {
        rule: one.rule.clone(),
        reason: one.reason.clone(),
        ticket: one.ticket.clone(),
        until: one.until,
    };
    verdict.exceptions.iter().filter(used).map(named).collect()
}

fn because(verdict: &Verdict, passed: bool, exceptions: &[SummaryException]) -> String {
    let all = verdict.rules.len();
    let let_pass = |rule: &&RuleResult| rule.outcome.lets_pass();
    let failed = all - verdict.rules.iter().filter(let_pass).count();
    match (passed, failed, exceptions) {
        (true, _, []) => format!("all {all} rules of the policy hold"),
        (true, _, exceptions) => {
            let named: Vec<String> = exceptions
                .iter()
                .map(|one| format!("{} (before {})", one.rule, one.until))
                .collect();
            let (count, held) = (named.len(), all - named.len());
            let are = if count == 1 { "is" } else { "are" };
            let named = named.join(", ");
            format!("{held} rules of the policy hold, and {count} {are} excepted: {named}")
        }
        (false, 0, _) => "what fails by this policy is only told, not enforced".to_owned(),
        (false, count, _) => format!("{count} rules of the policy do not hold"),
    }
}

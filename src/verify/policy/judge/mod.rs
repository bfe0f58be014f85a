//! Judging: every rule asked of one module, none left out because another failed. Pure.

mod case;
mod expected;
mod found;
mod proof;
mod summaries;
mod what;
mod when;
mod who;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Artifact, Expected, Mode, Policy, Rule, exception, rego_rule};
use crate::digest::Sha256Digest;
use crate::name::{Arch, CellId, KernelRelease, ModuleName};
use crate::verify::{Authenticated, Refused, RuleResult, Verdict};
use case::Case;
pub(super) use case::Claim;
pub(super) use found::Found;

/// What a caller expects of a module, whatever is claimed of it. What is not set is not expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The URI of its source, with or without the commit, or the digest of the source's tree.
    pub source: Option<String>,
    pub commit: Option<String>,
    pub kernel: Option<KernelRelease>,
    pub arch: Option<Arch>,
    /// The module's name: that of its cell, or the one that it has for the kernel.
    pub module: Option<ModuleName>,
    pub release: Option<String>,
    /// The newest build of each cell that was verified before.
    pub known: BTreeMap<CellId, Known>,
}

/// A build that was verified before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub finished: Timestamp,
    /// The module as built.
    pub payload: Sha256Digest,
}

impl Expectation {
    /// Returns true if the caller says something of it.
    pub(super) fn has(&self, expected: Expected) -> bool {
        match expected {
            Expected::Source => self.source.is_some(),
            Expected::Commit => self.commit.is_some(),
            Expected::Kernel => self.kernel.is_some(),
            Expected::Arch => self.arch.is_some(),
            Expected::Module => self.module.is_some(),
            Expected::Release => self.release.is_some(),
        }
    }
}

/// Asks every rule of a policy of one module. `attestations` may speak of other modules too; `refused`
/// are those that were handed in and not accepted. `at` decides about exceptions and ages, and nothing
/// else: when something was signed is known by verified times alone.
pub fn judge<'a>(
    artifact: &'a Artifact,
    expectation: &'a Expectation,
    attestations: impl IntoIterator<Item = &'a Authenticated>,
    refused: &'a [Refused],
    policy: &'a Policy,
    at: Timestamp,
) -> Verdict {
    let case = Case::new(artifact, expectation, attestations, refused, policy, at);
    let mut rules: Vec<RuleResult> = Rule::ALL
        .iter()
        .map(|rule| {
            let Found { outcome, because } = ask(*rule, &case);
            RuleResult {
                rule: rule.id().to_owned(),
                outcome,
                because,
            }
        })
        .collect();
    let cell = case.cell();
    let exceptions = exception::apply(&policy.exceptions, artifact, cell, at, &mut rules);
    Verdict {
        artifact: artifact.digest,
        policy: policy.digest,
        rules,
        audit_only: policy.mode == Mode::Audit,
        cell: cell.cloned(),
        known: case.as_known(),
        tier: case.tier(),
        statements: case
            .claims
            .iter()
            .map(|c| c.attestation.payload())
            .collect(),
        exceptions,
    }
}

fn ask(rule: Rule, case: &Case<'_>) -> Found {
    match rule {
        Rule::Readable => who::readable(case),
        Rule::Signer => who::signer(case),
        Rule::SignerStatements => who::signer_statements(case),
        Rule::SignerWindow => who::signer_window(case),
        Rule::SignerLevel => who::signer_level(case),
        Rule::DeniedKey => who::denied_key(case),
        Rule::DeniedIdentity => who::denied_identity(case),
        Rule::DeniedArtifact => who::denied_artifact(case),
        Rule::DeniedStatement => who::denied_statement(case),
        Rule::DeniedWindow => who::denied_window(case),
        Rule::Provenance => what::provenance(case),
        Rule::Payload => what::payload(case),
        Rule::SameCell => what::same_cell(case),
        Rule::Builder => what::builder(case),
        Rule::BuildType => what::build_type(case),
        Rule::Parameters => what::parameters(case),
        Rule::Inputs => what::inputs(case),
        Rule::Source => what::source(case),
        Rule::Expectations => expected::expectations(case),
        Rule::ExpectedSource => expected::source(case),
        Rule::ExpectedCommit => expected::commit(case),
        Rule::ExpectedKernel => expected::kernel(case),
        Rule::ExpectedArch => expected::arch(case),
        Rule::ExpectedModule => expected::module(case),
        Rule::ExpectedRelease => expected::release(case),
        Rule::Vermagic => expected::vermagic(case),
        Rule::Comparison => proof::comparison(case),
        Rule::Label => proof::label(case),
        Rule::MinimumTier => proof::minimum_tier(case),
        Rule::Independence => proof::independence(case),
        Rule::IndependentRebuilders => proof::independent_rebuilders(case),
        Rule::Summary => summaries::summary(case),
        Rule::SummaryLevels => summaries::levels(case),
        Rule::SummaryInputs => summaries::inputs(case),
        Rule::MaximumAge => when::maximum_age(case),
        Rule::ImageFreshness => when::image_freshness(case),
        Rule::NotOlder => when::not_older(case),
        Rule::Rego => rego_rule::rego(&case.policy.rego, &case.policy.evaluator, &case.claims),
    }
}

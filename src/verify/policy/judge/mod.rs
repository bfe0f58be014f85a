//! Judging: every rule asked of one module, none left out because another failed. Pure.

mod case;
mod claim;
mod expected;
mod found;
mod older;
mod others;
mod proof;
mod release;
mod release_case;
mod summaries;
mod version;
mod what;
mod when;
mod who;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Artifact, Expected, Mode, Policy, Rule, exception, rego_rule};
use crate::digest::Sha256Digest;
use crate::name::{Arch, CellId, KernelRelease, ModuleName, PackageVersion};
use crate::verify::{Authenticated, Refused, RuleResult, SignedBy, Verdict};
use case::Case;
pub(super) use claim::Claim;
pub(super) use found::Found;
pub use release::judge_release;
pub use release_case::ReleaseModule;

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
    /// The whole cell, such as where a module lies in a release says it.
    pub cell: Option<CellId>,
    /// The version of the kernel's package.
    pub kernel_version: Option<PackageVersion>,
    /// The version of the module: that of its source's package, or the one in its `.modinfo`.
    pub version: Option<String>,
    /// The builds of each cell that were verified before; `None` if nobody keeps them here.
    pub known: Option<BTreeMap<CellId, Vec<Known>>>,
}

/// A build that was verified before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// The module as built.
    pub payload: Sha256Digest,
    /// The version of the module, if something says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When its provenance was signed at the latest, by a verified time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Timestamp>,
    /// When it was built, as its provenance claims.
    pub finished: Timestamp,
    /// Who signed its provenance.
    #[serde(default)]
    pub signers: Vec<SignedBy>,
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
            Expected::Cell => self.cell.is_some(),
            Expected::KernelVersion => self.kernel_version.is_some(),
            Expected::Version => self.version.is_some(),
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
        Rule::Signer => who::signer(&case.signed()),
        Rule::SignerStatements => who::signer_statements(&case.signed()),
        Rule::SignerWindow => who::signer_window(&case.signed()),
        Rule::SignerLevel => who::signer_level(&case.signed()),
        Rule::DeniedKey => who::denied_key(&case.signed()),
        Rule::DeniedIdentity => who::denied_identity(&case.signed()),
        Rule::DeniedArtifact => who::denied_artifact(case),
        Rule::DeniedStatement => who::denied_statement(&case.signed()),
        Rule::DeniedWindow => who::denied_window(&case.signed()),
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
        Rule::ExpectedCell => expected::cell(case),
        Rule::ExpectedKernelVersion => expected::kernel_version(case),
        Rule::ExpectedVersion => expected::version(case),
        Rule::Vermagic => expected::vermagic(case),
        Rule::Comparison => proof::comparison(case),
        Rule::Label => proof::label(case),
        Rule::MinimumTier => proof::minimum_tier(case),
        Rule::Independence => proof::independence(case),
        Rule::IndependentRebuilders => proof::independent_rebuilders(case),
        Rule::Summary => summaries::summary(case),
        Rule::SummaryLevels => summaries::levels(case),
        Rule::SummaryInputs => summaries::inputs(case),
        Rule::Scai => others::scai(case),
        Rule::Scope => others::scope(case),
        Rule::Sbom => others::sbom(case),
        Rule::MaximumAge => when::maximum_age(&case.signed()),
        Rule::ImageFreshness => when::image_freshness(case),
        Rule::NotOlder => older::not_older(case),
        Rule::LeastVersion => older::least_version(case),
        Rule::Rego => rego_rule::rego(&case.policy.rego, &case.policy.evaluator, &case.claims),
    }
}

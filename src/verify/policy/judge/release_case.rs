//! What a release is judged by: the modules that are there, and what is claimed of the whole.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::claim::{Claim, RELEASE, Says, Signed};
use crate::attest::{PredicateType, ScopeStatement, VerificationSummary, release_uri};
use crate::digest::Sha256Digest;
use crate::label::Tier;
use crate::name::CellId;
use crate::verify::policy::{Artifact, Policy};
use crate::verify::{Authenticated, Verdict};

/// One module of a release, as far as the release is judged by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseModule {
    /// Of the file.
    pub artifact: Sha256Digest,
    /// The module as built; `None` if the file is none.
    pub payload: Option<Sha256Digest>,
    /// The cell that its provenance names.
    pub cell: Option<CellId>,
    /// The tier that is borne out, and the one that is required.
    pub tier: Option<Tier>,
    pub required: Tier,
    /// The payloads of the statements about it.
    pub statements: Vec<Sha256Digest>,
}

impl ReleaseModule {
    /// Takes of a module's verdict what its release is judged by.
    pub fn of(artifact: &Artifact, verdict: &Verdict, policy: &Policy) -> Self {
        let mut names = Vec::new();
        names.extend(verdict.cell.as_ref().map(|cell| cell.module.as_str()));
        if let Ok(module) = &artifact.module {
            names.extend(module.facts.name.as_deref());
        }
        Self {
            artifact: artifact.digest,
            payload: artifact.payload(),
            cell: verdict.cell.clone(),
            tier: verdict.tier,
            required: policy.requirement_of(&names).tier,
            statements: verdict.statements.clone(),
        }
    }
}

/// Everything that a rule about a release may look at.
pub(super) struct ReleaseCase<'a> {
    pub policy: &'a Policy,
    pub at: Timestamp,
    /// The release that the caller expects.
    pub expected: Option<&'a str>,
    pub modules: &'a [ReleaseModule],
    pub by_cell: BTreeMap<&'a CellId, Vec<&'a ReleaseModule>>,
    /// The scope statements and the summaries of releases; of the expected one alone if it has a scope.
    pub claims: Vec<Claim<'a>>,
}

impl<'a> ReleaseCase<'a> {
    pub fn new(
        modules: &'a [ReleaseModule],
        attestations: impl IntoIterator<Item = &'a Authenticated>,
        expected: Option<&'a str>,
        policy: &'a Policy,
        at: Timestamp,
    ) -> Self {
        let mut by_cell: BTreeMap<&CellId, Vec<&ReleaseModule>> = BTreeMap::new();
        for module in modules {
            if let Some(cell) = &module.cell {
                by_cell.entry(cell).or_default().push(module);
            }
        }
        let claims = attestations.into_iter().filter_map(|attestation| {
            let says = says(attestation)?;
            Some(Claim::new(attestation, policy, says))
        });
        let mut case = Self {
            policy,
            at,
            expected,
            modules,
            by_cell,
            claims: claims.collect(),
        };
        case.keep_one_release();
        case
    }

    /// Sets what is said of other releases aside, where the one that is expected has a scope statement.
    fn keep_one_release(&mut self) {
        let Some(expected) = self.expected else {
            return;
        };
        if !self.scopes().any(|(_, scope)| scope.release == expected) {
            return;
        }
        let uri = release_uri(expected);
        self.claims.retain(|claim| match &claim.says {
            Says::WholeScope(scope) => scope.release == expected,
            Says::Summary(summary) => summary.resource_uri == uri,
            Says::Provenance(_)
            | Says::Comparison(..)
            | Says::Scope(_)
            | Says::Scai(_)
            | Says::Sbom
            | Says::Other
            | Says::OfOthers
            | Says::Unreadable(_) => true,
        });
    }

    pub fn scopes(&self) -> impl Iterator<Item = (&Claim<'a>, &ScopeStatement)> {
        self.claims.iter().filter_map(|claim| {
            let Says::WholeScope(scope) = &claim.says else {
                return None;
            };
            Some((claim, &**scope))
        })
    }

    /// Returns the scope that the release is held against: one by a signer of the policy.
    pub fn scope(&self) -> Option<&ScopeStatement> {
        let mut scopes = self.scopes();
        let believed = scopes.find(|(claim, _)| claim.signer.is_some());
        believed.map(|(_, scope)| scope)
    }

    /// Returns the modules that are there of a cell.
    pub fn of_cell(&self, cell: &CellId) -> &[&'a ReleaseModule] {
        self.by_cell.get(cell).map_or(&[], Vec::as_slice)
    }

    /// Returns the modules of a cell that a scope lists and that are not there.
    pub fn missing_of(&self, cell: &CellId, listed: &[Sha256Digest]) -> Vec<Sha256Digest> {
        let there: BTreeSet<_> = self.of_cell(cell).iter().map(|one| one.payload).collect();
        let is_missing = |payload: &&Sha256Digest| !there.contains(&Some(**payload));
        listed.iter().filter(is_missing).copied().collect()
    }

    /// Returns the statements with who signed them.
    pub fn signed(&self) -> Signed<'_, 'a> {
        Signed {
            claims: &self.claims,
            policy: self.policy,
            maximum_age: self.policy.requirement.maximum_age,
            at: self.at,
            about: "release",
        }
    }
}

/// Reads what a statement says of a release; nothing if it says nothing of one.
fn says(attestation: &Authenticated) -> Option<Says> {
    let predicate = &attestation.statement().predicate;
    let unreadable = |error: serde_json::Error| Says::Unreadable(error.to_string());
    match PredicateType::from_uri(&attestation.statement().predicate_type)? {
        PredicateType::Scope => Some(
            ScopeStatement::deserialize(predicate)
                .map_or_else(unreadable, |scope| Says::WholeScope(Box::new(scope))),
        ),
        PredicateType::Summary => {
            let is_its = predicate["resourceUri"]
                .as_str()
                .is_some_and(|uri| uri.starts_with(RELEASE));
            let read = || {
                VerificationSummary::deserialize(predicate)
                    .map_or_else(unreadable, |summary| Says::Summary(Box::new(summary)))
            };
            is_its.then(read)
        }
        PredicateType::Provenance
        | PredicateType::RebuildComparison
        | PredicateType::Scai
        | PredicateType::Sbom => None,
    }
}

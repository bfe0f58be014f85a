//! What is judged: the file, what is claimed of it and by whom, and what is wanted.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::claim::{Claim, Says, ScopeClaim, Signed, is_shipped, says, sha256_of};
use super::version;
use super::{Expectation, Found, Known};
use crate::attest::{
    AttributeReport, PredicateType, Provenance, RebuildComparison, VerificationResult,
    VerificationSummary,
};
use crate::digest::Sha256Digest;
use crate::label::Tier;
use crate::name::CellId;
use crate::verify::policy::recompute::Recomputed;
use crate::verify::policy::{Artifact, Policy, Requirement};
use crate::verify::{Authenticated, Refused, SignedBy};

/// What a dependency's annotation `role` says of the image that a module was built in.
const BUILDER_IMAGE: &str = "builder-image";

/// Everything that a rule may look at.
pub(super) struct Case<'a> {
    pub artifact: &'a Artifact,
    pub expectation: &'a Expectation,
    pub policy: &'a Policy,
    pub at: Timestamp,
    pub refused: &'a [Refused],
    /// The statements that have the file, or the module in it, as a subject, and those of releases
    /// that list the module.
    pub claims: Vec<Claim<'a>>,
    /// How many statements of each kind are about something else.
    pub elsewhere: BTreeMap<PredicateType, usize>,
    cell: Option<CellId>,
}

impl<'a> Case<'a> {
    pub fn new(
        artifact: &'a Artifact,
        expectation: &'a Expectation,
        attestations: impl IntoIterator<Item = &'a Authenticated>,
        refused: &'a [Refused],
        policy: &'a Policy,
        at: Timestamp,
    ) -> Self {
        let mut case = Self {
            artifact,
            expectation,
            policy,
            at,
            refused,
            claims: Vec::new(),
            elsewhere: BTreeMap::new(),
            cell: None,
        };
        let mut sboms = Vec::new();
        for attestation in attestations {
            let kind = PredicateType::from_uri(&attestation.statement().predicate_type);
            if kind == Some(PredicateType::Sbom) {
                sboms.push(attestation);
                continue;
            }
            let is_scope = kind == Some(PredicateType::Scope);
            let says = if is_scope || case.is_about_it(attestation) {
                says(attestation, kind, artifact)
            } else {
                Says::OfOthers
            };
            case.take(attestation, kind, says);
        }
        case.keep_one_cell();
        // What is said of an image belongs to the modules whose provenance names it.
        let images: Vec<Sha256Digest> = case.images().into_iter().flatten().collect();
        for attestation in sboms {
            let mut subjects = attestation.statement().subject.iter();
            let is_its = |digest| images.contains(&digest);
            let kind = Some(PredicateType::Sbom);
            let says = if subjects.any(|s| sha256_of(&s.digest).is_some_and(is_its)) {
                says(attestation, kind, artifact)
            } else {
                Says::OfOthers
            };
            case.take(attestation, kind, says);
        }
        let mut provenances = case.claims.iter().filter(|claim| claim.is_provenance());
        case.cell = provenances.find_map(|claim| claim.cell().ok().flatten());
        case
    }

    /// Keeps what a statement says, or counts it if it is about something else.
    fn take(&mut self, attestation: &'a Authenticated, kind: Option<PredicateType>, says: Says) {
        let is_elsewhere = match &says {
            Says::Scope(scope) => scope.cells.is_empty(),
            Says::OfOthers => true,
            Says::Provenance(_)
            | Says::Comparison(..)
            | Says::Summary(_)
            | Says::WholeScope(_)
            | Says::Scai(_)
            | Says::Sbom
            | Says::Other
            | Says::Unreadable(_) => false,
        };
        if !is_elsewhere {
            self.claims.push(Claim::new(attestation, self.policy, says));
        } else if let Some(kind) = kind {
            *self.elsewhere.entry(kind).or_default() += 1;
        }
    }

    /// Sets the statements about other cells aside that have the very same module, such as two uploads
    /// of one kernel: each cell has its own provenance, and the one counts that is expected, or else
    /// the one that was built last by its own claim, since the module is the same. What is of a cell without provenance stays, and contradicts.
    fn keep_one_cell(&mut self) {
        let mut cells: Vec<(bool, Timestamp, CellId)> = Vec::new();
        for claim in &self.claims {
            if let (Says::Provenance(provenance), Ok(Some(cell))) = (&claim.says, claim.cell()) {
                let Expectation {
                    cell: whole,
                    kernel,
                    arch,
                    module,
                    ..
                } = self.expectation;
                let is_expected = whole.as_ref().is_none_or(|whole| *whole == cell)
                    && kernel.as_ref().is_none_or(|k| *k == cell.kernel_release)
                    && arch.is_none_or(|arch| arch == cell.arch)
                    && module.as_ref().is_none_or(|module| *module == cell.module);
                let finished = provenance.run_details.metadata.finished_on;
                cells.push((is_expected, finished, cell));
            }
        }
        let Some((.., kept)) = cells.iter().max() else {
            return;
        };
        let is_other = |claim: &Claim<'_>| match claim.cell() {
            Ok(Some(cell)) => cell != *kept && cells.iter().any(|(.., known)| *known == cell),
            Ok(None) | Err(_) => false,
        };
        self.claims.retain(|claim| !is_other(claim));
    }

    /// Returns true if a subject is the file, or the module in it as it was built.
    fn is_about_it(&self, attestation: &Authenticated) -> bool {
        let payload = self.artifact.payload();
        attestation.statement().subject.iter().any(|subject| {
            let Some(digest) = sha256_of(&subject.digest) else {
                return false;
            };
            digest == self.artifact.digest || (Some(digest) == payload && !is_shipped(subject))
        })
    }

    pub fn provenances(&self) -> impl Iterator<Item = (&Claim<'a>, &Provenance)> {
        self.claims.iter().filter_map(|claim| {
            let Says::Provenance(provenance) = &claim.says else {
                return None;
            };
            Some((claim, &**provenance))
        })
    }

    pub fn comparisons(
        &self,
    ) -> impl Iterator<Item = (&Claim<'a>, &RebuildComparison, &Recomputed)> {
        self.claims.iter().filter_map(|claim| {
            let Says::Comparison(comparison, found) = &claim.says else {
                return None;
            };
            Some((claim, &**comparison, &**found))
        })
    }

    /// Returns the newest summary of the cell by every signer.
    pub fn summaries(&self) -> Vec<(&Claim<'a>, &VerificationSummary)> {
        // One of a whole release says nothing of this module alone.
        let of_cells = self.claims.iter().filter(|claim| claim.cell() != Ok(None));
        newest_summaries(of_cells)
    }

    pub fn reports(&self) -> impl Iterator<Item = (&Claim<'a>, &AttributeReport)> {
        self.claims.iter().filter_map(|claim| {
            let Says::Scai(report) = &claim.says else {
                return None;
            };
            Some((claim, report))
        })
    }

    pub fn scopes(&self) -> impl Iterator<Item = (&Claim<'a>, &ScopeClaim)> {
        self.claims.iter().filter_map(|claim| {
            let Says::Scope(scope) = &claim.says else {
                return None;
            };
            Some((claim, scope))
        })
    }

    /// Returns the cell that the provenance speaks of.
    pub fn cell(&self) -> Option<&CellId> {
        self.cell.as_ref()
    }

    /// Returns the provenances, or says why there is nothing to ask.
    pub fn each_provenance(&self) -> Result<Vec<(&Claim<'a>, &Provenance)>, Found> {
        let all: Vec<_> = self.provenances().collect();
        if all.is_empty() {
            return Err(Found::missing("there is no provenance to ask"));
        }
        Ok(all)
    }

    /// Returns the images that the provenances say it was built in; `None` stands for one without a
    /// digest.
    pub fn images(&self) -> Vec<Option<Sha256Digest>> {
        let dependencies = self
            .provenances()
            .flat_map(|(_, provenance)| &provenance.build_definition.resolved_dependencies);
        dependencies
            .filter(|one| {
                one.annotations.get("role").and_then(|r| r.as_str()) == Some(BUILDER_IMAGE)
            })
            .map(|one| sha256_of(&one.digest))
            .collect()
    }

    /// Returns the statements with who signed them.
    pub fn signed(&self) -> Signed<'_, 'a> {
        Signed {
            claims: &self.claims,
            policy: self.policy,
            maximum_age: self.requirement().maximum_age,
            at: self.at,
            about: "module",
        }
    }

    /// Returns what is required of this module.
    pub fn requirement(&self) -> Requirement {
        let mut names = Vec::new();
        names.extend(self.cell().map(|cell| cell.module.as_str()));
        if let Ok(module) = &self.artifact.module {
            names.extend(module.facts.name.as_deref());
        }
        self.policy.requirement_of(&names)
    }

    /// Returns the tier that a comparison bears out: what `independent` makes counts only where
    /// signatures show it.
    pub fn borne_out(&self, found: &Recomputed) -> Tier {
        if found.says_independent && !self.independent_operators().is_empty() {
            found.tier_if_independent
        } else {
            found.tier
        }
    }

    /// Returns the tier that is borne out: the best that a believed signer's comparison comes to when
    /// it is computed again, unless one shows a difference; and no better than the summary says.
    pub fn tier(&self) -> Option<Tier> {
        let mut best: Option<Tier> = None;
        for (claim, _, found) in self.comparisons() {
            let Some(signer) = claim.signer else {
                continue;
            };
            if found.tier == Tier::Irreproducible {
                return Some(Tier::Irreproducible);
            }
            best = best.max(Some(self.borne_out(found).min(signer.most_tier)));
        }
        let summarised = self.summaries().into_iter().filter_map(|(claim, summary)| {
            let signer = claim.signer?;
            Some(summary.label.tier.min(signer.most_tier))
        });
        match summarised.max() {
            Some(summarised) => best.map(|best| best.min(summarised)),
            None => best,
        }
    }

    /// Returns the operators whose signers vouch for the same bits, each with a statement of its own,
    /// beside those who built it.
    pub fn independent_operators(&self) -> Vec<&'a str> {
        let builders: Vec<&str> = self
            .provenances()
            .filter_map(|(claim, _)| Some(claim.signer?.operator.as_str()))
            .collect();
        let mut operators: Vec<&'a str> = Vec::new();
        let mut statements: Vec<Sha256Digest> = Vec::new();
        // Whose statement a shared one is cannot be told: the builders' own come first.
        let is_builders = |claim: &Claim<'_>| {
            let operator = claim.signer.map(|signer| signer.operator.as_str());
            operator.is_none_or(|operator| builders.contains(&operator))
        };
        let own = self.comparisons().filter(|(claim, ..)| is_builders(claim));
        statements.extend(own.map(|(claim, ..)| claim.attestation.payload()));
        for (claim, comparison, found) in self.comparisons() {
            let Some(signer) = claim.signer else {
                continue;
            };
            let payload = claim.attestation.payload();
            let is_proof = found.rebuilt > 0
                && found.tier > Tier::Irreproducible
                && self.is_reference_of(comparison);
            if is_builders(claim)
                || builders.is_empty()
                || !is_proof
                || statements.contains(&payload)
                || operators.contains(&signer.operator.as_str())
            {
                continue;
            }
            statements.push(payload);
            operators.push(&signer.operator);
        }
        operators
    }

    /// Returns true if the reference of a comparison made this module.
    pub fn is_reference_of(&self, comparison: &RebuildComparison) -> bool {
        let payload = self.artifact.payload();
        let mut modules = comparison.reference.modules.iter();
        payload.is_some() && modules.any(|module| Some(module.sha256) == payload)
    }

    /// Returns what a later verification has to know of this build.
    pub fn as_known(&self) -> Option<Known> {
        let payload = self.artifact.payload()?;
        let all: Vec<_> = self.provenances().collect();
        let finished = |(_, one): &(_, &Provenance)| one.run_details.metadata.finished_on;
        let mut signers: Vec<SignedBy> = Vec::new();
        signers.extend(
            all.iter()
                .map(|(claim, _)| claim.attestation.signed_by().clone()),
        );
        signers.sort();
        signers.dedup();
        Some(Known {
            payload,
            version: version::of_module(self).map(|found| found.version),
            verified: all.iter().filter_map(|(claim, _)| claim.verified()).min(),
            // A claim from the future would shut every later build of the cell out.
            finished: all.iter().map(finished).min()?.min(self.at),
            signers,
        })
    }
}

/// Returns the newest summary of every signer: by verified times where all of one signer's have them, or
/// else by when that signer says that it verified. Of two of one time, the one that failed counts.
pub(super) fn newest_summaries<'c, 'a: 'c>(
    claims: impl IntoIterator<Item = &'c Claim<'a>>,
) -> Vec<(&'c Claim<'a>, &'c VerificationSummary)> {
    let mut by_signer: BTreeMap<&SignedBy, Vec<(&Claim<'a>, &VerificationSummary)>> =
        BTreeMap::new();
    for claim in claims {
        if let Says::Summary(summary) = &claim.says {
            let of_signer = by_signer.entry(claim.attestation.signed_by());
            of_signer.or_default().push((claim, summary));
        }
    }
    let newest = by_signer.into_values().filter_map(|all| {
        let is_verified = all.iter().all(|(claim, _)| claim.verified().is_some());
        all.into_iter().max_by_key(|(claim, summary)| {
            let verified = claim.verified().filter(|_| is_verified);
            let failed = summary.verification_result == VerificationResult::Failed;
            (verified.unwrap_or(summary.time_verified), failed)
        })
    });
    newest.collect()
}

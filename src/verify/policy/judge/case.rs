//! What is judged: the file, what is claimed of it and by whom, and what is wanted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Expectation, Found, Known};
use crate::attest::{
    DigestSet, LabelledCell, PredicateType, Provenance, RebuildComparison, Subject, SubjectForm,
    VerificationSummary,
};
use crate::digest::Sha256Digest;
use crate::label::Tier;
use crate::name::CellId;
use crate::verify::policy::recompute::{Recomputed, recompute};
use crate::verify::policy::{Artifact, Policy, PolicySigner, Requirement};
use crate::verify::{Authenticated, Refused};

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

/// One statement about the module.
pub(in crate::verify::policy) struct Claim<'a> {
    pub attestation: &'a Authenticated,
    /// `None` if the policy does not name who signed.
    pub signer: Option<&'a PolicySigner>,
    pub kind: Option<PredicateType>,
    pub says: Says,
}

/// What a statement says.
pub(in crate::verify::policy) enum Says {
    Provenance(Box<Provenance>),
    Comparison(Box<RebuildComparison>, Box<Recomputed>),
    Summary(Box<VerificationSummary>),
    Scope(ScopeClaim),
    /// Nothing that a rule asks about.
    Other,
    /// It is about something else than this module.
    OfOthers,
    /// It is not of the form that its type has.
    Unreadable(String),
}

/// What a scope statement says of the module: a release has many cells, and only these are read.
pub(in crate::verify::policy) struct ScopeClaim {
    pub release: String,
    /// The cells that list the module.
    pub cells: Vec<LabelledCell>,
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
        for attestation in attestations {
            let kind = PredicateType::from_uri(&attestation.statement().predicate_type);
            let is_scope = kind == Some(PredicateType::Scope);
            let says = if is_scope || case.is_about_it(attestation) {
                says(attestation, kind, artifact)
            } else {
                Says::OfOthers
            };
            let is_elsewhere = match &says {
                Says::Scope(scope) => scope.cells.is_empty(),
                Says::OfOthers => true,
                Says::Provenance(_)
                | Says::Comparison(..)
                | Says::Summary(_)
                | Says::Other
                | Says::Unreadable(_) => false,
            };
            if is_elsewhere {
                if let Some(kind) = kind {
                    *case.elsewhere.entry(kind).or_default() += 1;
                }
                continue;
            }
            case.claims.push(Claim {
                attestation,
                signer: policy.signer(attestation.signed_by()),
                kind,
                says,
            });
        }
        case.keep_one_cell();
        let mut provenances = case.claims.iter().filter(|claim| claim.is_provenance());
        case.cell = provenances.find_map(|claim| claim.cell().ok().flatten());
        case
    }

    /// Sets the statements about other cells aside that have the very same module, such as two uploads
    /// of one kernel: each cell has its own provenance, and the one counts that is expected, or else
    /// the one that was built last. What is of a cell without provenance stays, and contradicts.
    fn keep_one_cell(&mut self) {
        let mut cells: Vec<(bool, Timestamp, CellId)> = Vec::new();
        for claim in &self.claims {
            if let (Says::Provenance(provenance), Ok(Some(cell))) = (&claim.says, claim.cell()) {
                let Expectation {
                    kernel,
                    arch,
                    module,
                    ..
                } = self.expectation;
                let is_expected = kernel.as_ref().is_none_or(|k| *k == cell.kernel_release)
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
        let mut newest: Vec<(&Claim<'a>, &VerificationSummary)> = Vec::new();
        for claim in &self.claims {
            let Says::Summary(summary) = &claim.says else {
                continue;
            };
            // One of a whole release says nothing of this module alone.
            if matches!(claim.cell(), Ok(None)) {
                continue;
            }
            let by = claim.attestation.signed_by();
            let mut all = newest.iter_mut();
            match all.find(|(known, _)| known.attestation.signed_by() == by) {
                Some(slot) if slot.1.time_verified < summary.time_verified => {
                    *slot = (claim, summary);
                }
                Some(_) => {}
                None => newest.push((claim, summary)),
            }
        }
        newest
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
        let finished = self
            .provenances()
            .map(|(_, provenance)| provenance.run_details.metadata.finished_on)
            .min()?;
        Some(Known { finished, payload })
    }
}

fn says(attestation: &Authenticated, kind: Option<PredicateType>, artifact: &Artifact) -> Says {
    let predicate = &attestation.statement().predicate;
    let unreadable = |error: serde_json::Error| Says::Unreadable(error.to_string());
    match kind {
        Some(PredicateType::Provenance) => Provenance::deserialize(predicate)
            .map_or_else(unreadable, |found| Says::Provenance(Box::new(found))),
        Some(PredicateType::RebuildComparison) => RebuildComparison::deserialize(predicate)
            .map_or_else(unreadable, |found| {
                let again = recompute(&found);
                Says::Comparison(Box::new(found), Box::new(again))
            }),
        Some(PredicateType::Summary) => VerificationSummary::deserialize(predicate)
            .map_or_else(unreadable, |found| Says::Summary(Box::new(found))),
        Some(PredicateType::Scope) => {
            scope_of(predicate, artifact).map_or_else(Says::Unreadable, Says::Scope)
        }
        Some(PredicateType::Scai | PredicateType::Sbom) | None => Says::Other,
    }
}

/// Reads of a scope statement what it says of a module.
fn scope_of(predicate: &Value, artifact: &Artifact) -> Result<ScopeClaim, String> {
    let release = predicate["release"].as_str().ok_or("it names no release")?;
    let cells = predicate["cells"]
        .as_array()
        .ok_or("it has no list of cells")?;
    let payload = artifact.payload().map(|payload| payload.to_string());
    let lists_it = |cell: &&Value| {
        let mut modules = cell["modules"].as_array().into_iter().flatten();
        payload.is_some() && modules.any(|module| module.as_str() == payload.as_deref())
    };
    let of_it = cells.iter().filter(lists_it).map(LabelledCell::deserialize);
    Ok(ScopeClaim {
        release: release.to_owned(),
        cells: of_it
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?,
    })
}

/// Returns the SHA-256 digest of a set, if it has one.
pub(super) fn sha256_of(digests: &DigestSet) -> Option<Sha256Digest> {
    Sha256Digest::from_hex(digests.get("sha256")?).ok()
}

/// Returns true if a subject is another form of a module than the one that was built.
pub(super) fn is_shipped(subject: &Subject) -> bool {
    let form = subject.annotations.get("form");
    form.is_some_and(|form| form != SubjectForm::Payload.as_str())
}

impl Claim<'_> {
    fn is_provenance(&self) -> bool {
        matches!(self.says, Says::Provenance(_))
    }

    /// Returns the kind's word, or the type as it stands there.
    pub fn word(&self) -> String {
        let of_type = || self.attestation.statement().predicate_type.clone();
        self.kind
            .map_or_else(of_type, |kind| kind.word().to_owned())
    }

    /// Returns the cell that the statement speaks of; `None` if it speaks of none, and the text if it
    /// is no cell's id.
    pub fn cell(&self) -> Result<Option<CellId>, String> {
        const CELL: &str = "urn:kmatrix:cell:";
        let parse = |text: &str| text.parse::<CellId>().map(Some).map_err(|e| e.to_string());
        match &self.says {
            Says::Provenance(provenance) => {
                let parameters = &provenance.build_definition.external_parameters;
                match parameters.get("cell").map(|cell| cell.as_str()) {
                    Some(Some(text)) => parse(text),
                    Some(None) => Err("its cell is no text".to_owned()),
                    None => Err("its parameters name no cell".to_owned()),
                }
            }
            Says::Comparison(comparison, _) => Ok(Some(comparison.cell.clone())),
            Says::Summary(summary) => match summary.resource_uri.strip_prefix(CELL) {
                Some(text) => parse(text),
                None if summary.resource_uri.starts_with("urn:kmatrix:release:") => Ok(None),
                None => Err(format!(
                    "it is about `{}`, which is no cell",
                    summary.resource_uri
                )),
            },
            Says::Scope(_) | Says::Other | Says::OfOthers | Says::Unreadable(_) => Ok(None),
        }
    }
}

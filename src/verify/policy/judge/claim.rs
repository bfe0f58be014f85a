//! One statement, as far as rules ask about it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::attest::{
    AttributeReport, DigestSet, LabelledCell, PredicateType, Provenance, RebuildComparison,
    ScopeStatement, Subject, SubjectForm, VerificationSummary,
};
use crate::digest::Sha256Digest;
use crate::name::CellId;
use crate::verify::Authenticated;
use crate::verify::policy::recompute::{Recomputed, recompute};
use crate::verify::policy::{Artifact, Policy, PolicySigner};

/// What a summary of a whole release is about begins with.
pub(super) const RELEASE: &str = "urn:kmatrix:release:";

/// One statement about what is judged.
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
    /// A scope statement as a whole, where a release is judged.
    WholeScope(Box<ScopeStatement>),
    Scai(AttributeReport),
    /// What is in a builder image that the provenance names.
    Sbom,
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

/// Statements with who signed them: what the rules about signers, denials and ages ask, of a module and of
/// a release alike.
pub(super) struct Signed<'c, 'a> {
    pub claims: &'c [Claim<'a>],
    pub policy: &'a Policy,
    /// The most time that may have passed since anything was signed.
    pub maximum_age: Option<Duration>,
    pub at: Timestamp,
    /// What they are about, as a message says it.
    pub about: &'static str,
}

/// Reads what a statement says.
pub(super) fn says(
    attestation: &Authenticated,
    kind: Option<PredicateType>,
    artifact: &Artifact,
) -> Says {
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
            scope_of(attestation, artifact).map_or_else(Says::Unreadable, Says::Scope)
        }
        Some(PredicateType::Scai) => {
            AttributeReport::deserialize(predicate).map_or_else(unreadable, Says::Scai)
        }
        // What lies in the image is for people and other tools; here it counts that it is told.
        Some(PredicateType::Sbom) if predicate["bomFormat"] == "CycloneDX" => Says::Sbom,
        Some(PredicateType::Sbom) => Says::Unreadable("it is no CycloneDX document".to_owned()),
        None => Says::Other,
    }
}

/// Reads of a scope statement what it says of a module.
fn scope_of(attestation: &Authenticated, artifact: &Artifact) -> Result<ScopeClaim, String> {
    let predicate = &attestation.statement().predicate;
    let release = predicate["release"].as_str().ok_or("it names no release")?;
    if !predicate["cells"].is_array() {
        return Err("it has no list of cells".to_owned());
    }
    let payload = artifact.payload();
    let of_it = payload
        .iter()
        .flat_map(|payload| attestation.cells_with(payload));
    Ok(ScopeClaim {
        release: release.to_owned(),
        cells: of_it
            .map(LabelledCell::deserialize)
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

impl<'a> Claim<'a> {
    pub fn new(attestation: &'a Authenticated, policy: &'a Policy, says: Says) -> Self {
        Self {
            attestation,
            signer: policy.signer(attestation.signed_by()),
            kind: PredicateType::from_uri(&attestation.statement().predicate_type),
            says,
        }
    }

    /// Returns when it was signed at the latest, by the earliest verified time; none says nothing about
    /// when it was signed.
    pub fn verified(&self) -> Option<Timestamp> {
        self.attestation.times().iter().map(|time| time.at).min()
    }

    pub(super) fn is_provenance(&self) -> bool {
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
                None if summary.resource_uri.starts_with(RELEASE) => Ok(None),
                None => Err(format!(
                    "it is about `{}`, which is no cell",
                    summary.resource_uri
                )),
            },
            Says::Scope(_)
            | Says::WholeScope(_)
            | Says::Scai(_)
            | Says::Sbom
            | Says::Other
            | Says::OfOthers
            | Says::Unreadable(_) => Ok(None),
        }
    }
}

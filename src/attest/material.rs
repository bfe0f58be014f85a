//! What statements are made from, put together by whoever reads ledger and store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::attest::{PredicateType, Statement, Subject, SubjectForm};
use crate::compare::Layers;
use crate::digest::Sha256Digest;
use crate::name::{CellId, ImageName};
use crate::oci::Manifest;
use crate::outcome::{BuiltModule, Outcome};
use crate::recipe::BuildSpec;
use crate::run::Assessment;

/// Who makes statements, and when.
#[derive(Debug, Clone)]
pub struct Attester {
    /// SLSA's builder: who is to be trusted for what provenance says.
    pub builder: String,
    /// Who operates the platform, as they say themselves.
    pub operator: String,
    /// This program's version.
    pub version: String,
    pub at: Timestamp,
}

/// A cell with all that is recorded of it, and what its records name by digest.
#[derive(Debug, Clone, Copy)]
pub struct CellMaterial<'a> {
    pub assessment: &'a Assessment,
    /// The build specs of its attempts.
    pub specs: &'a BTreeMap<Sha256Digest, BuildSpec>,
    /// The layers of its modules, by the digests of their files.
    pub layers: &'a BTreeMap<Sha256Digest, Layers>,
    /// What is handed out in place of a module, by the digest of the module. One that is not here is
    /// handed out as it was built.
    pub shipped: &'a BTreeMap<Sha256Digest, Shipped>,
}

/// A module as it is handed out: with its kernel module signature, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// What its name has behind that of the module, such as `.xz`.
    pub ending: String,
    pub digest: Sha256Digest,
    pub bytes: u64,
}

/// A statement's bytes, ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    pub kind: PredicateType,
    pub about: About,
    /// The digests of its subjects.
    pub subjects: Vec<Sha256Digest>,
    pub payload: Vec<u8>,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Cell { id: CellId, inputs: Sha256Digest },
    Release,
    Image(ImageName),
}

/// Says why nothing can be claimed of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAttestable {
    #[error("the build spec {spec} of attempt {number} of {cell} is not in the store")]
    NoSpec {
        cell: Box<CellId>,
        number: u32,
        spec: Sha256Digest,
    },
    /// The ledger says of two attempts what their statements would not say.
    #[error(
        "the ledger says that attempt {number} of {cell} was made of the same and made the same as the \
         reference, and its provenance says otherwise"
    )]
    OtherProvenance { cell: Box<CellId>, number: u32 },
}

impl Unsigned {
    /// Makes a statement's bytes.
    pub fn new(
        kind: PredicateType,
        about: About,
        subjects: Vec<Subject>,
        predicate: &impl Serialize,
    ) -> Self {
        let digests = subjects.iter().filter_map(Subject::sha256).collect();
        Self {
            kind,
            about,
            subjects: digests,
            payload: Statement::new(kind, subjects, predicate).to_bytes(),
        }
    }

    /// Returns the digest of the payload: the identity of the attestation that it becomes.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.payload)
    }
}

impl CellMaterial<'_> {
    /// Returns the modules of the reference as subjects: as built, as handed out where that is another
    /// file, and as the manifest that it has in a registry. All forms of one module have the same
    /// annotation `module`.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for module in self.assessment.modules() {
            subjects.push(payload(module));
            let path = &module.path;
            let mut out = (path.clone(), module.digest, module.bytes);
            if let Some(shipped) = self.shipped.get(&module.digest) {
                out = (
                    format!("{path}{}", shipped.ending),
                    shipped.digest,
                    shipped.bytes,
                );
                let (name, digest) = (&out.0, shipped.digest);
                subjects.push(Subject::module(name, digest, SubjectForm::Shipped, path));
            }
            let (name, digest, bytes) = out;
            let file_name = name.rsplit('/').next().unwrap_or(&name);
            let manifest = Manifest::of_module(file_name, digest, bytes).digest();
            subjects.push(Subject::module(
                name,
                manifest,
                SubjectForm::OciManifest,
                path,
            ));
        }
        subjects
    }
}

/// Returns a module as it was built, as a subject.
fn payload(module: &BuiltModule) -> Subject {
    let path = &module.path;
    Subject::module(path, module.digest, SubjectForm::Payload, path)
}

/// Returns the modules that an attempt made.
pub(super) fn built(outcome: &Outcome) -> Option<&[BuiltModule]> {
    match outcome {
        Outcome::Built { modules } => Some(modules),
        Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
    }
}

//! in-toto Statement v1 (attestation framework, `spec/v1/statement.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attest::PredicateType;
use crate::attest::uri::statement_uri;
use crate::definition::{DigestSet, ResourceDescriptor, sha256};
use crate::digest::Sha256Digest;

/// The only `_type` that is written and accepted.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// One claim about its subjects, unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    pub statement_type: String,
    pub subject: Vec<Subject>,
    pub predicate_type: String,
    pub predicate: P,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    pub name: String,
    pub digest: DigestSet,
    /// Which form of the module this is, under `form`; all forms of one module have the same
    /// `module`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Which form of a module a subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectForm {
    /// What the build made and the rebuilds were compared with: not signed, not compressed.
    Payload,
    /// What is handed to people: with its kernel module signature, compressed.
    Shipped,
    /// The artifact manifest under which what is handed out goes into a registry: how those name the
    /// module who find it there.
    OciManifest,
}

impl SubjectForm {
    /// Returns the word in the annotation `form`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Shipped => "shipped",
            Self::OciManifest => "oci-manifest",
        }
    }
}

impl Subject {
    /// Returns a subject that is no module, such as a plan or an image.
    pub fn plain(name: impl Into<String>, digest: Sha256Digest) -> Self {
        Self {
            name: name.into(),
            digest: sha256(digest),
            annotations: BTreeMap::new(),
        }
    }

    /// Returns its SHA-256, if it has one.
    pub fn sha256(&self) -> Option<Sha256Digest> {
        let digits = self.digest.get("sha256")?;
        Sha256Digest::from_hex(digits).ok()
    }

    /// Returns one form of a module. `module` is its path below the source.
    pub fn module(
        name: impl Into<String>,
        digest: Sha256Digest,
        form: SubjectForm,
        module: &str,
    ) -> Self {
        Self {
            annotations: BTreeMap::from([
                ("form".to_owned(), form.as_str().to_owned()),
                ("module".to_owned(), module.to_owned()),
            ]),
            ..Self::plain(name, digest)
        }
    }
}

impl ResourceDescriptor {
    /// Names a statement by its payload, since the bytes of its signature can be changed without being
    /// broken. It has what an input of a summary may have and no more: the types that others read
    /// summaries with know no other field there.
    pub fn statement(payload: Sha256Digest) -> Self {
        Self {
            uri: Some(statement_uri(payload)),
            digest: sha256(payload),
            ..Self::default()
        }
    }
}

impl<P: Serialize> Statement<P> {
    /// Returns a statement of a kind.
    pub fn new(kind: PredicateType, subject: Vec<Subject>, predicate: P) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: kind.uri().to_owned(),
            predicate,
        }
    }

    /// Returns the bytes to sign: JSON without white space, fields in order.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain values serialise")
    }
}

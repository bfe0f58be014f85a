//! The signature of an archive: an in-toto statement about its index.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::attest::{Envelope, STATEMENT_TYPE, Statement, Subject};
use crate::bundle::authority::{Authority, Signature};
use crate::bundle::format::INDEX;
use crate::bundle::index::{Index, Release};
use crate::bundle::write::IndexSignature;
use crate::digest::Sha256Digest;
use crate::verify::{Authenticated, SignedBy, Trust, authenticate};

/// The predicate of an archive's statement, described in `docs/evidence.md`.
pub const ARCHIVE_TYPE: &str = "urn:kmatrix:evidence-archive:v1";

/// What is said of an archive beside the digest of its index, which says everything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    release: &'a Release,
    members: usize,
    bytes: u64,
}

/// Returns the statement that is signed.
pub fn statement(index: &Index) -> Vec<u8> {
    let digest = Sha256Digest::of(&index.to_bytes());
    Statement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![Subject::plain(INDEX, digest)],
        predicate_type: ARCHIVE_TYPE.to_owned(),
        predicate: Predicate {
            release: &index.release,
            members: index.members.len(),
            bytes: index.bytes(),
        },
    }
    .to_bytes()
}

/// Takes the word of those who are trusted.
pub struct Trusting<'a> {
    /// Whom to trust; `None` if somebody decided to take archives as they come.
    pub trust: Option<&'a Trust>,
}

impl Authority for Trusting<'_> {
    fn of_index(
        &self,
        digest: &Sha256Digest,
        signature: Option<&IndexSignature>,
    ) -> Result<Option<Signature>, String> {
        let Some(trust) = self.trust else {
            return Ok(None);
        };
        let signature = signature.ok_or("it is not signed")?;
        let found =
            authenticate(&signature.bundle, trust).map_err(|refused| refused.to_string())?;
        let statement = found.statement();
        if statement.predicate_type != ARCHIVE_TYPE {
            let found = &statement.predicate_type;
            return Err(format!(
                "what is signed is a statement of the kind `{found}`"
            ));
        }
        let hex = digest.to_hex();
        let is_index =
            |subject: &Subject| subject.name == INDEX && subject.digest.get("sha256") == Some(&hex);
        if !matches!(&statement.subject[..], [only] if is_index(only)) {
            return Err("what is signed is the index of another archive".to_owned());
        }
        // The envelope is for readers of another kind; it may say nothing else.
        let payload = serde_json::from_slice::<Envelope>(&signature.envelope)
            .ok()
            .and_then(|envelope| STANDARD.decode(envelope.payload).ok());
        if payload.is_none_or(|payload| Sha256Digest::of(&payload) != found.payload()) {
            return Err("its two signatures are not of one statement".to_owned());
        }
        Ok(Some(signed_by(&found)))
    }

    fn of_statement(&self, payload: &Sha256Digest, bundle: &[u8]) -> Option<Signature> {
        let found = authenticate(bundle, self.trust?).ok()?;
        (found.payload() == *payload).then(|| signed_by(&found))
    }
}

fn signed_by(found: &Authenticated) -> Signature {
    Signature {
        signer: signer_name(found.signed_by()),
        times: found.times().iter().map(|time| time.at).collect(),
    }
}

/// Returns the name that signers have in the ledger.
pub fn signer_name(signer: &SignedBy) -> String {
    match signer {
        SignedBy::Key { spki } => format!("key:{}", spki.to_hex()),
        SignedBy::Identity { identity, issuer } => format!("identity:{identity} issuer:{issuer}"),
    }
}

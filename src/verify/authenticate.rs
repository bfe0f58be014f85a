//! Bytes -> [`Authenticated`], or why not.

use rayon::prelude::*;
use serde_json::Value;

use super::certificate::read_certificate;
use super::sigstore::{Authorities, PublicKey};
use super::strict::{Material, ReadAttestation, Vouchers, read_attestation, read_statement};
use super::trust::Trust;
use super::{Authenticated, Refused, SignedBy, VerifiedTime, Why};
use crate::attest::{PAYLOAD_TYPE, Statement, pre_authentication_encoding};
use crate::digest::Sha256Digest;

/// Reads and authenticates one attestation: a Sigstore bundle v0.3 or a raw DSSE envelope, whichever the
/// bytes are. Reaches no network.
///
/// Everything that a bundle carries is checked: log entries and timestamps for which the trust has no
/// authority are refused, not skipped.
///
/// # Errors
///
/// The first thing that does not hold; see [`Why`].
///
/// # Security
///
/// The payload is parsed only after its signature holds, and a certificate's claims are returned only
/// after its chain, its log entries and its times hold.
pub fn authenticate(bytes: &[u8], trust: &Trust) -> Result<Authenticated, Refused> {
    let ReadAttestation {
        payload,
        signature,
        material,
    } = read_attestation(bytes)?;
    let signed = Signed {
        message: pre_authentication_encoding(PAYLOAD_TYPE, &payload),
        payload,
        signature,
    };
    match material {
        Material::Envelope { keyid } => signed.by_key(&keyid, None, trust),
        Material::Key { hint, vouchers } => signed.by_key(&hint, Some(&vouchers), trust),
        Material::Certificate {
            certificate,
            vouchers,
        } => signed.by_certificate(&certificate, &vouchers, trust),
    }
}

/// Authenticates many attestations on all processors, in their order.
///
/// The statements of a whole release take more memory than is wise; for that many, give `then` the
/// work that needs them and keep what it returns.
pub fn authenticate_all<A, T>(
    attestations: &[A],
    trust: &Trust,
    then: impl Fn(&A, Result<Authenticated, Refused>) -> T + Sync,
) -> Vec<T>
where
    A: AsRef<[u8]> + Sync,
    T: Send,
{
    let one = |bytes: &A| then(bytes, authenticate(bytes.as_ref(), trust));
    // No threads are started for a single one.
    if let [only] = attestations {
        return vec![one(only)];
    }
    attestations.par_iter().map(one).collect()
}

/// A payload with its signature.
struct Signed {
    payload: Vec<u8>,
    signature: Vec<u8>,
    /// What the signature is over.
    message: Vec<u8>,
}

impl Signed {
    fn by_key(
        self,
        hint: &str,
        vouchers: Option<&Vouchers>,
        trust: &Trust,
    ) -> Result<Authenticated, Refused> {
        let signer = trust.signer(hint, &self.message, &self.signature)?;
        let statement = read_statement(&self.payload)?;
        let times = match vouchers.filter(|vouchers| vouchers.is_any()) {
            None => Vec::new(),
            Some(vouchers) => {
                let subject = first_subject(&statement)?;
                ask_each(trust, vouchers.missing_authority(), |authorities| {
                    authorities.check_keyed(&signer.key, subject, vouchers)
                })?
            }
        };
        let signed_by = SignedBy::Key {
            spki: signer.digest,
        };
        Ok(self.authenticated(statement, signed_by, times))
    }

    fn by_certificate(
        self,
        certificate: &[u8],
        vouchers: &Vouchers,
        trust: &Trust,
    ) -> Result<Authenticated, Refused> {
        let certificate = read_certificate(certificate)?;
        let key = PublicKey::from_spki(&certificate.spki)
            .map_err(|reason| Refused::new(Why::Certificate, reason))?;
        if !key.has_signed(&self.message, &self.signature) {
            return Err(Refused::new(
                Why::Signature,
                "the signature is not the one of the certificate's key",
            ));
        }
        let statement = read_statement(&self.payload)?;
        if vouchers.log_entries.is_empty() {
            return Err(Refused::new(
                Why::Log,
                "it is signed with a certificate, and no log has an entry of it",
            ));
        }
        let subject = first_subject(&statement)?;
        let nobody = Refused::new(
            Why::UntrustedSigner,
            "it is signed with a certificate, and no trust root is given",
        );
        let times = ask_each(trust, nobody, |authorities| {
            authorities.check_certified(&certificate, subject, vouchers)
        })?;
        let signed_by = SignedBy::Identity {
            identity: certificate.identity,
            issuer: certificate.issuer,
        };
        Ok(self.authenticated(statement, signed_by, times))
    }

    fn authenticated(
        self,
        statement: Statement<Value>,
        signed_by: SignedBy,
        times: Vec<VerifiedTime>,
    ) -> Authenticated {
        Authenticated {
            statement,
            payload: Sha256Digest::of(&self.payload),
            signed_by,
            times,
            listing: Default::default(),
        }
    }
}

impl Vouchers {
    fn is_any(&self) -> bool {
        !self.log_entries.is_empty() || !self.timestamps.is_empty()
    }

    /// Says that there is nobody to check these with.
    fn missing_authority(&self) -> Refused {
        if self.log_entries.is_empty() {
            Refused::new(
                Why::Timestamp,
                "it carries timestamps, and no trust root is given to check them with",
            )
        } else {
            Refused::new(
                Why::Log,
                "it carries log entries, and no trust root is given to check them with",
            )
        }
    }
}

/// Asks each trust root by itself, so that none lends its authorities to another. If none agrees, the
/// answer is of one that knew the certificate, if there is such a one.
fn ask_each(
    trust: &Trust,
    nobody: Refused,
    ask: impl Fn(&Authorities) -> Result<Vec<VerifiedTime>, Refused>,
) -> Result<Vec<VerifiedTime>, Refused> {
    let mut refused: Option<Refused> = None;
    for root in trust.roots() {
        match ask(&root.authorities) {
            Ok(times) => return Ok(times),
            Err(other) => {
                let better = refused
                    .as_ref()
                    .is_none_or(|first| first.why == Why::Certificate);
                if better {
                    refused = Some(other);
                }
            }
        }
    }
    Err(refused.unwrap_or(nobody))
}

fn first_subject(statement: &Statement<Value>) -> Result<Sha256Digest, Refused> {
    statement
        .subject
        .first()
        .and_then(|subject| subject.digest.get("sha256"))
        .and_then(|digest| Sha256Digest::from_hex(digest).ok())
        .ok_or_else(|| Refused::new(Why::Subject, "the statement has no subject"))
}

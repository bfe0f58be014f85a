//! Sigstore's own checks: chains of certificates, timestamps, proofs of logs. The only file that knows
//! `sigstore_verify`.
//!
//! What the library leaves open is closed here, after it: each log entry must be vouched for by the very log
//! that it names, and that log's key must have been within its window at every time that is verified.

use jiff::Timestamp;
use serde_json::Value;
use sigstore_verify::crypto::{Checkpoint, KeyAlgorithm, VerificationKey, validate_raw_public_key};
use sigstore_verify::trust_root::{TimeRange, TrustedRoot};
use sigstore_verify::types::{Bundle, DerPublicKey, Sha256Hash, SignatureBytes};
use sigstore_verify::{
    Error, Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier,
};

use super::certificate::SigningCertificate;
use super::strict::{LogEntry, Vouchers, quoted};
use super::{Refused, TimeSource, VerifiedTime, Why};
use crate::digest::Sha256Digest;

/// A public key that signatures are checked with.
pub(super) struct PublicKey {
    key: VerificationKey,
    spki: DerPublicKey,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER: ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more.
    pub fn from_spki(spki: &[u8]) -> Result<Self, String> {
        let spki = DerPublicKey::new(spki.to_vec());
        let algorithm = KeyAlgorithm::from_spki(&spki).map_err(|error| error.to_string())?;
        match algorithm {
            KeyAlgorithm::EcdsaP256
            | KeyAlgorithm::EcdsaP384
            | KeyAlgorithm::Ed25519
            | KeyAlgorithm::Rsa => {}
            other => return Err(format!("keys of the kind {other:?} are not taken")),
        }
        let key = VerificationKey::from_spki(&spki).map_err(|error| error.to_string())?;
        validate_raw_public_key(key.scheme(), key.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { key, spki })
    }

    /// Reads one `PUBLIC KEY` block of PEM.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let spki = DerPublicKey::from_pem(pem).map_err(|error| error.to_string())?;
        Self::from_spki(spki.as_bytes())
    }

    /// Returns the key's identity.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.spki.as_bytes())
    }

    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = SignatureBytes::from_bytes(signature);
        self.key.verify(message, &signature).is_ok()
    }
}

/// Whom a trust root trusts.
pub(super) struct Authorities {
    verifier: Verifier,
    logs: Vec<Log>,
    policy: VerificationPolicy,
}

/// One transparency log.
struct Log {
    id: Vec<u8>,
    key: VerificationKey,
    window: Option<TimeRange>,
}

impl Authorities {
    /// Takes a trust root (sigstore/protobuf-specs, `sigstore_trustroot.proto`). Certificates need a signed
    /// certificate timestamp if the root names logs of certificates; one that names none, as private
    /// ones do, has nobody to ask.
    pub fn new(root: Value) -> Result<Self, String> {
        let root: TrustedRoot = serde_json::from_value(root).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
        let logs = root
            .tlogs
            .iter()
            .map(|log| {
                Ok(Log {
                    id: log.log_id.key_id.as_bytes().to_vec(),
                    key: VerificationKey::from_spki(&log.public_key.raw_bytes)
                        .map_err(|error| error.to_string())?,
                    window: log.public_key.valid_for,
                })
            })
            .collect::<Result<_, String>>()?;
        // Who is meant is the policy's; here it is only whether the certificate holds.
        let mut policy = VerificationPolicy::any_identity();
        if root.ctlogs.is_empty() {
            policy = policy.skip_sct();
        }
        Ok(Self {
            verifier,
            logs,
            policy,
        })
    }

    /// Checks a bundle that is signed with a certificate's key, and returns the times that others vouch for.
    pub fn check_certified(
        &self,
        certificate: &SigningCertificate,
        subject: Sha256Digest,
        vouchers: &Vouchers,
    ) -> Result<Vec<VerifiedTime>, Refused> {
        let result = self.check(&self.policy, subject, vouchers)?;
        let same = result.identity().map(|identity| identity.as_str())
            == Some(certificate.identity.as_str())
            && result.issuer() == Some(certificate.issuer.as_str());
        if !same || !result.certificate_verified() || !result.tlog_verified() {
            return Err(Refused::new(
                Why::Certificate,
                "the certificate was read in two ways",
            ));
        }
        self.times(&result, vouchers)
    }

    /// Checks what others say in a bundle that is signed with a bare key.
    pub fn check_keyed(
        &self,
        key: &PublicKey,
        subject: Sha256Digest,
        vouchers: &Vouchers,
    ) -> Result<Vec<VerifiedTime>, Refused> {
        let mut policy = PublicKeyVerificationPolicy::new(key.spki.clone());
        if vouchers.log_entries.is_empty() {
            policy = policy.skip_tlog_unsafe();
        }
        let result = self.check(&policy, subject, vouchers)?;
        self.times(&result, vouchers)
    }

    /// The subject is the statement's own: which artifact is meant is for the policy to ask.
    fn check(
        &self,
        policy: &impl Policy,
        subject: Sha256Digest,
        vouchers: &Vouchers,
    ) -> Result<VerificationResult, Refused> {
        let bundle: Bundle = serde_json::from_value(vouchers.bundle.clone()).map_err(|error| {
            Refused::new(
                Why::Malformed,
                format!("the bundle cannot be read: {}", quoted(&error.to_string())),
            )
        })?;
        let subject = Sha256Hash::new(*subject.as_bytes());
        self.verifier
            .verify(subject, &bundle, policy)
            .map_err(|error| refused(&error))
    }

    fn times(
        &self,
        result: &VerificationResult,
        vouchers: &Vouchers,
    ) -> Result<Vec<VerifiedTime>, Refused> {
        let logged: Vec<Timestamp> = vouchers
            .log_entries
            .iter()
            .filter_map(|entry| entry.integrated)
            .collect();
        let mut stamped = result.verified_timestamps().to_vec();
        for time in &logged {
            let Some(place) = stamped.iter().position(|other| other == time) else {
                return Err(Refused::new(
                    Why::Log,
                    "the time of a log entry is not vouched for",
                ));
            };
            stamped.remove(place);
        }
        if stamped.len() != vouchers.timestamps.len() {
            return Err(Refused::new(
                Why::Timestamp,
                "not every timestamp is vouched for",
            ));
        }
        let vouched = |from: TimeSource| move |at: Timestamp| VerifiedTime { at, from };
        let times: Vec<VerifiedTime> = stamped
            .into_iter()
            .map(vouched(TimeSource::TimestampAuthority))
            .chain(logged.into_iter().map(vouched(TimeSource::TransparencyLog)))
            .collect();
        for entry in &vouchers.log_entries {
            self.check_log(entry, &times)?;
        }
        Ok(times)
    }

    /// Checks that the log which the entry names is the one that signed the checkpoint, with a key that was
    /// in use at every verified time. The library takes any log's signature, and for Rekor v2 any time.
    fn check_log(&self, entry: &LogEntry, times: &[VerifiedTime]) -> Result<(), Refused> {
        let Some(log) = self.logs.iter().find(|log| log.id == entry.log) else {
            return Err(log_refused("the log of an entry is not in the trust root"));
        };
        let in_use = match log.window {
            None => true,
            Some(window) if times.is_empty() => window.end.is_none(),
            Some(window) => times.iter().all(|time| window.contains(time.at)),
        };
        if !in_use {
            return Err(log_refused(
                "the key of the log is not shown to have been in use at the time",
            ));
        }
        // Behind the signatures of a signed note there is nothing.
        if entry.checkpoint.matches("\n\n").count() != 1 {
            return Err(log_refused("the checkpoint has more than one part"));
        }
        let checkpoint = Checkpoint::from_text(&entry.checkpoint)
            .map_err(|_| log_refused("the checkpoint cannot be read"))?;
        let same_tree = checkpoint.tree_size() == entry.tree_size
            && checkpoint.root_hash().as_bytes() == &entry.root;
        if !same_tree {
            return Err(log_refused(
                "the proof leads to another tree than the checkpoint's",
            ));
        }
        let signed = checkpoint.signatures().iter().any(|signature| {
            log.key
                .verify(checkpoint.signed_data(), &signature.signature)
                .is_ok()
        });
        if !signed {
            return Err(log_refused(
                "the checkpoint is not signed by the log that the entry names",
            ));
        }
        Ok(())
    }
}

fn log_refused(detail: &str) -> Refused {
    Refused::new(Why::Log, detail)
}

fn refused(error: &Error) -> Refused {
    let why = match error {
        Error::SignatureInvalid(_) => Why::Signature,
        Error::Certificate(_) | Error::Crypto(_) => Why::Certificate,
        // The artifact is the statement's own subject, so the one that differs is a log entry's.
        Error::TransparencyLog(_) | Error::ArtifactMismatch(_) | Error::Bundle(_) => Why::Log,
        Error::Timestamp(_) => Why::Timestamp,
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            Why::TrustRoot
        }
        _ => Why::Malformed,
    };
    let detail: String = error
        .to_string()
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(400)
        .collect();
    Refused::new(why, detail)
}

//! Bare RSA signatures, which apk's archives have (PKCS #1 v1.5, RFC 8017, section 8.2), checked
//! against pinned keys. The only file that knows the cryptography library.
//!
//! The library is the one that TLS brings already. It refuses keys of fewer than 2048 bits.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RsaParameters,
};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;

use super::Fingerprint;
use crate::digest::Sha256Digest;

const MOST_KEYRING_BYTES: u64 = 1 << 20;

/// The keys that a facts file pins, each by the SHA-256 of its SubjectPublicKeyInfo in DER.
#[derive(Debug, Clone, Default)]
pub struct RsaKeys {
    keys: Vec<(Fingerprint, Vec<u8>)>,
}

/// A signature and the digest that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaSignature {
    pub digest: RsaDigest,
    pub bytes: Vec<u8>,
}

/// What was hashed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaDigest {
    /// Not collision-resistant: taken only where facts say so.
    Sha1([u8; 20]),
    Sha256(Sha256Digest),
}

/// Whether signatures over SHA-1 count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha1 {
    Refused,
    Taken,
}

/// Who signed, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaSigned {
    /// The pinned keys whose signatures are good; at least one.
    pub by: Vec<Fingerprint>,
    /// True if nothing but SHA-1 vouches for it.
    pub over_sha1: bool,
}

/// Says why something is not taken as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    #[error("cannot read the keyring `{}`: {reason}", path.display())]
    Keyring { path: PathBuf, reason: String },
    #[error("the pinned key {key} is in none of the keyrings")]
    PinnedKeyMissing { key: Fingerprint },
    #[error("it has no signature of a known kind")]
    NoSignature,
    #[error("it is signed over SHA-1 only, which is not taken")]
    OnlySha1,
    #[error("no pinned key has made any of its signatures")]
    NotByPinned,
}

impl RsaKeys {
    /// Reads PEM files and keeps only the pinned keys.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and a pinned key that none of them holds.
    pub fn read(keyrings: &[PathBuf], pinned: &[Fingerprint]) -> Result<Self, RsaError> {
        let mut keys: Vec<(Fingerprint, Vec<u8>)> = Vec::new();
        for path in keyrings {
            for der in read_keyring(path)? {
                let fingerprint = fingerprint_of(&der);
                if !pinned.contains(&fingerprint) || keys.iter().any(|key| key.0 == fingerprint) {
                    continue;
                }
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der)
                    .map_err(|_| in_keyring(path, &format!("{fingerprint} is no RSA key")))?;
                keys.push((fingerprint, der));
            }
        }
        for key in pinned {
            if !keys.iter().any(|(has, _)| has == key) {
                return Err(RsaError::PinnedKeyMissing { key: key.clone() });
            }
        }
        Ok(Self { keys })
    }

    /// Returns those of the keys that are also among `signers`.
    pub fn only(&self, signers: &[Fingerprint]) -> Self {
        let keys = self.keys.iter().filter(|(key, _)| signers.contains(key));
        Self {
            keys: keys.cloned().collect(),
        }
    }

    /// Takes the other's keys too.
    pub fn merge(&mut self, other: Self) {
        for key in other.keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
    }

    /// Checks signatures, of which one good one by one of these keys is enough. SHA-1 counts only if
    /// no better one is good.
    pub fn verify(&self, signatures: &[RsaSignature], sha1: Sha1) -> Result<RsaSigned, RsaError> {
        let good = |wanted: fn(&RsaDigest) -> bool| {
            let mut by: Vec<Fingerprint> = signatures
                .iter()
                .filter(|signature| wanted(&signature.digest))
                .flat_map(|signature| self.keys.iter().map(move |key| (signature, key)))
                .filter(|(signature, (_, der))| is_by(signature, der))
                .map(|(_, (fingerprint, _))| fingerprint.clone())
                .collect();
            by.sort();
            by.dedup();
            by
        };
        if signatures.is_empty() {
            return Err(RsaError::NoSignature);
        }
        let by = good(|digest| matches!(digest, RsaDigest::Sha256(_)));
        if !by.is_empty() {
            return Ok(RsaSigned {
                by,
                over_sha1: false,
            });
        }
        let by = good(|digest| matches!(digest, RsaDigest::Sha1(_)));
        match (by.is_empty(), sha1) {
            (true, _) => Err(RsaError::NotByPinned),
            (false, Sha1::Refused) => Err(RsaError::OnlySha1),
            (false, Sha1::Taken) => Ok(RsaSigned {
                by,
                over_sha1: true,
            }),
        }
    }
}

impl RsaDigest {
    /// Hashes bytes by SHA-1.
    pub fn sha1(bytes: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let mut sha1 = [0; 20];
        sha1.copy_from_slice(digest.as_ref());
        Self::Sha1(sha1)
    }
}

fn is_by(signature: &RsaSignature, der: &[u8]) -> bool {
    let (parameters, algorithm, bytes): (&'static RsaParameters, _, &[u8]) = match &signature.digest
    {
        RsaDigest::Sha1(bytes) => (
            &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            bytes,
        ),
        RsaDigest::Sha256(digest) => (
            &RSA_PKCS1_2048_8192_SHA256,
            &digest::SHA256,
            digest.as_bytes(),
        ),
    };
    let (Ok(key), Ok(digest)) = (
        ParsedPublicKey::new(parameters, der),
        Digest::import_less_safe(bytes, algorithm),
    ) else {
        return false;
    };
    key.verify_digest_sig(&digest, &signature.bytes).is_ok()
}

fn fingerprint_of(der: &[u8]) -> Fingerprint {
    Fingerprint(Sha256Digest::of(der).to_hex().to_ascii_uppercase())
}

fn in_keyring(path: &Path, reason: &impl ToString) -> RsaError {
    RsaError::Keyring {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn read_keyring(path: &Path) -> Result<Vec<Vec<u8>>, RsaError> {
    let bytes = std::fs::metadata(path)
        .map_err(|error| in_keyring(path, &error))?
        .len();
    if bytes > MOST_KEYRING_BYTES {
        return Err(in_keyring(path, &"it is too large for a keyring"));
    }
    let content = std::fs::read(path).map_err(|error| in_keyring(path, &error))?;
    SubjectPublicKeyInfoDer::pem_slice_iter(&content)
        .map(|key| {
            key.map(|key| key.to_vec())
                .map_err(|error| in_keyring(path, &error))
        })
        .collect()
}

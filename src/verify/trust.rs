//! Whom a verification trusts: keys and trust roots, all of them given by the caller.

use std::sync::Arc;

use serde_json::Value;

use super::sigstore::{Authorities, PublicKey};
use super::strict::{Limits, named_digest, quoted, strict_json};
use super::{Refused, Why};
use crate::digest::Sha256Digest;

/// Media types of trust roots, by version.
const ROOT_TYPES: [&str; 2] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];

/// A PEM file has one key; a large RSA key takes a kilobyte.
const MOST_PEM_BYTES: usize = 64 << 10;

/// Keys and trust roots. Nothing is trusted that is not in here, nothing is built in, and nothing is
/// fetched.
#[derive(Clone, Default)]
pub struct Trust {
    keys: Vec<Arc<TrustedKey>>,
    roots: Vec<Arc<TrustedRoot>>,
}

/// A key that is trusted by itself.
pub(super) struct TrustedKey {
    pub digest: Sha256Digest,
    pub key: PublicKey,
}

/// A trust root, known by the digest of its bytes.
pub(super) struct TrustedRoot {
    digest: Sha256Digest,
    pub authorities: Authorities,
}

impl Trust {
    /// Trusts the holders of these keys, each one `PUBLIC KEY` block of PEM.
    ///
    /// # Errors
    ///
    /// Bytes that are no such block or more than one, and keys of a kind or size that is not taken.
    pub fn keys<P: AsRef<[u8]>>(pems: impl IntoIterator<Item = P>) -> Result<Self, Refused> {
        pems.into_iter()
            .try_fold(Self::default(), |trust, pem| trust.with_key(pem.as_ref()))
    }

    /// Trusts the authorities of one trust root: the bytes of a `trusted_root.json`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read strictly, of another media type, without authorities, or with one that
    /// cannot be used.
    pub fn root(json: &[u8]) -> Result<Self, Refused> {
        Self::default().with_root(json)
    }

    /// Trusts a trust root only if it is the one that was pinned.
    ///
    /// # Errors
    ///
    /// Other bytes than those of the digest, and as [`root`](Self::root).
    pub fn pinned_root(json: &[u8], pin: Sha256Digest) -> Result<Self, Refused> {
        let digest = Sha256Digest::of(json);
        if digest != pin {
            return Err(unusable(format!(
                "the trust root has the digest {digest}, and {pin} is pinned"
            )));
        }
        Self::root(json)
    }

    /// Trusts a further key.
    ///
    /// # Errors
    ///
    /// As [`keys`](Self::keys).
    pub fn with_key(mut self, pem: &[u8]) -> Result<Self, Refused> {
        let key = read_pem(pem).map_err(|reason| {
            unusable(format!(
                "the public key cannot be used: {}",
                quoted(&reason)
            ))
        })?;
        let digest = key.digest();
        if self.keys.iter().all(|other| other.digest != digest) {
            self.keys.push(Arc::new(TrustedKey { digest, key }));
        }
        Ok(self)
    }

    /// Trusts a further trust root.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn with_root(mut self, json: &[u8]) -> Result<Self, Refused> {
        let digest = Sha256Digest::of(json);
        if self.roots.iter().all(|other| other.digest != digest) {
            let authorities = read_root(json)?;
            self.roots.push(Arc::new(TrustedRoot {
                digest,
                authorities,
            }));
        }
        Ok(self)
    }

    /// Returns the digests of the trusted keys (SHA-256 of SubjectPublicKeyInfo).
    pub fn key_digests(&self) -> impl Iterator<Item = Sha256Digest> {
        self.keys.iter().map(|key| key.digest)
    }

    /// Returns the digests of the trust roots' bytes.
    pub fn root_digests(&self) -> impl Iterator<Item = Sha256Digest> {
        self.roots.iter().map(|root| root.digest)
    }

    pub(super) fn roots(&self) -> &[Arc<TrustedRoot>] {
        &self.roots
    }

    /// Returns the trusted key that made a signature. What a hint names is asked first, and alone if it is
    /// trusted; a hint that names nobody says nothing, since it is not signed.
    pub(super) fn signer(
        &self,
        hint: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Result<&TrustedKey, Refused> {
        let named =
            named_digest(hint).and_then(|digest| self.keys.iter().find(|key| key.digest == digest));
        if let Some(named) = named {
            return if named.key.has_signed(message, signature) {
                Ok(named)
            } else {
                Err(Refused::new(
                    Why::Signature,
                    format!(
                        "the signature is not the one of the key {}",
                        named.digest.to_hex()
                    ),
                ))
            };
        }
        self.keys
            .iter()
            .find(|trusted| trusted.key.has_signed(message, signature))
            .map(Arc::as_ref)
            .ok_or_else(|| {
                Refused::new(
                    Why::UntrustedSigner,
                    match self.keys.len() {
                        0 => "it is signed with a key, and no key is trusted".to_owned(),
                        count => format!("none of the {count} trusted keys has signed it"),
                    },
                )
            })
    }
}

fn read_pem(pem: &[u8]) -> Result<PublicKey, String> {
    if pem.len() > MOST_PEM_BYTES {
        return Err(format!("it has more than {MOST_PEM_BYTES} bytes"));
    }
    let text = std::str::from_utf8(pem).map_err(|_| "it is not text".to_owned())?;
    match text.matches("-----BEGIN").count() {
        1 => PublicKey::from_pem(text),
        0 => Err("it has no block of PEM".to_owned()),
        _ => Err("it has more than one block of PEM".to_owned()),
    }
}

fn read_root(json: &[u8]) -> Result<Authorities, Refused> {
    let root = strict_json(json, &Limits::TRUST_ROOT)
        .map_err(|refused| unusable(format!("the trust root cannot be used: {refused}")))?;
    let media_type = root.get("mediaType").and_then(Value::as_str).unwrap_or("");
    if !ROOT_TYPES.contains(&media_type) {
        return Err(unusable(format!(
            "the trust root's media type is {}, which is not read",
            quoted(media_type)
        )));
    }
    let names = |key: &str| root.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    if names("certificateAuthorities") + names("tlogs") + names("timestampAuthorities") == 0 {
        return Err(unusable("the trust root names no authority"));
    }
    Authorities::new(root).map_err(|reason| {
        unusable(format!(
            "the trust root cannot be used: {}",
            quoted(&reason)
        ))
    })
}

fn unusable(detail: impl Into<String>) -> Refused {
    Refused::new(Why::TrustRoot, detail)
}

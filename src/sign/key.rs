//! Keys: what signs, and what a signature is checked with. With `digest_algorithm.rs` the only file of
//! this part that knows the cryptography library.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::cert::x509::der::pem::{LineEnding, decode_vec, encode_string};
use cms::cert::x509::der::{Decode, Encode};
use cms::cert::x509::spki::SubjectPublicKeyInfoOwned;
use zeroize::Zeroizing;

use crate::digest::Sha256Digest;
use crate::sign::DigestAlgorithm;

/// The most bytes that a public key in PEM is read of.
const MOST_PEM: usize = 64 << 10;

/// What kind of key it is. Others are refused: those who verify disagree on how they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256, signatures in ASN.1: what cosign makes.
    EcdsaP256,
    /// Pure Ed25519, which signs a message and no digest.
    Ed25519,
    /// RSA of at least 2048 bits, PKCS #1 v1.5.
    Rsa,
}

impl KeyAlgorithm {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::EcdsaP256, Self::Ed25519, Self::Rsa];

    /// Returns the word that messages and flags have.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        }
    }

    /// Returns how the library checks it; nothing for a digest that this kind is not used with.
    fn verification(self, digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, digest) {
            (Self::EcdsaP256, DigestAlgorithm::Sha256) => &ECDSA_P256_SHA256_ASN1,
            (Self::EcdsaP256, DigestAlgorithm::Sha384 | DigestAlgorithm::Sha512) => return None,
            (Self::Ed25519, _) => &ED25519,
            (Self::Rsa, DigestAlgorithm::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            (Self::Rsa, DigestAlgorithm::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa, DigestAlgorithm::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        })
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A public key, as its SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: KeyAlgorithm,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads a key in PEM, `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        if pem.len() > MOST_PEM {
            return Err("it is too large for a public key".to_owned());
        }
        let (label, spki) =
            decode_vec(pem).map_err(|error| format!("it is no PEM of a public key ({error})"))?;
        if label != "PUBLIC KEY" {
            return Err(format!("it holds a `{label}`, not a `PUBLIC KEY`"));
        }
        Self::from_spki(spki)
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn from_spki(spki: Vec<u8>) -> Result<Self, String> {
        // The fingerprint is over these bytes, so only one way to write them is taken.
        let exact = SubjectPublicKeyInfoOwned::from_der(&spki)
            .and_then(|read| read.to_der())
            .is_ok_and(|again| again == spki);
        if !exact {
            return Err("it is no SubjectPublicKeyInfo in DER".to_owned());
        }
        let algorithm = KeyAlgorithm::ALL.into_iter().find(|algorithm| {
            algorithm
                .verification(DigestAlgorithm::Sha256)
                .is_some_and(|how| ParsedPublicKey::new(how, &spki).is_ok())
        });
        match algorithm {
            Some(algorithm) => Ok(Self { algorithm, spki }),
            None => {
                Err("it is none of ECDSA on P-256, Ed25519 and RSA of 2048 bits or more".to_owned())
            }
        }
    }

    /// Returns its kind.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns the SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the SHA-256 of the SubjectPublicKeyInfo, by which keys are named here.
    pub fn fingerprint(&self) -> Sha256Digest {
        Sha256Digest::of(&self.spki)
    }

    /// Returns the hint that a Sigstore bundle names its key by: the fingerprint in base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(self.fingerprint().as_bytes())
    }

    /// Returns it in PEM.
    pub fn to_pem(&self) -> String {
        encode_string("PUBLIC KEY", LineEnding::LF, &self.spki).expect("a key is short")
    }

    /// Returns true if a signature over a message is this key's.
    pub fn verifies(&self, digest: DigestAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        self.algorithm.verification(digest).is_some_and(|how| {
            ParsedPublicKey::new(how, &self.spki)
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok())
        })
    }
}

/// A private key that can sign.
///
/// # Security
///
/// It is held by the cryptography library alone, which overwrites it when it lets it go; nothing here
/// gives it out, `Debug` included.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Reads a `PrivateKeyInfo` in DER (PKCS #8, RFC 5208).
    ///
    /// # Errors
    ///
    /// Says why it is not taken.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        let (pair, spki) =
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
                let spki = pair.public_key().as_der().map(|der| der.as_ref().to_vec());
                (Pair::Ecdsa(pair), spki)
            } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                let spki = pair.public_key().as_der().map(|der| der.as_ref().to_vec());
                (Pair::Ed25519(pair), spki)
            } else if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
                let spki = pair.public_key().as_der().map(|der| der.as_ref().to_vec());
                (Pair::Rsa(pair), spki)
            } else {
                return Err(
                    "it is none of ECDSA on P-256, Ed25519 and RSA of 2048 bits or more".to_owned(),
                );
            };
        let spki = spki.map_err(|_| "its public key cannot be written".to_owned())?;
        Ok(Self {
            pair,
            public: PublicKey::from_spki(spki)?,
        })
    }

    /// Makes a key and returns it as `PrivateKeyInfo` in DER; RSA has 3072 bits.
    ///
    /// # Errors
    ///
    /// The library cannot make one, for want of randomness.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Zeroizing<Vec<u8>>, String> {
        let random = SystemRandom::new();
        let made = match algorithm {
            KeyAlgorithm::EcdsaP256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
                    .map(|document| Zeroizing::new(document.as_ref().to_vec()))
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8v1(&random)
                .map(|document| Zeroizing::new(document.as_ref().to_vec())),
            KeyAlgorithm::Rsa => RsaKeyPair::generate(KeySize::Rsa3072).and_then(|pair| {
                pair.as_der()
                    .map(|der| Zeroizing::new(der.as_ref().to_vec()))
            }),
        };
        made.map_err(|_| "the cryptography library made no key".to_owned())
    }

    /// Returns what its signatures are checked with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message; nothing if this kind of key does not sign with that digest, or if what came out
    /// does not verify.
    pub fn sign(&self, digest: DigestAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
        self.public.algorithm.verification(digest)?;
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).ok()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.try_sign(message).ok()?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let how = match digest {
                    DigestAlgorithm::Sha256 => &RSA_PKCS1_SHA256,
                    DigestAlgorithm::Sha384 => &RSA_PKCS1_SHA384,
                    DigestAlgorithm::Sha512 => &RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(how, &random, message, &mut signature).ok()?;
                signature
            }
        };
        self.public
            .verifies(digest, message, &signature)
            .then_some(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: KeyAlgorithm) -> PrivateKey {
        PrivateKey::from_pkcs8(&PrivateKey::generate(algorithm).expect("made")).expect("a key")
    }

    #[test]
    fn every_kind_signs_what_its_public_key_verifies_and_nothing_else() {
        for algorithm in KeyAlgorithm::ALL {
            let key = key(algorithm);
            assert_eq!(key.public().algorithm(), algorithm);
            for digest in DigestAlgorithm::ALL {
                let Some(signature) = key.sign(digest, b"message") else {
                    assert_eq!(algorithm, KeyAlgorithm::EcdsaP256);
                    assert_ne!(digest, DigestAlgorithm::Sha256);
                    continue;
                };
                let public = key.public();
                assert!(public.verifies(digest, b"message", &signature));
                assert!(!public.verifies(digest, b"another", &signature));
                assert!(!public.verifies(digest, b"message", &signature[1..]));
            }
        }
    }

    #[test]
    fn a_public_key_is_the_same_through_pem_and_names_itself_two_ways() {
        for algorithm in KeyAlgorithm::ALL {
            let public = key(algorithm).public().clone();
            let read = PublicKey::from_pem(public.to_pem().as_bytes()).expect("a public key");
            assert_eq!(read, public);
            assert_eq!(
                STANDARD.decode(public.hint()).expect("base64"),
                public.fingerprint().as_bytes()
            );
        }
    }

    #[test]
    fn what_is_no_key_of_the_three_kinds_is_refused() {
        let public = key(KeyAlgorithm::EcdsaP256).public().clone();
        let mut longer = public.spki().to_vec();
        longer.push(0);
        assert!(PublicKey::from_spki(longer).is_err());
        assert!(PublicKey::from_spki(Vec::new()).is_err());
        assert!(PrivateKey::from_pkcs8(b"rubbish").is_err());
        let certificate = public.to_pem().replace("PUBLIC KEY", "CERTIFICATE");
        let error = PublicKey::from_pem(certificate.as_bytes()).expect_err("another label");
        assert_eq!(error, "it holds a `CERTIFICATE`, not a `PUBLIC KEY`");
        assert!(PublicKey::from_pem(&vec![b'-'; MOST_PEM + 1]).is_err());
        let p384 = include_bytes!("../../tests/signatures/p384.pub");
        assert!(PublicKey::from_pem(p384).is_err());
    }

    #[test]
    fn a_private_key_prints_only_its_public_one() {
        let made = PrivateKey::generate(KeyAlgorithm::Ed25519).expect("made");
        let key = PrivateKey::from_pkcs8(&made).expect("a key");
        let printed = format!("{key:?}");
        let seed = &made[16..48];
        assert!(!printed.contains(&format!("{seed:?}")));
        assert!(printed.contains("public"));
    }
}

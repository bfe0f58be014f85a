//! Keys that sign, ECDSA on P-256.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::digest::Sha256Digest;

use super::der;

pub struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    pub fn generate() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
        }
    }

    /// Returns the SubjectPublicKeyInfo (RFC 5480).
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[
            &der::oid("1.2.840.10045.2.1"),
            &der::oid("1.2.840.10045.3.1.7"),
        ]);
        der::sequence(&[&algorithm, &der::bits(self.pair.public_key().as_ref())])
    }

    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.spki())
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .expect("a signature")
            .as_ref()
            .to_vec()
    }
}

/// An Ed25519 key, which TUF repositories and some signers use.
pub struct EdKey {
    pair: Ed25519KeyPair,
}

impl EdKey {
    pub fn generate() -> Self {
        Self {
            pair: Ed25519KeyPair::generate().expect("a key"),
        }
    }

    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub fn pem(&self) -> String {
        let spki = der::sequence(&[&der::algorithm("1.3.101.112"), &der::bits(self.public())]);
        pem("PUBLIC KEY", &spki)
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

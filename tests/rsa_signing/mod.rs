//! RSA keys made in the test, and signatures by them as apk's archives have them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kmatrix::catalog::Fingerprint;
use kmatrix::digest::Sha256Digest;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};

/// A key that can sign.
#[derive(Clone)]
pub struct RsaKey(RsaPrivateKey);

/// Making a key takes a while, and tests need a few.
static KEYS: [OnceLock<RsaKey>; 3] = [const { OnceLock::new() }; 3];

/// How a signature's digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
}

impl RsaKey {
    /// One of the three keys that a test process has.
    pub fn nth(n: usize) -> Self {
        let make = || Self(RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key"));
        KEYS[n].get_or_init(make).clone()
    }

    /// Returns the SHA-256 of the public key's SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        let der = self.0.to_public_key().to_public_key_der().expect("DER");
        Sha256Digest::of(der.as_bytes())
            .to_hex()
            .parse()
            .expect("64 digits")
    }

    /// Writes the public key as PEM.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("{}.rsa.pub", self.fingerprint()));
        let pem = self.0.to_public_key().to_public_key_pem(LineEnding::LF);
        std::fs::write(&path, pem.expect("PEM")).expect("a file");
        path
    }

    /// Signs by PKCS #1 v1.5. The prefixes are those of RFC 8017, section 9.2, note 1.
    pub fn sign(&self, content: &[u8], hash: Hash) -> Vec<u8> {
        let (prefix, digest): (&[u8], Vec<u8>) = match hash {
            Hash::Sha1 => (
                &[
                    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
                    0x04, 0x14,
                ],
                sha1(content),
            ),
            Hash::Sha256 => (
                &[
                    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                    0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
                ],
                Sha256Digest::of(content).as_bytes().to_vec(),
            ),
        };
        let padding = Pkcs1v15Sign {
            hash_len: Some(digest.len()),
            prefix: prefix.into(),
        };
        self.0.sign(padding, &digest).expect("a signature")
    }
}

pub fn sha1(content: &[u8]) -> Vec<u8> {
    use sha1::Digest as _;
    sha1::Sha1::digest(content).to_vec()
}

//! The digests that are signed.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};

/// A digest of the SHA-2 family (FIPS 180-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// What statements are signed with.
    Sha256,
    Sha384,
    /// What many kernels sign their modules with.
    Sha512,
}

impl DigestAlgorithm {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the word that flags, `sign-file` and the environment of a signing command have.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the digest of some bytes.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DigestAlgorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| format!("`{text}` is none of sha256, sha384, sha512"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;

    #[test]
    fn each_has_its_length_and_its_word() {
        for (algorithm, bytes) in DigestAlgorithm::ALL.into_iter().zip([32, 48, 64]) {
            assert_eq!(algorithm.of(b"x").len(), bytes);
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        assert_eq!(
            DigestAlgorithm::Sha256.of(b"x"),
            Sha256Digest::of(b"x").as_bytes()
        );
        assert!("sha1".parse::<DigestAlgorithm>().is_err());
    }
}

//! Who answers for what is in an archive.

use jiff::Timestamp;

use crate::bundle::write::IndexSignature;
use crate::digest::Sha256Digest;

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who signed, such as `key:` and the SHA-256 of the public key.
    pub signer: String,
    /// The times that others vouch for; none says nothing about when it was signed.
    pub times: Vec<Timestamp>,
}

impl Signature {
    /// Returns the first time that is vouched for; `None` if none is.
    pub fn first_time(&self) -> Option<Timestamp> {
        self.times.iter().min().copied()
    }
}

/// Says whose signatures hold.
pub trait Authority {
    /// Returns who signed an index, or why nobody did who is trusted; `None` if it is taken unsigned.
    fn of_index(
        &self,
        digest: &Sha256Digest,
        signature: Option<&IndexSignature>,
    ) -> Result<Option<Signature>, String>;

    /// Returns who signed a statement of this payload; `None` if nobody did who is trusted.
    fn of_statement(&self, payload: &Sha256Digest, bundle: &[u8]) -> Option<Signature>;
}

//! A time that somebody else vouches for, over a signature (RFC 3161).

use sigstore_sign::tsa::TimestampClient;
use sigstore_sign::types::SignatureBytes;

use crate::sign::SigningError;

/// An authority that gives timestamps, at a URL.
#[derive(Debug, Clone)]
pub struct TimestampAuthority {
    url: String,
}

impl TimestampAuthority {
    /// Returns the authority at a URL.
    pub fn at(url: String) -> Self {
        Self { url }
    }

    /// Returns a timestamp response (DER) over the SHA-256 of a signature. That it is over this signature
    /// and answers this request is checked; who signed it is for those to check who trust the authority.
    ///
    /// # Errors
    ///
    /// The authority does not answer, or with something else.
    pub async fn over(&self, signature: &[u8]) -> Result<Vec<u8>, SigningError> {
        let failed = |why: String| SigningError::Timestamp {
            url: self.url.clone(),
            why,
        };
        let client = TimestampClient::new(&self.url).map_err(|error| failed(error.to_string()))?;
        let token = client
            .timestamp_signature(&SignatureBytes::new(signature.to_vec()))
            .await
            .map_err(|error| failed(error.to_string()))?;
        Ok(token.as_bytes().to_vec())
    }
}

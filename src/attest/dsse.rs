//! DSSE v1: what is signed, and the envelope that carries it (secure-systems-lab/dsse,
//! `protocol.md` and `envelope.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The payload type of in-toto statements, exactly.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Returns the bytes that a signature is over:
/// `DSSEv1 LEN(type) type LEN(body) body`, lengths in decimal ASCII, one space between.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// A signed payload as raw DSSE. Inside a Sigstore bundle the key id is left out: some verifiers refuse
/// one there, and others need one here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub payload_type: String,
    /// Standard base64 with padding.
    pub payload: String,
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keyid: String,
    /// Standard base64 with padding.
    pub sig: String,
}

impl Envelope {
    /// Returns an in-toto payload with one signature.
    pub fn signed(payload: &[u8], keyid: String, signature: &[u8]) -> Self {
        Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![EnvelopeSignature {
                keyid,
                sig: STANDARD.encode(signature),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_protocols_example() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}

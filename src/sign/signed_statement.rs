//! What comes of signing: one signature in two forms, a Sigstore bundle v0.3 and raw DSSE.
//!
//! Format: sigstore/protobuf-specs, `sigstore_bundle.proto` in its JSON form, and DSSE v1. The two differ
//! where verifiers do: the key's id stands in the raw envelope, which some need, and not in the
//! bundle's, which others refuse; and `tlogEntries` always stands in a bundle, since a reader refuses one
//! without.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::attest::Envelope;
use crate::digest::Sha256Digest;
use crate::sign::PublicKey;

/// The media type of the bundles that are written.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An in-toto payload with one signature, in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    pub payload: Vec<u8>,
    pub payload_digest: Sha256Digest,
    /// The bytes of a `.sigstore.json`.
    pub bundle: Vec<u8>,
    /// The bytes of a `.dsse.json`, with the SHA-256 of the public key as key id.
    pub envelope: Vec<u8>,
    /// Who signed: `key:` and the SHA-256 of the public key, or `identity:` and `issuer:` as the
    /// certificate has them.
    pub signer: String,
}

/// A bundle that a key signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyBundle<'a> {
    media_type: &'a str,
    verification_material: KeyMaterial,
    dsse_envelope: Envelope,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyMaterial {
    public_key: PublicKeyHint,
    tlog_entries: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<Timestamps>,
}

#[derive(Serialize)]
struct PublicKeyHint {
    hint: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timestamps {
    rfc3161_timestamps: [SignedTimestamp; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp {
    signed_timestamp: String,
}

impl SignedStatement {
    /// Returns a payload that a key signed, with a timestamp over the signature if there is one.
    pub fn by_key(
        payload: &[u8],
        public: &PublicKey,
        signature: &[u8],
        timestamp: Option<&[u8]>,
    ) -> Self {
        let bundle = KeyBundle {
            media_type: BUNDLE_TYPE,
            verification_material: KeyMaterial {
                public_key: PublicKeyHint {
                    hint: public.hint(),
                },
                tlog_entries: [],
                timestamp_verification_data: timestamp.map(|token| Timestamps {
                    rfc3161_timestamps: [SignedTimestamp {
                        signed_timestamp: STANDARD.encode(token),
                    }],
                }),
            },
            dsse_envelope: Envelope::signed(payload, String::new(), signature),
        };
        Self {
            bundle: serde_json::to_vec(&bundle).expect("plain values serialise"),
            ..Self::with_bundle(payload, public, signature, Vec::new(), key_name(public))
        }
    }

    /// Returns a payload whose bundle somebody else wrote, for a signature by `public`.
    pub(super) fn with_bundle(
        payload: &[u8],
        public: &PublicKey,
        signature: &[u8],
        bundle: Vec<u8>,
        signer: String,
    ) -> Self {
        let keyid = public.fingerprint().to_hex();
        let envelope = Envelope::signed(payload, keyid, signature);
        Self {
            payload: payload.to_vec(),
            payload_digest: Sha256Digest::of(payload),
            bundle,
            envelope: serde_json::to_vec(&envelope).expect("plain values serialise"),
            signer,
        }
    }
}

/// Returns how records name a key.
pub(super) fn key_name(public: &PublicKey) -> String {
    format!("key:{}", public.fingerprint().to_hex())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::attest::PAYLOAD_TYPE;
    use crate::sign::testing::public;

    #[test]
    fn a_bundle_has_the_key_as_a_hint_and_an_envelope_has_its_id() {
        let public = public("p256.pub");
        for timestamp in [None, Some(&b"token"[..])] {
            let signed = SignedStatement::by_key(b"{}", &public, b"signature", timestamp);
            let mut material = json!({
                "publicKey": { "hint": public.hint() },
                "tlogEntries": [],
            });
            if timestamp.is_some() {
                material["timestampVerificationData"] =
                    json!({ "rfc3161Timestamps": [{ "signedTimestamp": "dG9rZW4=" }] });
            }
            let bundle: Value = serde_json::from_slice(&signed.bundle).expect("JSON");
            assert_eq!(
                bundle,
                json!({
                    "mediaType": BUNDLE_TYPE,
                    "verificationMaterial": material,
                    "dsseEnvelope": {
                        "payloadType": PAYLOAD_TYPE,
                        "payload": "e30=",
                        "signatures": [{ "sig": "c2lnbmF0dXJl" }],
                    },
                })
            );
            let envelope: Value = serde_json::from_slice(&signed.envelope).expect("JSON");
            assert_eq!(
                envelope,
                json!({
                    "payloadType": PAYLOAD_TYPE,
                    "payload": "e30=",
                    "signatures": [{
                        "keyid": public.fingerprint().to_hex(),
                        "sig": "c2lnbmF0dXJl",
                    }],
                })
            );
            assert_eq!(signed.payload_digest, Sha256Digest::of(b"{}"));
            assert_eq!(
                signed.signer,
                format!("key:{}", public.fingerprint().to_hex())
            );
        }
    }
}

//! Sigstore bundles v0.3 (sigstore/protobuf-specs, `sigstore_bundle.proto`) and raw DSSE envelopes
//! (secure-systems-lab/dsse, `envelope.md`), told apart by their own words.

use serde_json::Value;

use super::fields::{Fields, Unknown, malformed};
use super::json::{quoted, strict_json};
use super::limits::Limits;
use super::log_entry::{LogEntry, read_log_entries};
use crate::attest::PAYLOAD_TYPE;
use crate::verify::{Refused, Why};

/// The only media type of a bundle that is read. Its older spelling, with `;version=`, is not.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// One attestation as it stands in its bytes: nothing of it is believed yet.
pub(in crate::verify) struct ReadAttestation {
    pub payload: Vec<u8>,
    pub signature: Vec<u8>,
    pub material: Material,
}

/// What a signature is to be checked with.
pub(in crate::verify) enum Material {
    /// A raw envelope: a key, which the key id may name.
    Envelope { keyid: String },
    /// A bundle with a key, which the hint may name.
    Key { hint: String, vouchers: Vouchers },
    /// A bundle with a certificate (DER).
    Certificate {
        certificate: Vec<u8>,
        vouchers: Vouchers,
    },
}

/// What others than the signer say in a bundle.
pub(in crate::verify) struct Vouchers {
    pub log_entries: Vec<LogEntry>,
    /// RFC 3161 responses (DER).
    pub timestamps: Vec<Vec<u8>>,
    /// The whole bundle as a value in which each key stands once, for the library that checks these.
    pub bundle: Value,
}

/// Reads a bundle or an envelope.
pub(in crate::verify) fn read_attestation(bytes: &[u8]) -> Result<ReadAttestation, Refused> {
    let value = strict_json(bytes, &Limits::BUNDLE)?;
    let Some(object) = value.as_object() else {
        return Err(malformed("it is no object"));
    };
    if object.contains_key("mediaType") || object.contains_key("verificationMaterial") {
        read_bundle(value)
    } else {
        read_envelope(value)
    }
}

fn read_envelope(value: Value) -> Result<ReadAttestation, Refused> {
    let envelope = read_signed(value, Unknown::Ignored)?;
    Ok(ReadAttestation {
        payload: envelope.payload,
        signature: envelope.signature,
        material: Material::Envelope {
            keyid: envelope.keyid,
        },
    })
}

fn read_bundle(value: Value) -> Result<ReadAttestation, Refused> {
    let whole = value.clone();
    let mut bundle = Fields::of(
        "the bundle",
        value,
        &[
            "mediaType",
            "verificationMaterial",
            "dsseEnvelope",
            "messageSignature",
        ],
        Unknown::Refused,
    )?;
    let media_type = bundle.text("mediaType")?;
    if media_type != BUNDLE_TYPE {
        return Err(Refused::new(
            Why::UnknownType,
            format!(
                "its media type is {}, not `{BUNDLE_TYPE}`",
                quoted(&media_type)
            ),
        ));
    }
    let content = match (bundle.has("dsseEnvelope"), bundle.has("messageSignature")) {
        (true, false) => bundle.take("dsseEnvelope")?,
        (true, true) => return Err(content("the bundle has both kinds of content")),
        (false, true) => {
            return Err(content(
                "the bundle signs bytes as such, which is no attestation",
            ));
        }
        (false, false) => return Err(content("the bundle has no content")),
    };
    let envelope = read_signed(content, Unknown::Refused)?;
    Ok(ReadAttestation {
        payload: envelope.payload,
        signature: envelope.signature,
        material: read_material(bundle.take("verificationMaterial")?, whole)?,
    })
}

fn read_material(value: Value, bundle: Value) -> Result<Material, Refused> {
    let mut material = Fields::of(
        "the verification material",
        value,
        &[
            "certificate",
            "publicKey",
            "x509CertificateChain",
            "tlogEntries",
            "timestampVerificationData",
        ],
        Unknown::Refused,
    )?;
    if material.has("x509CertificateChain") {
        return Err(content(
            "the bundle has a certificate chain, which version 0.3 does not",
        ));
    }
    let signer = match (material.has("certificate"), material.has("publicKey")) {
        (true, false) => Signer::Certificate(read_certificate(material.take("certificate")?)?),
        (false, true) => Signer::Key(read_hint(material.take("publicKey")?)?),
        (true, true) => return Err(content("the bundle has a certificate and a public key")),
        (false, false) => {
            return Err(content(
                "the bundle has neither a certificate nor a public key",
            ));
        }
    };
    let log_entries = read_log_entries(material.list("tlogEntries", Limits::PARTS)?)?;
    let timestamps = match material.take_optional("timestampVerificationData") {
        Some(value) => read_timestamps(value)?,
        None => Vec::new(),
    };
    let vouchers = Vouchers {
        log_entries,
        timestamps,
        bundle,
    };
    Ok(match signer {
        Signer::Certificate(certificate) => Material::Certificate {
            certificate,
            vouchers,
        },
        Signer::Key(hint) => Material::Key { hint, vouchers },
    })
}

enum Signer {
    Certificate(Vec<u8>),
    Key(String),
}

fn read_certificate(value: Value) -> Result<Vec<u8>, Refused> {
    Fields::of("the certificate", value, &["rawBytes"], Unknown::Refused)?.part("rawBytes")
}

fn read_hint(value: Value) -> Result<String, Refused> {
    let mut key = Fields::of("the public key", value, &["hint"], Unknown::Refused)?;
    key.short_text("hint")
}

fn read_timestamps(value: Value) -> Result<Vec<Vec<u8>>, Refused> {
    let mut data = Fields::of(
        "the timestamp data",
        value,
        &["rfc3161Timestamps"],
        Unknown::Refused,
    )?;
    let mut timestamps = Vec::new();
    for value in data.list("rfc3161Timestamps", Limits::PARTS)? {
        let timestamp = Fields::of(
            "the timestamp",
            value,
            &["signedTimestamp"],
            Unknown::Refused,
        )?
        .part("signedTimestamp")?;
        if timestamps.contains(&timestamp) {
            return Err(Refused::new(
                Why::Timestamp,
                "the same timestamp is there twice",
            ));
        }
        timestamps.push(timestamp);
    }
    Ok(timestamps)
}

/// A payload with its only signature.
struct Signed {
    payload: Vec<u8>,
    signature: Vec<u8>,
    keyid: String,
}

fn read_signed(value: Value, unknown: Unknown) -> Result<Signed, Refused> {
    let mut envelope = Fields::of(
        "the envelope",
        value,
        &["payload", "payloadType", "signatures"],
        unknown,
    )?;
    let payload_type = envelope.text("payloadType")?;
    if payload_type != PAYLOAD_TYPE {
        return Err(Refused::new(
            Why::UnknownType,
            format!(
                "its payload type is {}, not `{PAYLOAD_TYPE}`",
                quoted(&payload_type)
            ),
        ));
    }
    let payload = envelope.bytes("payload")?;
    let signatures = envelope.list("signatures", Limits::PARTS)?;
    let count = signatures.len();
    let Ok([signature]) = <[Value; 1]>::try_from(signatures) else {
        return Err(Refused::new(
            Why::SignatureCount,
            format!("it has {count} signatures, not one"),
        ));
    };
    let mut signature = Fields::of("the signature", signature, &["sig", "keyid"], unknown)?;
    let keyid = signature.short_text("keyid")?;
    let signature = signature.part("sig")?;
    Ok(Signed {
        payload,
        signature,
        keyid,
    })
}

fn content(detail: &str) -> Refused {
    Refused::new(Why::Content, detail)
}

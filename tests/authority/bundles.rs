//! Attestations as their signers write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::attest::{PAYLOAD_TYPE, pre_authentication_encoding};
use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

use super::instance::{Instance, certificate_pem};
use super::keys::Key;

pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Returns a statement about a module.
pub fn statement() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": "workload_identity.ko",
            "digest": { "sha256": Sha256Digest::of(b"module").to_hex() },
            "annotations": { "form": "payload", "module": "workload_identity.ko" },
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://example.org/kernel-module/v1",
                "externalParameters": { "cell": "debian-12/amd64/6.1.0-56-cloud-amd64/workload-identity" },
                "resolvedDependencies": [{
                    "name": "source",
                    "digest": { "sha256": Sha256Digest::of(b"source").to_hex() },
                }],
            },
            "runDetails": { "builder": { "id": "https://example.org/builder" } },
        },
    })
}

pub fn payload() -> Vec<u8> {
    serde_json::to_vec(&statement()).expect("JSON")
}

pub fn message(payload: &[u8]) -> Vec<u8> {
    pre_authentication_encoding(PAYLOAD_TYPE, payload)
}

/// Returns a raw envelope as JSON; its key id names the key.
pub fn envelope(key: &Key, payload: &[u8]) -> Value {
    let mut envelope = dsse(payload, &key.sign(&message(payload)));
    envelope["signatures"][0]["keyid"] = json!(key.digest().to_hex());
    envelope
}

fn dsse(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "sig": STANDARD.encode(signature) }],
    })
}

/// Returns a bundle that a key signed, with nobody else.
pub fn keyed(key: &Key, payload: &[u8]) -> Value {
    bundle(
        json!({ "publicKey": { "hint": STANDARD.encode(key.digest().as_bytes()) }, "tlogEntries": [] }),
        dsse(payload, &key.sign(&message(payload))),
    )
}

/// Returns a bundle that a key signed, with a timestamp.
pub fn keyed_stamped(instance: &Instance, key: &Key, payload: &[u8]) -> Value {
    let mut bundle = keyed(key, payload);
    let stamp = instance.timestamp(&signature(&bundle), instance.at);
    bundle["verificationMaterial"]["timestampVerificationData"] = stamped(&stamp);
    bundle
}

/// Returns a bundle of a key that Rekor v1 took in.
pub fn keyed_logged(instance: &Instance, key: &Key, payload: &[u8]) -> Value {
    let mut bundle = keyed(key, payload);
    let entry = instance.entry_v1(payload, &signature(&bundle), &key.pem());
    bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
    bundle
}

/// Returns a keyless bundle that Rekor v1 took in.
pub fn keyless_v1(instance: &Instance, payload: &[u8]) -> Value {
    let key = Key::generate();
    let certificate = instance.certificate(&key);
    keyless_v1_with(instance, &key, &certificate, payload)
}

pub fn keyless_v1_with(
    instance: &Instance,
    key: &Key,
    certificate: &[u8],
    payload: &[u8],
) -> Value {
    let signature = key.sign(&message(payload));
    let entry = instance.entry_v1(payload, &signature, &certificate_pem(certificate));
    bundle(
        json!({
            "certificate": { "rawBytes": STANDARD.encode(certificate) },
            "tlogEntries": [entry],
        }),
        dsse(payload, &signature),
    )
}

/// Returns a keyless bundle that Rekor v2 took in, with a timestamp.
pub fn keyless_v2(instance: &Instance, payload: &[u8]) -> Value {
    let key = Key::generate();
    let certificate = instance.certificate(&key);
    let message = message(payload);
    let signature = key.sign(&message);
    let entry = instance.entry_v2(&message, &signature, verifier(&certificate));
    bundle(
        json!({
            "certificate": { "rawBytes": STANDARD.encode(&certificate) },
            "tlogEntries": [entry],
            "timestampVerificationData": stamped(&instance.timestamp(&signature, instance.at)),
        }),
        dsse(payload, &signature),
    )
}

pub fn verifier(certificate: &[u8]) -> Value {
    json!({
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "x509Certificate": { "rawBytes": STANDARD.encode(certificate) },
    })
}

pub fn stamped(response: &[u8]) -> Value {
    json!({ "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(response) }] })
}

fn bundle(material: Value, envelope: Value) -> Value {
    json!({
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": envelope,
    })
}

pub fn signature(bundle: &Value) -> Vec<u8> {
    base64(&bundle["dsseEnvelope"]["signatures"][0]["sig"])
}

pub fn base64(value: &Value) -> Vec<u8> {
    STANDARD
        .decode(value.as_str().expect("text"))
        .expect("base64")
}

pub fn to_bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON")
}

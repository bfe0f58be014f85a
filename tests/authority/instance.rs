//! A private instance of Sigstore in memory: an authority for signing certificates, logs like Rekor v1 and
//! v2, and a timestamp authority. It makes what the real ones make, and what a forger would like them to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

use super::certificates::{Certificate, ECDSA_WITH_SHA256, SERIAL, name};
use super::der;
use super::keys::{Key, pem};

pub const IDENTITY: &str = "https://ci.example/vendor/modules/release.yaml@refs/heads/main";
pub const ISSUER: &str = "https://token.ci.example";
const AUTHORITY: &str = "test signing authority";
const TIMESTAMP_ROOT: &str = "test timestamp root";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

pub struct Instance {
    authority: Key,
    pub log_v1: Key,
    pub log_v2: Key,
    timestamps: Key,
    timestamp_root: Key,
    /// When everything here happens.
    pub at: Timestamp,
}

impl Instance {
    pub fn new() -> Self {
        Self {
            authority: Key::generate(),
            log_v1: Key::generate(),
            log_v2: Key::generate(),
            timestamps: Key::generate(),
            timestamp_root: Key::generate(),
            at: "2025-06-01T12:00:00Z".parse().expect("a time"),
        }
    }

    /// Returns the instance's `trusted_root.json`.
    pub fn trusted_root(&self) -> Value {
        let authority = Certificate::authority(AUTHORITY, self.at).issue(
            &self.authority,
            AUTHORITY,
            &self.authority,
        );
        let timestamp_root = Certificate::authority(TIMESTAMP_ROOT, self.at).issue(
            &self.timestamp_root,
            TIMESTAMP_ROOT,
            &self.timestamp_root,
        );
        let timestamper = Certificate::timestamper(self.at).issue(
            &self.timestamps,
            TIMESTAMP_ROOT,
            &self.timestamp_root,
        );
        let window = json!({ "start": self.at - SignedDuration::from_hours(24) });
        let log = |key: &Key| {
            json!({
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.spki()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": window,
                },
                "logId": { "keyId": STANDARD.encode(key.digest().as_bytes()) },
            })
        };
        let chain = |certificates: &[&Vec<u8>]| {
            let certificates: Vec<Value> = certificates
                .iter()
                .map(|der| json!({ "rawBytes": STANDARD.encode(der) }))
                .collect();
            json!({ "certificates": certificates })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log_v1), log(&self.log_v2)],
            "certificateAuthorities": [{
                "subject": { "organization": "test", "commonName": AUTHORITY },
                "uri": "https://authority.example",
                "certChain": chain(&[&authority]),
                "validFor": window,
            }],
            "ctlogs": [],
            "timestampAuthorities": [{
                "subject": { "organization": "test", "commonName": TIMESTAMP_ROOT },
                "certChain": chain(&[&timestamper, &timestamp_root]),
                "validFor": window,
            }],
        })
    }

    pub fn certificate(&self, key: &Key) -> Vec<u8> {
        self.issue(&Certificate::signer(IDENTITY, ISSUER, self.at), key)
    }

    pub fn issue(&self, certificate: &Certificate, key: &Key) -> Vec<u8> {
        certificate.issue(key, AUTHORITY, &self.authority)
    }

    /// Returns an entry of Rekor v1 for an envelope (rekor, `pkg/types/dsse/v0.0.1`).
    pub fn entry_v1(&self, payload: &[u8], signature: &[u8], verifier_pem: &str) -> Value {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": { "algorithm": "sha256", "value": Sha256Digest::of(b"envelope").to_hex() },
                "payloadHash": { "algorithm": "sha256", "value": Sha256Digest::of(payload).to_hex() },
                "signatures": [{
                    "signature": STANDARD.encode(signature),
                    "verifier": STANDARD.encode(verifier_pem),
                }],
            },
        });
        self.entry_v1_of(&serde_json::to_vec(&body).expect("JSON"), self.at)
    }

    /// Returns an entry of Rekor v1 with any body, taken in at any time.
    pub fn entry_v1_of(&self, body: &[u8], at: Timestamp) -> Value {
        let log = &self.log_v1;
        let index = 1000;
        // Canonical JSON (RFC 8785) of what the log promises.
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{index}}}"#,
            STANDARD.encode(body),
            at.as_second(),
            log.digest().to_hex(),
        );
        json!({
            "logIndex": index.to_string(),
            "logId": { "keyId": STANDARD.encode(log.digest().as_bytes()) },
            "kindVersion": { "kind": "dsse", "version": "0.0.1" },
            "integratedTime": at.as_second().to_string(),
            "inclusionPromise": {
                "signedEntryTimestamp": STANDARD.encode(log.sign(promised.as_bytes())),
            },
            "inclusionProof": proof(body, log, 0),
            "canonicalizedBody": STANDARD.encode(body),
        })
    }

    /// Returns an entry of Rekor v2 for an envelope (rekor-tiles, `hashedrekord` 0.0.2), whose data is what
    /// the signature is over.
    pub fn entry_v2(&self, message: &[u8], signature: &[u8], verifier: Value) -> Value {
        self.entry_v2_by(&self.log_v2, message, signature, verifier)
    }

    pub fn entry_v2_by(
        &self,
        log: &Key,
        message: &[u8],
        signature: &[u8],
        verifier: Value,
    ) -> Value {
        let body = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": { "hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(Sha256Digest::of(message).as_bytes()),
                },
                "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
            } },
        });
        let body = serde_json::to_vec(&body).expect("JSON");
        json!({
            "logIndex": "0",
            "logId": { "keyId": STANDARD.encode(self.log_v2.digest().as_bytes()) },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
            "inclusionProof": proof(&body, log, 0),
            "canonicalizedBody": STANDARD.encode(&body),
        })
    }

    /// Returns an RFC 3161 response over a signature.
    pub fn timestamp(&self, signature: &[u8], at: Timestamp) -> Vec<u8> {
        self.timestamp_by(&self.timestamps, signature, at)
    }

    pub fn timestamp_by(&self, key: &Key, signature: &[u8], at: Timestamp) -> Vec<u8> {
        let info = der::sequence(&[
            &der::integer(1),
            &der::oid("1.3.6.1.4.1.57264.2"),
            &der::sequence(&[
                &der::algorithm(SHA256),
                &der::octets(Sha256Digest::of(signature).as_bytes()),
            ]),
            &der::integer(7),
            &der::generalized_time(at),
        ]);
        let attribute =
            |oid: &str, value: &[u8]| der::sequence(&[&der::oid(oid), &der::set(&[value])]);
        let attributes = der::set(&[
            &attribute("1.2.840.113549.1.9.3", &der::oid(TST_INFO)),
            &attribute(
                "1.2.840.113549.1.9.4",
                &der::octets(Sha256Digest::of(&info).as_bytes()),
            ),
        ]);
        // Signed as a set, carried under an implicit tag (RFC 5652, section 5.4).
        let mut carried = attributes.clone();
        carried[0] = 0xa0;
        let signer = der::sequence(&[
            &der::integer(1),
            &der::sequence(&[&name(TIMESTAMP_ROOT), &der::integer(SERIAL)]),
            &der::algorithm(SHA256),
            &carried,
            &der::algorithm(ECDSA_WITH_SHA256),
            &der::octets(&key.sign(&attributes)),
        ]);
        let signed = der::sequence(&[
            &der::integer(3),
            &der::set(&[&der::algorithm(SHA256)]),
            &der::sequence(&[&der::oid(TST_INFO), &der::context(0, &der::octets(&info))]),
            &der::set(&[&signer]),
        ]);
        der::sequence(&[
            &der::sequence(&[&der::integer(0)]),
            &der::sequence(&[&der::oid("1.2.840.113549.1.7.2"), &der::context(0, &signed)]),
        ])
    }
}

/// Returns the proof that a body is the first of two leaves, with a checkpoint that a log signed (RFC 9162,
/// section 2.1; C2SP, `tlog-checkpoint`).
pub fn proof(body: &[u8], log: &Key, index: u64) -> Value {
    let leaf = Sha256Digest::of(&[&[0][..], body].concat());
    let other = Sha256Digest::of(b"\0another entry");
    let root = Sha256Digest::of(&[&[1][..], leaf.as_bytes(), other.as_bytes()].concat());
    json!({
        "logIndex": index.to_string(),
        "rootHash": STANDARD.encode(root.as_bytes()),
        "treeSize": "2",
        "hashes": [STANDARD.encode(other.as_bytes())],
        "checkpoint": { "envelope": checkpoint(2, root, log, log) },
    })
}

/// Returns a checkpoint that `signer` signed under the name of `log`.
pub fn checkpoint(size: u64, root: Sha256Digest, log: &Key, signer: &Key) -> String {
    let note = format!(
        "log.example\n{size}\n{}\n",
        STANDARD.encode(root.as_bytes())
    );
    let mut signature = log.digest().as_bytes()[..4].to_vec();
    signature.extend(signer.sign(note.as_bytes()));
    format!(
        "{note}\n\u{2014} log.example {}\n",
        STANDARD.encode(signature)
    )
}

pub fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

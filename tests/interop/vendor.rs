//! Whoever signs in these tests, and the authority that vouches for the time.
//!
//! The signatures are made here and not by the program, so that what the tools say of the forms is
//! said of the forms as `docs/` has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::attest::{Envelope, PAYLOAD_TYPE, pre_authentication_encoding};
use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

use crate::common::Ran;

/// A key of ECDSA P-256.
pub struct Vendor {
    key: EcdsaKeyPair,
    spki: Vec<u8>,
}

/// One statement, signed once, in both forms.
pub struct Signed {
    pub payload: Vec<u8>,
    pub bundle: Value,
    pub envelope: Value,
}

impl Vendor {
    pub fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let spki = key.public_key().as_der().expect("a public key");
        Self {
            spki: spki.as_ref().to_vec(),
            key,
        }
    }

    /// Returns the public key as PEM.
    pub fn public(&self) -> String {
        let body = STANDARD.encode(&self.spki);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64"))
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n")
    }

    /// Returns the key's hint in a bundle.
    pub fn hint(&self) -> String {
        STANDARD.encode(Sha256Digest::of(&self.spki).as_bytes())
    }

    /// Returns the key's id in an envelope.
    pub fn key_id(&self) -> String {
        Sha256Digest::of(&self.spki).to_hex()
    }

    /// Signs a statement; with an authority, its timestamp goes into the bundle.
    pub fn sign(&self, statement: &Value, authority: Option<&Authority>) -> Signed {
        let payload = serde_json::to_vec(statement).expect("JSON");
        let signed = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let signature = self.key.sign(&SystemRandom::new(), &signed);
        let signature = signature.expect("a signature").as_ref().to_vec();
        let mut material = json!({"publicKey": {"hint": self.hint()}, "tlogEntries": []});
        if let Some(authority) = authority {
            let stamp = STANDARD.encode(authority.stamp(&signature));
            material["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": stamp}]});
        }
        let inside = Envelope::signed(&payload, String::new(), &signature);
        let beside = Envelope::signed(&payload, self.key_id(), &signature);
        Signed {
            payload,
            bundle: json!({
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": material,
                "dsseEnvelope": inside,
            }),
            envelope: serde_json::to_value(beside).expect("JSON"),
        }
    }
}

/// An RFC 3161 authority: OpenSSL's.
pub struct Authority {
    directory: PathBuf,
    /// Held while one signature is vouched for.
    busy: Mutex<()>,
}

const AUTHORITY: &str = r"
    set -eu
    ec() { openssl ecparam -name prime256v1 -genkey -noout -out $1; }
    ec root.key
    openssl req -x509 -new -key root.key -days 3650 -subj '/O=test/CN=root' -out root.pem \
        -addext keyUsage=critical,keyCertSign,cRLSign
    ec stamp.key
    openssl req -new -key stamp.key -subj '/O=test/CN=authority' -out stamp.csr
    printf '%s\n' extendedKeyUsage=critical,timeStamping keyUsage=critical,digitalSignature \
        subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >extensions
    openssl x509 -req -in stamp.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 \
        -extfile extensions -out stamp.pem
    for name in root stamp; do openssl x509 -in $name.pem -outform DER -out $name.der; done
    echo 01 >serial
    printf '%s\n' '[tsa]' 'default_tsa = authority' '[authority]' 'serial = ./serial' \
        'signer_cert = ./stamp.pem' 'signer_key = ./stamp.key' 'certs = ./root.pem' \
        'signer_digest = sha256' 'default_policy = 1.2.3.4.1' 'digests = sha256' \
        'accuracy = secs:1' 'ess_cert_id_alg = sha256' >stamp.cnf
";

const STAMP: &str = r"
    set -eu
    openssl ts -query -data signature -sha256 -cert -out query
    openssl ts -reply -config stamp.cnf -queryfile query -out reply
";

impl Authority {
    /// Makes one in a directory.
    pub fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("a directory");
        let authority = Self {
            directory: directory.to_owned(),
            busy: Mutex::new(()),
        };
        authority.run(AUTHORITY);
        authority
    }

    /// Vouches for the time of a signature.
    fn stamp(&self, signature: &[u8]) -> Vec<u8> {
        let _busy = self.busy.lock().expect("nobody failed before");
        fs::write(self.directory.join("signature"), signature).expect("a file");
        self.run(STAMP);
        fs::read(self.directory.join("reply")).expect("a reply")
    }

    /// Returns a Sigstore trusted root with this authority and nothing else.
    pub fn trusted_root(&self) -> Value {
        let certificates: Vec<Value> = ["stamp.der", "root.der"]
            .into_iter()
            .map(|name| {
                let der = fs::read(self.directory.join(name)).expect("a certificate");
                json!({"rawBytes": STANDARD.encode(der)})
            })
            .collect();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [],
            "certificateAuthorities": [],
            "ctlogs": [],
            "timestampAuthorities": [{
                "subject": {"organization": "test", "commonName": "authority"},
                "uri": "http://authority.example",
                "certChain": {"certificates": certificates},
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            }],
        })
    }

    fn run(&self, script: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(&self.directory);
        Ran::of(shell).expect(0);
    }
}

//! The signer of the library: what it makes, and what it does not let go.

use std::fs;
use std::path::PathBuf;

use kmatrix::attest::{STATEMENT_TYPE, Statement, Subject};
use kmatrix::digest::Sha256Digest;
use kmatrix::label::Grade;
use kmatrix::sign::{
    KeyAlgorithm, KeySigner, KeylessServices, KeylessSigner, PrivateKey, RekorVersion, Signer,
    SigningError, TimestampAuthority, TokenSource,
};
use serde_json::{Value, json};

use crate::sigstore::{IDENTITY, Sigstore};

fn services(sigstore: &Sigstore) -> KeylessServices {
    KeylessServices::At {
        fulcio: sigstore.fulcio().to_owned(),
        rekor: sigstore.rekor().to_owned(),
        rekor_version: RekorVersion::V2,
        timestamps: Some(sigstore.timestamps().to_owned()),
    }
}

fn root(sigstore: &Sigstore) -> String {
    fs::read_to_string(sigstore.root()).expect("a trusted root")
}

async fn signer(sigstore: &Sigstore, root: &str) -> Result<KeylessSigner, SigningError> {
    let token = tempfile::NamedTempFile::new().expect("a file");
    sigstore.token_file(token.path());
    let source = TokenSource::File(token.path().to_owned());
    KeylessSigner::new(services(sigstore), source, Some(root)).await
}

fn statement() -> Vec<u8> {
    Statement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![Subject::plain("module.ko", Sha256Digest::of(b"module"))],
        predicate_type: "https://slsa.dev/verification_summary/v1".to_owned(),
        predicate: json!({ "verificationResult": "PASSED" }),
    }
    .to_bytes()
}

/// Keeps what was signed, where somebody asks for it (`tests/sigstore/README.md`).
fn keep(name: &str, bytes: &[u8]) {
    if let Some(directory) = std::env::var_os("KMATRIX_TEST_KEEP") {
        fs::write(PathBuf::from(directory).join(name), bytes).expect("a file");
    }
}

#[tokio::test]
#[ignore = "long: a Sigstore is built from source"]
async fn an_identity_signs_and_the_bundle_verifies_with_the_trusted_root() {
    let sigstore = Sigstore::get();
    let signer = signer(&sigstore, &root(&sigstore)).await.expect("a signer");
    let signer = Signer::Keyless(Box::new(signer));
    let name = format!("identity:{IDENTITY} issuer:{}", sigstore.issuer());
    assert_eq!(signer.name(), name);
    assert_eq!(signer.grade(), Grade::Keyless);

    let payload = statement();
    let signed = signer.sign(&payload).await.expect("signed");
    assert_eq!(signed.signer, name);
    assert_eq!(signed.payload, payload);
    let bundle: Value = serde_json::from_slice(&signed.bundle).expect("JSON");
    let material = &bundle["verificationMaterial"];
    assert_eq!(material["tlogEntries"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        material["tlogEntries"][0]["kindVersion"]["version"],
        "0.0.2"
    );
    let times = &material["timestampVerificationData"]["rfc3161Timestamps"];
    assert_eq!(times.as_array().map(Vec::len), Some(1));
    let envelope = &bundle["dsseEnvelope"]["signatures"][0];
    assert_eq!(envelope.get("keyid"), None);
    keep("keyless.sigstore.json", &signed.bundle);
    keep("trusted_root.json", root(&sigstore).as_bytes());
}

#[tokio::test]
#[ignore = "long: a Sigstore is built from source"]
async fn what_another_root_does_not_vouch_for_does_not_leave() {
    let sigstore = Sigstore::get();
    for (part, empty) in [
        ("certificateAuthorities", json!([])),
        ("tlogs", json!([])),
        ("timestampAuthorities", json!([])),
    ] {
        let mut root: Value = serde_json::from_str(&root(&sigstore)).expect("JSON");
        root[part] = empty;
        let signer = signer(&sigstore, &root.to_string())
            .await
            .expect("a signer");
        let refused = signer.sign(&statement()).await;
        assert!(
            matches!(refused, Err(SigningError::BundleRefused { .. })),
            "without {part}: {refused:?}"
        );
    }
}

#[tokio::test]
#[ignore = "long: a Sigstore is built from source"]
async fn a_token_of_nobody_is_refused_by_the_authority() {
    let sigstore = Sigstore::get();
    let forged = tempfile::NamedTempFile::new().expect("a file");
    let token = sigstore.token(IDENTITY);
    let (claims, _) = token.rsplit_once('.').expect("three parts");
    fs::write(forged.path(), format!("{claims}.AAAA")).expect("written");
    let source = TokenSource::File(forged.path().to_owned());
    let signer = KeylessSigner::new(services(&sigstore), source, None)
        .await
        .expect("a signer");
    let refused = signer.sign(&statement()).await;
    assert!(
        matches!(refused, Err(SigningError::Service { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
#[ignore = "long: a Sigstore is built from source"]
async fn a_key_has_its_signature_timestamped() {
    let sigstore = Sigstore::get();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("made");
    let key = PrivateKey::from_pkcs8(&key).expect("a key");
    let public = key.public().to_pem();
    let authority = TimestampAuthority::at(sigstore.timestamps().to_owned());
    let signer = Signer::Key(KeySigner::new(key, Some(authority)));
    let signed = signer.sign(&statement()).await.expect("signed");
    let bundle: Value = serde_json::from_slice(&signed.bundle).expect("JSON");
    let material = &bundle["verificationMaterial"];
    assert_eq!(material["tlogEntries"], json!([]));
    let times = &material["timestampVerificationData"]["rfc3161Timestamps"];
    assert_eq!(times.as_array().map(Vec::len), Some(1));
    keep("key-timestamped.sigstore.json", &signed.bundle);
    keep("key-timestamped.pub", public.as_bytes());
}

//! What was really built and attested, held against a policy.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::common::Place;

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn what_was_built_and_attested_holds_by_the_default_policy() {
    let place = Place::new();
    place.build_of(
        "reproducible",
        "",
        "rebuilds = 1",
        "require = \"constrained\"",
    );
    let commit = place.commit(&place.path().join("modules/reproducible"));
    let cell = place.build(&[], 0)["cells"][0].clone();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("the same");
    let public = pair.public_key().as_der().expect("a public key");
    let key = place.path().join("key.pem");
    fs::write(&key, pem("PRIVATE KEY", pkcs8.as_ref())).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::create_dir(place.path().join("keys")).expect("a directory");
    let vendor = place.path().join("keys/vendor.pem");
    fs::write(vendor, pem("PUBLIC KEY", public.as_ref())).expect("a file");
    let policy = place.kmatrix(&["policy", "init"]).expect(0).stdout;
    fs::write(place.path().join("policy.toml"), policy).expect("a file");
    let attest = [
        "attest",
        "matrix.toml",
        "--sign-key",
        "key.pem",
        "--out",
        "release",
        "--offline",
    ];
    place.kmatrix(&attest).expect(0);

    // The release as it was laid out, with what it says of itself.
    let verify = [
        "verify",
        "release",
        "--policy",
        "policy.toml",
        "--format",
        "json",
    ];
    let with = |more: &[&str]| place.kmatrix(&[&verify[..], more].concat());
    let document = with(&["--expect-commit", &commit, "--expect-release", "matrix"])
        .expect(0)
        .json();
    let module = &document["modules"][0];
    assert_eq!(module["passed"], true, "{document:#}");
    assert_eq!(module["verdict"]["cell"], cell["id"]);
    assert_eq!(module["verdict"]["tier"], cell["label"]["tier"]);
    with(&["--expect-commit", &"f".repeat(40)]).expect(41);
    with(&["--expect-release", "another"]).expect(41);

    // A host with that kernel, and one with another.
    let path = module["path"].as_str().expect("a path");
    let kernel = cell["id"]
        .as_str()
        .expect("an id")
        .split('/')
        .nth(2)
        .expect("a kernel");
    let kernel = kernel.split('=').next().expect("a release");
    let gate = ["gate", path, "--policy", "policy.toml", "--kernel"];
    place.kmatrix(&[&gate[..], &[kernel]].concat()).expect(0);
    place
        .kmatrix(&[&gate[..], &["6.1.0-0-other"]].concat())
        .expect(41);
}

//! What is claimed of real builds, signed, and read by somebody who knows only the formats.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::digest::Sha256Digest;
use kmatrix::oci::Manifest;
use serde_json::{Value, json};

use crate::common::Place;

/// A key of a test's own, in a file as `openssl genpkey` writes it.
struct Key {
    pair: EcdsaKeyPair,
    path: PathBuf,
}

impl Key {
    fn new(place: &Place) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let path = place.path().join("key.pem");
        fs::write(&path, pem("PRIVATE KEY", pkcs8.as_ref())).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        Self {
            pair: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("the same"),
            path,
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    fn spki(&self) -> Vec<u8> {
        let der = self.pair.public_key().as_der();
        der.expect("a public key").as_ref().to_vec()
    }

    /// Reads an attestation as both of its forms have it: one signature of this key, over one payload.
    fn open(&self, stem: &Path) -> Value {
        let read = |ending: &str| -> Value {
            let path = format!("{}.{ending}", stem.display());
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let (bundle, raw) = (read("sigstore.json"), read("dsse.json"));
        let id = Sha256Digest::of(&self.spki());
        let inner = &bundle["dsseEnvelope"];
        assert_eq!(inner["payload"], raw["payload"]);
        assert_eq!(inner["signatures"][0]["sig"], raw["signatures"][0]["sig"]);
        assert_eq!(inner["signatures"][0]["keyid"], Value::Null);
        assert_eq!(raw["signatures"][0]["keyid"], id.to_hex());
        let hint = &bundle["verificationMaterial"]["publicKey"]["hint"];
        assert_eq!(*hint, STANDARD.encode(id.as_bytes()));
        assert_eq!(bundle["verificationMaterial"]["tlogEntries"], json!([]));

        let kind = raw["payloadType"].as_str().expect("a type");
        assert_eq!(kind, "application/vnd.in-toto+json");
        let decoded = |value: &Value| {
            STANDARD
                .decode(value.as_str().expect("text"))
                .expect("base64")
        };
        let payload = decoded(&raw["payload"]);
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend_from_slice(&payload);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.pair.public_key());
        let signature = decoded(&raw["signatures"][0]["sig"]);
        public.verify(&message, &signature).expect("it holds");
        message[0] ^= 1;
        assert!(public.verify(&message, &signature).is_err());
        let statement: Value = serde_json::from_slice(&payload).expect("JSON");
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        statement
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..text.len().min(at + 64)])
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// Builds a committed module with one rebuild, and returns its cell.
fn built(place: &Place) -> Value {
    place.build_of(
        "reproducible",
        "",
        "rebuilds = 1",
        "require = \"constrained\"",
    );
    place.commit(&place.path().join("modules/reproducible"));
    place.build(&[], 0)["cells"][0].clone()
}

fn signing_of(place: &Place, id: &str) -> Value {
    place.explain(id)["label"]["vector"]["signing"].clone()
}

fn sha256_of(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Sha256Digest::of(&bytes).to_hex()
}

#[test]
fn what_was_built_is_attested_and_verifies_elsewhere() {
    let place = Place::new();
    let cell = built(&place);
    let id = cell["id"].as_str().expect("an id");
    assert_eq!(signing_of(&place, id), "unsigned");
    let key = Key::new(&place);
    let attest = [
        "attest",
        "matrix.toml",
        "--sign-key",
        key.path(),
        "--operator",
        "the tests",
        "--out",
        "release",
    ];
    // Neither an engine nor the network is asked.
    let mut command = place.command(&[&attest[..], &["--format", "json", "--offline"]].concat());
    command.env("DOCKER_HOST", "unix:///nobody-listens");
    let ran = crate::common::Ran::of(command).expect(0);
    let document = ran.json();
    let attestations = document["attestations"].as_array().expect("attestations");
    assert_eq!(attestations.len(), 7, "{document:#}");

    let release = place.path().join("release");
    let directory = release.join(id);
    let module = sha256_of(&directory.join("fixture.ko"));
    assert_eq!(
        cell["modules"][0]["digest"],
        format!("sha256:{module}"),
        "what is handed out is what was built"
    );
    let of = |kind: &str| {
        let statement = key.open(&directory.join(kind));
        assert_eq!(
            statement["subject"][0]["digest"]["sha256"], module,
            "{kind}"
        );
        statement["predicate"].clone()
    };
    let provenance = of("provenance");
    let definition = &provenance["buildDefinition"];
    assert_eq!(
        definition["buildType"],
        "urn:kmatrix:build:container-module:v1"
    );
    assert_eq!(definition["externalParameters"]["cell"], id);
    let dependencies = definition["resolvedDependencies"]
        .as_array()
        .expect("a list");
    for one in dependencies {
        assert!(one["digest"]["sha256"].is_string(), "{one:#}");
    }
    let roles: BTreeSet<&str> = dependencies
        .iter()
        .filter_map(|one| one["annotations"]["role"].as_str())
        .collect();
    for role in ["source", "builder-image", "builder-tools", "kernel-headers"] {
        assert!(roles.contains(role), "{roles:?}");
    }
    let headers = dependencies
        .iter()
        .filter(|one| one["annotations"]["role"] == "kernel-headers");
    for one in headers {
        let signed_by = &one["annotations"]["vouchedBy"][0]["signedBy"][0];
        assert!(signed_by.is_string(), "{one:#}");
        let url = one["uri"].as_str().expect("a package URL");
        assert!(url.starts_with("pkg:deb/debian/linux-"), "{url}");
    }
    let byproduct = &provenance["runDetails"]["byproducts"][0];
    let log = place.state().join("out").join(id).join("reference.log");
    assert_eq!(byproduct["digest"]["sha256"], sha256_of(&log));

    let comparison = of("comparison");
    assert_eq!(comparison["rebuilds"][0]["same"], true);
    assert_eq!(comparison["rebuilds"][0]["metadataEqual"], true);
    assert_eq!(
        comparison["platforms"]["platform-1"]["operator"],
        "the tests"
    );
    let file = &comparison["reference"]["modules"][0]["layers"]["file"];
    assert_eq!(*file, format!("sha256:{module}"));
    assert_eq!(comparison["label"]["vector"]["signing"], "external");

    let digest_of = |stem: &Path| {
        let bytes = fs::read(format!("{}.dsse.json", stem.display())).expect("a file");
        let raw: Value = serde_json::from_slice(&bytes).expect("JSON");
        let payload = STANDARD.decode(raw["payload"].as_str().expect("text"));
        Sha256Digest::of(&payload.expect("base64"))
    };
    let scai = of("scai");
    assert_eq!(scai["attributes"][0]["attribute"], "REPRODUCIBLE");
    let evidence = &scai["attributes"][0]["evidence"]["digest"]["sha256"];
    assert_eq!(*evidence, digest_of(&directory.join("comparison")).to_hex());
    let summary = of("summary");
    assert_eq!(summary["verificationResult"], "PASSED");
    assert_eq!(summary["verifiedLevels"][0], "KMATRIX_CONSTRAINED");
    assert_eq!(summary["verifiedLevels"][3], "SLSA_BUILD_LEVEL_1");

    let scope = key.open(&release.join("release.scope"))["predicate"].clone();
    assert_eq!(scope["scope"]["promised"], 1);
    let named = &scope["cells"][0]["attestations"]["summary"];
    assert_eq!(*named, digest_of(&directory.join("summary")).to_string());
    let summary = &key.open(&release.join("release.summary"))["predicate"];
    assert_eq!(summary["verificationResult"], "PASSED");
    let image = dependencies
        .iter()
        .find(|one| one["annotations"]["role"] == "builder-image")
        .expect("an image");
    let name = image["name"].as_str().expect("a name");
    let sbom = key.open(&release.join(format!("images/{name}.sbom")));
    assert_eq!(sbom["subject"][0]["digest"], image["digest"]);
    let components = sbom["predicate"]["components"]
        .as_array()
        .expect("components");
    assert!(components.len() > 50, "{}", components.len());

    assert_eq!(signing_of(&place, id), "external");
    let human = place.kmatrix(&attest).expect(0);
    assert!(human.stdout.contains("1 cell attested"), "{human}");
    let again = key.open(&directory.join("provenance"))["predicate"].clone();
    assert_eq!(again, provenance, "the same run, the same claim");
}

#[test]
fn nothing_is_attested_if_one_signature_fails() {
    let place = Place::new();
    let cell = built(&place);
    let id = cell["id"].as_str().expect("an id");
    let key = Key::new(&place);
    let public = place.path().join("key.pub");
    fs::write(&public, pem("PUBLIC KEY", &key.spki())).expect("a file");
    // It signs three statements with the right key, and then no more.
    let program = place.path().join("hsm");
    let counter = place.path().join("count");
    let script = format!(
        "#!/bin/sh\nread digest\necho x >>{counter}\n[ $(wc -l <{counter}) -le 3 ] || exit 7\n\
         printf %s \"$digest\" | perl -ne 'print pack(\"H*\", $_)' | openssl pkeyutl -sign -inkey {key} | base64 -w0\n",
        counter = counter.display(),
        key = key.path(),
    );
    fs::write(&program, script).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("a mode");
    let attest = [
        "attest",
        "matrix.toml",
        "--sign-command",
        "./hsm",
        "--sign-public-key",
        "key.pub",
        "--out",
        "release",
    ];
    let ran = place.kmatrix(&attest).expect(40);
    assert!(ran.stderr.contains("failed with"), "{ran}");
    let calls = fs::read_to_string(&counter).expect("it was called");
    assert_eq!(calls.lines().count(), 4);
    assert!(
        !place.path().join("release").exists(),
        "nothing is laid out"
    );
    assert_eq!(signing_of(&place, id), "unsigned");

    fs::set_permissions(&key.path, fs::Permissions::from_mode(0o644)).expect("a mode");
    let attest = ["attest", "matrix.toml", "--sign-key", key.path()];
    let ran = place.kmatrix(&attest).expect(40);
    assert!(ran.stderr.contains("chmod 600"), "{ran}");
    assert_eq!(signing_of(&place, id), "unsigned");
}

#[test]
fn what_is_handed_out_is_linked_to_what_was_compared() {
    let place = Place::new();
    let cell = built(&place);
    let id = cell["id"].as_str().expect("an id");
    let key = Key::new(&place);
    let attest = [
        "attest",
        "matrix.toml",
        "--sign-key",
        key.path(),
        "--compress",
        "xz",
        "--out",
        "release",
        "--builder-id",
        "https://builds.example.org/v1",
    ];
    place.kmatrix(&attest).expect(0);
    let directory = place.path().join("release").join(id);
    assert!(!directory.join("fixture.ko").exists());
    let provenance = key.open(&directory.join("provenance"));
    let built = cell["modules"][0]["digest"].as_str().expect("a digest");
    let shipped = sha256_of(&directory.join("fixture.ko.xz"));
    let size = fs::metadata(directory.join("fixture.ko.xz"))
        .expect("a file")
        .len();
    let digest = Sha256Digest::from_hex(&shipped).expect("a digest");
    let manifest = Manifest::of_module("fixture.ko.xz", digest, size);
    let manifest = manifest.digest().to_hex();
    let subject = |name: &str, digest: &str, form: &str| {
        json!({
            "name": name,
            "digest": { "sha256": digest },
            "annotations": { "form": form, "module": "fixture.ko" },
        })
    };
    assert_eq!(
        provenance["subject"],
        json!([
            subject("fixture.ko", built.trim_start_matches("sha256:"), "payload"),
            subject("fixture.ko.xz", &shipped, "shipped"),
            subject("fixture.ko.xz", &manifest, "oci-manifest"),
        ])
    );
    let builder = &provenance["predicate"]["runDetails"]["builder"]["id"];
    assert_eq!(builder, "https://builds.example.org/v1");
}

#[test]
fn only_what_was_built_and_is_locked_is_attested() {
    let place = Place::new();
    let key = Key::new(&place);
    place.build_of("no-compile", "", "rebuilds = 0", "");
    let attest = ["attest", "matrix.toml", "--sign-key", key.path()];
    let ran = place.kmatrix(&attest).expect(42);
    assert!(ran.stderr.contains("nothing is recorded in"), "{ran}");
    place.build(&[], 30);
    let ran = place.kmatrix(&attest).expect(42);
    assert!(
        ran.stderr.contains("has a module that could be attested"),
        "{ran}"
    );

    built(&place);
    let ran = place
        .kmatrix(&[&attest[..], &["--run", "none"]].concat())
        .expect(42);
    assert!(
        ran.stderr.contains("nothing is recorded of a run `none`"),
        "{ran}"
    );
    place.build_of("reproducible", "make = [\"V=1\"]", "rebuilds = 1", "");
    let ran = place.kmatrix(&attest).expect(21);
    assert!(ran.stderr.contains("kmatrix build"), "{ran}");
    let ran = place
        .kmatrix(&[&attest[..], &["--builder-id", "me"]].concat())
        .expect(2);
    assert!(ran.stderr.contains("a builder is named by a URI"), "{ran}");
    let ran = place.kmatrix(&["attest", "matrix.toml"]).expect(2);
    assert!(ran.stderr.contains("nobody is named who signs"), "{ran}");
}

//! Modules and their bundles in a real registry, and what clients find there.

use std::fs;
use std::path::PathBuf;

use kmatrix::digest::Sha256Digest;
use kmatrix::oci::{Manifest, fallback_tag};
use serde_json::{Value, json};

use crate::common::{Place, Ran, Registry};
use crate::statements::{MODULE, provenance, statement, summary};
use crate::tools::Tools;
use crate::vendor::Vendor;

const NAME: &str = "vendor/modules";
const CELL: &str = "debian-12/amd64/6.1.0-56-cloud-amd64=6.1.176-1/workload-identity";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A release in a directory, and a registry for it.
struct Scene {
    place: Place,
    registry: Registry,
    vendor: Vendor,
}

impl Scene {
    /// Makes a release of one module, whose statements name it as it will be in the registry too.
    fn new(registry: impl FnOnce(&Place) -> Registry) -> Self {
        let place = Place::empty();
        let scene = Self {
            registry: registry(&place),
            vendor: Vendor::new(),
            place,
        };
        fs::create_dir_all(scene.cell()).expect("a directory");
        fs::write(scene.cell().join("module.ko"), MODULE).expect("a file");
        fs::write(scene.public_key(), scene.vendor.public()).expect("a file");
        for (kind, statement) in [("provenance", provenance()), ("summary", summary())] {
            scene.attest(&format!("{CELL}/{kind}"), statement);
        }
        let scope = statement(
            "urn:kmatrix:release-scope:v1",
            json!({"release": "nightly"}),
        );
        scene.attest("release.scope", scope);
        scene
    }

    fn attest(&self, name: &str, mut statement: Value) {
        let sha256 = self.manifest().digest().to_hex();
        let subjects = statement["subject"].as_array_mut().expect("subjects");
        let annotations = json!({"form": "oci-manifest", "module": "module.ko"});
        subjects.push(json!({
            "name": "module.ko", "digest": {"sha256": sha256}, "annotations": annotations
        }));
        let bundle = self.vendor.sign(&statement, None).bundle;
        let path = self.release().join(format!("{name}.sigstore.json"));
        fs::write(path, bundle.to_string()).expect("a file");
    }

    fn manifest(&self) -> Manifest {
        Manifest::of_module("module.ko", Sha256Digest::of(MODULE), MODULE.len() as u64)
    }

    fn release(&self) -> PathBuf {
        self.place.path().join("release")
    }

    fn cell(&self) -> PathBuf {
        self.release().join(CELL)
    }

    fn public_key(&self) -> PathBuf {
        self.place.path().join("key.pem")
    }

    fn repository(&self) -> String {
        format!("{}/{NAME}", self.registry.address)
    }

    fn push(&self, tag: &str) -> Ran {
        let to = format!("{}:{tag}", self.repository());
        let mut command = self
            .place
            .command(&["push", "release", &to, "--format", "json"]);
        command.env("DOCKER_CONFIG", self.place.path().join("client"));
        Ran::of(command)
    }

    fn cosign(&self, tools: &Tools, key: &std::path::Path, kind: &str, reference: &str) -> Ran {
        let mut command = tools.program("cosign-3", &self.place.home());
        command
            .args([
                "verify-attestation",
                "--insecure-ignore-tlog=true",
                "--type",
                kind,
            ])
            .args(["--allow-http-registry", "--key"])
            .arg(key)
            .arg(reference);
        Ran::of(command)
    }

    fn oras(&self, tools: &Tools, arguments: &[&str]) -> Ran {
        let mut command = tools.program("oras", &self.place.home());
        command.args(arguments).current_dir(self.place.path());
        Ran::of(command)
    }
}

#[test]
fn clients_find_in_a_registry_what_was_pushed_there() {
    let tools = Tools::get();
    let scene = Scene::new(Registry::start);
    let pushed = scene.push("nightly").expect(0).json();
    let module = &pushed["modules"][0];
    let reference = module["reference"].as_str().expect("a reference");
    let digest = scene.manifest().digest();
    assert_eq!(reference, format!("{}@{digest}", scene.repository()));
    assert_eq!(module["attestations"], 2);
    assert_eq!(module["attestationsByManifest"], 2);
    assert_eq!(module["sent"], true);

    // cosign finds each statement by the module, and verifies it.
    for kind in [
        "https://slsa.dev/provenance/v1",
        "https://slsa.dev/verification_summary/v1",
    ] {
        let found = scene
            .cosign(&tools, &scene.public_key(), kind, reference)
            .expect(0);
        let envelope: Value = serde_json::from_str(found.stdout.trim()).expect("an envelope");
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    }
    // And does not, with another key, or for what nobody attested.
    let other = scene.place.path().join("other.pem");
    fs::write(&other, Vendor::new().public()).expect("a file");
    let kind = "https://slsa.dev/provenance/v1";
    assert_ne!(scene.cosign(&tools, &other, kind, reference).status, 0);
    let key = scene.public_key();
    assert_ne!(
        scene
            .cosign(&tools, &key, "https://example.org/none", reference)
            .status,
        0
    );

    // oras finds the same referrers, and the module's own bytes.
    let discover = ["discover", "--plain-http", "--format", "json", reference];
    let referrers = scene.oras(&tools, &discover).expect(0).json();
    let types: Vec<&Value> = referrers["referrers"]
        .as_array()
        .expect("referrers")
        .iter()
        .map(|referrer| &referrer["artifactType"])
        .collect();
    assert_eq!(types, [BUNDLE, BUNDLE]);
    scene
        .oras(
            &tools,
            &["pull", "--plain-http", "--output", "pulled", reference],
        )
        .expect(0);
    let pulled = fs::read(scene.place.path().join("pulled/module.ko")).expect("a module");
    assert_eq!(pulled, MODULE);

    // The tag names the index of the release, which the release's own statement refers to.
    let index = format!("{}:nightly", scene.repository());
    let discover = ["discover", "--plain-http", "--format", "json", &index];
    let release = scene.oras(&tools, &discover).expect(0).json();
    assert_eq!(release["digest"], pushed["release"]);
    assert_eq!(release["referrers"].as_array().map(Vec::len), Some(1));
    let mut crane = tools.program("crane", &scene.place.home());
    crane.args(["manifest", "--insecure", &index]);
    let listed = Ran::of(crane).expect(0).json();
    assert_eq!(listed["manifests"][0]["digest"], digest.to_string());
    assert_eq!(
        listed["manifests"][0]["annotations"]["org.opencontainers.image.title"],
        format!("{CELL}/module.ko")
    );
}

#[test]
fn pushing_again_changes_nothing_and_keeps_what_others_attached() {
    let tools = Tools::get();
    let scene = Scene::new(Registry::start);
    let first = scene.push("one").expect(0).json();
    let reference = first["modules"][0]["reference"]
        .as_str()
        .expect("a reference");
    fs::write(scene.place.path().join("note.txt"), "a note").expect("a file");
    let kind = "application/vnd.example.note";
    scene
        .oras(
            &tools,
            &[
                "attach",
                "--plain-http",
                "--artifact-type",
                kind,
                reference,
                "note.txt",
            ],
        )
        .expect(0);
    let tag = fallback_tag(scene.manifest().digest());
    let index = "application/vnd.oci.image.index.v1+json";
    let before = scene.registry.manifest(NAME, &tag, index);
    let second = scene.push("two").expect(0).json();
    assert_eq!(second["modules"][0]["sent"], false);
    assert_eq!(second["release"], first["release"]);
    assert_eq!(scene.registry.manifest(NAME, &tag, index), before);

    // One more attestation is added to what is there.
    scene.attest(
        &format!("{CELL}/scai"),
        statement("https://in-toto.io/attestation/scai/v0.3", json!({})),
    );
    scene.push("three").expect(0);
    let after = scene.registry.manifest(NAME, &tag, index);
    let count = |text: &str| {
        let index: Value = serde_json::from_str(text).expect("an index");
        index["manifests"].as_array().expect("a list").len()
    };
    assert_eq!((count(&before), count(&after)), (3, 4));
    assert!(after.contains(kind));
}

#[test]
fn a_registry_that_does_not_answer_or_does_not_let_us_is_told() {
    let mut scene = Scene::new(Registry::with_user);
    let refused = scene.push("latest").expect(21);
    assert_eq!(refused.stdout, "");
    assert!(
        refused.stderr.contains("the registry does not let us"),
        "{refused}"
    );
    assert!(refused.stderr.contains("docker login"), "{refused}");

    // As `docker login` writes it.
    let client = scene.place.path().join("client");
    fs::create_dir(&client).expect("a directory");
    let (user, password) = Registry::USER;
    let auth = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{user}:{password}"),
    );
    let configuration = json!({"auths": {scene.registry.address.clone(): {"auth": auth}}});
    fs::write(client.join("config.json"), configuration.to_string()).expect("a file");
    scene.push("latest").expect(0);

    scene.registry.stop();
    let refused = scene.push("latest").expect(21);
    assert!(
        refused.stderr.contains("the registry cannot be reached"),
        "{refused}"
    );
    assert!(!refused.stderr.contains(password), "{refused}");
}

#[test]
fn nothing_is_pushed_without_an_attestation() {
    let scene = Scene::new(Registry::start);
    fs::write(scene.cell().join("other.ko"), b"nobody attested this").expect("a file");
    let refused = scene.push("latest").expect(42);
    assert!(
        refused.stderr.contains("no attestation beside"),
        "{refused}"
    );
    let mut offline = scene
        .place
        .command(&["push", "release", &scene.repository(), "--offline"]);
    offline.env("DOCKER_CONFIG", scene.place.home());
    Ran::of(offline).expect(2);
}

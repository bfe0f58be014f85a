//! What `kmatrix attest` makes of a real build, with a key that cosign made, before each tool; and pushed,
//! before the clients of a registry.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::verify::{Trust, authenticate};
use serde_json::{Value, json};

use crate::common::{Place, Ran, Registry, project};
use crate::judge::{Case, Judge};
use crate::tools::Tools;

/// A release as `kmatrix attest --out` laid it out.
struct Scene {
    tools: Tools,
    place: Place,
    /// The cell's id, which is its directory too.
    cell: String,
}

impl Scene {
    fn new() -> Self {
        let tools = Tools::get();
        let place = Place::new();
        place.build_of(
            "reproducible",
            "",
            "rebuilds = 1",
            "require = \"constrained\"",
        );
        place.commit(&place.path().join("modules/reproducible"));
        let built = place.build(&[], 0);
        let cell = built["cells"][0]["id"].as_str().expect("an id").to_owned();
        let mut keys = tools.program("cosign-3", &place.home());
        keys.arg("generate-key-pair").current_dir(place.path());
        Ran::of(keys).expect(0);
        let attest = [
            "attest",
            "matrix.toml",
            "--sign-key",
            "cosign.key",
            "--compress",
            "xz",
            "--out",
            "release",
        ];
        let mut attest = place.command(&attest);
        attest.env("COSIGN_PASSWORD", "a-test-password");
        Ran::of(attest).expect(0);
        Self { tools, place, cell }
    }

    fn release(&self) -> PathBuf {
        self.place.path().join("release")
    }

    fn public_key(&self) -> PathBuf {
        self.place.path().join("cosign.pub")
    }

    fn module(&self) -> PathBuf {
        self.release().join(&self.cell).join("fixture.ko.xz")
    }

    /// Returns an attestation by its path without the ending.
    fn case(&self, stem: &Path) -> Case {
        let with = |ending: &str| PathBuf::from(format!("{}.{ending}", stem.display()));
        let envelope: Value =
            serde_json::from_slice(&read(&with("dsse.json"))).expect("an envelope");
        let payload = STANDARD.decode(envelope["payload"].as_str().expect("text"));
        let payload = payload.expect("base64");
        let statement: Value = serde_json::from_slice(&payload).expect("a statement");
        let name = stem.file_name().expect("a name").to_str().expect("UTF-8");
        let statement_file = self.place.path().join(format!("{name}.json"));
        fs::write(&statement_file, payload).expect("a file");
        Case {
            bundle: with("sigstore.json"),
            envelope: with("dsse.json"),
            statement: statement_file,
            artifact: self.module(),
            public_key: self.public_key(),
            trusted_root: project().join("tests/sigstore/trusted_root.json"),
            predicate_type: statement["predicateType"]
                .as_str()
                .expect("a type")
                .to_owned(),
            home: self.place.home(),
        }
    }

    /// Returns all attestations, those of the cell first.
    fn stems(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for directory in [
            self.release().join(&self.cell),
            self.release(),
            self.release().join("images"),
        ] {
            for entry in fs::read_dir(&directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                let name = path.to_str().expect("UTF-8");
                all.extend(name.strip_suffix(".dsse.json").map(PathBuf::from));
            }
        }
        all
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn attestations_of_a_real_build_hold_before_every_tool() {
    let scene = Scene::new();
    let stems = scene.stems();
    assert!(stems.len() >= 7, "{stems:?}");
    let trust = Trust::keys([read(&scene.public_key())]).expect("a key");
    let in_cell = scene.release().join(&scene.cell);
    for stem in &stems {
        let case = scene.case(stem);
        authenticate(&read(&case.bundle), &trust).expect("authentic");
        for judge in Judge::ALL
            .into_iter()
            .filter(|judge| !judge.wants_timestamp())
        {
            // Statements of the release are about no module.
            if judge.checks_artifact() && stem.parent() != Some(&in_cell) {
                continue;
            }
            let ran = judge.ask(&scene.tools, &case);
            assert!(ran.status == 0, "{judge} refuses {}\n{ran}", stem.display());
        }
    }
    let other = scene.place.path().join("other.ko");
    fs::write(&other, b"another module").expect("a file");
    let mut case = scene.case(&in_cell.join("provenance"));
    case.artifact = other;
    for judge in Judge::ALL
        .into_iter()
        .filter(|judge| judge.checks_artifact())
    {
        assert_ne!(judge.ask(&scene.tools, &case).status, 0, "{judge}");
    }

    summary_holds_by_the_rules_of_slsa_verifier(&scene, &in_cell);
    clients_of_a_registry_agree(&scene);
}

fn summary_holds_by_the_rules_of_slsa_verifier(scene: &Scene, in_cell: &Path) {
    let case = scene.case(&in_cell.join("summary"));
    let envelope: Value = serde_json::from_slice(&read(&case.envelope)).expect("an envelope");
    let key_id = envelope["signatures"][0]["keyid"]
        .as_str()
        .expect("a key id");
    let module = kmatrix::digest::Sha256Digest::of(&read(&scene.module()));
    let mut expected = json!({
        "digests": [module.to_string()],
        "verifierId": "urn:kmatrix:verifier:ledger:v1",
        "resourceUri": format!("urn:kmatrix:cell:{}", scene.cell),
        "levels": ["KMATRIX_CONSTRAINED", "KMATRIX_UNVERIFIED", "SLSA_BUILD_LEVEL_1"],
    });
    for (levels_hold, status) in [(true, 0), (false, 1)] {
        if !levels_hold {
            expected["levels"] = json!(["SLSA_BUILD_LEVEL_2"]);
        }
        let file = scene.place.path().join("expected.json");
        fs::write(&file, expected.to_string()).expect("a file");
        let mut command = scene.tools.python("vsa_rules.py", &case.home);
        command
            .arg(&case.public_key)
            .arg(key_id)
            .arg(&case.envelope)
            .arg(&file);
        Ran::of(command).expect(status);
    }
}

fn clients_of_a_registry_agree(scene: &Scene) {
    let registry = Registry::start(&scene.place);
    let to = format!("{}/vendor/modules:nightly", registry.address);
    let pushed = scene
        .place
        .kmatrix(&["push", "release", &to, "--format", "json"])
        .expect(0);
    assert!(!pushed.stderr.contains("warning"), "{pushed}");
    let pushed = pushed.json();
    let module = &pushed["modules"][0];
    assert_eq!(module["attestations"], module["attestationsByManifest"]);
    let reference = module["reference"].as_str().expect("a reference");

    let mut discover = scene.tools.program("oras", &scene.place.home());
    discover.args(["discover", "--plain-http", "--format", "json", reference]);
    let found = Ran::of(discover).expect(0).json();
    let count = found["referrers"].as_array().map(Vec::len);
    assert_eq!(
        count,
        module["attestations"].as_u64().map(|count| count as usize)
    );

    let verify = |kind: &str, policy: Option<&Path>| {
        let mut command = scene.tools.program("cosign-3", &scene.place.home());
        command
            .args([
                "verify-attestation",
                "--insecure-ignore-tlog=true",
                "--allow-http-registry",
            ])
            .args(["--type", kind, "--key"])
            .arg(scene.public_key());
        if let Some(policy) = policy {
            command.arg("--policy").arg(policy);
        }
        command.arg(reference);
        Ran::of(command)
    };
    let provenance = "https://slsa.dev/provenance/v1";
    verify(provenance, None).expect(0);
    verify("https://slsa.dev/verification_summary/v1", None).expect(0);
    assert_ne!(verify("https://example.org/none", None).status, 0);

    // The site's Rego, the same file that `[[rego]]` of a policy names, and one that denies.
    let site = project().join("examples/rego/site.rego");
    verify(provenance, Some(&site)).expect(0);
    let text = String::from_utf8(read(&site)).expect("UTF-8");
    let denying = scene.place.path().join("denying.rego");
    let other = text.replace("urn:kmatrix:builder:", "urn:nobody:");
    assert_ne!(other, text);
    fs::write(&denying, other).expect("a file");
    assert_ne!(verify(provenance, Some(&denying)).status, 0);
}

//! What the program itself says of a real build, before the schemas and types of others.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::attest::VERIFIER;
use serde_json::{Value, json};

use crate::common::{Place, Ran, project};
use crate::tools::Tools;

/// A real build's attestations, laid out in a directory.
struct Release {
    place: Place,
    cell: String,
    module: String,
}

impl Release {
    fn new() -> Self {
        let place = Place::new();
        place.build_of("reproducible", "", "rebuilds = 1", "");
        place.commit(&place.path().join("modules/reproducible"));
        let cell = place.build(&[], 0)["cells"][0].clone();
        let run = |arguments: &[&str]| {
            let mut command = place.command(arguments);
            command.env("KMATRIX_KEY_PASSWORD", "a-test-password");
            Ran::of(command).expect(0);
        };
        run(&["keys", "new", "--output", "vendor"]);
        run(&[
            "attest",
            "matrix.toml",
            "--sign-key",
            "vendor.key",
            "--out",
            "release",
        ]);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            cell: text(&cell["id"]),
            module: text(&cell["modules"][0]["digest"]),
            place,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("release").join(name)
    }

    /// Returns every raw envelope.
    fn envelopes(&self) -> Vec<PathBuf> {
        let image = fs::read_dir(self.path("images")).expect("a directory");
        let image = image.map(|entry| entry.expect("an entry").path());
        let image = image.filter(|path| is_envelope(path));
        ["provenance", "comparison", "scai", "summary"]
            .map(|kind| self.path(&format!("{}/{kind}.dsse.json", self.cell)))
            .into_iter()
            .chain(["scope", "summary"].map(|kind| self.path(&format!("release.{kind}.dsse.json"))))
            .chain(image)
            .collect()
    }
}

fn is_envelope(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.ends_with(".dsse.json"))
}

fn read(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

fn statement(envelope: &Value) -> Value {
    let payload = STANDARD.decode(envelope["payload"].as_str().expect("text"));
    serde_json::from_slice(&payload.expect("base64")).expect("a statement")
}

#[test]
fn everything_that_is_said_of_a_real_build_is_of_its_form() {
    let tools = Tools::get();
    let release = Release::new();
    let home = release.place.home();
    let envelopes = release.envelopes();
    assert_eq!(envelopes.len(), 7);
    let schemas = |envelopes: &[PathBuf]| {
        let mut command = tools.python("schemas.py", &home);
        command.arg(project().join("docs/schemas")).args(envelopes);
        Ran::of(command)
    };
    schemas(&envelopes).expect(0);

    type Spoil = fn(&mut Value);
    let cases: [(&str, Spoil); 4] = [
        ("urn:kmatrix:rebuild-comparison:v1", |predicate| {
            predicate["reference"]["number"] = json!(1);
        }),
        ("urn:kmatrix:release-scope:v1", |predicate| {
            predicate.as_object_mut().expect("an object").remove("lock");
        }),
        ("https://cyclonedx.org/bom", |predicate| {
            predicate["components"][0]["type"] = json!("kernel");
        }),
        ("https://cyclonedx.org/bom", |predicate| {
            predicate["components"][0]["purl"] = json!("pkg:nothing");
        }),
    ];
    for (kind, spoil) in cases {
        let of_kind = |path: &&PathBuf| statement(&read(path))["predicateType"] == kind;
        let path = envelopes.iter().find(of_kind).expect("it");
        let mut envelope = read(path);
        let mut changed = statement(&envelope);
        spoil(&mut changed["predicate"]);
        envelope["payload"] = STANDARD.encode(changed.to_string()).into();
        let spoilt = release.place.path().join("spoilt.dsse.json");
        fs::write(&spoilt, envelope.to_string()).expect("a file");
        let ran = schemas(&[spoilt]).expect(1);
        assert!(ran.stdout.contains("spoilt.dsse.json: "), "{kind}: {ran}");
    }

    let mut types = tools.python("statement.py", &home);
    for (number, path) in envelopes.iter().enumerate() {
        let file = release.place.path().join(format!("{number}.json"));
        fs::write(&file, statement(&read(path)).to_string()).expect("a file");
        types.arg(file);
    }
    Ran::of(types).expect(0);

    let summary = release.path(&format!("{}/summary.dsse.json", release.cell));
    let key_id = read(&summary)["signatures"][0]["keyid"].clone();
    let expected = json!({
        "digests": [release.module],
        "verifierId": VERIFIER,
        "resourceUri": format!("urn:kmatrix:cell:{}", release.cell),
        "levels": ["SLSA_BUILD_LEVEL_1", "KMATRIX_CONSTRAINED", "KMATRIX_UNVERIFIED"],
    });
    let file = release.place.path().join("expected.json");
    fs::write(&file, expected.to_string()).expect("a file");
    let mut rules = tools.python("vsa_rules.py", &home);
    rules
        .arg(release.place.path().join("vendor.pub"))
        .arg(key_id.as_str().expect("text"))
        .arg(summary)
        .arg(file);
    Ran::of(rules).expect(0);
}

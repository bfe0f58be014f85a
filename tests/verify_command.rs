//! The program that verifies: real keys, real modules of the compiler, real files. What the rules find is
//! held in the library; here is what a command makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::attest::{
    Envelope, PAYLOAD_TYPE, PredicateType as Kind, ResourceDescriptor, Statement, Subject,
    SubjectForm, pre_authentication_encoding,
};
use kmatrix::digest::Sha256Digest;
use kmatrix::name::Arch;
use serde_json::{Value, json};

#[allow(dead_code)]
mod statements;

#[path = "verify_command/archives.rs"]
mod archives;
#[path = "verify_command/recording.rs"]
mod recording;

use statements::{
    BUILDER, CELL, comparison, of_release, provenance, release_summary, scope_of, summary, value,
};

const KERNEL: &str = "6.12.1-x";

/// The SubjectPublicKeyInfo of a P-256 key, up to the point (RFC 5480).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key of a signer.
struct Key {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref()).expect("a key");
        let spki = [&P256[..], pair.public_key().as_ref()].concat();
        let pkcs8 = pkcs8.as_ref().to_vec();
        Self { pair, pkcs8, spki }
    }

    fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// Returns a payload as a Sigstore bundle.
    fn bundle(&self, payload: &[u8]) -> Vec<u8> {
        let message = pre_authentication_encoding(PAYLOAD_TYPE, payload);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &message)
            .expect("signed");
        let envelope = Envelope::signed(payload, String::new(), signature.as_ref());
        let hint = STANDARD.encode(Sha256Digest::of(&self.spki).as_bytes());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": hint }, "tlogEntries": [] },
            "dsseEnvelope": envelope,
        });
        serde_json::to_vec(&bundle).expect("plain values serialise")
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = (0..body.len())
        .step_by(64)
        .map(|at| &body[at..body.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// A directory with a policy and a key.
struct Place {
    directory: tempfile::TempDir,
    key: Key,
}

/// A module with the statements about it, of which a test changes some.
struct Release {
    module: Vec<u8>,
    cell: String,
    finished: &'static str,
    left_out: Option<Kind>,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            directory: tempfile::tempdir().expect("a directory"),
            key: Key::new(),
        };
        place.write("keys/vendor.pem", place.key.pem().as_bytes());
        place.policy("");
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Writes the default policy with more behind it.
    fn policy(&self, more: &str) {
        let text =
            fs::read_to_string("src/verify/policy/default.toml").expect("the default policy");
        self.write("policy.toml", format!("{text}\n{more}").as_bytes());
    }

    /// Makes a module with the compiler: its `.modinfo` is all that is looked at.
    fn module(&self, name: &str, kernel: &str) -> Vec<u8> {
        let source = format!(
            "__attribute__((section(\".modinfo\"), used)) static const char a[] = \"name={name}\";\n\
             __attribute__((section(\".modinfo\"), used)) static const char b[] = \"vermagic={kernel} SMP \";\n\
             int {name}_entry(void) {{ return 1; }}\n"
        );
        let (from, to) = (
            self.write("module.c", source.as_bytes()),
            self.path().join("module.o"),
        );
        let status = Command::new("cc")
            .arg("-c")
            .args([&from, &PathBuf::from("-o"), &to])
            .status();
        assert!(status.expect("a compiler").success());
        fs::read(to).expect("a module")
    }

    /// Lays a module out with its bundles and returns where it is.
    fn lay_out(&self, folder: &str, release: &Release) -> PathBuf {
        let module = self.write(&format!("{folder}/m.ko"), &release.module);
        for (kind, payload) in release.statements() {
            let name = format!("{folder}/{}.sigstore.json", kind.word());
            self.write(&name, &self.key.bundle(&payload));
        }
        module
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kmatrix"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KMATRIX_STATE", self.path().join("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().expect("the program runs"))
    }

    /// Verifies with what the caller of these tests expects.
    fn verify(&self, arguments: &[&str]) -> Ran {
        let arch = arch().to_string();
        let fixed = [
            "verify",
            "--policy",
            "policy.toml",
            "--format",
            "json",
            "--expect-kernel",
            KERNEL,
            "--expect-arch",
            &arch,
        ];
        self.run(&[&fixed[..], arguments].concat())
    }
}

/// What a run of the program left.
struct Ran(Output);

impl Ran {
    #[track_caller]
    fn ends(self, status: i32) -> Self {
        let Output {
            status: found,
            stdout,
            stderr,
        } = &self.0;
        let (stdout, stderr) = (
            String::from_utf8_lossy(stdout),
            String::from_utf8_lossy(stderr),
        );
        assert_eq!(found.code(), Some(status), "{stdout}\n{stderr}");
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).expect("a document")
    }

    /// Returns the rules that do not hold, of the only module.
    fn broken(&self) -> Vec<String> {
        let document = self.json();
        let rules = document["modules"][0]["verdict"]["rules"]
            .as_array()
            .expect("rules")
            .clone();
        assert!(rules.len() > 30, "every rule is named");
        let is_broken = |rule: &&Value| rule["outcome"] == "fails" || rule["outcome"] == "missing";
        let broken = rules.iter().filter(is_broken);
        broken
            .map(|rule| rule["rule"].as_str().expect("an id").to_owned())
            .collect()
    }
}

/// Returns the payloads of the scope statement and the summary of a release, by the names of their kinds.
fn whole(name: &str, releases: &[&Release]) -> [(&'static str, Vec<u8>); 2] {
    let cells: Vec<_> = releases
        .iter()
        .map(|one| (statements::cell(&one.cell), Sha256Digest::of(&one.module)))
        .collect();
    let scope = scope_of(name, &cells);
    let payload = Statement::new(Kind::Scope, of_release(), value(&scope)).to_bytes();
    let summed = release_summary(&scope, Sha256Digest::of(&payload));
    let summed = Statement::new(Kind::Summary, of_release(), value(&summed)).to_bytes();
    [("scope", payload), ("summary", summed)]
}

impl Release {
    fn sound(place: &Place) -> Self {
        Self {
            module: place.module("m", KERNEL),
            cell: CELL.replace("amd64", arch().as_str()),
            finished: "2026-06-01T10:01:00Z",
            left_out: None,
        }
    }

    /// Returns the payloads of the three statements, each of which names those before it.
    fn statements(&self) -> BTreeMap<Kind, Vec<u8>> {
        let digest = Sha256Digest::of(&self.module);
        let subject = || {
            vec![Subject::module(
                "m.ko",
                digest,
                SubjectForm::Payload,
                "m.ko",
            )]
        };
        let payload =
            |kind, predicate: Value| Statement::new(kind, subject(), predicate).to_bytes();
        let mut built = provenance();
        built.build_definition.external_parameters["cell"] = json!(self.cell);
        built.run_details.metadata.finished_on = statements::at(self.finished);
        let mut compared = comparison(digest);
        compared.cell = statements::cell(&self.cell);
        let mut summed = summary(&compared.label);
        summed.resource_uri = format!("urn:kmatrix:cell:{}", self.cell);
        let mut all = BTreeMap::from([
            (Kind::Provenance, payload(Kind::Provenance, value(&built))),
            (
                Kind::RebuildComparison,
                payload(Kind::RebuildComparison, value(&compared)),
            ),
        ]);
        summed.input_attestations = all
            .values()
            .map(|payload| ResourceDescriptor::named("statement", Sha256Digest::of(payload)))
            .collect();
        all.insert(Kind::Summary, payload(Kind::Summary, value(&summed)));
        all.retain(|kind, _| Some(*kind) != self.left_out);
        all
    }
}

fn arch() -> Arch {
    Arch::of_this_machine().expect("modules are built here")
}

#[test]
fn a_sound_module_passes_and_a_verification_is_kept() {
    let place = Place::new();
    fs::create_dir(place.path().join("state")).expect("a directory");
    place.lay_out("m", &Release::sound(&place));
    let ran = place.verify(&["m/m.ko"]).ends(0);
    assert!(ran.broken().is_empty());
    let document = ran.json();
    assert_eq!(
        (&document["passed"], &document["exit"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(document["modules"][0]["verdict"]["tier"], "constrained");
    let ledger = kmatrix::ledger::Ledger::open(&place.path().join("state/ledger.sqlite"));
    let kept = ledger.expect("a ledger").verifications().expect("read");
    let [kept] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert!(kept.passed && kept.by.contains("uid ") && kept.by.contains(" on "));
    assert_eq!(kept.attestations.len(), 3);
}

#[test]
fn people_read_how_many_rules_hold_and_every_one_if_they_ask() {
    let place = Place::new();
    place.lay_out("m", &Release::sound(&place));
    let arch = arch().to_string();
    let arguments = [
        "verify",
        "m/m.ko",
        "--policy",
        "policy.toml",
        "--expect-kernel",
        KERNEL,
        "--expect-arch",
        &arch,
    ];
    let rules = kmatrix::verify::policy::Rule::ALL;
    let printed = place.run(&arguments).ends(0).stdout();
    let counted = format!(", {0} of {0} rules hold\n", rules.len());
    assert!(printed.contains(&counted), "{printed}");
    assert!(!printed.contains("  holds "), "{printed}");
    assert!(printed.contains("1 of 1 passed"), "{printed}");
    let asked = [&arguments[..], &["--verbose"]].concat();
    let printed = place.run(&asked).ends(0).stdout();
    for rule in rules {
        assert!(
            printed.contains(&format!("holds    {rule} ")),
            "{rule}: {printed}"
        );
    }
    let asked = [&arguments[..], &["--expect-module", "other"]].concat();
    let printed = place.run(&asked).ends(41).stdout();
    assert!(printed.contains("FAILS    expected-module"), "{printed}");
    assert!(!printed.contains("  holds "), "{printed}");
}

#[test]
fn what_fails_what_is_missing_and_what_was_refused_have_their_status() {
    let place = Place::new();
    let release = Release::sound(&place);
    let module = place.lay_out("m", &release);
    let other = place.module("m", "6.12.9-y");
    fs::write(&module, other).expect("written");
    assert!(
        place
            .verify(&["m/m.ko"])
            .ends(41)
            .broken()
            .contains(&"provenance".to_owned())
    );
    fs::write(&module, &release.module).expect("written");
    let bundle = place.path().join("m/comparison.sigstore.json");
    let whole = fs::read(&bundle).expect("a bundle");
    fs::remove_file(&bundle).expect("it was there");
    assert_eq!(
        place.verify(&["m/m.ko"]).ends(42).broken(),
        ["comparison", "minimum-tier"]
    );
    let mut torn = whole.clone();
    let at = torn
        .windows(5)
        .position(|part| part == b"\"sig\"")
        .expect("a signature")
        + 20;
    torn[at] = if torn[at] == b'A' { b'B' } else { b'A' };
    fs::write(&bundle, torn).expect("written");
    let ran = place.verify(&["m/m.ko"]).ends(41);
    assert_eq!(ran.broken(), ["readable", "comparison", "minimum-tier"]);
    assert_eq!(ran.json()["modules"][0]["refused"][0]["why"], "signature");
    let ran = place.verify(&["m/m.ko", "--warn-only"]).ends(0);
    assert_eq!(
        (&ran.json()["passed"], &ran.json()["warnOnly"]),
        (&json!(false), &json!(true))
    );
    let stranger = Key::new();
    fs::write(
        &bundle,
        stranger.bundle(&release.statements()[&Kind::RebuildComparison]),
    )
    .expect("written");
    let ran = place.verify(&["m/m.ko"]).ends(41);
    assert_eq!(
        ran.json()["modules"][0]["refused"][0]["why"],
        "untrusted-signer"
    );
    // Even a key that is handed in must be one that the policy names.
    place.write("stranger.pem", stranger.pem().as_bytes());
    let ran = place.verify(&["m/m.ko", "--key", "stranger.pem"]).ends(41);
    assert_eq!(ran.broken()[0], "signer");
    fs::write(&bundle, whole).expect("written");
    place.verify(&["m/m.ko"]).ends(0);
    place
        .verify(&["m/m.ko", "--expect-module", "other"])
        .ends(41);
    place
        .run(&["verify", "m/m.ko", "--policy", "none.toml"])
        .ends(10);
    place.verify(&["m/none.ko"]).ends(21);
    place.verify(&["m/m.ko", "--bundle", "none.json"]).ends(21);
    place.verify(&["none/m.ko"]).ends(21);
    place.run(&["verify", "m/m.ko"]).ends(2);
}

#[test]
fn a_release_is_verified_by_what_lies_beside_each_module() {
    let place = Place::new();
    let release = Release::sound(&place);
    let cell = release.cell.clone();
    place.lay_out(&format!("out/{cell}"), &release);
    let arguments = [
        "verify",
        "out",
        "--policy",
        "policy.toml",
        "--format",
        "json",
    ];
    // Where nobody says what belongs to it, nobody can tell what is missing.
    let broken = |document: &Value| -> Vec<String> {
        let rules = document["releases"][0]["verdict"]["rules"]
            .as_array()
            .expect("rules");
        let holds = |rule: &&Value| rule["outcome"] != "holds";
        let names = rules.iter().filter(holds).map(|rule| rule["rule"].as_str());
        names.map(|name| name.expect("an id").to_owned()).collect()
    };
    let document = place.run(&arguments).ends(42).json();
    assert_eq!(document["modules"][0]["passed"], true);
    assert!(
        broken(&document).contains(&"release-scope".to_owned()),
        "{document}"
    );
    let mut other = Release::sound(&place);
    other.cell = cell.replace("=6.12.1-1", "=6.12.1-2");
    let lay_out_whole = || {
        for (kind, payload) in whole("small", &[&release, &other]) {
            let bundle = place.key.bundle(&payload);
            place.write(&format!("out/release.{kind}.sigstore.json"), &bundle);
        }
    };
    lay_out_whole();
    let document = place.run(&arguments).ends(42).json();
    assert_eq!(broken(&document), ["release-cells"]);
    assert_eq!(
        (
            &document["passed"],
            &document["releases"][0]["verdict"]["complete"]
        ),
        (&json!(false), &json!(1))
    );
    place.lay_out(&format!("out/{}", other.cell), &other);
    let document = place.run(&arguments).ends(0).json();
    assert_eq!(document["modules"].as_array().map(Vec::len), Some(2));
    let verdict = &document["releases"][0]["verdict"];
    assert_eq!(
        (
            &verdict["release"],
            &verdict["promised"],
            &verdict["complete"]
        ),
        (&json!("small"), &json!(2), &json!(2))
    );
    fs::remove_file(place.path().join("out/release.summary.sigstore.json")).expect("there");
    let document = place.run(&arguments).ends(42).json();
    assert_eq!(broken(&document), ["release-summary"]);
    lay_out_whole();
    place
        .run(&[&arguments[..], &["--expect-release", "small"]].concat())
        .ends(0);
    place
        .run(&[&arguments[..], &["--expect-release", "large"]].concat())
        .ends(41);
    // The path is expected, so a module of one cell does not pass in the place of another's.
    let moved = cell.replace("6.12.1-x=6.12.1-1", "6.12.1-x=6.12.1-3");
    place.lay_out(&format!("out/{moved}"), &release);
    let document = place.run(&arguments).ends(41).json();
    let passed: Vec<&Value> = document["modules"]
        .as_array()
        .expect("three")
        .iter()
        .map(|one| &one["passed"])
        .collect();
    assert_eq!(passed, [true, true, false]);
    fs::create_dir(place.path().join("empty")).expect("a directory");
    place
        .run(&["verify", "empty", "--policy", "policy.toml"])
        .ends(42);
}

#[test]
fn exceptions_that_idle_are_told() {
    let place = Place::new();
    place.policy(
        "[[exception]]\nrule = 'inputs'\ncells = '**'\nreason = 'late'\nuntil = 2026-01-01\n\
         [[exception]]\nrule = 'label'\ncells = 'none/**'\nreason = 'nobody'\nuntil = 2999-01-01\n",
    );
    place.lay_out("m", &Release::sound(&place));
    let idle = place.verify(&["m/m.ko"]).ends(0).json()["idleExceptions"].clone();
    let states: Vec<&Value> = idle
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["run-out", "elsewhere"]);
}

#[test]
fn a_gate_decides_by_what_is_on_the_host() {
    let place = Place::new();
    place.lay_out("m", &Release::sound(&place));
    let gate = |arguments: &[&str]| {
        let fixed = ["gate", "m/m.ko", "--policy", "policy.toml"];
        place.run(&[&fixed[..], arguments].concat())
    };
    gate(&["--kernel", KERNEL]).ends(0);
    let printed = gate(&["--kernel", "6.12.2-x"]).ends(41).stdout();
    assert!(printed.contains("FAILS    expected-kernel"), "{printed}");
    let other = Arch::ALL
        .into_iter()
        .find(|other| *other != arch())
        .expect("another")
        .to_string();
    gate(&["--kernel", KERNEL, "--arch", &other]).ends(41);
    // This host does not run the kernel of these tests.
    gate(&[]).ends(41);
    place
        .run(&["gate", "none/m.ko", "--policy", "policy.toml"])
        .ends(21);
    assert!(
        !place.path().join("state").exists(),
        "a host needs no state"
    );
    fs::rename(
        place.path().join("m/summary.sigstore.json"),
        place.path().join("away"),
    )
    .expect("moved");
    gate(&["--kernel", KERNEL]).ends(42);
    gate(&["--kernel", KERNEL, "--bundle", "away"]).ends(42);
    let text = fs::read_to_string(place.path().join("policy.toml")).expect("the policy");
    place.write(
        "policy.toml",
        text.replace("mode = \"enforce\"", "mode = \"audit\"")
            .as_bytes(),
    );
    let printed = gate(&["--kernel", KERNEL]).ends(0).stdout();
    assert!(printed.contains("only watches"), "{printed}");
}

#[test]
fn a_policy_is_begun_checked_and_tested() {
    let place = Place::new();
    let begun = place.run(&["policy", "init"]).ends(0).stdout();
    place.write("policy.toml", begun.as_bytes());
    place.run(&["policy", "check", "policy.toml"]).ends(0);
    let document = place
        .run(&["policy", "rules", "--format", "json"])
        .ends(0)
        .json();
    assert_eq!(
        document["rules"].as_array().map(Vec::len),
        Some(kmatrix::verify::policy::Rule::ALL.len())
    );
    place.write(
        "wrong.toml",
        begun.replace("[require]", "[requires]").as_bytes(),
    );
    let ran = place.run(&["policy", "check", "wrong.toml"]).ends(10);
    let stderr = String::from_utf8_lossy(&ran.0.stderr).into_owned();
    assert!(
        stderr.contains("unknown key `requires`") && stderr.contains("wrong.toml:"),
        "{stderr}"
    );

    place.run(&["policy", "test", "policy.toml"]).ends(42);
    let mut release = Release::sound(&place);
    let expect = format!(
        "schema = 1\n[expect]\nkernel = '{KERNEL}'\narch = '{}'\n",
        arch()
    );
    place.lay_out("tests/sound_pass", &release);
    place.write("tests/sound_pass/fixture.toml", expect.as_bytes());
    release.left_out = Some(Kind::Summary);
    place.lay_out("tests/no-summary_fail", &release);
    let fails = expect.replace("schema = 1", "schema = 1\nfails = 'summary'");
    place.write("tests/no-summary_fail/fixture.toml", fails.as_bytes());
    let printed = place
        .run(&["policy", "test", "policy.toml"])
        .ends(0)
        .stdout();
    assert_eq!(printed, "ok     no-summary_fail\nok     sound_pass\n");
    // A policy that was weakened passes what must fail, and one that was tightened the other way round.
    let weak = begun.replace("\"comparison\", \"summary\"]", "\"comparison\"]");
    place.write("weak.toml", weak.as_bytes());
    let printed = place
        .run(&["policy", "test", "weak.toml"])
        .ends(41)
        .stdout();
    assert!(
        printed.contains("WRONG  no-summary_fail: it passes"),
        "{printed}"
    );
    place.write(
        "strict.toml",
        begun
            .replace("tier = \"constrained\"", "tier = \"full\"")
            .as_bytes(),
    );
    let printed = place
        .run(&["policy", "test", "strict.toml"])
        .ends(41)
        .stdout();
    assert!(
        printed.contains("WRONG  sound_pass: it fails by `minimum-tier`"),
        "{printed}"
    );
}

#[test]
fn rego_that_wants_too_much_denies() {
    let place = Place::new();
    place.policy("[[rego]]\nfile = 'site.rego'\nstatements = ['provenance']\n");
    place.lay_out("m", &Release::sound(&place));
    let asked = |rules: &str| {
        place.write(
            "site.rego",
            format!("package signature\n{rules}\n").as_bytes(),
        );
        place.verify(&["m/m.ko"])
    };
    asked(&format!(
        "allow {{ input.predicate.runDetails.builder.id == \"{BUILDER}\" }}"
    ))
    .ends(0);
    let doubled: Vec<String> = (0..40)
        .map(|index| format!("x{} := concat(\"\", [x{index}, x{index}])", index + 1))
        .collect();
    let bomb = format!(
        "allow {{ x0 := \"aaaaaaaaaaaaaaaa\"\n{}\ncount(x40) == 0 }}",
        doubled.join("\n")
    );
    for rules in [
        "default allow = false",
        "f(x) = y { y := f(x + 1) }\nallow { f(1) == 2 }",
        "allow { count([1 | a := numbers.range(1, 9999)[_]; b := numbers.range(1, 9999)[_]; a + b < 0]) == 0 }",
        &bomb,
    ] {
        assert_eq!(asked(rules).ends(41).broken(), ["rego"], "{rules}");
    }
    place.write("site.rego", b"package other");
    place.verify(&["m/m.ko"]).ends(10);
}

impl Place {
    /// Runs a command of the shell with this program and others' names in front of the path.
    fn shell(&self, script: &str, stand_ins: &[(&str, &str)]) -> Output {
        use std::os::unix::fs::PermissionsExt as _;
        let tools = self.path().join("tools");
        let _ = fs::remove_dir_all(&tools);
        fs::create_dir(&tools).expect("a directory");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kmatrix"), tools.join("kmatrix"))
            .expect("a link");
        for (name, text) in stand_ins {
            fs::write(tools.join(name), format!("#!/bin/sh\n{text}\n")).expect("written");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(tools.join(name), mode).expect("set");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("sh")
            .args(["-c", script])
            .current_dir(self.path())
            .env("PATH", format!("{}:{path}", tools.display()))
            .env("KMATRIX_POLICY", self.path().join("policy.toml"))
            .output()
            .expect("a shell")
    }

    /// Runs a program that packs what is here.
    fn pack(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }
}

#[test]
fn modprobe_loads_what_the_gate_lets_through_alone() {
    let place = Place::new();
    let line = fs::read_to_string("examples/gate/modprobe.conf").expect("the example");
    let line = line
        .lines()
        .find_map(|line| line.strip_prefix("install workload_identity "))
        .expect("a line");
    // The host's own policy and kernel are those of the test.
    let flags = format!("kmatrix gate --policy policy.toml --kernel {KERNEL} ");
    let line = line.replace("kmatrix gate ", &flags);
    let loaded = place.path().join("loaded");
    let stand_ins = [
        ("modinfo", "echo m/m.ko"),
        ("modprobe", "echo \"$@\" > loaded"),
    ];
    place.lay_out("m", &Release::sound(&place));
    let output = place.shell(&format!("CMDLINE_OPTS='a=1'; {line}"), &stand_ins);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let arguments = fs::read_to_string(&loaded).expect("it was loaded");
    assert_eq!(arguments, "--ignore-install workload_identity a=1\n");
    fs::remove_file(&loaded).expect("it was there");
    fs::remove_file(place.path().join("m/provenance.sigstore.json")).expect("it was there");
    assert!(!place.shell(&line, &stand_ins).status.success());
    // A module that is nowhere, and a gate that cannot run, load nothing either.
    assert!(
        !place
            .shell(&line, &[("modinfo", "exit 1"), stand_ins[1]])
            .status
            .success()
    );
    let without = [stand_ins[0], stand_ins[1], ("kmatrix2", "true")];
    assert!(
        !place
            .shell(&line.replace("kmatrix gate", "kmatrix-gone gate"), &without)
            .status
            .success()
    );
    assert!(!loaded.exists());
}

#[test]
fn a_package_with_a_module_that_does_not_hold_is_not_installed() {
    let place = Place::new();
    let check = std::env::current_dir()
        .expect("the project")
        .join("examples/gate/check-packages");
    let control = "Package: m\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: m\n";
    let package = |name: &str, release: &Release, layout: &str| {
        let root = format!("{name}-root");
        place.write(&format!("{root}/DEBIAN/control"), control.as_bytes());
        place.lay_out(&format!("{root}/{layout}"), release);
        let evidence = format!("{root}/usr/share/kmatrix/attestations/{KERNEL}/m");
        for (kind, payload) in release.statements() {
            let path = format!("{evidence}/{}.sigstore.json", kind.word());
            place.write(&path, &place.key.bundle(&payload));
        }
        place.pack(
            "dpkg-deb",
            &[
                "--build",
                "--root-owner-group",
                &root,
                &format!("{name}.deb"),
            ],
        );
        let at = place.path().display().to_string();
        let spec = format!(
            "Name: m\nVersion: 1\nRelease: 1\nSummary: m\nLicense: none\nAutoReqProv: no\n\
             %global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\n\
             %global _rpmfilename {name}.rpm\n%description\nm\n%install\n\
             cp -a {at}/{root}/. %{{buildroot}}\nrm -r %{{buildroot}}/DEBIAN\n%files\n/*\n"
        );
        let spec_file = format!("{name}.spec");
        place.write(&spec_file, spec.as_bytes());
        let top = format!("_topdir {at}/{name}-rpm");
        let into = format!("_rpmdir {at}");
        place.pack(
            "rpmbuild",
            &[
                "-bb", "--quiet", "--define", &top, "--define", &into, &spec_file,
            ],
        );
    };
    let mut release = Release::sound(&place);
    package("sound", &release, &format!("lib/modules/{KERNEL}/updates"));
    package("other-kernel", &release, "usr/lib/modules/6.12.9-y/updates");
    package("astray", &release, "opt");
    release.left_out = Some(Kind::RebuildComparison);
    package(
        "unproven",
        &release,
        &format!("lib/modules/{KERNEL}/updates"),
    );
    for (names, expected) in [
        ("sound", true),
        ("other-kernel", false),
        ("astray", false),
        ("unproven", false),
        ("sound unproven", false),
    ] {
        for format in ["deb", "rpm"] {
            let files: Vec<String> = names
                .split(' ')
                .map(|name| format!("{name}.{format}"))
                .collect();
            let script = format!("printf '%s\\n' {} | {}", files.join(" "), check.display());
            let output = place.shell(&script, &[]);
            assert_eq!(
                output.status.success(),
                expected,
                "{files:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(
        !place
            .shell(&format!("{} x.zip", check.display()), &[])
            .status
            .success()
    );
}

#[test]
fn the_examples_of_rego_deny_what_they_are_there_for() {
    let place = Place::new();
    let site = fs::read_to_string("examples/rego/site.rego").expect("the example");
    place.write("site.rego", site.as_bytes());
    place.policy("[[rego]]\nfile = 'site.rego'\n");
    place.lay_out("m", &Release::sound(&place));
    let document = place.verify(&["m/m.ko"]).ends(0).stdout();
    place.write(
        "site.rego",
        site.replace("urn:kmatrix:builder:", "https://ci.example/")
            .as_bytes(),
    );
    assert_eq!(place.verify(&["m/m.ko"]).ends(41).broken(), ["rego"]);
    place.write(
        "site.rego",
        site.replace("\"-w\"", "\"CONFIG_M\"").as_bytes(),
    );
    assert_eq!(place.verify(&["m/m.ko"]).ends(41).broken(), ["rego"]);

    let verdict = fs::read_to_string("examples/opa/verdict.rego").expect("the example");
    let decides = |document: &str| {
        let mut engine = regorus::Engine::new();
        engine
            .add_policy("verdict.rego".to_owned(), verdict.clone())
            .expect("it is read");
        engine.set_input_json(document).expect("a document");
        let allowed = engine
            .eval_rule("data.kmatrix.allow".to_owned())
            .expect("evaluated");
        allowed == regorus::Value::from(true)
    };
    assert!(decides(&document));
    assert!(!decides(
        &document.replace("\"passed\": true", "\"passed\": false")
    ));
    assert!(!decides(
        &document.replace("\"tier\": \"constrained\"", "\"tier\": \"partial\"")
    ));
    let excepted = document.replacen("\"outcome\": \"holds\"", "\"outcome\": \"excepted\"", 1);
    assert!(!decides(&excepted));
}

#[test]
fn an_auditor_signs_what_it_verified() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let auditor = Key::new();
    let key = place.write("auditor.key", pem("PRIVATE KEY", &auditor.pkcs8).as_bytes());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
    place.write("keys/auditor.pem", auditor.pem().as_bytes());
    place.policy(
        "[[signer]]\nname = 'auditor'\noperator = 'auditor'\nkey = 'keys/auditor.pem'\nbuilders = ['none']\n\
         statements = 'summary'\n",
    );
    let release = Release::sound(&place);
    place.lay_out("m", &release);
    let signing = ["m/m.ko", "--summary", "out", "--sign-key", "auditor.key"];
    place.verify(&signing).ends(0);
    let written = place
        .path()
        .join("out")
        .join(&release.cell)
        .join("m.ko.summary.sigstore.json");
    let result = |path: &Path| {
        let bundle: Value =
            serde_json::from_slice(&fs::read(path).expect("a bundle")).expect("JSON");
        let payload = bundle["dsseEnvelope"]["payload"]
            .as_str()
            .expect("a payload")
            .to_owned();
        let payload = STANDARD.decode(payload).expect("Base64");
        let statement: Value = serde_json::from_slice(&payload).expect("a statement");
        statement["predicate"]["verificationResult"]
            .as_str()
            .expect("a result")
            .to_owned()
    };
    assert_eq!(result(&written), "PASSED");
    assert!(written.with_file_name("m.ko.summary.dsse.json").exists());
    // Beside the module, it is one more statement that the policy believes.
    fs::copy(&written, place.path().join("m/m.ko.audit.sigstore.json")).expect("copied");
    let document = place.verify(&["m/m.ko"]).ends(0).json();
    let statements = document["modules"][0]["verdict"]["statements"]
        .as_array()
        .expect("a list")
        .len();
    assert_eq!(statements, 4);
    // What is only warned of is never called passed, and what failed is neither.
    place
        .verify(&[&signing[..], &["--warn-only"]].concat())
        .ends(0);
    assert_eq!(result(&written), "FAILED");
    place
        .verify(&[&signing[..], &["--expect-module", "other"]].concat())
        .ends(41);
    assert_eq!(result(&written), "FAILED");
    fs::copy(&written, place.path().join("m/m.ko.audit.sigstore.json")).expect("copied");
    assert_eq!(place.verify(&["m/m.ko"]).ends(41).broken(), ["summary"]);
    // Folders need no names in UTF-8, and no summary takes the place of another.
    fs::remove_dir_all(place.path().join("out")).expect("removed");
    place.lay_out("n", &release);
    let both = place.verify(&[&["n/m.ko"], &signing[..]].concat()).ends(2);
    let said = String::from_utf8_lossy(&both.0.stderr);
    assert!(said.contains("two modules"), "{said}");
    assert!(!place.path().join("out").exists());
    let odd = std::ffi::OsStr::from_bytes(b"out-\xff");
    let mut command = place.command(&["verify", "m/m.ko", "--policy", "policy.toml"]);
    command.args(["--warn-only", "--sign-key", "auditor.key", "--summary"]);
    Ran(command.arg(odd).output().expect("the program runs")).ends(0);
    let odd = place.path().join(odd).join(&release.cell);
    assert!(odd.join("m.ko.summary.sigstore.json").exists());
    // A key that others may read is none, and nothing is written.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    place.verify(&signing).ends(40);
    assert!(!place.path().join("out").exists());
    place
        .verify(&["m/m.ko", "--sign-key", "auditor.key"])
        .ends(2);
}

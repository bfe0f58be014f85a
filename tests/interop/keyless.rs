//! A bundle that an identity signed, before the tools that know Rekor v2: the one in `tests/sigstore`, which
//! the program signed against a real Fulcio, Rekor v2 and timestamp authority.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::common::{Place, Ran, project};
use crate::forms::is_in_docs;
use crate::tools::Tools;

const MODULE: &[u8] = b"module";
const IDENTITY: &str = "vendor@kmatrix.test";
const ISSUER: &str = "http://127.0.0.1:22344";
const KIND: &str = "https://slsa.dev/verification_summary/v1";

/// A tool that verifies identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judge {
    Cosign3,
    SigstoreGo,
    SigstoreJs,
    SigstorePython,
}

/// What is changed before a tool is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Payload,
    Identity,
    Issuer,
    Artifact,
    /// The log's entry is gone.
    LogEntry,
    /// The timestamp is gone.
    Timestamp,
    /// The root has another log's key in the place of the log's.
    Root,
}

/// What is judged, and what is expected of it.
struct Case {
    bundle: PathBuf,
    root: PathBuf,
    artifact: PathBuf,
    identity: &'static str,
    issuer: &'static str,
    home: PathBuf,
}

impl Judge {
    const ALL: [Self; 4] = [
        Self::Cosign3,
        Self::SigstoreGo,
        Self::SigstoreJs,
        Self::SigstorePython,
    ];

    fn package(self) -> &'static str {
        match self {
            Self::Cosign3 => "cosign-sid",
            Self::SigstoreGo => "sigstore-go-sid",
            Self::SigstoreJs => "sigstore-js",
            Self::SigstorePython => "sigstore",
        }
    }

    fn ask(self, tools: &Tools, case: &Case) -> Ran {
        match self {
            Self::Cosign3 => cosign(tools, case, "cosign-3", &[]),
            Self::SigstoreGo => {
                let mut command = tools.program("sigstore-go", &case.home);
                command
                    .args([
                        "-expectedSAN",
                        case.identity,
                        "-expectedIssuer",
                        case.issuer,
                    ])
                    .arg("-trustedrootJSONpath")
                    .arg(&case.root)
                    .arg("-artifact")
                    .arg(&case.artifact)
                    .arg(&case.bundle);
                Ran::of(command)
            }
            Self::SigstoreJs => {
                let asked = json!({
                    "bundle": read(&case.bundle), "root": read(&case.root),
                    "identity": case.identity, "issuer": case.issuer,
                });
                tools.javascript(&case.home, &asked.to_string())
            }
            Self::SigstorePython => {
                let mut command = tools.python("sigstore_identity.py", &case.home);
                command
                    .args([case.identity, case.issuer])
                    .arg(&case.root)
                    .arg(&case.bundle);
                Ran::of(command)
            }
        }
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cosign3 => "cosign 3 with an identity",
            Self::SigstoreGo => "sigstore-go with an identity",
            Self::SigstoreJs => "sigstore-js with an identity",
            Self::SigstorePython => "sigstore-python with an identity",
        })
    }
}

impl Change {
    const ALL: [Self; 7] = [
        Self::Payload,
        Self::Identity,
        Self::Issuer,
        Self::Artifact,
        Self::LogEntry,
        Self::Timestamp,
        Self::Root,
    ];

    /// Whether a tool that works has to notice.
    fn is_for(self, judge: Judge) -> bool {
        match judge {
            Judge::Cosign3 | Judge::SigstoreGo => true,
            // They hand the payload out, and leave its subjects to whoever asked.
            Judge::SigstoreJs | Judge::SigstorePython => self != Self::Artifact,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Identity => "identity",
            Self::Issuer => "issuer",
            Self::Artifact => "artifact",
            Self::LogEntry => "log entry",
            Self::Timestamp => "timestamp",
            Self::Root => "root",
        }
    }
}

fn cosign(tools: &Tools, case: &Case, program: &str, more: &[&str]) -> Ran {
    let mut command = tools.program(program, &case.home);
    command
        .args(["verify-blob-attestation", "--type", KIND])
        .args(["--certificate-identity", case.identity])
        .args(["--certificate-oidc-issuer", case.issuer])
        .args(more)
        .arg("--trusted-root")
        .arg(&case.root)
        .arg("--bundle")
        .arg(&case.bundle)
        .arg(&case.artifact);
    Ran::of(command)
}

fn read(path: &std::path::Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Writes a case with something changed, or with nothing.
fn write(place: &Place, judge: &str, change: Option<Change>) -> Case {
    let kept = project().join("tests/sigstore");
    let mut bundle = read(&kept.join("keyless.sigstore.json"));
    let mut root = read(&kept.join("trusted_root.json"));
    let (mut identity, mut issuer, mut artifact) = (IDENTITY, ISSUER, MODULE);
    match change {
        None => {}
        Some(Change::Payload) => {
            let payload = &mut bundle["dsseEnvelope"]["payload"];
            let text = STANDARD
                .decode(payload.as_str().expect("text"))
                .expect("base64");
            let text = String::from_utf8(text)
                .expect("JSON")
                .replace("PASSED", "FAILED");
            *payload = STANDARD.encode(text).into();
        }
        Some(Change::Identity) => identity = "somebody@kmatrix.test",
        Some(Change::Issuer) => issuer = "http://127.0.0.1:1",
        Some(Change::Artifact) => artifact = b"another module",
        Some(Change::LogEntry) => bundle["verificationMaterial"]["tlogEntries"] = json!([]),
        Some(Change::Timestamp) => {
            bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
        }
        Some(Change::Root) => {
            let other = root["ctlogs"][0]["publicKey"]["rawBytes"].clone();
            assert_ne!(other, root["tlogs"][0]["publicKey"]["rawBytes"]);
            let log = &mut root["tlogs"][0]["publicKey"];
            log["rawBytes"] = other;
            log["keyDetails"] = "PKIX_ECDSA_P256_SHA_256".into();
        }
    }
    let home = place.path().join(format!("{judge}-{change:?}"));
    fs::create_dir(&home).expect("a directory");
    let put = |name: &str, bytes: &[u8]| {
        let path = home.join(name);
        fs::write(&path, bytes).expect("a file");
        path
    };
    Case {
        bundle: put("bundle.sigstore.json", bundle.to_string().as_bytes()),
        root: put("trusted_root.json", root.to_string().as_bytes()),
        artifact: put("module.ko", artifact),
        identity,
        issuer,
        home,
    }
}

#[test]
fn what_an_identity_signed_is_accepted_and_refused_when_changed() {
    let tools = Tools::get();
    let place = Place::empty();
    for judge in Judge::ALL {
        let name = format!("{judge:?}");
        let ran = judge.ask(&tools, &write(&place, &name, None));
        assert!(ran.status == 0, "{judge} refuses what is genuine\n{ran}");
        let mut refused = BTreeSet::new();
        for change in Change::ALL
            .into_iter()
            .filter(|change| change.is_for(judge))
        {
            let ran = judge.ask(&tools, &write(&place, &name, Some(change)));
            let word = change.word();
            assert!(ran.status != 0, "{judge} accepts a changed {word}\n{ran}");
            refused.insert(change);
        }
        let refused: Vec<&str> = refused.iter().map(|change| change.word()).collect();
        let version = tools.version(judge.package());
        let row = format!("| {judge} | {version} | summary | {} |", refused.join(", "));
        println!("{row}");
        is_in_docs(&row);
    }
}

#[test]
fn the_last_cosign_of_version_2_cannot_read_the_second_version_of_the_log() {
    let tools = Tools::get();
    let place = Place::empty();
    let case = write(&place, "Cosign2", None);
    let ran = cosign(
        &tools,
        &case,
        "cosign-2",
        &["--new-bundle-format", "--use-signed-timestamps"],
    );
    assert!(
        ran.status != 0,
        "docs/interoperability.md says otherwise\n{ran}"
    );
    assert!(ran.stderr.contains("log entry"), "{ran}");
}

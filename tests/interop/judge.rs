//! What each tool says of an attestation.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::Ran;
use crate::tools::Tools;
use crate::vendor::Signed;

/// One independent tool, and what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    /// The last cosign of version 2, with the new form of bundles.
    Cosign2,
    Cosign3,
    /// The same, asked for a timestamp.
    Cosign3Timestamp,
    SigstoreGo,
    SigstoreJs,
    SigstoreJsTimestamp,
    SigstorePython,
    Securesystemslib,
    InTotoAttestation,
}

/// What is judged: files of one attestation, and what they should be of.
pub struct Case {
    pub bundle: PathBuf,
    pub envelope: PathBuf,
    pub statement: PathBuf,
    pub artifact: PathBuf,
    pub public_key: PathBuf,
    pub trusted_root: PathBuf,
    pub predicate_type: String,
    pub home: PathBuf,
}

impl Case {
    /// Writes an attestation into a directory of its own.
    pub fn write(
        at: &Path,
        signed: &Signed,
        artifact: &[u8],
        public_key: &str,
        root: &Value,
    ) -> Self {
        fs::create_dir_all(at).expect("a directory");
        let statement: Value = serde_json::from_slice(&signed.payload).expect("a statement");
        let write = |name: &str, bytes: &[u8]| {
            let path = at.join(name);
            fs::write(&path, bytes).expect("a file");
            path
        };
        Self {
            bundle: write("bundle.sigstore.json", signed.bundle.to_string().as_bytes()),
            envelope: write("envelope.dsse.json", signed.envelope.to_string().as_bytes()),
            statement: write("statement.json", &signed.payload),
            artifact: write("module.ko", artifact),
            public_key: write("key.pem", public_key.as_bytes()),
            trusted_root: write("trusted_root.json", root.to_string().as_bytes()),
            predicate_type: statement["predicateType"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            home: at.to_owned(),
        }
    }
}

impl Judge {
    pub const ALL: [Self; 9] = [
        Self::Cosign2,
        Self::Cosign3,
        Self::Cosign3Timestamp,
        Self::SigstoreGo,
        Self::SigstoreJs,
        Self::SigstoreJsTimestamp,
        Self::SigstorePython,
        Self::Securesystemslib,
        Self::InTotoAttestation,
    ];

    /// The package whose version counts.
    pub fn package(self) -> &'static str {
        match self {
            Self::Cosign2 => "cosign-trixie",
            Self::Cosign3 | Self::Cosign3Timestamp => "cosign-sid",
            Self::SigstoreGo => "sigstore-go-sid",
            Self::SigstoreJs | Self::SigstoreJsTimestamp => "sigstore-js",
            Self::SigstorePython => "sigstore",
            Self::Securesystemslib => "securesystemslib",
            Self::InTotoAttestation => "in-toto-attestation",
        }
    }

    /// Whether it wants a time that somebody vouches for.
    pub fn wants_timestamp(self) -> bool {
        match self {
            Self::Cosign3Timestamp | Self::SigstoreGo | Self::SigstoreJsTimestamp => true,
            Self::Cosign2
            | Self::Cosign3
            | Self::SigstoreJs
            | Self::SigstorePython
            | Self::Securesystemslib
            | Self::InTotoAttestation => false,
        }
    }

    /// Whether it checks signatures at all.
    pub fn checks_signature(self) -> bool {
        self != Self::InTotoAttestation
    }

    /// Whether it compares the artifact's digest with the subjects.
    pub fn checks_artifact(self) -> bool {
        match self {
            Self::Cosign2 | Self::Cosign3 | Self::Cosign3Timestamp | Self::SigstoreGo => true,
            Self::SigstoreJs
            | Self::SigstoreJsTimestamp
            | Self::SigstorePython
            | Self::Securesystemslib
            | Self::InTotoAttestation => false,
        }
    }

    /// Asks it.
    pub fn ask(self, tools: &Tools, case: &Case) -> Ran {
        match self {
            Self::Cosign2 => cosign(tools, case, "cosign-2", &["--new-bundle-format"]),
            Self::Cosign3 => cosign(tools, case, "cosign-3", &[]),
            Self::Cosign3Timestamp => cosign(tools, case, "cosign-3", &["--use-signed-timestamps"]),
            Self::SigstoreGo => sigstore_go(tools, case),
            Self::SigstoreJs => sigstore_js(tools, case, 0),
            Self::SigstoreJsTimestamp => sigstore_js(tools, case, 1),
            Self::SigstorePython => python(tools, case, "sigstore_python.py", &case.bundle),
            Self::Securesystemslib => python(tools, case, "dsse.py", &case.envelope),
            Self::InTotoAttestation => {
                let mut command = tools.python("statement.py", &case.home);
                command.arg(&case.statement);
                Ran::of(command)
            }
        }
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cosign2 => "cosign 2 verify-blob-attestation",
            Self::Cosign3 => "cosign 3 verify-blob-attestation",
            Self::Cosign3Timestamp => "cosign 3 with a timestamp",
            Self::SigstoreGo => "sigstore-go with a timestamp",
            Self::SigstoreJs => "sigstore-js",
            Self::SigstoreJsTimestamp => "sigstore-js with a timestamp",
            Self::SigstorePython => "sigstore-python, models and DSSE",
            Self::Securesystemslib => "securesystemslib, raw DSSE",
            Self::InTotoAttestation => "in-toto-attestation, statement",
        })
    }
}

fn cosign(tools: &Tools, case: &Case, program: &str, more: &[&str]) -> Ran {
    let mut command = tools.program(program, &case.home);
    command
        .arg("verify-blob-attestation")
        .args([
            "--insecure-ignore-tlog=true",
            "--type",
            &case.predicate_type,
        ])
        .args(more)
        .arg("--key")
        .arg(&case.public_key)
        // Version 2 asks the network for a root otherwise, although it needs none.
        .arg("--trusted-root")
        .arg(&case.trusted_root)
        .arg("--bundle")
        .arg(&case.bundle)
        .arg(&case.artifact);
    Ran::of(command)
}

fn sigstore_go(tools: &Tools, case: &Case) -> Ran {
    let mut command = tools.program("sigstore-go", &case.home);
    command
        .args(["-requireTlog=false", "-requireCTlog=false", "-publicKey"])
        .arg(&case.public_key)
        .arg("-trustedrootJSONpath")
        .arg(&case.trusted_root)
        .arg("-artifact")
        .arg(&case.artifact)
        .arg(&case.bundle);
    Ran::of(command)
}

fn sigstore_js(tools: &Tools, case: &Case, timestamps: u32) -> Ran {
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    let json = |path: &Path| serde_json::from_str::<Value>(&read(path)).expect("JSON");
    let bundle = json(&case.bundle);
    let asked = json!({
        "hint": bundle["verificationMaterial"]["publicKey"]["hint"],
        "bundle": bundle,
        "root": json(&case.trusted_root),
        "key": read(&case.public_key),
        "timestamps": timestamps,
    });
    tools.javascript(&case.home, &asked.to_string())
}

fn python(tools: &Tools, case: &Case, file: &str, judged: &Path) -> Ran {
    let mut command = tools.python(file, &case.home);
    command.arg(&case.public_key).arg(judged);
    Ran::of(command)
}

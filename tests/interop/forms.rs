//! Bundles and raw envelopes before each tool.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::common::{Place, project};
use crate::judge::{Case, Judge};
use crate::statements::{MODULE, each, provenance};
use crate::tools::Tools;
use crate::vendor::{Authority, Signed, Vendor};

/// What is done to a genuine attestation before a tool is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// Another payload under the same signature.
    Payload,
    /// Another payload type under the same signature.
    PayloadType,
    /// Somebody else's key.
    Key,
    /// Somebody else's module.
    Artifact,
    /// A statement of another version, genuinely signed.
    StatementType,
    /// A statement that is about nothing, genuinely signed.
    NoSubject,
}

impl Change {
    const ALL: [Self; 6] = [
        Self::Payload,
        Self::PayloadType,
        Self::Key,
        Self::Artifact,
        Self::StatementType,
        Self::NoSubject,
    ];

    /// Whether a tool that works has to notice.
    fn is_for(self, judge: Judge) -> bool {
        match self {
            Self::Payload | Self::PayloadType | Self::Key => judge.checks_signature(),
            Self::Artifact => judge.checks_artifact(),
            Self::StatementType | Self::NoSubject => !judge.checks_signature(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::PayloadType => "payload type",
            Self::Key => "key",
            Self::Artifact => "artifact",
            Self::StatementType => "statement type",
            Self::NoSubject => "no subject",
        }
    }
}

/// Who signs what in the tests of one place.
struct Scene {
    place: Place,
    vendor: Vendor,
    other: Vendor,
    authority: Authority,
}

impl Scene {
    fn new() -> Self {
        let place = Place::empty();
        Self {
            authority: Authority::new(&place.path().join("authority")),
            vendor: Vendor::new(),
            other: Vendor::new(),
            place,
        }
    }

    fn sign(&self, statement: &Value, judge: Judge) -> Signed {
        let authority = judge.wants_timestamp().then_some(&self.authority);
        self.vendor.sign(statement, authority)
    }

    fn write(&self, name: &str, signed: &Signed, artifact: &[u8], vendor: &Vendor) -> Case {
        let at = self.place.path().join(name);
        let root = self.authority.trusted_root();
        Case::write(&at, signed, artifact, &vendor.public(), &root)
    }

    /// Returns a provenance with something changed.
    fn changed(&self, change: Change, judge: Judge) -> Case {
        let mut statement = provenance();
        match change {
            Change::StatementType => {
                statement["_type"] = "https://in-toto.io/Statement/v2".into();
            }
            Change::NoSubject => statement["subject"] = Vec::<Value>::new().into(),
            Change::Payload | Change::PayloadType | Change::Key | Change::Artifact => {}
        }
        let mut signed = self.sign(&statement, judge);
        let mut vendor = &self.vendor;
        let mut artifact = MODULE;
        match change {
            Change::Payload => {
                let text = String::from_utf8(signed.payload).expect("JSON");
                let other = text.replace("run-1/0", "run-2/0");
                assert_ne!(other, text);
                let encoded = STANDARD.encode(&other);
                signed.bundle["dsseEnvelope"]["payload"] = encoded.clone().into();
                signed.envelope["payload"] = encoded.into();
                signed.payload = other.into_bytes();
            }
            Change::PayloadType => {
                signed.bundle["dsseEnvelope"]["payloadType"] = "application/json".into();
                signed.envelope["payloadType"] = "application/json".into();
            }
            Change::Key => vendor = &self.other,
            Change::Artifact => artifact = b"another module",
            Change::StatementType | Change::NoSubject => {}
        }
        self.write(&format!("{judge:?}-{change:?}"), &signed, artifact, vendor)
    }
}

/// One row of the table in `docs/interoperability.md`.
fn row(judge: Judge, version: &str, accepted: &[&str], refused: &BTreeSet<Change>) -> String {
    let refused: Vec<&str> = refused.iter().map(|change| change.word()).collect();
    format!(
        "| {judge} | {version} | {} | {} |",
        accepted.join(", "),
        refused.join(", ")
    )
}

#[test]
fn each_tool_accepts_what_is_genuine_and_refuses_what_was_changed() {
    let tools = Tools::get();
    let scene = Scene::new();
    let table: Vec<String> = std::thread::scope(|threads| {
        let each = Judge::ALL.map(|judge| {
            let (tools, scene) = (&tools, &scene);
            threads.spawn(move || hold(judge, tools, scene))
        });
        let rows = each.into_iter().map(|thread| thread.join());
        rows.map(|row| row.expect("every tool judges rightly"))
            .collect()
    });
    let table = table.join("\n");
    println!("| tool | version | accepted | refused when changed |\n|---|---|---|---|\n{table}");
    table.lines().for_each(is_in_docs);
}

/// Holds one tool against genuine and changed attestations, and returns its row.
fn hold(judge: Judge, tools: &Tools, scene: &Scene) -> String {
    let mut accepted = Vec::new();
    for (kind, statement) in each() {
        let signed = scene.sign(&statement, judge);
        let case = scene.write(&format!("{judge:?}-{kind}"), &signed, MODULE, &scene.vendor);
        let ran = judge.ask(tools, &case);
        assert!(ran.status == 0, "{judge} refuses a genuine {kind}\n{ran}");
        accepted.push(kind);
    }
    let mut refused = BTreeSet::new();
    for change in Change::ALL
        .into_iter()
        .filter(|change| change.is_for(judge))
    {
        let ran = judge.ask(tools, &scene.changed(change, judge));
        let word = change.word();
        assert!(ran.status != 0, "{judge} accepts a changed {word}\n{ran}");
        refused.insert(change);
    }
    assert!(!refused.is_empty(), "{judge} refuses nothing");
    row(judge, tools.version(judge.package()), &accepted, &refused)
}

/// Looks for a row in the documents, whatever the version: sid's tools change by themselves.
pub fn is_in_docs(row: &str) {
    let docs = fs::read_to_string(project().join("docs/interoperability.md")).expect("docs");
    let less_version = |line: &str| -> Vec<String> {
        let cells = line.split('|').map(|cell| cell.trim().to_owned());
        let cells = cells.enumerate().filter(|(at, _)| *at != 2);
        cells.map(|(_, cell)| cell).collect()
    };
    let wanted = less_version(row);
    let found = docs.lines().any(|line| less_version(line) == wanted);
    assert!(found, "docs/interoperability.md lacks\n{row}");
}

#[test]
fn a_tool_that_wants_a_timestamp_refuses_a_bundle_without_one() {
    let tools = Tools::get();
    let scene = Scene::new();
    let signed = scene.vendor.sign(&provenance(), None);
    let case = scene.write("none", &signed, MODULE, &scene.vendor);
    for judge in Judge::ALL
        .into_iter()
        .filter(|judge| judge.wants_timestamp())
    {
        let ran = judge.ask(&tools, &case);
        assert!(ran.status != 0, "{judge}\n{ran}");
        assert!(ran.stderr.contains("timestamp"), "{judge}\n{ran}");
    }
}

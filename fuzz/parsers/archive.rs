//! What an evidence archive holds, each kind put into an archive that is whole but for it.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::OnceLock;

use kmatrix::bundle::{self, ArchiveWriter, Index, Member, Trusting};
use kmatrix::digest::Sha256Digest;
use kmatrix::tree;
use serde_json::{Value, json};

use super::project;

/// The rows of a ledger that was exported: a run, a cell, its attempts, and its attestations.
fn rows() -> &'static str {
    static ROWS: OnceLock<String> = OnceLock::new();
    ROWS.get_or_init(|| {
        std::fs::read_to_string(project("fuzz/corpus/ledger_rows/cell")).expect("a ledger")
    })
}

/// The statement that those rows name, as a member.
fn envelope() -> (&'static str, &'static str, &'static [u8]) {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        std::fs::read(project("fuzz/corpus/archived_envelope/provenance")).expect("an envelope")
    });
    ("release/provenance.dsse.json", "attestation", bytes)
}

/// Reads an archive with these members, and the run that the corpus' ledger is of. What the ledger
/// names and nobody has is said not to be there.
fn checked(members: &[(&str, &str, &[u8])]) {
    let first = rows().lines().next().expect("a run");
    let run: Value = serde_json::from_str(first).expect("a row");
    let mut members = members.to_vec();
    members.push(("lock.json", "lock", b"{}"));
    members.sort();
    let held: Vec<Value> = members
        .iter()
        .map(|(path, kind, bytes)| {
            let digest = Sha256Digest::of(bytes);
            json!({ "path": path, "bytes": bytes.len(), "sha256": digest, "kind": kind })
        })
        .collect();
    let ledger = members.iter().find(|(_, kind, _)| *kind == "ledger");
    let named = String::from_utf8_lossy(ledger.expect("a ledger").2);
    let named: BTreeSet<&str> = named
        .match_indices("sha256:")
        .filter_map(|(at, prefix)| named.get(at..at + prefix.len() + 64))
        .filter(|text| text.parse::<Sha256Digest>().is_ok())
        .collect();
    let index = json!({
        "schemaVersion": bundle::SCHEMA,
        "release": {
            "name": "release", "run": run["record"]["id"], "started": run["record"]["started"],
            "plan": run["record"]["plan"], "lock": Sha256Digest::of(b"{}"),
        },
        "signed": false, "inputs": [], "absent": named, "members": held,
    });
    let index: Index = serde_json::from_value(index).expect("an index");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = ArchiveWriter::new(file.as_file_mut(), &index, None).expect("a disk");
    for (path, _, bytes) in &members {
        let named = |member: &&Member| member.path.as_str() == *path;
        let member = index.members.iter().find(named).expect("a member");
        writer.add(member, *bytes).expect("a disk");
    }
    writer.finish().expect("a disk").flush().expect("a disk");
    let unsigned = Trusting { trust: None };
    let _ = bundle::check(file.path(), &bundle::Limits::default(), &unsigned);
}

/// The rows of an archive's ledger.
pub fn ledger_rows(bytes: &[u8]) {
    checked(&[("ledger.jsonl", "ledger", bytes), envelope()]);
}

/// The list of a source tree, named by the digest that its entries have.
pub fn tree_list(bytes: &[u8]) {
    let mut list: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut text = bytes.to_vec();
    let mut digest = Sha256Digest::of(bytes);
    if list.is_object()
        && let Ok(entries) = serde_json::from_value::<tree::Entries>(list["entries"].clone())
    {
        digest = tree::digest(&entries);
        list["tree"] = json!(digest);
        text = serde_json::to_vec(&list).expect("JSON");
    }
    let path = format!("trees/{}.json", digest.to_hex());
    checked(&[
        ("ledger.jsonl", "ledger", rows().as_bytes()),
        envelope(),
        (&path, "source", &text),
    ]);
}

/// The envelope of a statement that a row names by this very digest.
pub fn archived_envelope(bytes: &[u8]) {
    let digest = Sha256Digest::of(bytes);
    let lines: Vec<String> = rows()
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).expect("a row");
            if row["row"] == "attestation" {
                row["record"]["envelope"] = json!(digest);
                row["record"]["payload"] = json!(payload(bytes));
            }
            row.to_string() + "\n"
        })
        .collect();
    checked(&[
        ("ledger.jsonl", "ledger", lines.concat().as_bytes()),
        ("release/provenance.dsse.json", "attestation", bytes),
    ]);
}

/// The digest of what an envelope is over, as far as there is one.
fn payload(envelope: &[u8]) -> Sha256Digest {
    use base64::Engine as _;
    let envelope: Value = serde_json::from_slice(envelope).unwrap_or_default();
    let text = envelope["payload"].as_str().unwrap_or_default();
    let payload = base64::engine::general_purpose::STANDARD.decode(text);
    Sha256Digest::of(&payload.unwrap_or_default())
}

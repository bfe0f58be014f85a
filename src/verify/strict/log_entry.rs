//! Entries of transparency logs as bundles carry them (sigstore/protobuf-specs, `sigstore_rekor.proto`):
//! Rekor v1 (`dsse` 0.0.1, `intoto` 0.0.2) and v2 (`hashedrekord` 0.0.2).

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{Fields, Unknown, malformed};
use super::json::{quoted, strict_json};
use super::limits::Limits;
use crate::verify::{Refused, Why};

/// One entry. What its body says of this envelope, and whether the log vouches for it, is checked by
/// those who know keys.
pub(in crate::verify) struct LogEntry {
    /// The log's id: the SHA-256 of its key, or for Rekor v2 of its name and key.
    pub log: [u8; 32],
    /// When the log took the entry in, if it says so in what it signed.
    pub integrated: Option<Timestamp>,
    /// The head of the log that the proof leads to, as a signed note.
    pub checkpoint: String,
    /// The tree's size and root as the proof has them.
    pub tree_size: u64,
    pub root: [u8; 32],
    index: u64,
    body: Vec<u8>,
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    DsseV001,
    IntotoV002,
    /// Rekor v2, whose entries have no time of their own.
    HashedRekordV002,
}

impl EntryKind {
    const ALL: [Self; 3] = [Self::DsseV001, Self::IntotoV002, Self::HashedRekordV002];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::DsseV001 => ("dsse", "0.0.1"),
            Self::IntotoV002 => ("intoto", "0.0.2"),
            Self::HashedRekordV002 => ("hashedrekord", "0.0.2"),
        }
    }
}

/// Reads all entries of a bundle. None of them may be there twice: two records of one event would look
/// like two events.
pub(super) fn read_log_entries(values: Vec<Value>) -> Result<Vec<LogEntry>, Refused> {
    let mut entries: Vec<LogEntry> = Vec::new();
    for value in values {
        let entry = read_log_entry(value)?;
        let again = entries.iter().any(|other| {
            other.log == entry.log && (other.index == entry.index || other.body == entry.body)
        });
        if again {
            return Err(log("the same entry of a log is there twice"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read_log_entry(value: Value) -> Result<LogEntry, Refused> {
    let mut entry = Fields::of(
        "the log entry",
        value,
        &[
            "logIndex",
            "logId",
            "kindVersion",
            "integratedTime",
            "inclusionPromise",
            "inclusionProof",
            "canonicalizedBody",
        ],
        Unknown::Refused,
    )?;
    let index = entry.number("logIndex")?;
    let log_id = Fields::of(
        "the log's id",
        entry.take("logId")?,
        &["keyId"],
        Unknown::Refused,
    )?
    .hash("keyId")?;
    let kind = read_kind(entry.take("kindVersion")?)?;
    let integrated_seconds = entry.number("integratedTime")?;
    let promise = entry.take_optional("inclusionPromise");
    let has_promise = promise.is_some();
    if let Some(promise) = promise {
        Fields::of(
            "the promise",
            promise,
            &["signedEntryTimestamp"],
            Unknown::Refused,
        )?
        .part("signedEntryTimestamp")?;
    }
    let Some(proof) = entry.take_optional("inclusionProof") else {
        return Err(log("a log entry has no proof of its inclusion"));
    };
    let proof = read_proof(proof)?;
    let body = entry.bytes("canonicalizedBody")?;
    check_body(kind, &body)?;

    let integrated = match kind {
        EntryKind::HashedRekordV002 => {
            if has_promise || integrated_seconds != 0 {
                return Err(log("an entry of Rekor v2 has a promise or a time"));
            }
            if proof.index != index {
                return Err(log("the proof is for another index than the entry's"));
            }
            None
        }
        // The time is signed with the promise, and with nothing else.
        EntryKind::DsseV001 | EntryKind::IntotoV002 if has_promise && integrated_seconds != 0 => {
            let seconds = i64::try_from(integrated_seconds).unwrap_or(i64::MAX);
            let time = Timestamp::from_second(seconds)
                .map_err(|_| malformed("`integratedTime` of the log entry is no time"))?;
            Some(time)
        }
        EntryKind::DsseV001 | EntryKind::IntotoV002 => None,
    };
    Ok(LogEntry {
        log: log_id,
        integrated,
        checkpoint: proof.checkpoint,
        tree_size: proof.tree_size,
        root: proof.root,
        index,
        body,
    })
}

fn read_kind(value: Value) -> Result<EntryKind, Refused> {
    let mut fields = Fields::of(
        "the entry's kind",
        value,
        &["kind", "version"],
        Unknown::Refused,
    )?;
    let kind = fields.text("kind")?;
    let version = fields.text("version")?;
    EntryKind::ALL
        .into_iter()
        .find(|known| known.words() == (kind.as_str(), version.as_str()))
        .ok_or_else(|| {
            Refused::new(
                Why::UnknownType,
                format!(
                    "log entries of the kind {} {} are not read",
                    quoted(&kind),
                    quoted(&version)
                ),
            )
        })
}

struct Proof {
    index: u64,
    tree_size: u64,
    root: [u8; 32],
    checkpoint: String,
}

fn read_proof(value: Value) -> Result<Proof, Refused> {
    let mut proof = Fields::of(
        "the proof of inclusion",
        value,
        &["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"],
        Unknown::Refused,
    )?;
    for hash in proof.list("hashes", Limits::PARTS)? {
        let bytes = hash.as_str().and_then(super::fields::from_base64);
        if bytes.is_none_or(|bytes| bytes.len() != 32) {
            return Err(malformed(
                "a hash of the proof of inclusion is not 32 bytes in base64",
            ));
        }
    }
    let Some(checkpoint) = proof.take_optional("checkpoint") else {
        return Err(log("a proof of inclusion has no checkpoint"));
    };
    let checkpoint = Fields::of(
        "the checkpoint",
        checkpoint,
        &["envelope"],
        Unknown::Refused,
    )?
    .short_text("envelope")?;
    if checkpoint.is_empty() {
        return Err(log("a proof of inclusion has an empty checkpoint"));
    }
    Ok(Proof {
        index: proof.number("logIndex")?,
        tree_size: proof.number("treeSize")?,
        root: proof.hash("rootHash")?,
        checkpoint,
    })
}

/// Checks that the body, which the log vouches for, is of the kind that stands beside it.
fn check_body(kind: EntryKind, body: &[u8]) -> Result<(), Refused> {
    let mut body = Fields::of(
        "the log entry's body",
        strict_json(body, &Limits::LOG_BODY)?,
        &["apiVersion", "kind", "spec"],
        Unknown::Refused,
    )?;
    let found = (body.text("kind")?, body.text("apiVersion")?);
    if (found.0.as_str(), found.1.as_str()) == kind.words() {
        return Ok(());
    }
    let (kind, version) = kind.words();
    Err(log(&format!(
        "the log entry is said to be {kind} {version}, and its body is {} {}",
        quoted(&found.0),
        quoted(&found.1)
    )))
}

fn log(detail: &str) -> Refused {
    Refused::new(Why::Log, detail)
}

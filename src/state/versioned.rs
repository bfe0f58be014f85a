//! Documents of the state directory whose form has a version, and the way from older forms to this
//! program's.

use std::cmp::Ordering;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{StateError, read_bytes};
use crate::catalog::look::{self, Look};
use crate::lock::{self, Lock};

/// A document whose form has a version.
pub trait Versioned: DeserializeOwned {
    /// The version that this program writes.
    const SCHEMA: u32;

    /// Brings a document of an older version up to this one.
    fn upgrade(document: Value) -> serde_json::Result<Self>;
}

impl Versioned for Look {
    const SCHEMA: u32 = look::SCHEMA;

    /// Takes a list alone, made when every archive was apt's.
    fn upgrade(mut document: Value) -> serde_json::Result<Self> {
        if let Some(fields) = document.as_object_mut() {
            fields.entry("format").or_insert_with(|| json!("apt"));
        }
        serde_json::from_value(document).map(Self::of_version_1)
    }
}

impl Versioned for Lock {
    const SCHEMA: u32 = lock::SCHEMA;

    /// Puts the package versions of the targets into the ids of the cells.
    fn upgrade(mut document: Value) -> serde_json::Result<Self> {
        if let Some(fields) = document.as_object_mut() {
            let targets = fields.get("targets").cloned().unwrap_or_default();
            let cells = fields.get_mut("cells").and_then(Value::as_array_mut);
            for cell in cells.into_iter().flatten() {
                name_version(cell, &targets);
            }
            fields.insert("schemaVersion".to_owned(), json!(Self::SCHEMA));
        }
        serde_json::from_value(document)
    }
}

/// Puts the package version of a cell's target into the cell's id.
fn name_version(cell: &mut Value, targets: &Value) {
    let index = cell["target"].as_u64().unwrap_or(u64::MAX);
    let target = usize::try_from(index).map_or(&Value::Null, |index| &targets[index]["target"]);
    let version = target["packageVersion"].as_str().unwrap_or_default();
    if let Some((kernel, module)) = cell["id"].as_str().and_then(|id| id.rsplit_once('/')) {
        cell["id"] = json!(format!("{kernel}={version}/{module}"));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    /// Absent from the first version of lists of kernels.
    #[serde(default)]
    schema_version: u32,
}

/// Reads a versioned document; `None` if it is not there. One of an older version is brought up to
/// date in memory, and one of a newer version is refused.
pub fn read_versioned<T: Versioned>(path: &Path) -> Result<Option<T>, StateError> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    let malformed = |error: serde_json::Error| StateError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let head: Head = serde_json::from_slice(&bytes).map_err(malformed)?;
    let document = match head.schema_version.cmp(&T::SCHEMA) {
        Ordering::Equal => serde_json::from_slice(&bytes),
        Ordering::Less => serde_json::from_slice(&bytes).and_then(T::upgrade),
        Ordering::Greater => {
            return Err(StateError::Newer {
                path: path.to_owned(),
                found: head.schema_version,
                known: T::SCHEMA,
            });
        }
    };
    document.map(Some).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;

    fn digest() -> String {
        Sha256Digest::of(b"x").to_string()
    }

    fn target() -> Value {
        json!({
            "distro": "debian", "distroRelease": "12", "arch": "amd64",
            "kernelRelease": "6.1.0-56-amd64", "packageVersion": "6.1.192-2", "flavour": "generic",
        })
    }

    fn read<T: Versioned>(document: &Value) -> Result<Option<T>, StateError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.json");
        std::fs::write(&path, document.to_string()).expect("a file");
        read_versioned(&path)
    }

    #[test]
    fn a_lock_of_version_1_is_read_and_its_cells_get_versions() {
        let lock: Lock = read(&json!({
            "schemaVersion": 1,
            "plan": digest(),
            "facts": { "debian-12": digest() },
            "sources": {}, "images": {},
            "suites": [{
                "archive": "debian", "suite": "bookworm", "date": "2026-07-11T10:16:37Z",
                "validUntil": null, "inRelease": digest(), "signedBy": [], "exceptions": [],
            }],
            "targets": [{
                "target": target(), "image": "debian-12", "mounts": [], "buildDirectory": "/b",
                "packages": [],
            }],
            "cells": [{ "id": "debian-12/amd64/6.1.0-56-amd64/m", "target": 0 }],
        }))
        .expect("a lock")
        .expect("a file");
        assert_eq!(
            lock.cells[0].id.to_string(),
            "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m"
        );
        assert_eq!(lock.schema_version, lock::SCHEMA);
    }

    #[test]
    fn a_list_of_version_1_is_read() {
        let look: Look = read(&json!({
            "distro": "debian", "distroRelease": "12", "facts": digest(), "suites": [],
            "kernels": [{ "target": target(), "packages": [] }], "unresolved": [],
        }))
        .expect("a list")
        .expect("a file");
        assert_eq!(look.at, None);
        assert_eq!(
            look.list.kernels[0].target.to_string(),
            "debian-12/amd64/6.1.0-56-amd64=6.1.192-2"
        );
        let written = serde_json::to_value(&look).expect("JSON");
        assert_eq!(read::<Look>(&written).expect("a list"), Some(look));
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused() {
        for version in [3, 99] {
            let refused = read::<Lock>(&json!({ "schemaVersion": version })).expect_err("newer");
            assert!(matches!(refused, StateError::Newer { found, .. } if found == version));
        }
    }

    #[test]
    fn what_is_no_document_is_malformed() {
        for document in [
            json!([]),
            json!({}),
            json!({ "schemaVersion": 2 }),
            json!({ "schemaVersion": 1, "cells": [{ "id": 3 }] }),
        ] {
            assert!(
                matches!(read::<Lock>(&document), Err(StateError::Malformed { .. })),
                "{document}"
            );
        }
    }
}

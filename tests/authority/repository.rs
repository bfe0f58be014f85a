//! A TUF repository (The Update Framework 1.0) with consistent snapshots, one key for each role.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

use super::keys::EdKey;

const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

pub struct Repository {
    /// In the order of the roles.
    keys: Vec<EdKey>,
    expires: Timestamp,
}

/// Which versions a repository offers.
#[derive(Clone, Copy)]
pub struct Versions {
    root: u64,
    metadata: u64,
}

impl Versions {
    pub fn all(version: u64) -> Self {
        Self {
            root: version,
            metadata: version,
        }
    }

    pub fn with_metadata(self, metadata: u64) -> Self {
        Self { metadata, ..self }
    }
}

impl Repository {
    pub fn new(expires: Timestamp) -> Self {
        Self {
            keys: ROLES.iter().map(|_| EdKey::generate()).collect(),
            expires,
        }
    }

    pub fn root(&self, version: u64) -> Vec<u8> {
        let keys: BTreeMap<&str, Value> = ROLES
            .into_iter()
            .zip(&self.keys)
            .map(|(role, key)| {
                let key = json!({
                    "keytype": "ed25519",
                    "scheme": "ed25519",
                    "keyval": { "public": hex::encode(key.public()) },
                });
                (role, key)
            })
            .collect();
        let roles: BTreeMap<&str, Value> = ROLES
            .into_iter()
            .map(|role| (role, json!({ "keyids": [role], "threshold": 1 })))
            .collect();
        self.sign(
            "root",
            version,
            json!({ "consistent_snapshot": true, "keys": keys, "roles": roles }),
        )
    }

    /// Returns every file of the repository, with one target.
    pub fn files(&self, versions: Versions, trusted_root: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let Versions { root, metadata } = versions;
        let digest = Sha256Digest::of(trusted_root).to_hex();
        let targets = self.sign(
            "targets",
            metadata,
            json!({ "targets": { "trusted_root.json": {
                "length": trusted_root.len(),
                "hashes": { "sha256": digest },
            } } }),
        );
        let snapshot = self.sign(
            "snapshot",
            metadata,
            json!({ "meta": { "targets.json": { "version": metadata } } }),
        );
        let timestamp = self.sign(
            "timestamp",
            metadata,
            json!({ "meta": { "snapshot.json": {
                "version": metadata,
                "length": snapshot.len(),
                "hashes": { "sha256": Sha256Digest::of(&snapshot).to_hex() },
            } } }),
        );
        let mut files: BTreeMap<String, Vec<u8>> = (1..=root)
            .map(|version| (format!("{version}.root.json"), self.root(version)))
            .collect();
        files.insert(format!("{metadata}.targets.json"), targets);
        files.insert(format!("{metadata}.snapshot.json"), snapshot);
        files.insert("timestamp.json".to_owned(), timestamp);
        files.insert(
            format!("targets/{digest}.trusted_root.json"),
            trusted_root.to_vec(),
        );
        files
    }

    fn sign(&self, role: &str, version: u64, mut signed: Value) -> Vec<u8> {
        signed["_type"] = json!(role);
        signed["spec_version"] = json!("1.0.31");
        signed["version"] = json!(version);
        signed["expires"] = json!(self.expires);
        // Without escapes and white space, and with sorted keys, this is canonical as TUF has it.
        let canonical = serde_json::to_vec(&signed).expect("JSON");
        let place = ROLES
            .iter()
            .position(|other| *other == role)
            .expect("a role");
        let signature = hex::encode(self.keys[place].sign(&canonical));
        serde_json::to_vec(&json!({
            "signed": signed,
            "signatures": [{ "keyid": role, "sig": signature }],
        }))
        .expect("JSON")
    }
}

//! A TUF repository as it was kept, of which one file is exchanged: as it comes, and signed as its role
//! asks.

use std::path::Path;
use std::sync::OnceLock;

use kmatrix::digest::Sha256Digest;
use kmatrix::sign::{DigestAlgorithm, KeyAlgorithm, PrivateKey};
use kmatrix::verify::{Network, TufSource};
use serde_json::{Value, json};

use super::predicates::at_once;
use super::project;

const ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];

/// What the corpus' targets name.
const TARGET: &[u8] = b"{}\n";

fn key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = PrivateKey::generate(KeyAlgorithm::Ed25519).expect("a key");
        PrivateKey::from_pkcs8(&key).expect("a key")
    })
}

fn sound(role: &str) -> Value {
    let path = project(&format!("fuzz/corpus/tuf_metadata/{role}"));
    let text = std::fs::read(path).expect("metadata");
    serde_json::from_slice(&text).expect("JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signs what a role says; a root names the key of this process.
fn signed(mut role: Value) -> Vec<u8> {
    if role["_type"] == "root" && role["keys"].is_object() {
        let spki = key().public().spki();
        role["keys"]["k"] = json!({
            "keytype": "ed25519", "scheme": "ed25519",
            "keyval": { "public": hex(&spki[spki.len() - 32..]) },
        });
    }
    // Keys are sorted, and there is no white space: canonical as TUF has it, but for odd texts.
    let canonical = serde_json::to_vec(&role).expect("JSON");
    let signature = key().sign(DigestAlgorithm::Sha256, &canonical);
    let signature = hex(&signature.expect("a signature"));
    let whole = json!({ "signed": role, "signatures": [{ "keyid": "k", "sig": signature }] });
    serde_json::to_vec(&whole).expect("JSON")
}

/// Looks at a repository that has this for a role, and is sound but for that. Returns whether it is taken.
fn look(role: &str, bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a directory");
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a directory");
        std::fs::write(path, bytes).expect("a file");
    };
    for other in ROLES {
        let bytes = match other == role {
            true => bytes.to_vec(),
            false => signed(sound(other)),
        };
        put(&format!("{other}.json"), &bytes);
        put(&format!("1.{other}.json"), &bytes);
    }
    let digest = Sha256Digest::of(TARGET).to_hex();
    put(&format!("targets/{digest}.trusted_root.json"), TARGET);
    put("targets/trusted_root.json", TARGET);
    let source = TufSource {
        url: "http://127.0.0.1:1".to_owned(),
        pinned_root: match role {
            "root" => bytes.to_vec(),
            _ => signed(sound("root")),
        },
        kept_in: folder.path().to_owned(),
    };
    let now = "2026-11-21T12:00:00Z".parse().expect("a time");
    let found = at_once(source.look(Network::Never, now));
    if let Ok(found) = &found {
        assert_eq!(found.trusted_root, TARGET);
    }
    found.is_ok()
}

/// The metadata of a role.
pub fn tuf_metadata(bytes: &[u8]) {
    static SOUND: OnceLock<()> = OnceLock::new();
    SOUND.get_or_init(|| {
        let taken = look("targets", &signed(sound("targets")));
        assert!(taken, "what is sound is taken");
    });
    let role = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    match role["_type"].as_str().map(str::to_owned) {
        Some(kind) if ROLES.contains(&kind.as_str()) => {
            look(&kind, &signed(role));
        }
        Some(_) | None => {}
    }
    for role in ROLES {
        look(role, bytes);
    }
}

//! `kmatrix store`: what is kept, what is removed, and what is said about it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmatrix::digest::Sha256Digest;
use kmatrix::ledger::Ledger;
use kmatrix::state::State;
use kmatrix::store::{Collection, Store};
use serde_json::{Value, json};

/// Two state directories with one store.
struct Scene {
    directory: tempfile::TempDir,
}

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn expect(self, status: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, Some(status), "\n{stdout}\n{stderr}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.stdout))
    }
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        State::open(&scene.state()).expect("a state");
        fs::create_dir(scene.state().join("store")).expect("a directory");
        State::open(&scene.other()).expect("a state");
        symlink(scene.state().join("store"), scene.other().join("store")).expect("a link");
        scene
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("one")
    }

    fn other(&self) -> PathBuf {
        self.directory.path().join("two")
    }

    fn put(&self, bytes: &[u8]) -> Sha256Digest {
        let store = Store::open(&self.state().join("store")).expect("a store");
        store.put(bytes).expect("a blob")
    }

    fn has(&self, digest: &Sha256Digest) -> bool {
        // To look it up in the store is to use it.
        let hex = digest.to_hex();
        let blobs = self.state().join("store/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).is_file()
    }
}

fn kmatrix(state: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_kmatrix"))
        .env_clear()
        .arg("--state")
        .arg(state)
        .args(arguments)
        .output()
        .expect("it runs");
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Writes a document that names a digest somewhere.
fn write(path: PathBuf, digest: &Sha256Digest) {
    let document = json!({ "deep": [{ "down": digest }] });
    fs::write(path, document.to_string()).expect("a file");
}

#[test]
fn what_anybody_needs_stays_and_the_rest_goes() {
    let scene = Scene::new();
    let locked = scene.put(b"locked here");
    let image = scene.put(b"an image's root");
    let elsewhere = scene.put(b"locked by another state");
    let attempt = scene.put(b"a module");
    let garbage = scene.put(b"nobody's");
    write(scene.state().join("locks/m-1.json"), &locked);
    write(scene.state().join("images/i.json"), &image);
    write(scene.other().join("locks/n-2.json"), &elsewhere);
    record_attempt(&scene.state().join("ledger.sqlite"), &attempt);
    // A state is known to the store once it has used it.
    kmatrix(&scene.other(), &["store", "list"]).expect(0);

    let enough = kmatrix(&scene.state(), &["store", "gc"]).expect(0);
    assert!(
        enough
            .stdout
            .contains("that nobody needs, within the budget"),
        "{}",
        enough.stdout
    );
    assert!(scene.has(&garbage));

    let arguments = ["store", "gc", "--budget", "0B", "--format", "json"];
    let dry = kmatrix(&scene.state(), &[&arguments[..], &["--dry-run"]].concat()).expect(2);
    assert!(scene.has(&garbage), "a dry run removes nothing");
    let ran = kmatrix(&scene.state(), &arguments).expect(2);
    assert!(
        ran.stderr.contains("which is more than the budget of 0B"),
        "{}",
        ran.stderr
    );
    let (dry, document) = (dry.json(), ran.json());
    assert_eq!(document["removed"], dry["removed"]);
    assert_eq!(document["removed"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["removed"][0]["digest"], json!(garbage));
    assert!(!scene.has(&garbage));
    let holders = document["needed"].as_array().expect("holders").iter();
    let holders: Vec<&str> = holders
        .map(|needed| needed["by"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        holders,
        ["the lock m-1", "the lock n-2", "the image i", "the ledger"]
    );
    for digest in [locked, image, elsewhere, attempt] {
        assert!(scene.has(&digest));
    }
}

/// Puts an attempt into a ledger whose log is a blob.
fn record_attempt(path: &Path, digest: &Sha256Digest) {
    drop(Ledger::open(path).expect("a ledger"));
    let record = json!({ "log": digest }).to_string();
    let sql = format!(
        "INSERT INTO run VALUES ('r', 't', 'finished', '{{}}');
         INSERT INTO attempt VALUES ('i', 0, 'r', 's', 'built', '{record}');"
    );
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection.execute_batch(&sql).expect("rows");
}

#[test]
fn a_state_that_is_no_longer_there_needs_nothing() {
    let scene = Scene::new();
    let lost = scene.put(b"locked by a state that goes");
    write(scene.other().join("locks/n-2.json"), &lost);
    kmatrix(&scene.other(), &["store", "list"]).expect(0);
    fs::remove_dir_all(scene.other()).expect("removed");
    let ran = kmatrix(&scene.state(), &["store", "gc", "--budget", "0B"]).expect(0);
    assert!(
        ran.stderr
            .contains("used this store and is no longer there"),
        "{}",
        ran.stderr
    );
    assert!(!scene.has(&lost));
}

#[test]
fn nothing_is_removed_if_it_cannot_be_told_what_is_needed() {
    let scene = Scene::new();
    let garbage = scene.put(b"nobody's");
    fs::write(scene.state().join("locks/m-1.json"), "{").expect("a file");
    kmatrix(&scene.state(), &["store", "gc", "--budget", "0B"]).expect(70);
    assert!(scene.has(&garbage));
}

#[test]
fn a_store_that_is_in_use_loses_only_what_nobody_uses() {
    let scene = Scene::new();
    let (garbage, used) = (scene.put(b"nobody's"), scene.put(b"used"));
    std::thread::sleep(std::time::Duration::from_millis(20));
    let open = Store::open(&scene.other().join("store")).expect("a store");
    assert!(open.blob_path(&used).is_some());
    // Whoever writes to the same state is no reason to wait, either.
    let claim = State::open(&scene.state())
        .and_then(|state| state.claim())
        .expect("a claim");
    let arguments = ["store", "gc", "--budget", "0B"];
    let ran = kmatrix(&scene.state(), &arguments).expect(2);
    let kept = "that a running `kmatrix` may use";
    assert!(ran.stdout.contains(kept), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("are needed or in use"),
        "{}",
        ran.stderr
    );
    let json = kmatrix(
        &scene.state(),
        &[&arguments[..], &["--format=json"]].concat(),
    )
    .json();
    assert!(json["inUse"].as_u64() > Some(0), "{json}");
    assert!(!scene.has(&garbage));
    open.read_blob(&used, 10).expect("it stays");
    drop((open, claim));
    kmatrix(&scene.state(), &arguments).expect(0);
    assert!(!scene.has(&used));
}

#[test]
fn only_one_removes_at_a_time() {
    let scene = Scene::new();
    let garbage = scene.put(b"nobody's");
    let other = Collection::open(&scene.other().join("store")).expect("a store");
    let ran = kmatrix(&scene.state(), &["store", "gc", "--budget", "0B"]).expect(2);
    assert!(
        ran.stderr
            .contains("hint: wait for it; nothing was removed"),
        "{}",
        ran.stderr
    );
    assert!(scene.has(&garbage));
    drop(other);
}

#[test]
fn what_is_corrupt_is_named_and_ends_with_a_status() {
    let scene = Scene::new();
    let good = scene.put(b"good");
    kmatrix(&scene.state(), &["store", "verify"]).expect(0);
    let hex = good.to_hex();
    let path = scene
        .state()
        .join(format!("store/blobs/sha256/{}/{hex}", &hex[..2]));
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "evil").expect("written");
    let ran = kmatrix(&scene.state(), &["store", "verify"]).expect(21);
    assert!(
        ran.stdout
            .starts_with(&format!("corrupt blob {good}: its bytes have ")),
        "{}",
        ran.stdout
    );
    let document = kmatrix(&scene.state(), &["store", "verify", "--format", "json"])
        .expect(21)
        .json();
    assert_eq!(document["items"], 1);
    assert_eq!(document["corrupt"][0]["digest"], json!(good));
}

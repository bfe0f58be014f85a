//! `kmatrix explain A.ko B.ko`: the program itself, on files of the corpus, without any state.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/corpus/ko/{name}"))
}

/// Runs the program in an empty directory, where it finds no other program than those in `path`.
fn explain(directory: &Path, path: &Path, arguments: &[&Path], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kmatrix"))
        .arg("explain")
        .args(arguments)
        .args(more)
        .current_dir(directory)
        .env_clear()
        .env("PATH", path)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a module like that of the corpus with one byte of its code or data changed.
fn changed(directory: &Path) -> PathBuf {
    let mut bytes = fs::read(corpus("amd64")).expect("a module");
    let at = bytes
        .windows(8)
        .position(|window| window == b"license=")
        .expect("it names a licence");
    bytes[at + 8] ^= 1;
    let path = directory.join("changed.ko");
    fs::write(&path, bytes).expect("a file");
    path
}

#[test]
fn two_modules_are_explained_without_any_state() {
    let place = tempfile::tempdir().expect("a directory");
    let changed = changed(place.path());
    let (plain, packed, signed) = (corpus("amd64"), corpus("amd64.gz"), corpus("signed"));
    for (second, status, layer, normalisation) in [
        (&plain, 0, Some("file"), None),
        (&packed, 31, Some("decompressed"), Some("compression")),
        (&signed, 31, Some("unsigned"), Some("signature")),
        (&changed, 31, None, None),
    ] {
        let pair = [plain.as_path(), second.as_path()];
        let ran = explain(place.path(), place.path(), &pair, &["--format", "json"]);
        assert_eq!(ran.status.code(), Some(status), "{}", text(&ran.stderr));
        let answer: Value = serde_json::from_slice(&ran.stdout).expect("JSON alone");
        assert_eq!(answer["schemaVersion"], 1);
        assert_eq!(answer["same"], status == 0);
        assert_eq!(answer["agreement"]["layer"].as_str(), layer);
        let first = answer["agreement"]["normalisations"][0].as_str();
        assert_eq!(first, normalisation);
        assert!(answer["first"]["layers"]["normalised"].is_string());
        let people = explain(place.path(), place.path(), &pair, &[]);
        assert_eq!(people.status.code(), Some(status));
        assert!(text(&people.stdout).lines().count() < 40);
    }
    let pair = [plain.as_path(), changed.as_path()];
    let people = text(&explain(place.path(), place.path(), &pair, &[]).stdout);
    assert!(people.contains("license: `"), "{people}");
    assert!(!place.path().join(".kmatrix").exists(), "it makes no state");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let place = tempfile::tempdir().expect("a directory");
    let plain = corpus("amd64");
    let text_file = place.path().join("text");
    fs::write(&text_file, "no module").expect("a file");
    let absent = place.path().join("absent");
    for (second, status, named) in [(&text_file, 10, "text"), (&absent, 21, "absent")] {
        for pair in [[&plain, second], [second, &plain]] {
            let pair = pair.map(PathBuf::as_path);
            let ran = explain(place.path(), place.path(), &pair, &[]);
            assert_eq!(ran.status.code(), Some(status));
            assert!(ran.stdout.is_empty());
            let said = text(&ran.stderr);
            assert!(said.contains(named) && said.contains("hint: "), "{said}");
        }
    }
}

#[test]
fn diffoscope_gets_the_pair_where_it_is() {
    let place = tempfile::tempdir().expect("a directory");
    let (plain, packed) = (corpus("amd64"), corpus("amd64.gz"));
    let pair = [plain.as_path(), packed.as_path()];
    let ran = explain(place.path(), place.path(), &pair, &["--diffoscope"]);
    assert_eq!(ran.status.code(), Some(21));
    let said = text(&ran.stderr);
    assert!(said.contains("hint: install it"), "{said}");

    let program = place.path().join("diffoscope");
    let (one, two) = (plain.display(), packed.display());
    let script = format!(
        "#!/bin/sh\necho \"got $1 $2 $3\"\n[ \"$*\" = \"-- {one} {two}\" ] && exit 1\nexit 2\n"
    );
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    let ran = explain(place.path(), place.path(), &pair, &["--diffoscope"]);
    assert_eq!(ran.status.code(), Some(31), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("got -- "));

    let ran = explain(
        place.path(),
        place.path(),
        &pair,
        &["--diffoscope", "--format", "json"],
    );
    assert_eq!(ran.status.code(), Some(2));
    // One name alone is a cell's.
    let ran = explain(place.path(), place.path(), &pair[..1], &["--diffoscope"]);
    assert_eq!(ran.status.code(), Some(42));
}

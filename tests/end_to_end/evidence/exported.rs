//! What `bundle` refuses to write, what it writes over, and what it takes for an archive.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use super::{Both, kmatrix, text};
use crate::common::Ran;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn an_archive_is_written_where_it_can_be_of_the_run_that_is_locked() {
    let both = Both::of("reproducible", 0);
    let vendor = both.vendor.path();
    let export = |out: &str, more: &[&str]| {
        let arguments = ["bundle", "export", "matrix.toml", "--out", out];
        kmatrix(&both.vendor, &[&arguments[..], more].concat())
    };
    // A key that would say that something was signed first.
    let sign = ["--sign-key", "no-such.key"];
    fs::create_dir(vendor.join("folder")).expect("a folder");
    for out in ["folder", "no-such/release.tar", "/dev/null"] {
        let ran = export(out, &sign).expect(2);
        assert!(
            ran.stderr.contains(&format!("cannot write `{out}`")),
            "{ran}"
        );
    }

    // Two files of one name.
    for (place, contents) in [("a", "x = 1"), ("b", "x = 2"), ("c", "x = 1")] {
        fs::create_dir(vendor.join(place)).expect("a folder");
        fs::write(vendor.join(place).join("p.toml"), contents).expect("a file");
    }
    for flag in ["--policy", "--trust"] {
        let files = |other: &'static str| ["--unsigned", flag, "a/p.toml", flag, other];
        let ran = export("release.tar", &files("b/p.toml")).expect(2);
        assert!(
            ran.stderr.contains("two different files would both be"),
            "{ran}"
        );
        assert!(!vendor.join("release.tar").exists());
        export("same.tar", &files("c/p.toml")).expect(0);
    }

    // Who may read it is for the mask to say, or for whoever was there first.
    let archive = both.export("release.tar", &["--unsigned"]);
    fs::write(vendor.join("plain"), "").expect("a file");
    assert_eq!(mode(&archive), mode(&vendor.join("plain")));
    fs::set_permissions(&archive, Permissions::from_mode(0o640)).expect("a mode");
    symlink("release.tar", vendor.join("link.tar")).expect("a link");
    both.export("link.tar", &["--unsigned"]);
    assert!(
        fs::symlink_metadata(vendor.join("link.tar"))
            .expect("a link")
            .is_symlink()
    );
    assert_eq!(mode(&archive), 0o640);

    // What is no archive is no damaged one.
    let other = vendor.join("matrix.toml");
    for (command, unsigned) in [("list", false), ("verify", true), ("import", true)] {
        let more: &[&str] = if unsigned { &["--unsigned"] } else { &[] };
        let run = |path: &Path| {
            let arguments = [&["bundle", command, text(path)], more].concat();
            kmatrix(&both.elsewhere, &arguments)
        };
        let ran = run(&other).expect(41);
        assert!(ran.stderr.contains("is no evidence archive"), "{ran}");
        assert!(!ran.stderr.contains("doctored"), "{ran}");
        run(&vendor.join("folder")).expect(2);
        run(&vendor.join("no-such.tar")).expect(21);
        let mut bytes = fs::read(&archive).expect("an archive");
        bytes.truncate(5000);
        let short = vendor.join("short.tar");
        fs::write(&short, bytes).expect("a file");
        let ran = run(&short).expect(41);
        let taken_in = ran.stderr.contains("nothing of it was taken in");
        assert_eq!(taken_in, command == "import", "{ran}");
    }
    // No place to check it in is the machine's fault.
    let checked = ["bundle", "verify", text(&archive), "--unsigned"];
    let mut command = both.elsewhere.command(&checked);
    command.env("TMPDIR", both.elsewhere.path().join("no-such"));
    let ran = Ran::of(command).expect(70);
    assert!(ran.stderr.contains("cannot make a directory"), "{ran}");

    let nowhere = both.elsewhere.path().join("no-state");
    let state = ["--state", text(&nowhere)];
    for (path, status) in [(&other, 41), (&vendor.join("no-such.tar"), 21)] {
        let import = ["bundle", "import", text(path), "--unsigned"];
        let audit = [
            "audit",
            text(path),
            "--unsigned",
            "--no-sign",
            "--sample",
            "1",
        ];
        for arguments in [&import[..], &audit[..]] {
            let ran = kmatrix(&both.elsewhere, &[arguments, &state].concat()).expect(status);
            assert!(!nowhere.exists(), "{ran}");
        }
    }

    // What none of it says of itself, its help does not either.
    let help = kmatrix(&both.vendor, &["bundle", "export", "--help"]).expect(0);
    assert!(!help.stdout.contains("[default: all three]"), "{help}");
    let listed = kmatrix(&both.vendor, &["bundle", "list", text(&archive)]).expect(0);
    assert!(listed.stdout.contains("inputs   none"), "{listed}");

    // The lock has moved on from the run.
    let source = vendor.join("modules/reproducible/more.txt");
    fs::write(source, "more").expect("a file");
    kmatrix(&both.vendor, &["lock", "matrix.toml"]).expect(0);
    let ran = export("release.tar", &["--unsigned"]).expect(21);
    assert!(
        ran.stderr.contains("not the one that the run was of"),
        "{ran}"
    );
}

#[test]
fn an_archive_that_comes_again_is_read_again() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let unsigned = ["bundle", "import", text(&archive), "--unsigned"];
    kmatrix(&both.elsewhere, &unsigned).expect(0);
    let asked = || {
        let query = ["query", "--format", "json"];
        kmatrix(&both.elsewhere, &query).expect(0).json()["cells"].clone()
    };
    let cells = asked();
    assert!(cells[0]["origin"]["signer"].is_null(), "{cells:#}");
    assert_eq!(cells[0]["attestations"][0]["verified"], false);

    // A part of it is not it.
    let short = both.elsewhere.path().join("short.tar");
    let bytes = fs::read(&archive).expect("an archive");
    fs::write(&short, &bytes[..bytes.len() - 2000]).expect("a file");
    both.import(&short).expect(41);

    // What was lost comes back, and who signed it is known now.
    let digest = cells[0]["modules"][0]["sha256"].as_str().expect("a digest");
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let store = both.elsewhere.state().join("store/blobs/sha256");
    let place = [store.join(hex), store.join(&hex[..2]).join(hex)];
    let place = place.iter().find(|place| place.exists()).expect("a blob");
    fs::remove_file(place).expect("removed");
    let again = both.import(&archive).expect(0).json();
    assert_eq!(
        (&again["isNew"], &again["blobs"]),
        (&false.into(), &1.into())
    );
    assert!(place.exists());
    let known = asked();
    let signer = &known[0]["origin"]["signer"];
    assert!(signer.as_str().expect("a signer").starts_with("key:"));
    for one in known[0]["attestations"].as_array().expect("attestations") {
        assert_eq!((&one["verified"], &one["signer"]), (&true.into(), signer));
    }
    // And stays known, whoever takes it in as it comes.
    kmatrix(&both.elsewhere, &unsigned).expect(0);
    assert_eq!(asked(), known);
}

#[test]
fn what_contradicts_itself_is_not_exported() {
    let both = Both::of("reproducible", 0);
    let path = both.vendor.state().join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).expect("a ledger");
    let record: String = ledger
        .query_row("SELECT record FROM attempt WHERE number = 0", [], |row| {
            row.get(0)
        })
        .expect("a reference");
    let mut record: Value = serde_json::from_str(&record).expect("a record");
    record["outcome"]["modules"][0]["digest"] = record["log"].clone();
    let changed = ledger.execute(
        "UPDATE attempt SET record = ?1 WHERE number = 0",
        [record.to_string()],
    );
    assert_eq!(changed.expect("changed"), 1);
    drop(ledger);
    let out = both.vendor.path().join("release.tar");
    let export = ["bundle", "export", "matrix.toml", "--out", text(&out)];
    let export = [&export[..], &["--sign-key", "own.key"]].concat();
    let ran = kmatrix(&both.vendor, &export).expect(42);
    assert!(ran.stderr.contains("speaks of other modules"), "{ran}");
    assert!(!out.exists());

    // What the hint says helps.
    assert!(ran.stderr.contains("another one (`--state`)"), "{ran}");
    let other = ["--state", "other"];
    both.vendor.build(&other, 0);
    let attest = ["attest", "matrix.toml", "--sign-key", "own.key"];
    kmatrix(&both.vendor, &[&attest[..], &other].concat()).expect(0);
    kmatrix(&both.vendor, &[&export[..], &other].concat()).expect(0);
    both.import(&out).expect(0);
}

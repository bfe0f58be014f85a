//! Making room in the store beside a build.

use std::fs;
use std::process::Command;

use kmatrix::digest::Sha256Digest;
use serde_json::Value;

use crate::common::{Place, Ran};

/// Makes a place with a store of its own, whose files are those of the shared one.
fn place_with_a_store() -> Place {
    let place = Place::new();
    let store = place.state().join("store");
    let shared = fs::canonicalize(&store).expect("a store");
    fs::remove_file(&store).expect("a link");
    fs::create_dir(&store).expect("a directory");
    for part in ["blobs", "trees"] {
        // Hard links: what is removed here stays there.
        let mut command = Command::new("cp");
        command
            .args(["--archive", "--link"])
            .arg(shared.join(part))
            .arg(&store);
        Ran::of(command).expect(0);
    }
    place
}

#[test]
fn a_build_loses_nothing_to_whoever_makes_room_meanwhile() {
    let place = place_with_a_store();
    place.build_of("waits", "", "", "");
    // Something that nobody needs, from before the build.
    let garbage = place
        .state()
        .join("store/trees")
        .join(format!("src1-{}", "0123456789abcdef".repeat(4)));
    fs::create_dir(&garbage).expect("a directory");
    fs::write(garbage.join("tree.json"), "{}").expect("a file");

    let build = ["build", "matrix.toml", "--format", "json", "--jobs", "2"];
    let mut running = place.start(&build, "build");
    place.wait_for_containers(2);
    let collect = ["store", "gc", "--budget", "0B", "--format", "json"];
    // Without its lock, a build's inputs are held by nothing but its having the store open.
    let locks = fs::read_dir(place.state().join("locks")).expect("a directory");
    let locks: Vec<_> = locks.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(locks.len(), 1);
    let away = place.path().join("lock-put-away");
    fs::rename(&locks[0], &away).expect("renamed");
    let collected = place.kmatrix(&collect).expect(2).json();
    fs::rename(&away, &locks[0]).expect("renamed");
    assert!(collected["inUse"].as_u64() > Some(0), "{collected:#}");
    assert!(!garbage.exists(), "it goes although a build runs");
    place.let_go(&mut running);
    let document = running.end().expect(0).json();
    assert_eq!(document["cells"][0]["standing"], "labelled");
    assert_eq!(document["cells"][0]["comparisons"][0]["same"], true);

    // What the build has left is held by its lock and its ledger.
    place.kmatrix(&collect).expect(2);
    let again = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    assert!(again.stderr.contains("nothing had to be done"), "{again}");
    place.kmatrix(&["store", "verify"]).expect(0);
    let anew = [
        "build",
        "matrix.toml",
        "--offline",
        "--rebuilds",
        "2",
        "--format",
        "json",
    ];
    let mut running = place.start(&anew, "anew");
    place.let_go(&mut running);
    running.end().expect(0);
}

/// Takes a blob out of the store.
fn remove(place: &Place, digest: &Value) {
    let digest = digest.as_str().expect("a digest");
    let (_, hex) = digest.split_once(':').expect("an algorithm");
    let blobs = place.state().join("store/blobs/sha256");
    fs::remove_file(blobs.join(&hex[..2]).join(hex)).expect("a blob");
}

/// Takes the modules of a cell away, and what its reference was made of and printed, out of the store and
/// from where they were laid out.
fn lose(place: &Place, cell: &Value) {
    let id = cell["id"].as_str().expect("an id");
    let reference = place.explain(id)["attempts"][0].clone();
    for digest in [
        &cell["modules"][0]["digest"],
        &reference["spec"],
        &reference["log"],
    ] {
        remove(place, digest);
    }
    fs::remove_dir_all(place.state().join("out").join(id)).expect("a directory");
}

#[test]
fn modules_that_the_store_has_lost_are_built_again_if_they_come_out_the_same() {
    let place = place_with_a_store();
    let build = |name: &str, rebuilds: &str| {
        place.build_of(name, "", rebuilds, "");
        place.build(&[], 0)["cells"][0].clone()
    };
    let random = build("random-constant", "rebuilds = 0");
    let sound = build("reproducible", "");
    lose(&place, &sound);
    let again = ["build", "matrix.toml", "--no-inquiry", "--format", "json"];
    let ran = place.kmatrix(&again).expect(0);
    assert!(
        ran.stderr.contains("Restoring") && ran.stderr.contains("the store has lost its modules"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("warning: ")
            && ran
                .stderr
                .contains("reference.log, which no build brings back"),
        "{ran}"
    );
    let restored = ran.json()["cells"][0].clone();
    assert_eq!(restored["modules"], sound["modules"]);
    assert_eq!(restored["label"]["vector"], sound["label"]["vector"]);
    let id = sound["id"].as_str().expect("an id");
    let attempts = place.explain(id)["attempts"].clone();
    assert_eq!(attempts.as_array().map(Vec::len), Some(3));
    assert_eq!(attempts[2]["variation"]["axes"], serde_json::json!([]));
    let laid_out = place.state().join("out").join(id).join("fixture.ko");
    let bytes = fs::read(laid_out).expect("a module");
    let digest = sound["modules"][0]["digest"].as_str().expect("a digest");
    assert_eq!(Sha256Digest::of(&bytes).to_string(), digest);
    // It is there now.
    let ran = place.kmatrix(&again).expect(0);
    assert!(!ran.stderr.contains("Restoring"), "{ran}");

    lose(&place, &random);
    place.build_of("random-constant", "", "rebuilds = 0", "");
    let hint = "makes it again if it comes out the same";
    let ran = place.kmatrix(&again).expect(21);
    assert!(ran.stderr.contains("Restoring"), "{ran}");
    assert!(ran.stderr.contains(hint), "{ran}");
    // It has shown that it does not, and is not tried once more.
    let ran = place.kmatrix(&again).expect(21);
    assert!(!ran.stderr.contains("Restoring"), "{ran}");
    assert!(ran.stderr.contains(hint), "{ran}");
    let document = place.explain(random["id"].as_str().expect("an id"));
    assert_eq!(document["label"]["tier"], "irreproducible", "{document:#}");
}

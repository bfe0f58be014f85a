//! Making room in the store beside a build.

use std::fs;
use std::process::Command;

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

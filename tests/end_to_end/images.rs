//! Builder images that are bootstrapped: loaded again, made again, and from which mirror.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::common::{OwnEngine, Place, Ran, SharedState};

#[test]
fn an_image_that_the_engine_has_lost_is_loaded_again() {
    let engine = OwnEngine::start();
    let place = Place::new().with_engine(&engine.host());
    let build = ["images", "build", "debian-12"];
    let first = place.kmatrix(&build).expect(0);
    let id = first
        .stdout
        .trim()
        .strip_prefix("debian-12 ")
        .expect("an image");
    let loaded = |id: &str| engine.docker(&["image", "inspect", "--format", "{{.Id}}", id]);
    assert_eq!(loaded(id).expect(0).stdout.trim(), id);
    engine.docker(&["image", "rm", "--force", id]).expect(0);
    assert_ne!(loaded(id).status, 0);
    let second = place.kmatrix(&build).expect(0);
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(loaded(id).expect(0).stdout.trim(), id);
    assert_eq!(second.stderr, "", "it was not made anew");
}

/// Returns where this machine has the archive `debian` from.
fn mirror_of_debian() -> String {
    let named = std::env::var("KMATRIX_MIRROR_DEBIAN").unwrap_or_default();
    if let Some(first) = named.split_whitespace().next() {
        return first.to_owned();
    }
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)"]);
    let listed = Ran::of(targets).expect(0).stdout;
    let found = listed
        .lines()
        .find(|line| line.trim_end_matches('/').ends_with("/debian"));
    found
        .unwrap_or_else(|| panic!("apt has no `debian`\n{listed}"))
        .to_owned()
}

fn record(place: &Place) -> Value {
    let path = place.state().join("images/debian-12.json");
    serde_json::from_slice(&fs::read(path).expect("a record")).expect("a record")
}

fn write_record(place: &Place, record: &Value) {
    let path = place.state().join("images/debian-12.json");
    fs::write(path, record.to_string()).expect("a record");
}

/// Puts a root file system of other bits in the place of the image's, in store and record, and
/// returns where it is in the store, which other tests share.
fn change_root(place: &Place) -> PathBuf {
    let mut record = record(place);
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let blob = |hex: &str| {
        place
            .state()
            .join("store/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
    };
    let digest = hex(record["root"]["digest"].as_str().expect("a digest"));
    let changed = place.path().join("changed.tar");
    fs::copy(blob(&digest), &changed).expect("a copy");
    let script = "set -eu; tar -C \"$2\" -xf \"$1\" ./etc/debian_version; \
                  echo changed >\"$2/etc/debian_version\"; \
                  tar --delete -f \"$1\" ./etc/debian_version; \
                  tar -C \"$2\" -rf \"$1\" ./etc/debian_version; sha256sum \"$1\"";
    let mut change = Command::new("/bin/sh");
    change
        .args(["-c", script, "change"])
        .arg(&changed)
        .arg(place.path());
    let summed = Ran::of(change).expect(0).stdout;
    let hex = summed.split(' ').next().expect("a sum").to_owned();
    fs::create_dir_all(blob(&hex).parent().expect("a directory")).expect("a directory");
    fs::rename(&changed, blob(&hex)).expect("a file");
    record["root"]["digest"] = format!("sha256:{hex}").into();
    write_record(place, &record);
    blob(&hex)
}

#[test]
#[ignore = "long: images are made three times"]
fn an_image_is_made_from_the_next_mirror_reproduces_and_a_difference_is_named() {
    let place = Place::new();
    let mirror = format!("debian={}", mirror_of_debian());
    let mirrors = [
        "--mirror",
        "debian=http://127.0.0.1:1/debian",
        "--mirror",
        &mirror,
    ];
    let build = ["images", "build", "debian-12", "--update", "--verify"];
    let ran = place.kmatrix(&[&build[..], &mirrors].concat()).expect(0);
    assert!(ran.stderr.contains("Reproduced image debian-12"), "{ran}");
    assert!(ran.stderr.contains("passed over a mirror"), "{ran}");
    let made = record(&place);
    let passed = &made["passedOver"][0];
    assert_eq!(passed["archive"], "debian");
    assert_eq!(passed["mirror"], "http://127.0.0.1:1/debian/");
    assert_eq!(made["inventory"]["database"], "dpkg");
    let packages = made["packages"].as_array().expect("packages");
    let gcc = packages
        .iter()
        .find(|package| package["name"] == "gcc-12-base");
    assert_eq!(gcc.expect("it is there")["source"], "gcc-12");
    let list = ["images", "list", "--format", "json"];
    let listed = |place: &Place| {
        let document = place.kmatrix(&list).expect(0).json();
        let images = document["images"].as_array().expect("images").clone();
        let found = images
            .into_iter()
            .find(|image| image["name"] == "debian-12");
        found.expect("it is made")["reproduction"].clone()
    };
    assert_eq!(listed(&place)["reproduced"], "yes");

    let changed = change_root(&place);
    let ran = place.kmatrix(&["images", "verify", "debian-12"]).expect(31);
    assert!(
        ran.stderr.contains("./etc/debian_version: content"),
        "{ran}"
    );
    let found = listed(&place);
    assert_eq!(found["reproduced"], "no");
    assert_eq!(found["differences"][0]["path"], "./etc/debian_version");
    let shown = place.kmatrix(&["images", "list"]).expect(0);
    assert!(shown.stdout.contains("reproduced: no, on "), "{shown}");
    write_record(&place, &made);
    fs::remove_file(changed).expect("a blob");
    SharedState::get().keep_images_of(&place.state());
}

#[test]
fn an_image_that_is_not_there_cannot_be_verified() {
    let place = Place::empty();
    let ran = place.kmatrix(&["images", "verify"]).expect(42);
    assert!(
        ran.stderr.contains("no bootstrapped image is recorded"),
        "{ran}"
    );
    let ran = place.kmatrix(&["images", "verify", "debian-12"]).expect(42);
    assert!(
        ran.stderr.contains("the image `debian-12` is not made yet"),
        "{ran}"
    );
    let ran = place.kmatrix(&["images", "verify", "no-such"]).expect(2);
    assert!(
        ran.stderr
            .contains("there is no definition of the image `no-such`"),
        "{ran}"
    );
}

#[test]
fn an_older_state_of_the_archive_is_refused() {
    let place = Place::new();
    let mut newer = record(&place);
    newer["suites"][0]["date"] = "2999-01-01T00:00:00Z".into();
    write_record(&place, &newer);
    let ran = place
        .kmatrix(&["images", "build", "debian-12", "--update"])
        .expect(21);
    assert!(ran.stderr.contains("is rolled back"), "{ran}");
    assert_eq!(ran.stdout, "");
    let look = [
        "images",
        "freshness",
        "debian-12",
        "--check",
        "--format",
        "json",
    ];
    let report = place.kmatrix(&look).expect(33).json();
    let image = &report["images"][0];
    assert_eq!(image["state"], "unknown");
    let reason = image["updates"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("rolled back"), "{reason}");
}

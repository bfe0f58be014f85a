//! Input that is wrong: the message, the status, and nothing lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Place, Ran, SharedState, matrix};

const TARGET: &str = "[[target]]\ndistro = \"debian\"\nrelease = \"12\"\narch = \"amd64\"\n\
                      flavour = \"cloud\"\nkernel = { series = \"6.1\", latest = 1 }\n";
const MODULE: &str = "schema = 1\n\n[[module]]\nname = \"m\"\nsource = \"modules/reproducible\"\n";

/// Builds a matrix that must be refused, and returns what is said.
fn refused(text: &str, status: i32) -> String {
    let place = Place::new();
    place.fixture("reproducible");
    place.write(text);
    let ran = place
        .kmatrix(&["build", "matrix.toml", "--format", "json"])
        .expect(status);
    assert_eq!(ran.stdout, "");
    ran.message(place.path())
}

#[test]
fn unknown_keys_and_wrong_types_are_all_reported() {
    let text = format!(
        "{}\n{TARGET}\n[build]\nrebuild = 2\nmemory = 12\nprocesses = 0\n\n[policy]\nrequire = \"ful\"\n",
        MODULE.replace("source", "sorce")
    );
    assert_snapshot!(refused(&text, 10));
}

#[test]
fn a_file_that_is_no_toml_is_refused() {
    assert_snapshot!(refused("schema = 1\n[[module]\n", 10));
}

#[test]
fn a_matrix_that_is_not_there_is_refused() {
    let place = Place::empty();
    let ran = place.kmatrix(&["build", "none.toml"]).expect(10);
    assert_snapshot!(ran.message(place.path()));
}

#[test]
fn an_image_that_facts_name_and_nobody_has_written_is_told() {
    let place = Place::new();
    place.fixture("reproducible");
    place.write(&format!("{MODULE}\n{TARGET}"));
    let images = place.path().join("no-images");
    fs::create_dir(&images).expect("a directory");
    let images = images.to_str().expect("UTF-8");
    let ran = place
        .kmatrix(&["lock", "matrix.toml", "--images", images])
        .expect(10);
    assert_snapshot!(ran.message(place.path()));
}

#[test]
fn a_matrix_whose_excludes_leave_nothing_has_no_cells() {
    let text = format!("{MODULE}\n{TARGET}\n[[exclude]]\narch = \"amd64\"\nreason = \"none\"\n");
    assert_snapshot!(refused(&text, 11));
}

#[test]
fn an_exclude_that_matches_nothing_is_refused() {
    let text = format!("{MODULE}\n{TARGET}\n[[exclude]]\narch = \"arm64\"\nreason = \"none\"\n");
    assert_snapshot!(refused(&text, 10));
}

#[test]
fn an_exclude_that_has_expired_is_refused() {
    let text = format!(
        "{MODULE}\n{TARGET}\n[[exclude]]\narch = \"amd64\"\nreason = \"none\"\nexpires = 2020-02-29\n"
    );
    assert_snapshot!(refused(&text, 10));
}

#[test]
fn a_series_that_there_is_not_is_refused() {
    let text = format!("{MODULE}\n{}", TARGET.replace("6.1", "4.2"));
    assert_snapshot!(refused(&text, 10));
}

#[test]
fn a_release_that_there_is_not_is_refused() {
    let text = format!("{MODULE}\n{}", TARGET.replace("\"12\"", "\"99\""));
    assert_snapshot!(refused(&text, 10));
}

/// Builds a module whose source must be refused, and returns what is said.
fn refused_source(prepare: impl FnOnce(&Path)) -> String {
    let place = Place::new();
    let source = place.path().join("modules/m");
    prepare(&source);
    place.write(&matrix(&[("m", "modules/m", "")], "", ""));
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(10);
    assert_eq!(ran.stdout, "");
    ran.message(place.path())
}

#[test]
fn a_source_that_is_missing_is_refused() {
    assert_snapshot!(refused_source(|_| {}));
}

#[test]
fn a_source_that_is_empty_is_refused() {
    assert_snapshot!(refused_source(|source| {
        fs::create_dir_all(source).expect("a directory");
    }));
}

#[test]
fn a_link_out_of_the_source_is_refused() {
    assert_snapshot!(refused_source(|source| {
        fs::create_dir_all(source).expect("a directory");
        fs::write(source.join("Kbuild"), "obj-m := m.o\n").expect("a file");
        symlink("/etc/passwd", source.join("m.c")).expect("a link");
    }));
}

#[test]
fn a_link_within_the_source_is_followed() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    let source = place.path().join("modules/reproducible");
    fs::rename(source.join("main.c"), source.join("real.c")).expect("a file");
    symlink("real.c", source.join("main.c")).expect("a link");
    place.build(&[], 0);
}

#[test]
fn nothing_is_fetched_offline() {
    let place = Place::empty();
    place.fixture("reproducible");
    place.write(&matrix(&[("m", "modules/reproducible", "")], "", ""));
    let mut said = Vec::new();
    for command in ["plan", "lock", "build"] {
        let ran = place
            .kmatrix(&[command, "matrix.toml", "--offline"])
            .expect(21);
        assert_eq!(ran.stdout, "");
        said.push(ran.message(place.path()));
    }
    assert_snapshot!(said[0]);
    assert_eq!(said[1], said[0]);
    assert_eq!(said[2], said[0]);
}

#[test]
fn what_is_recorded_is_enough_offline() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    place.build(&["--offline"], 0);
}

#[test]
fn a_lock_that_is_out_of_date_is_refused() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    let ran = place
        .kmatrix(&["lock", "matrix.toml", "--check"])
        .expect(21);
    assert_snapshot!(ran.message(place.path()));
    place.kmatrix(&["lock", "matrix.toml"]).expect(0);
    place.kmatrix(&["lock", "matrix.toml", "--check"]).expect(0);
    place.build(&["--locked"], 0);
    let added = place.path().join("modules/reproducible/new.h");
    fs::write(added, "").expect("a file");
    let ran = place
        .kmatrix(&["build", "matrix.toml", "--locked"])
        .expect(21);
    assert_snapshot!(ran.message(place.path()));
}

#[test]
fn a_mirror_that_cannot_be_reached_is_told() {
    let place = Place::empty();
    place.fixture("reproducible");
    place.write(&matrix(&[("m", "modules/reproducible", "")], "", ""));
    // Nothing listens on the port of the discard protocol.
    let ran = place
        .kmatrix(&[
            "plan",
            "matrix.toml",
            "--mirror",
            "debian=http://127.0.0.1:9/debian",
            "--mirror",
            "debian-security=http://127.0.0.1:9/debian-security",
        ])
        .expect(21);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("127.0.0.1:9"), "{ran}");
    assert!(ran.stderr.contains("\nhint: "), "{ran}");
}

/// A small file system of its own, taken away at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Self {
        fs::create_dir_all(at).expect("a directory");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(at);
        Ran::of(mount).expect(0);
        Self(at)
    }

    fn grow(&self, size: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,size={size}")])
            .arg(self.0);
        Ran::of(mount).expect(0);
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        unmount.arg(self.0);
        Ran::of(unmount);
    }
}

#[test]
fn a_full_disk_is_told_and_room_is_enough_to_go_on() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    let lock = place
        .kmatrix(&["lock", "matrix.toml", "--format", "json"])
        .expect(0)
        .json();
    // The packages are there, and the trees that are made of them find no room.
    let store = place.path().join("small");
    let disk = SmallDisk::mount(&store, "40m");
    let packages = lock["targets"][0]["packages"].as_array().expect("packages");
    for package in packages {
        let digest = package["sha256"].as_str().expect("a digest");
        let hex = digest.trim_start_matches("sha256:");
        let blob = format!("blobs/sha256/{}/{hex}", &hex[..2]);
        let to = store.join(&blob);
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        fs::copy(SharedState::get().store().join(&blob), to).expect("a copy");
    }
    let link = place.state().join("store");
    fs::remove_file(&link).expect("a link");
    symlink(&store, &link).expect("a link");

    let ran = place
        .kmatrix(&["build", "matrix.toml", "--offline"])
        .expect(70);
    assert!(ran.stderr.starts_with("error: "), "{ran}");
    assert!(ran.stderr.contains("No space left on device"), "{ran}");
    assert!(
        ran.stderr
            .ends_with("hint: the disk is full: make room, and run the same command again\n"),
        "{ran}"
    );
    disk.grow("400m");
    let document = place.build(&["--offline"], 0);
    assert_eq!(document["cells"][0]["standing"], "labelled");
    assert_ne!(document["run"], Value::Null);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_told() {
    let place = Place::empty();
    let file = place.path().join("file");
    fs::write(&file, "").expect("a file");
    let state = file.join("state");
    let ran = place
        .kmatrix(&["kernels", "list", "--state", state.to_str().expect("UTF-8")])
        .expect(70);
    assert_snapshot!(ran.message(place.path()));
}

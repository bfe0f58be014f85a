//! Where sources come from, with the real tools that make them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Place, Ran, matrix, project};

/// Runs a program in a directory, which must succeed, and returns what it printed.
fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("SOURCE_DATE_EPOCH", "1700000000");
    for (key, value) in [("NAME", "fixture"), ("EMAIL", "fixture@example.org")] {
        command.env(format!("GIT_AUTHOR_{key}"), value);
        command.env(format!("GIT_COMMITTER_{key}"), value);
    }
    Ran::of(command).expect(0).stdout
}

fn sha256(path: &Path) -> String {
    let name = path.to_str().expect("UTF-8");
    let printed = run(Path::new("/"), "sha256sum", &[name]);
    printed.split(' ').next().expect("a digest").to_owned()
}

/// Copies the fixture `reproducible` to a directory.
fn module(to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for name in ["Kbuild", "main.c"] {
        let from = project().join("tests/fixtures/reproducible").join(name);
        fs::copy(from, to.join(name)).expect("a copy");
    }
}

/// Writes a matrix of modules (name, value of `source`, further keys).
fn write(place: &Place, modules: &[(&str, String, &str)]) {
    let mut text = matrix(&[], "", "");
    for (name, source, more) in modules {
        let module = format!("\n[[module]]\nname = \"{name}\"\nsource = {source}\n{more}\n");
        text.push_str(&module);
    }
    place.write(&text);
}

/// Locks, and returns what is recorded of the sources.
fn sources(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["lock", "matrix.toml", "--format", "json"];
    all.extend(arguments);
    place.kmatrix(&all).expect(0).json()["sources"].clone()
}

/// Locks in vain, and returns what is said.
fn refused(place: &Place, arguments: &[&str], status: i32) -> String {
    let mut all = vec!["lock", "matrix.toml"];
    all.extend(arguments);
    let ran = place.kmatrix(&all).expect(status);
    assert_eq!(ran.stdout, "");
    ran.message(place.path())
}

fn reason<'a>(cell: &'a Value, axis: &str) -> &'a Value {
    cell["label"]["reasons"]
        .as_array()
        .and_then(|reasons| reasons.iter().find(|reason| reason["axis"] == axis))
        .unwrap_or_else(|| panic!("no reason for {axis}: {cell:#}"))
}

/// Makes a repository with a module in a directory, and returns it with its commit.
fn repository(place: &Place) -> (PathBuf, String) {
    let repository = place.path().join("repository");
    module(&repository.join("sub/module"));
    fs::write(repository.join("other.txt"), "other\n").expect("a file");
    run(&repository, "git", &["init", "-q"]);
    run(&repository, "git", &["add", "."]);
    run(&repository, "git", &["commit", "-q", "-m", "one"]);
    let commit = run(&repository, "git", &["rev-parse", "HEAD"]);
    (repository, commit.trim().to_owned())
}

fn commit_source(repository: &str, commit: &str) -> String {
    format!("{{ git = \"{repository}\", commit = \"{commit}\", path = \"sub/module\" }}")
}

#[test]
fn a_commit_is_built_as_it_was_committed() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    // What stands in the work tree now is nobody's business.
    fs::write(repository.join("sub/module/main.c"), "#error\n").expect("a file");
    write(&place, &[("m", commit_source("repository", &commit), "")]);
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    let source = reason(&cell, "source");
    assert_eq!(source["grade"], "committed");
    assert_eq!(
        source["because"],
        format!(
            "commit {} of the git repository `repository`",
            &commit[..12]
        )
    );
    let id = cell["id"].as_str().expect("an id");
    let told = place.kmatrix(&["explain", id]).expect(0).stdout;
    assert!(told.contains("directory sub/module"), "{told}");
    assert!(told.contains(&format!("commit {commit}")), "{told}");
}

/// Makes a repository that tries to run something and to show other bytes, and returns what would
/// be there if it had.
fn make_hostile(repository: &Path) -> PathBuf {
    let victim = repository.join("victim");
    let script = repository.join(".git/run");
    fs::write(
        &script,
        format!("#!/bin/sh\ntouch {}\ncat\n", victim.display()),
    )
    .expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    let run_it = script.to_str().expect("UTF-8");
    let config = |key: &str, value: &str| {
        run(repository, "git", &["config", key, value]);
    };
    config("filter.f.smudge", run_it);
    config("filter.f.clean", run_it);
    config("filter.f.process", run_it);
    config("filter.f.required", "true");
    config("core.fsmonitor", run_it);
    config("core.pager", run_it);
    config("core.sshCommand", run_it);
    config("core.alternateRefsCommand", run_it);
    config("diff.external", run_it);
    config("uploadpack.packObjectsHook", run_it);
    config("core.hooksPath", ".git/own-hooks");
    let hooks = repository.join(".git/own-hooks");
    fs::create_dir(&hooks).expect("a directory");
    for hook in [
        "post-checkout",
        "reference-transaction",
        "fsmonitor-watchman",
    ] {
        fs::copy(&script, hooks.join(hook)).expect("a hook");
    }
    let attributes = repository.join(".git/info/attributes");
    fs::create_dir_all(attributes.parent().expect("a parent")).expect("a directory");
    fs::write(attributes, "* filter=f export-subst diff=f\n").expect("a file");
    victim
}

#[test]
fn a_hostile_repository_runs_nothing_and_shows_its_own_bytes() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    let file = repository.join("sub/module/main.c");
    let text = format!(
        "{}/* $Format:%H$ */\n",
        fs::read_to_string(&file).expect("text")
    );
    fs::write(&file, &text).expect("a file");
    run(&repository, "git", &["commit", "-q", "-a", "-m", "two"]);
    let second = run(&repository, "git", &["rev-parse", "HEAD"]);
    let second = second.trim();
    // The directory as it was committed, to hold the answer against.
    let plain = place.path().join("plain");
    module(&plain);
    fs::write(plain.join("main.c"), &text).expect("a file");
    // Replacements: of the file, of the commit; and a graft.
    let evil = repository.join("evil");
    fs::write(&evil, "evil\n").expect("a file");
    let evil = run(&repository, "git", &["hash-object", "-w", "evil"]);
    let blob = run(&repository, "git", &["rev-parse", "HEAD:sub/module/main.c"]);
    run(&repository, "git", &["replace", blob.trim(), evil.trim()]);
    run(&repository, "git", &["replace", second, &commit]);
    fs::write(repository.join(".git/info/grafts"), format!("{second}\n")).expect("a file");
    let victim = make_hostile(&repository);

    write(
        &place,
        &[
            ("m", commit_source("repository", second), ""),
            ("plain", "\"plain\"".to_owned(), ""),
        ],
    );
    let found = sources(&place, &[]);
    assert_eq!(found["m"]["tree"], found["plain"]["tree"]);
    assert!(!victim.exists(), "the repository ran something");

    // The same repository as a directory: what is committed there is told without running it.
    write(&place, &[("m", "\"repository/sub/module\"".to_owned(), "")]);
    let found = sources(&place, &[]);
    assert_eq!(found["m"]["revision"]["state"], "committed", "{found:#}");
    assert_eq!(found["m"]["revision"]["commit"], second);
    assert!(!victim.exists(), "the repository ran something");
}

#[test]
fn objects_are_found_wherever_a_repository_keeps_them() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    let clone = |arguments: &[&str]| {
        run(place.path(), "git", &[&["clone", "-q"], arguments].concat());
    };
    clone(&["--shared", "repository", "shared"]);
    clone(&["--bare", "repository", "bare.git"]);
    run(
        &repository,
        "git",
        &["worktree", "add", "-q", "../tree", "HEAD"],
    );
    let kinds = ["repository", "shared", "bare.git", "tree"];
    let modules: Vec<(&str, String, &str)> = ["a", "b", "c", "d"]
        .into_iter()
        .zip(kinds)
        .map(|(name, kind)| (name, commit_source(kind, &commit), ""))
        .collect();
    // Each from an empty store of its own, or the first would answer for all.
    let mut trees = Vec::new();
    for module in &modules {
        write(&place, std::slice::from_ref(module));
        forget(&place);
        trees.push(sources(&place, &["--offline"])[module.0]["tree"].clone());
    }
    assert!(trees.iter().all(|tree| tree == &trees[0]), "{trees:?}");
}

/// Makes the store forget the trees of commits.
fn forget(place: &Place) {
    let trees = place.state().join("store/trees");
    for entry in fs::read_dir(trees).expect("trees") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if name.starts_with("git1-") {
            fs::remove_dir_all(&path).expect("removed");
        }
    }
}

#[test]
fn a_commit_elsewhere_is_fetched_once() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    let url = format!("file://{}", repository.display());
    write(&place, &[("m", commit_source(&url, &commit), "")]);
    let said = refused(&place, &["--offline"], 21);
    assert!(said.contains("has not been fetched"), "{said}");
    let first = sources(&place, &[]);
    assert_eq!(first["m"]["origin"]["kind"], "git");
    fs::remove_dir_all(&repository).expect("removed");
    forget(&place);
    assert_eq!(sources(&place, &["--offline"]), first);

    let other = commit.replace(|c: char| c.is_ascii_digit(), "0");
    write(&place, &[("m", commit_source(&url, &other), "")]);
    let said = refused(&place, &[], 21);
    assert!(said.contains("`git fetch` failed"), "{said}");
}

#[test]
fn commits_that_cannot_be_had_say_why() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    run(&repository, "git", &["tag", "-a", "-m", "t", "v1"]);
    let tag = run(&repository, "git", &["rev-parse", "v1"]);
    let none = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let mut said = Vec::new();
    for (source, status) in [
        (commit_source("repository", &none), 21),
        (commit_source("repository/sub", &commit), 21),
        (
            commit_source("repository", &commit).replace("sub/module", "sub/none"),
            10,
        ),
        (commit_source("repository", "main"), 10),
        (commit_source("repository", tag.trim()), 10),
    ] {
        write(&place, &[("m", source, "")]);
        said.push(
            refused(&place, &[], status)
                .replace(tag.trim(), "TAG")
                .replace(&commit, "COMMIT"),
        );
    }
    assert_snapshot!(said.join("\n"));
}

#[test]
fn a_submodule_is_refused() {
    let place = Place::new();
    let (repository, commit) = repository(&place);
    let object = format!("160000,{commit},sub/module/part");
    run(
        &repository,
        "git",
        &["update-index", "--add", "--cacheinfo", &object],
    );
    run(&repository, "git", &["commit", "-q", "-m", "two"]);
    let second = run(&repository, "git", &["rev-parse", "HEAD"]);
    write(
        &place,
        &[("m", commit_source("repository", second.trim()), "")],
    );
    assert_snapshot!(refused(&place, &[], 10));
}

/// Packs the fixture as a tarball with one directory, and returns its digest.
fn tarball(place: &Place, name: &str) -> String {
    module(&place.path().join("m-1.0/module"));
    fs::write(place.path().join("m-1.0/README"), "words\n").expect("a file");
    run(place.path(), "tar", &["-caf", name, "m-1.0"]);
    sha256(&place.path().join(name))
}

#[test]
fn a_tarball_is_an_archived_source() {
    let place = Place::new();
    let digest = tarball(&place, "m.tar.xz");
    let source = format!(
        "{{ tarball = \"m.tar.xz\", sha256 = \"{digest}\", strip = true, path = \"module\" }}"
    );
    write(&place, &[("m", source, "")]);
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    let source = reason(&cell, "source");
    assert_eq!(source["grade"], "archived");
    let because = format!("a tarball by digest ({})", &digest[..12]);
    assert_eq!(source["because"], because);
    // What is in the store is enough.
    fs::remove_file(place.path().join("m.tar.xz")).expect("removed");
    place.build(&["--locked", "--offline"], 0);
}

#[test]
fn tarballs_that_are_not_what_they_should_be_are_refused() {
    let place = Place::new();
    let digest = tarball(&place, "m.tar.gz");
    let source = |name: &str, digest: &str, more: &str| {
        format!("{{ tarball = \"{name}\", sha256 = \"{digest}\"{more} }}")
    };
    let zeros = "0".repeat(64);
    write(&place, &[("m", source("m.tar.gz", &zeros, ""), "")]);
    let said = refused(&place, &[], 21);
    assert_snapshot!(said.replace(&digest, "DIGEST"));

    fs::write(place.path().join("outside"), "before\n").expect("a file");
    let climb = ["-cPf", "climb.tar", "--transform=s,^,../,", "outside"];
    run(place.path(), "tar", &climb);
    let digest = sha256(&place.path().join("climb.tar"));
    write(&place, &[("m", source("climb.tar", &digest, ""), "")]);
    let said = refused(&place, &[], 10);
    assert!(said.contains("climbs out of a directory"), "{said}");

    let inner = place.path().join("links");
    module(&inner);
    symlink("/etc", inner.join("etc")).expect("a link");
    run(place.path(), "tar", &["-cf", "links.tar", "links"]);
    let digest = sha256(&place.path().join("links.tar"));
    let more = ", strip = true";
    write(&place, &[("m", source("links.tar", &digest, more), "")]);
    let said = refused(&place, &[], 10);
    assert!(said.contains("leaves"), "{said}");

    write(&place, &[("m", source("none.tar", &zeros, ""), "")]);
    let said = refused(&place, &[], 21);
    assert!(said.contains("none.tar"), "{said}");
}

#[test]
fn a_package_of_the_archive_is_a_source_that_somebody_vouches_for() {
    let place = Place::new();
    let source = |more: &str| {
        format!(
            "{{ package = \"v4l2loopback-dkms\", from = \"debian-12\", path = \"usr/src/v4l2loopback-*\"{more} }}"
        )
    };
    // Kernels for clouds have no video.
    let write = |source: String| {
        write(&place, &[("v4l2loopback", source, "")]);
        let path = place.path().join("matrix.toml");
        let text = fs::read_to_string(&path).expect("a matrix");
        place.write(&text.replace("\"cloud\"", "\"generic\""));
    };
    write(source(""));
    let said = refused(&place, &["--check"], 21);
    assert!(said.contains("v4l2loopback-dkms"), "{said}");
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    let because = reason(&cell, "source")["because"].as_str().expect("words");
    assert!(
        because.contains("vouched for by debian/bookworm"),
        "{because}"
    );
    assert!(because.contains("key "), "{because}");
    // It stays the one that was locked, and nobody is asked again.
    let locked = sources(&place, &["--offline", "--check"]);
    let origin = &locked["v4l2loopback"]["origin"];
    assert_eq!(origin["package"]["name"], "v4l2loopback-dkms");
    assert_eq!(origin["package"]["suite"], origin["vouched"]["suite"]);

    write(source(", version = \"0.0-1\""));
    let said = refused(&place, &[], 21);
    assert!(
        said.contains("archives drop old versions; there is "),
        "{said}"
    );
    write(source("").replace("debian-12", "none-1"));
    let said = refused(&place, &[], 10);
    assert!(said.contains("there are no facts of `none-1`"), "{said}");
}

/// Builds a Debian source package of the fixture with `dpkg-source`.
fn dsc(place: &Place, format: &str) -> PathBuf {
    let root = place.path().join("dsc");
    let tree = root.join("m-1.0");
    module(&tree);
    fs::write(tree.join("notes"), "one\ntwo\nthree\n").expect("a file");
    fs::write(tree.join("old.h"), "gone\n").expect("a file");
    run(&root, "tar", &["-czf", "m_1.0.orig.tar.gz", "m-1.0"]);
    let debian = tree.join("debian");
    fs::create_dir_all(debian.join("source")).expect("a directory");
    fs::write(debian.join("source/format"), format!("{format}\n")).expect("a file");
    let control = "Source: m\nMaintainer: a <a@example.org>\n\nPackage: m\nArchitecture: all\nDescription: m\n";
    fs::write(debian.join("control"), control).expect("a file");
    let version = if format.contains("native") {
        "1.0"
    } else {
        "1.0-1"
    };
    let changelog = format!(
        "m ({version}) unstable; urgency=low\n\n  * It is.\n\n -- a <a@example.org>  Tue, 14 Nov 2023 22:13:20 +0000\n"
    );
    fs::write(debian.join("changelog"), changelog).expect("a file");
    if format.contains("quilt") {
        let patches = debian.join("patches");
        fs::create_dir(&patches).expect("a directory");
        fs::write(
            patches.join("series"),
            "# in order\none.patch\ntwo.patch -p1\n",
        )
        .expect("a file");
        let one = "Description: one\n\n--- a/notes\n+++ b/notes\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n--- /dev/null\n+++ b/new/made.h\n@@ -0,0 +1 @@\n+made\n";
        let two = "--- m.orig/notes\t2023-11-14\n+++ m/notes\t2023-11-14\n@@ -1,3 +1,4 @@\n one\n 2\n+and a half\n three\n--- a/old.h\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n";
        fs::write(patches.join("one.patch"), one).expect("a file");
        fs::write(patches.join("two.patch"), two).expect("a file");
        run(&tree, "dpkg-source", &["--before-build", "."]);
    } else if format == "1.0" {
        fs::write(tree.join("notes"), "one\n2\nthree\n").expect("a file");
    }
    run(&root, "dpkg-source", &["-b", "m-1.0"]);
    root.join(format!("m_{version}.dsc"))
}

#[test]
fn a_debian_source_package_becomes_the_tree_that_dpkg_source_makes() {
    for (format, patches) in [
        ("3.0 (quilt)", &["one.patch", "two.patch"][..]),
        ("1.0", &["m_1.0-1.diff.gz"]),
        ("3.0 (native)", &[]),
    ] {
        let place = Place::new();
        let file = dsc(&place, format);
        let name = file.to_str().expect("UTF-8");
        run(
            place.path(),
            "dpkg-source",
            &["--no-check", "-x", name, "plain"],
        );
        let record = place.path().join("plain/.pc");
        if record.exists() {
            fs::remove_dir_all(record).expect("removed");
        }
        let source = format!("{{ dsc = \"{name}\", sha256 = \"{}\" }}", sha256(&file));
        write(
            &place,
            &[("m", source, ""), ("plain", "\"plain\"".to_owned(), "")],
        );
        let found = sources(&place, &[]);
        assert_eq!(found["m"]["tree"], found["plain"]["tree"], "{format}");
        assert_eq!(found["m"]["revision"]["state"], "archived");
        let origin = &found["m"]["origin"];
        assert_eq!(origin["patches"], serde_json::json!(patches), "{format}");
        // Again, from what is kept.
        assert_eq!(
            sources(&place, &["--offline", "--check"]),
            found,
            "{format}"
        );
    }
}

#[test]
fn a_debian_source_package_is_built() {
    let place = Place::new();
    let file = dsc(&place, "3.0 (quilt)");
    let source = format!(
        "{{ dsc = \"dsc/m_1.0-1.dsc\", sha256 = \"{}\" }}",
        sha256(&file)
    );
    write(&place, &[("m", source.clone(), "")]);
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    let because = reason(&cell, "source")["because"].as_str().expect("words");
    assert!(because.contains("m 1.0-1 by digest"), "{because}");
    assert!(because.contains("2 patches applied"), "{because}");

    // A file that the `.dsc` names has other bytes: the store knows the good ones, so it is another
    // store that has to refuse them.
    let place = Place::new();
    let file = dsc(&place, "3.0 (quilt)");
    let tarball = file.with_file_name("m_1.0-1.debian.tar.xz");
    fs::write(&tarball, "other\n").expect("a file");
    let text = fs::read_to_string(&file).expect("text");
    let name = "m_1.0-1.debian.tar.xz";
    let swapped: String = text
        .lines()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            ["", digest, size, last] if last == name && digest.len() == 64 => {
                format!(" {} {size} {name}\n", "1".repeat(64))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(&file, swapped).expect("a file");
    let source = format!(
        "{{ dsc = \"dsc/m_1.0-1.dsc\", sha256 = \"{}\" }}",
        sha256(&file)
    );
    write(&place, &[("m", source, "")]);
    let said = refused(&place, &[], 21);
    assert!(
        said.contains("m_1.0-1.debian.tar.xz` has sha256:"),
        "{said}"
    );
}

#[test]
fn an_rpm_source_package_gives_the_tarball_that_is_named() {
    let place = Place::new();
    let digest = tarball(&place, "m-1.0.tar.gz");
    let top = place.path().join("rpm");
    fs::create_dir_all(top.join("SOURCES")).expect("a directory");
    fs::copy(
        place.path().join("m-1.0.tar.gz"),
        top.join("SOURCES/m-1.0.tar.gz"),
    )
    .expect("a copy");
    let spec = "Name: m\nVersion: 1.0\nRelease: 1\nSummary: m\nLicense: GPL\nSource0: m-1.0.tar.gz\n%description\nm\n%files\n";
    fs::write(top.join("m.spec"), spec).expect("a file");
    let define = format!("_topdir {}", top.display());
    run(&top, "rpmbuild", &["--define", &define, "-bs", "m.spec"]);
    let package = top.join("SRPMS/m-1.0-1.src.rpm");
    let source = |tarball: &str| {
        format!(
            "{{ srpm = \"rpm/SRPMS/m-1.0-1.src.rpm\", sha256 = \"{}\", tarball = \"{tarball}\", path = \"module\" }}",
            sha256(&package)
        )
    };
    write(
        &place,
        &[
            ("m", source("m-1.0.tar.gz"), ""),
            ("plain", "\"m-1.0/module\"".to_owned(), ""),
        ],
    );
    let found = sources(&place, &[]);
    assert_eq!(found["m"]["tree"], found["plain"]["tree"]);
    let origin = &found["m"]["origin"];
    assert_eq!(origin["package"], "m");
    assert_eq!(origin["tarball"]["sha256"], format!("sha256:{digest}"));

    write(&place, &[("m", source("none.tar.gz"), "")]);
    let said = refused(&place, &[], 10);
    assert!(said.contains("has no file `none.tar.gz`"), "{said}");
}

/// Makes the fixture whose core was compiled elsewhere, committed, and returns the core's digest.
fn closed(place: &Place) -> String {
    let source = place.fixture("closed-blob");
    let object = [
        "-c",
        "-O2",
        "-mcmodel=kernel",
        "-fno-pic",
        "-fcf-protection=none",
        "-fno-asynchronous-unwind-tables",
        "-fno-stack-protector",
        "core.c",
        "-o",
        "core.o_shipped",
    ];
    run(&source, "cc", &object);
    fs::remove_file(source.join("core.c")).expect("a file");
    place.commit(&source);
    sha256(&source.join("core.o_shipped"))
}

fn declaration(path: &str, digest: &str) -> String {
    format!("{{ path = \"{path}\", sha256 = \"{digest}\", reason = \"the vendor's core\" }}")
}

#[test]
fn a_closed_input_that_is_declared_is_constrained_and_named() {
    let place = Place::new();
    let digest = closed(&place);
    let declared = format!(
        "closed-inputs = [{}]",
        declaration("core.o_shipped", &digest)
    );
    let source = "\"modules/closed-blob\"".to_owned();
    write(&place, &[("closed-blob", source, &declared)]);
    let cell = place.build(&["--require", "constrained"], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    let closed = reason(&cell, "closed-inputs");
    assert_eq!(closed["grade"], "declared");
    assert_eq!(
        closed["because"],
        "the matrix declares by digest: `core.o_shipped` (the vendor's core)"
    );
    let id = cell["id"].as_str().expect("an id");
    let told = place.kmatrix(&["explain", id]).expect(0).stdout;
    assert!(told.contains("prebuilt: core.o_shipped"), "{told}");
    assert!(told.contains("declared: the vendor's core"), "{told}");
}

#[test]
fn declarations_that_rot_are_all_reported() {
    let place = Place::new();
    closed(&place);
    let zeros = "0".repeat(64);
    let declared = format!(
        "closed-inputs = [\n    {},\n    {},\n]",
        declaration("core.o_shipped", &zeros),
        declaration("gone.a", &zeros)
    );
    let source = "\"modules/closed-blob\"".to_owned();
    write(&place, &[("closed-blob", source, &declared)]);
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(10);
    let said = ran.message(place.path());
    let digest = sha256(&place.path().join("modules/closed-blob/core.o_shipped"));
    assert_snapshot!(said.replace(&digest, "DIGEST"));
}

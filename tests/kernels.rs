//! `kmatrix kernels` and `kmatrix plan` against a signed archive on the loopback that changes between
//! two looks.

#[allow(dead_code)]
mod loopback;
#[allow(dead_code)]
mod signing;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kmatrix::digest::Sha256Digest;
use kmatrix::name::Arch;
use kmatrix::state::State;
use loopback::Server;
use serde_json::{Value, json};
use signing::{Key, clear_sign};

const FIRST: &str = "Thu, 19 Nov 2026 00:00:00 UTC";
const SECOND: &str = "Fri, 20 Nov 2026 00:00:00 UTC";

/// Kernels by ABI and version.
type Kernels<'a> = &'a [(&'a str, &'a str)];

const ONE: (&str, &str) = ("6.1.0-1", "6.1.1-1");
const TWO: (&str, &str) = ("6.1.0-2", "6.1.2-1");

/// An archive, facts about it, and a state directory.
struct Scene {
    directory: tempfile::TempDir,
    key: Key,
    server: Server,
}

/// What came of the program.
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

fn stanza(name: &str, version: &str, arch: &str, depends: &str) -> String {
    let digest = Sha256Digest::of(format!("{name} {version} {arch}").as_bytes());
    let depends = if depends.is_empty() {
        String::new()
    } else {
        format!("Depends: {depends}\n")
    };
    format!(
        "Package: {name}\nSource: linux\nVersion: {version}\nArchitecture: {arch}\n{depends}\
         Filename: pool/{name}_{version}_{arch}.deb\nSize: 1\nSHA256: {}\n\n",
        digest.to_hex()
    )
}

fn index(kernels: Kernels, arch: Arch) -> String {
    let mut text = stanza("linux-kbuild-6.1", "6.1.99-1", arch.as_str(), "");
    for (abi, version) in kernels {
        let depends = format!("linux-headers-{abi}-common (= {version}), linux-kbuild-6.1");
        let name = format!("linux-headers-{abi}-{arch}");
        text += &stanza(&name, version, arch.as_str(), &depends);
        text += &stanza(&format!("linux-headers-{abi}-common"), version, "all", "");
    }
    text
}

/// The files of an archive in one state.
fn archive(key: &Key, date: &str, index_of: impl Fn(Arch) -> String) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut list = String::new();
    for arch in [Arch::Amd64, Arch::Arm64] {
        let bytes = index_of(arch).into_bytes();
        let name = format!("main/binary-{arch}/Packages");
        let digest = Sha256Digest::of(&bytes).to_hex();
        list += &format!(" {digest} {} {name}\n", bytes.len());
        files.insert(format!("dists/bookworm/{name}"), bytes);
    }
    let text = format!(
        "Codename: bookworm\nDate: {date}\nArchitectures: amd64 arm64\nComponents: main\nSHA256:\n{list}"
    );
    files.insert(
        "dists/bookworm/InRelease".to_owned(),
        clear_sign(&text, &[key]),
    );
    files
}

impl Scene {
    async fn new(kernels: Kernels<'_>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = Key::new();
        let facts = directory.path().join("kernels");
        fs::create_dir(&facts).expect("a directory");
        let keyring = key.write_armoured(&facts);
        let text = format!(
            "schema = 1\ndistro = 'debian'\nrelease = '12'\nformat = 'apt'\nimage = 'debian-12'\n\
             checked = 2026-11-20\nchecked-against = 'fixture'\n\
             [[archive]]\nname = 'test'\ncomponent = 'main'\nkeyrings = ['{}']\nkeys = ['{}']\n\
             [[archive.suite]]\nname = 'bookworm'\nrequires-valid-until = false\n\
             [kernel]\nheaders = 'linux-headers-{{release}}'\nrequires = 'linux-headers-*-common'\n\
             follow = ['linux-headers-*-common', 'linux-kbuild-*']\nhost = ['linux-kbuild-*']\n\
             mounts = ['usr/src/*']\nbuild = '/lib/modules/{{release}}/build'\n\
             [kernel.flavours.amd64]\ngeneric = '-amd64'\n",
            keyring
                .file_name()
                .and_then(|name| name.to_str())
                .expect("UTF-8"),
            key.fingerprint()
        );
        fs::write(facts.join("debian-12.toml"), text).expect("a file");
        let files = archive(&key, FIRST, |arch| index(kernels, arch));
        let server = Server::start(files).await;
        Self {
            directory,
            key,
            server,
        }
    }

    /// Brings the archive into another state.
    fn becomes(&self, date: &str, kernels: Kernels) {
        self.becomes_of(date, |arch| index(kernels, arch));
    }

    fn becomes_of(&self, date: &str, index_of: impl Fn(Arch) -> String) {
        for (path, bytes) in archive(&self.key, date, index_of) {
            self.server.put(&path, bytes);
        }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Runs the program beside the server.
    async fn kmatrix(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kmatrix"));
        command
            .env_clear()
            .current_dir(self.directory.path())
            .args(["--kernels", "kernels", "--state", "state"])
            .arg(format!("--mirror=test={}", self.server.url()))
            .args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("no panic")
            .expect("it runs");
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Plans a matrix and returns the ids of its cells.
    async fn cells(&self, kernel: &str) -> Vec<String> {
        let matrix = format!(
            "schema = 1\n[[module]]\nname = 'm'\nsource = 'm'\n[[target]]\ndistro = 'debian'\n\
             release = '12'\narch = 'amd64'\nkernel = {kernel}\n"
        );
        fs::write(self.directory.path().join("m.toml"), matrix).expect("a file");
        let plan = self.kmatrix(&["plan", "m.toml", "--format", "json"]).await;
        let plan = plan.expect(0).json();
        let cells = plan["cells"].as_array().expect("cells").iter();
        cells
            .map(|cell| cell["id"].as_str().expect("an id").to_owned())
            .collect()
    }

    /// Returns the one distribution release of a document.
    async fn document(&self, arguments: &[&str], status: i32) -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        let document = self.kmatrix(&arguments).await.expect(status).json();
        assert_eq!(document["schemaVersion"], 1);
        document["distroReleases"][0].clone()
    }
}

fn names(kernels: &Value) -> Vec<&str> {
    let kernels = kernels.as_array().expect("kernels").iter();
    kernels
        .map(|kernel| kernel["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_new_kernel_of_a_series_is_planned_without_an_edit() {
    let scene = Scene::new(&[ONE]).await;
    let series = "{ series = '6.1', latest = 1 }";
    let old = ["debian-12/amd64/6.1.0-1-amd64=6.1.1-1/m"];
    assert_eq!(scene.cells(series).await, old);
    scene.becomes(SECOND, &[ONE, TWO]);

    let diff = scene.document(&["kernels", "diff", "debian-12"], 0).await;
    assert_eq!(
        names(&diff["new"]),
        ["debian-12/amd64/6.1.0-2-amd64=6.1.2-1"]
    );
    assert_eq!(diff["recorded"], false);
    assert_eq!(scene.cells(series).await, old, "a diff records nothing");

    let update = scene.document(&["kernels", "update", "--check"], 0).await;
    assert_eq!(names(&update["new"]), names(&diff["new"]));
    assert_eq!(names(&update["gone"]), [""; 0]);
    assert_eq!(
        names(&update["superseded"]),
        ["debian-12/amd64/6.1.0-1-amd64=6.1.1-1"]
    );
    assert_eq!(
        update["superseded"][0]["by"],
        "debian-12/amd64/6.1.0-2-amd64=6.1.2-1"
    );
    assert_eq!(update["suites"][0]["before"], "2026-11-19T00:00:00Z");
    assert_eq!(update["suites"][0]["now"], "2026-11-20T00:00:00Z");
    assert!(update["lookedBefore"].is_string() && update["lookedNow"].is_string());
    let new = ["debian-12/amd64/6.1.0-2-amd64=6.1.2-1/m"];
    assert_eq!(scene.cells(series).await, new);
}

#[tokio::test]
async fn fewer_kernels_do_not_pass_until_somebody_takes_them() {
    let scene = Scene::new(&[ONE, TWO]).await;
    scene
        .kmatrix(&["kernels", "update", "debian-12"])
        .await
        .expect(0);
    scene.becomes(SECOND, &[TWO]);
    for _ in 0..2 {
        let ran = scene
            .kmatrix(&["kernels", "update", "--check"])
            .await
            .expect(22);
        let gone =
            "  gone        debian-12/amd64/6.1.0-1-amd64=6.1.1-1, by 6.1.0-2-amd64=6.1.2-1\n";
        assert!(ran.stdout.contains(gone), "{}", ran.stdout);
        let list = scene.document(&["kernels", "list"], 0).await;
        assert_eq!(list["kernels"].as_array().map(Vec::len), Some(2));
    }
    let update = scene.document(&["kernels", "update"], 0).await;
    assert_eq!(names(&update["gone"]).len(), 1);
    assert_eq!(update["recorded"], true);
    scene
        .kmatrix(&["kernels", "update", "--check"])
        .await
        .expect(0);
}

#[tokio::test]
async fn a_check_fails_of_an_archive_that_is_older_than_before() {
    let scene = Scene::new(&[ONE]).await;
    scene.becomes(SECOND, &[ONE]);
    scene
        .kmatrix(&["kernels", "update", "debian-12"])
        .await
        .expect(0);
    scene.becomes(FIRST, &[ONE]);
    let ran = scene
        .kmatrix(&["kernels", "update", "--check"])
        .await
        .expect(22);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("is rolled back"), "{}", ran.stderr);
    scene.kmatrix(&["kernels", "update"]).await.expect(21);
}

#[tokio::test]
async fn a_check_fails_of_kernels_that_cannot_be_resolved() {
    let scene = Scene::new(&[ONE]).await;
    scene
        .kmatrix(&["kernels", "update", "debian-12"])
        .await
        .expect(0);
    scene.becomes_of(SECOND, |arch| {
        let lacks = "linux-headers-6.1.0-3-common (= 6.1.3-1), linux-kbuild-6.1";
        let name = format!("linux-headers-6.1.0-3-{arch}");
        index(&[ONE], arch) + &stanza(&name, "6.1.3-1", arch.as_str(), lacks)
    });
    let update = scene.document(&["kernels", "update", "--check"], 22).await;
    assert_eq!(update["unresolved"][0]["kernelRelease"], "6.1.0-3-amd64");
}

#[tokio::test]
async fn a_check_fails_of_locked_kernels_that_are_not_there() {
    let scene = Scene::new(&[ONE]).await;
    scene
        .kmatrix(&["kernels", "update", "debian-12"])
        .await
        .expect(0);
    let target = json!({
        "distro": "debian", "distroRelease": "12", "arch": "amd64", "flavour": "generic",
        "kernelRelease": "6.1.0-0-amd64", "packageVersion": "6.1.0-1",
    });
    // As the first version of the program wrote it.
    let lock = json!({
        "schemaVersion": 1, "plan": Sha256Digest::of(b""), "facts": {}, "sources": {},
        "images": {}, "suites": [],
        "targets": [{ "target": target, "image": "debian-12", "mounts": [],
                      "buildDirectory": "/b", "packages": [] }],
        "cells": [{ "id": "debian-12/amd64/6.1.0-0-amd64/m", "target": 0 }],
    });
    fs::write(scene.state().join("locks/m-0.json"), lock.to_string()).expect("a file");
    let update = scene.document(&["kernels", "update", "--check"], 22).await;
    assert_eq!(
        update["lockedAndGone"],
        json!([{ "lock": "m-0", "name": "debian-12/amd64/6.1.0-0-amd64=6.1.0-1" }])
    );
}

#[tokio::test]
async fn a_lock_is_held_against_the_archives() {
    let scene = Scene::new(&[ONE, TWO]).await;
    let kernels = "{ series = '6.1', latest = 2 }";
    let cells = scene.cells(kernels).await;
    let diff = ["kernels", "diff", "m.toml", "--format", "json"];
    scene.kmatrix(&diff).await.expect(42);
    let list = scene.document(&["kernels", "list"], 0).await;
    let targets: Vec<Value> = (0..2)
        .map(|index| {
            let kernel = &list["kernels"][index];
            json!({ "target": kernel["target"], "packages": kernel["packages"],
                    "image": "debian-12", "mounts": [], "buildDirectory": "/b" })
        })
        .collect();
    let lock = json!({
        "schemaVersion": 2, "plan": Sha256Digest::of(b""), "facts": {}, "sources": {},
        "images": {}, "suites": [], "targets": targets,
        "cells": [{ "id": cells[0], "target": 0 }, { "id": cells[1], "target": 1 }],
    });
    let state = State::open(&scene.state()).expect("a state");
    let place = state.lock(&scene.directory.path().join("m.toml"));
    fs::write(&place, lock.to_string()).expect("a file");
    let same = scene.kmatrix(&diff).await.expect(0).json();
    assert_eq!(
        same,
        json!({ "schemaVersion": 1, "same": 2, "new": [], "left": [], "otherPackages": [] })
    );

    let three = ("6.1.0-3", "6.1.3-1");
    scene.becomes(SECOND, &[TWO, three]);
    let changed = scene.kmatrix(&diff).await.expect(0).json();
    let new = "debian-12/amd64/6.1.0-3-amd64=6.1.3-1/m";
    assert_eq!(changed["new"], json!([new]));
    assert_eq!(changed["left"][0]["id"], cells[0].as_str());
    assert_eq!(changed["left"][0]["gone"], true);
    assert_eq!(changed["left"][0]["by"]["packageVersion"], "6.1.3-1");
    assert_eq!(changed["same"], 1);
    let text = scene.kmatrix(&diff[..3]).await.expect(0).stdout;
    let gone = format!(
        "gone      {}, superseded by 6.1.0-3-amd64=6.1.3-1\n",
        cells[0]
    );
    assert!(
        text.starts_with(&format!("new       {new}\n{gone}")),
        "{text}"
    );
    let ends = "1 cells stay, 1 new, 1 no longer, 0 with other packages\n";
    assert!(text.ends_with(ends), "{text}");
    assert_eq!(scene.cells(kernels).await, cells, "a diff records nothing");
    let kept: Value = serde_json::from_slice(&fs::read(&place).expect("a lock")).expect("JSON");
    assert_eq!(kept, lock);
}

#[tokio::test]
async fn two_uploads_of_a_kernel_release_are_told_apart() {
    let scene = Scene::new(&[ONE, ("6.1.0-1", "6.1.1-2"), TWO]).await;
    assert_eq!(
        scene.cells("{ release = '6.1.0-1-amd64' }").await,
        [
            "debian-12/amd64/6.1.0-1-amd64=6.1.1-1/m",
            "debian-12/amd64/6.1.0-1-amd64=6.1.1-2/m"
        ]
    );
    let ran = scene
        .kmatrix(&["kernels", "show", "6.1.0-1-amd64"])
        .await
        .expect(2);
    assert_eq!(
        ran.stderr,
        "error: `6.1.0-1-amd64` names 2 kernels\n\nhint: say more; there are \
         `debian-12/amd64/6.1.0-1-amd64=6.1.1-1`, `debian-12/amd64/6.1.0-1-amd64=6.1.1-2`\n"
    );
    let shown = ["kernels", "show", "6.1.0-1-amd64=6.1.1-2"];
    let document = scene
        .kmatrix(&[&shown[..], &["--format", "json"]].concat())
        .await
        .expect(0)
        .json();
    assert_eq!(document["target"]["packageVersion"], "6.1.1-2");
    assert_eq!(document["packages"].as_array().map(Vec::len), Some(3));
    assert_eq!(document["vouched"][0]["suite"], "bookworm");
    assert_eq!(document["checkedAgainst"], "fixture");
    let text = scene.kmatrix(&shown).await.expect(0).stdout;
    for line in [
        "facts checked 2026-11-20 against fixture\n",
        "in no lock\n",
        "no cell of it is recorded\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    scene.kmatrix(&["kernels", "show", "6.2"]).await.expect(42);
}

#[tokio::test]
async fn a_list_can_be_narrowed_to_the_newest() {
    let scene = Scene::new(&[ONE, TWO, ("6.1.0-2", "6.1.2-2")]).await;
    let versions = |list: &Value| -> Vec<String> {
        let kernels = list["kernels"].as_array().expect("kernels").iter();
        kernels
            .map(|kernel| kernel["target"]["packageVersion"].to_string())
            .collect()
    };
    for (arguments, expected) in [
        (&[][..], &["\"6.1.1-1\"", "\"6.1.2-1\"", "\"6.1.2-2\""][..]),
        (&["--newest", "1"], &["\"6.1.2-2\""]),
        (&["--newest", "2"], &["\"6.1.1-1\"", "\"6.1.2-2\""]),
        (&["--series", "6.12"], &[]),
        (&["--arch", "arm64"], &[]),
        (
            &["--flavour", "generic", "--series", "6.1", "--newest", "1"],
            &["\"6.1.2-2\""],
        ),
    ] {
        let list = [&["kernels", "list", "debian-12"], arguments].concat();
        assert_eq!(
            versions(&scene.document(&list, 0).await),
            expected,
            "{arguments:?}"
        );
    }
    let text = scene.kmatrix(&["kernels", "list"]).await.expect(0).stdout;
    let heading = text.lines().next().expect("a heading");
    assert!(
        heading.starts_with("debian-12: 3 kernels, looked at 20"),
        "{heading}"
    );
    assert!(
        heading.ends_with("facts checked 2026-11-20 against fixture"),
        "{heading}"
    );
    assert!(text.contains("bookworm of 2026-11-19\n"), "{text}");
}

#[tokio::test]
async fn what_was_never_looked_at_has_to_be_named() {
    let scene = Scene::new(&[ONE]).await;
    for command in ["list", "update", "diff"] {
        let ran = scene.kmatrix(&["kernels", command]).await.expect(2);
        let hint = "hint: name one or more of debian-12\n";
        assert!(ran.stderr.ends_with(hint), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_list_that_a_newer_program_wrote_is_refused() {
    let scene = Scene::new(&[ONE]).await;
    scene
        .kmatrix(&["kernels", "update", "debian-12"])
        .await
        .expect(0);
    let path = scene.state().join("kernels/debian-12.json");
    fs::write(path, json!({ "schemaVersion": 99 }).to_string()).expect("a file");
    let ran = scene.kmatrix(&["kernels", "list"]).await.expect(70);
    assert!(
        ran.stderr
            .contains("has schema 99; this program knows up to 2"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: use the program that wrote it"),
        "{}",
        ran.stderr
    );
}

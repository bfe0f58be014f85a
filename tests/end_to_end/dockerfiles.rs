//! Builder images from Dockerfiles: on pinned bases only, without a network unless that is decided.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Place, Ran, Registry, docker, project, push_small_image};

/// A place with definitions of its own.
struct Defined {
    place: Place,
}

impl Defined {
    fn images(&self) -> PathBuf {
        self.place.path().join("images")
    }

    /// Defines an image of this name, with a Dockerfile beside it and further keys.
    fn define(&self, name: &str, dockerfile: &str, more: &str) {
        fs::create_dir_all(self.images()).expect("a directory");
        let text = format!(
            "schema = 1\nname = \"{name}\"\ntools = [\"head\", \"gcc-12\"]\n\n[dockerfile]\n\
             path = \"{name}.Dockerfile\"\n{more}\n"
        );
        fs::write(self.images().join(format!("{name}.toml")), text).expect("a definition");
        let file = self.images().join(format!("{name}.Dockerfile"));
        fs::write(file, dockerfile).expect("a Dockerfile");
    }

    fn kmatrix(&self, arguments: &[&str]) -> Ran {
        let mut command = self.place.command(arguments);
        command.env("KMATRIX_IMAGES", self.images());
        Ran::of(command)
    }

    fn build(&self, name: &str) -> Ran {
        self.kmatrix(&["images", "build", name])
    }

    fn recorded(&self, name: &str) -> Value {
        let list = ["images", "list", "--format", "json"];
        let document = self.kmatrix(&list).expect(0).json();
        let images = document["images"].as_array().expect("images").clone();
        let found = images.into_iter().find(|image| image["name"] == name);
        found.unwrap_or_else(|| panic!("{document}"))
    }
}

/// Returns the content of a file of an image.
fn content(id: &Value, path: &str) -> String {
    let id = id.as_str().expect("an id");
    docker(
        None,
        &["run", "--rm", "--network=none", id, "/bin/cat", path],
    )
    .expect(0)
    .stdout
}

fn remove(id: &Value) {
    docker(
        None,
        &["image", "rm", "--force", id.as_str().expect("an id")],
    )
    .expect(0);
}

#[test]
fn an_image_is_built_on_a_pinned_base_with_what_it_copies_and_without_a_network() {
    let defined = Defined {
        place: Place::empty(),
    };
    let registry = Registry::start(&defined.place);
    let repository = format!("{}/kmatrix/tiny", registry.address);
    let digest = push_small_image(&defined.place, &repository, "1", "1.0-1", None);
    let context = defined.images().join("files");
    fs::create_dir_all(&context).expect("a directory");
    fs::write(context.join("note"), "one\n").expect("a file");
    let dockerfile = format!(
        "FROM {repository}@{digest} AS base\nFROM base\nCOPY note /note\n\
         RUN cat /proc/net/dev >/interfaces\n"
    );
    defined.define("built", &dockerfile, "context = \"files\"");
    let first = defined.build("built").expect(0);
    let image = defined.recorded("built");
    let id = image["id"].clone();
    assert_eq!(content(&id, "/note"), "one\n");
    let interfaces = content(&id, "/interfaces");
    assert!(interfaces.contains("lo:"), "{interfaces}");
    assert!(!interfaces.contains("eth0:"), "{interfaces}");
    let built = &image["built"];
    assert_eq!(built["bases"][0], format!("{repository}@{digest}"));
    assert_eq!(built["network"], "none");
    assert!(built["dockerfile"].is_string() && built["context"].is_string());
    assert_eq!(image["packages"][0]["name"], "tiny");
    // Nobody knows how old the base is.
    assert!(image["archiveDate"].is_null());

    // Nothing has changed: nothing is built.
    let again = defined.build("built").expect(0);
    assert_eq!((again.stdout, again.stderr.as_str()), (first.stdout, ""));

    // What it copies has changed.
    fs::write(context.join("note"), "two\n").expect("a file");
    defined.build("built").expect(0);
    let other = defined.recorded("built");
    assert_eq!(content(&other["id"], "/note"), "two\n");
    assert_ne!(other["built"]["context"], built["context"]);
    assert_eq!(other["built"]["dockerfile"], built["dockerfile"]);

    // A network is a decision, and is recorded.
    defined.define("built", &dockerfile, "context = \"files\"\nnetwork = true");
    defined.build("built").expect(0);
    let open = defined.recorded("built");
    assert_eq!(open["built"]["network"], "open");
    assert!(content(&open["id"], "/interfaces").contains("eth0:"));
    let shown = defined.kmatrix(&["images", "list"]).expect(0);
    assert!(shown.stdout.contains("with a network"), "{shown}");
    let ran = defined.kmatrix(&["images", "verify", "built"]).expect(42);
    assert!(ran.stderr.contains("only a bootstrapped image"), "{ran}");

    // A step that fails is shown.
    let failing = format!("FROM {repository}@{digest}\nRUN cat /no-such-file\n");
    defined.define("built", &failing, "");
    let ran = defined.build("built").expect(21);
    assert!(ran.stderr.contains("/no-such-file"), "{ran}");
    for id in [&id, &other["id"], &open["id"]] {
        remove(id);
    }
}

#[test]
fn a_base_that_is_not_pinned_is_refused_with_its_line() {
    let defined = Defined {
        place: Place::empty(),
    };
    let cases = [
        (
            "FROM debian:12\n",
            "built.Dockerfile:1: `debian:12` is not pinned",
        ),
        (
            "FROM scratch\nCOPY --from=debian:12 / /\n",
            "built.Dockerfile:2: `--from=debian:12` names no earlier stage",
        ),
        (
            "FROM scratch\nADD https://archive.test/x /x\n",
            "built.Dockerfile:2: `ADD https://archive.test/x` may fetch",
        ),
    ];
    for (dockerfile, message) in cases {
        defined.define("built", dockerfile, "");
        let ran = defined.build("built").expect(10);
        assert!(ran.stderr.contains(message), "{ran}");
        assert!(ran.stderr.contains("\nhint: "), "{ran}");
        assert_eq!(ran.stdout, "");
    }
    let absent = format!("FROM kmatrix/debian-12@sha256:{}\n", "0".repeat(64));
    defined.define("built", &absent, "");
    let ran = defined.build("built").expect(21);
    assert!(
        ran.stderr.contains("which the engine does not have"),
        "{ran}"
    );
}

#[test]
fn a_build_with_a_network_leaves_the_toolchain_unpinned() {
    let defined = Defined {
        place: Place::new(),
    };
    fs::create_dir_all(defined.images()).expect("a directory");
    fs::copy(
        project().join("images/debian-12.toml"),
        defined.images().join("debian-12.toml"),
    )
    .expect("a copy");
    // The definition and the facts name keyrings beside themselves.
    let kernels = defined.place.path().join("kernels");
    fs::create_dir(&kernels).expect("a directory");
    let keys = project().join("kernels/keys");
    std::os::unix::fs::symlink(keys, kernels.join("keys")).expect("a link");
    let facts = fs::read_to_string(project().join("kernels/debian-12.toml")).expect("facts");
    let named = facts.replace("image = \"debian-12\"", "image = \"extended\"");
    assert_ne!(facts, named, "the facts name their image");
    fs::write(kernels.join("debian-12.toml"), named).expect("facts");

    let base = defined.build("debian-12").expect(0).stdout;
    let id = base.trim().strip_prefix("debian-12 ").expect("an image");
    let dockerfile = format!("FROM kmatrix/debian-12@{id}\nRUN true\n");
    defined
        .place
        .build_of("reproducible", "", "rebuilds = 0", "");
    let toolchain = || {
        let mut command = defined
            .place
            .command(&["build", "matrix.toml", "--format", "json"]);
        command.env("KMATRIX_IMAGES", defined.images());
        command.env("KMATRIX_KERNELS", &kernels);
        let document = Ran::of(command).expect(0).json();
        let label = document["cells"][0]["label"].clone();
        let grade = label["vector"]["toolchain"]
            .as_str()
            .expect("a grade")
            .to_owned();
        (
            grade,
            label["freshness"]["state"]
                .as_str()
                .expect("a state")
                .to_owned(),
        )
    };

    // On our own image, closed: what is known of the base is known of it.
    defined.define("extended", &dockerfile, "");
    let (grade, freshness) = toolchain();
    assert_ne!(grade, "toolchain-unpinned");
    assert_eq!(freshness, "fresh");
    let closed = defined.recorded("extended");
    assert_eq!(
        closed["archiveDate"],
        defined.recorded("debian-12")["archiveDate"]
    );
    let look = ["images", "freshness", "extended", "--format", "json"];
    let report = defined.kmatrix(&look).expect(0).json();
    assert_eq!(report["images"][0]["updates"]["state"], "looked");

    defined.define("extended", &dockerfile, "network = true");
    assert_eq!(
        toolchain(),
        ("toolchain-unpinned".to_owned(), "unknown".to_owned())
    );
    remove(&closed["id"]);
    remove(&defined.recorded("extended")["id"]);
}

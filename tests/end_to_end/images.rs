//! Builder images: loaded from the store, and pulled from a registry by digest.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::common::{OwnEngine, Place, Ran, Running, docker, wait_until};

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

/// A registry on the loopback, which forgets everything when it ends.
struct Registry {
    address: String,
    running: Option<Running>,
}

impl Registry {
    fn start(place: &Place) -> Self {
        // Free at this moment; should somebody take it, the registry does not come up.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let address = format!("127.0.0.1:{port}");
        let configuration = place.path().join("registry.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  inmemory: {{}}\nhttp:\n  addr: {address}\nlog:\n  level: error\n"
        );
        fs::write(&configuration, text).expect("a file");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&configuration);
        let found = Command::new("docker-registry").arg("--version").output();
        assert!(
            found.is_ok(),
            "there is no `docker-registry`; `ci/setup --tests` installs it"
        );
        let mut running = Running::start(command, place.path(), "registry");
        wait_until("the registry answers", || {
            assert!(!running.is_over(), "{}", running.stderr());
            std::net::TcpStream::connect(&address).is_ok()
        });
        Self {
            address,
            running: Some(running),
        }
    }
}

/// Makes an image of just enough of this machine to be asked for its tools, pushes it, and returns
/// the digest by which it can be pulled.
fn push_small_image(place: &Place, repository: &str) -> String {
    let root = place.path().join("root");
    let script = r#"
        set -eu
        mkdir -p "$1/bin" "$1/var/lib/dpkg" "$1/kmatrix" "$1/build" "$1/tmp"
        programs='/bin/sh /bin/cat /usr/bin/head'
        cp -L $programs "$1/bin/"
        for library in $(ldd $programs | grep -o '/[^ :]*\.so[^ ]*' | sort -u); do
            mkdir -p "$1$(dirname "$library")" && cp -L "$library" "$1$library"
        done
        printf 'Package: tiny\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n\n' \
            >"$1/var/lib/dpkg/status"
        tar -C "$1" -cf "$1.tar" .
    "#;
    let mut make = Command::new("/bin/sh");
    make.args(["-c", script, "make-root"]).arg(&root);
    Ran::of(make).expect(0);
    let tar = root.with_extension("tar");
    let tag = format!("{repository}:pushed");
    docker(None, &["import", tar.to_str().expect("UTF-8"), &tag]).expect(0);
    let pushed = docker(None, &["push", &tag]).expect(0);
    docker(None, &["image", "rm", "--force", &tag]).expect(0);
    let digest = pushed
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("sha256:"));
    digest.unwrap_or_else(|| panic!("{pushed}")).to_owned()
}

fn define(directory: &Path, repository: &str, digest: &str) {
    fs::create_dir_all(directory).expect("a directory");
    let text = format!(
        "schema = 1\nname = \"tiny\"\ntools = [\"head\"]\n\n[registry]\n\
         reference = \"{repository}\"\ndigest = \"{digest}\"\n"
    );
    fs::write(directory.join("tiny.toml"), text).expect("a definition");
}

#[test]
fn an_image_is_pulled_by_digest_alone() {
    let place = Place::empty();
    let mut registry = Registry::start(&place);
    let repository = format!("{}/kmatrix/tiny", registry.address);
    let digest = push_small_image(&place, &repository);
    let images = place.path().join("images");
    let directory = images.to_str().expect("UTF-8");
    let build = ["images", "build", "tiny", "--images", directory];
    let list = ["images", "list", "--format", "json", "--images", directory];

    define(&images, &repository, &digest);
    let first = place.kmatrix(&build).expect(0);
    let document = place.kmatrix(&list).expect(0).json();
    let image = &document["images"][0];
    assert_eq!(image["pulled"], format!("{repository}@{digest}"));
    assert_eq!(image["packages"][0]["name"], "tiny");
    let head = image["tools"]["head"].as_str().expect("a version");
    assert!(head.starts_with("head (GNU coreutils)"), "{head}");
    let id = image["id"].as_str().expect("a digest").to_owned();
    assert_eq!(first.stdout, format!("tiny {id}\n"));

    // Gone from the engine: pulled again, to the same digest.
    docker(None, &["image", "rm", "--force", &id]).expect(0);
    assert_eq!(place.kmatrix(&build).expect(0).stdout, first.stdout);
    docker(None, &["image", "rm", "--force", &id]).expect(0);

    // A digest that the registry has not: nothing else is taken for it.
    let absent = format!("sha256:{}", "0".repeat(64));
    define(&images, &repository, &absent);
    let ran = place.kmatrix(&build).expect(21);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains(&format!(
            "error: the image `{repository}@{absent}` cannot be had"
        )),
        "{ran}"
    );

    // No registry at all.
    define(&images, &repository, &digest);
    drop(registry.running.take());
    let ran = place.kmatrix(&build).expect(21);
    assert!(
        ran.stderr.contains(&format!(
            "error: the image `{repository}@{digest}` cannot be had"
        )),
        "{ran}"
    );
}

//! Builder images from a registry: by digest alone, whatever the registry does.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::common::{Place, Ran, Registry, docker, project, push_small_image};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const REPOSITORY: &str = "kmatrix/tiny";

/// A place with a registry and a definition of the image `tiny`.
struct Defined {
    place: Place,
    registry: Registry,
}

impl Defined {
    fn new() -> Self {
        let place = Place::empty();
        let registry = Registry::start(&place);
        Self { place, registry }
    }

    fn repository(&self) -> String {
        format!("{}/{REPOSITORY}", self.registry.address)
    }

    fn images(&self) -> PathBuf {
        self.place.path().join("images")
    }

    fn define(&self, digest: &str, more: &str) {
        fs::create_dir_all(self.images()).expect("a directory");
        let text = format!(
            "schema = 1\nname = \"tiny\"\ntools = [\"head\"]\n\n[registry]\n\
             reference = \"{}\"\ndigest = \"{digest}\"\n{more}\n",
            self.repository()
        );
        fs::write(self.images().join("tiny.toml"), text).expect("a definition");
    }

    fn kmatrix(&self, arguments: &[&str], client: Option<&Path>) -> Ran {
        let mut command = self.place.command(arguments);
        command.env("KMATRIX_IMAGES", self.images());
        if let Some(directory) = client {
            command.env("DOCKER_CONFIG", directory);
        }
        Ran::of(command)
    }

    fn build(&self) -> Ran {
        self.kmatrix(&["images", "build", "tiny"], None)
    }

    /// Returns the image as it is recorded.
    fn recorded(&self) -> Value {
        let list = ["images", "list", "--format", "json"];
        self.kmatrix(&list, None).expect(0).json()["images"][0].clone()
    }

    fn freshness(&self, status: i32, more: &[&str]) -> Value {
        let look = ["images", "freshness", "tiny", "--format", "json"];
        let ran = self.kmatrix(&[&look[..], more].concat(), None);
        ran.expect(status).json()["images"][0].clone()
    }

    fn refused(&self, digest: &str, why: &str) {
        let ran = self.build().expect(21);
        assert_eq!(ran.stdout, "");
        let message = format!(
            "error: the image `{}@{digest}` cannot be had: {why}",
            self.repository()
        );
        assert!(ran.stderr.contains(&message), "{ran}");
        assert!(ran.stderr.contains("\nhint: "), "{ran}");
    }
}

fn remove(id: &Value) {
    docker(
        None,
        &["image", "rm", "--force", id.as_str().expect("an id")],
    )
    .expect(0);
}

#[test]
fn an_image_is_pulled_by_digest_alone() {
    let mut defined = Defined::new();
    let digest = push_small_image(&defined.place, &defined.repository(), "1", "1.0-1", None);
    defined.define(&digest, "");
    let first = defined.build().expect(0);
    let image = defined.recorded();
    assert_eq!(
        image["pulled"],
        format!("{}@{digest}", defined.repository())
    );
    let package = &image["packages"][0];
    assert_eq!(package["name"], "tiny");
    assert_eq!(package["source"], "tiny-src");
    assert_eq!(package["sourceVersion"], "0.9");
    assert_eq!(image["inventory"]["database"], "dpkg");
    let head = image["tools"]["head"].as_str().expect("a version");
    assert!(head.starts_with("head (GNU coreutils)"), "{head}");
    assert_eq!(
        first.stdout,
        format!("tiny {}\n", image["id"].as_str().expect("an id"))
    );

    // Gone from the engine: pulled again, to the same digest.
    remove(&image["id"]);
    assert_eq!(defined.build().expect(0).stdout, first.stdout);
    remove(&image["id"]);

    // A digest that the registry has never had: nothing else is taken for it.
    let absent = format!("sha256:{}", "0".repeat(64));
    defined.define(&absent, "tag = \"1\"");
    defined.refused(&absent, "the registry does not have it");

    // No registry at all.
    defined.define(&digest, "");
    defined.registry.stop();
    defined.refused(&digest, "the registry cannot be reached");
}

#[test]
fn a_digest_that_has_vanished_is_refused_although_its_tag_is_there() {
    let defined = Defined::new();
    let repository = defined.repository();
    let digest = push_small_image(&defined.place, &repository, "1", "1.0-1", None);
    defined.define(&digest, "tag = \"1\"");
    defined.build().expect(0);
    remove(&defined.recorded()["id"]);
    push_small_image(&defined.place, &repository, "1", "1.0-2", None);
    defined.registry.forget(REPOSITORY, &digest);
    defined.refused(&digest, "the registry does not have it");
}

#[test]
fn a_tag_that_has_moved_is_told_and_the_digest_decides() {
    let mut defined = Defined::new();
    let repository = defined.repository();
    let digest = push_small_image(&defined.place, &repository, "1", "1.0-1", None);
    defined.define(&digest, "tag = \"1\"");
    defined.build().expect(0);
    let id = defined.recorded()["id"].clone();
    let same = defined.freshness(0, &[]);
    assert_eq!(same["tag"], json!({ "state": "same", "tag": "1" }));

    let other = push_small_image(&defined.place, &repository, "1", "1.0-2", None);
    assert_ne!(digest, other);
    let moved = defined.freshness(0, &[]);
    assert_eq!(
        moved["tag"],
        json!({ "state": "moved", "tag": "1", "to": other })
    );
    // Nobody knows how old what is in it is.
    assert_eq!(moved["state"], "unknown");
    defined.freshness(33, &["--check"]);
    let shown = defined
        .kmatrix(&["images", "freshness", "tiny"], None)
        .expect(0);
    assert!(
        shown
            .stdout
            .contains(&format!("the tag `1` has moved to {other}")),
        "{shown}"
    );
    remove(&id);
    defined.build().expect(0);
    assert_eq!(defined.recorded()["id"], id);

    assert_eq!(
        defined.freshness(0, &["--offline"])["tag"]["state"],
        "unknown"
    );
    defined.registry.stop();
    assert_eq!(defined.freshness(0, &[])["tag"]["state"], "unknown");
    remove(&id);
}

/// Makes the record say that these are the packages of the image, all of one version.
fn record_packages(defined: &Defined, names: &[&str], version: &str) {
    let path = defined.place.state().join("images/tiny.json");
    let bytes = fs::read(&path).expect("a record");
    let mut record: Value = serde_json::from_slice(&bytes).expect("a record");
    let package = |name| json!({ "name": name, "version": version, "architecture": "amd64" });
    record["packages"] = names.iter().map(package).collect();
    fs::write(path, record.to_string()).expect("a record");
}

#[test]
fn updates_of_an_image_that_was_pulled_are_looked_for_where_its_definition_says() {
    let defined = Defined::new();
    let digest = push_small_image(&defined.place, &defined.repository(), "1", "1.0-1", None);
    let here = fs::read_to_string(project().join("images/debian-12.toml")).expect("a file");
    let (_, archives) = here.split_once("[[bootstrap.archive]]").expect("archives");
    let keys = project().join("kernels/keys").display().to_string();
    let archives = format!("[[updates.archive]]{archives}")
        .replace("bootstrap.", "updates.")
        .replace("../kernels/keys", &keys);
    let security = "[updates]\nsecurity = \"bookworm-security\"";
    defined.define(&digest, &format!("tag = \"1\"\n{security}\n{archives}"));
    defined.build().expect(0);

    // Its only package is in no archive.
    let own = defined.freshness(33, &["--check"]);
    assert_eq!(own["updates"]["state"], "looked", "{own:#}");
    assert_eq!(own["updates"]["gone"], json!(["tiny"]));
    assert_eq!(own["state"], "unknown");
    record_packages(&defined, &["make", "libc6"], "0~0");
    let old = defined.freshness(33, &["--check"]);
    assert_eq!(old["state"], "stale", "{old:#}");
    let missed = old["updates"]["missed"].as_array().expect("a list");
    assert_eq!(missed.len(), 2);
    assert!(missed.iter().all(|update| update["installed"] == "0~0"));
    record_packages(&defined, &["make", "libc6"], "999:1");
    let newest = defined.freshness(0, &["--check"]);
    assert_eq!(newest["state"], "fresh", "{newest:#}");
    assert_eq!(newest["tag"]["state"], "same");
    assert_eq!(newest["archiveDate"], Value::Null);

    // A tag that has moved is said, whatever the packages are.
    let other = push_small_image(&defined.place, &defined.repository(), "1", "2.0-1", None);
    let moved = defined.freshness(0, &["--check"]);
    assert_eq!(moved["state"], "ageing");
    assert_eq!(moved["tag"]["to"], other);
    assert_eq!(defined.freshness(0, &["--offline"])["state"], "unknown");
    remove(&defined.recorded()["id"]);
}

#[test]
fn an_image_for_another_machine_is_refused() {
    let defined = Defined::new();
    let repository = defined.repository();
    let digest = push_small_image(&defined.place, &repository, "1", "1.0-1", None);
    let size = defined.registry.manifest(REPOSITORY, "1", MANIFEST).len();

    // A list that has it for another machine only.
    let list = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_LIST,
        "manifests": [{
            "mediaType": MANIFEST,
            "size": size,
            "digest": digest,
            "platform": { "architecture": "s390x", "os": "linux" },
        }],
    });
    let list = defined
        .registry
        .put_manifest(REPOSITORY, "list", MANIFEST_LIST, &list.to_string());
    defined.define(&list, "");
    defined.refused(&list, "the registry has it for other machines only");

    // An image that says itself that it is for another machine.
    let name = format!("{repository}:other");
    let other = foreign_image(&defined.place, &name);
    defined.define(&other, "");
    let ran = defined.build().expect(21);
    assert!(
        ran.stderr.contains("is for `s390x`, and this machine is `"),
        "{ran}"
    );
}

/// Makes an image whose configuration names another architecture, and pushes it.
fn foreign_image(place: &Place, name: &str) -> String {
    let script = r#"
        set -eu
        mkdir "$1" && cd "$1"
        : >empty && tar -cf layer.tar empty
        layer=$(sha256sum layer.tar | head -c 64)
        printf '{"architecture":"s390x","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
            "$layer" >config.json
        printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$2" >manifest.json
        tar -cf ../foreign.tar manifest.json config.json layer.tar
    "#;
    let mut make = std::process::Command::new("/bin/sh");
    make.args(["-c", script, "make"])
        .arg(place.path().join("foreign"))
        .arg(name);
    Ran::of(make).expect(0);
    let tar = place.path().join("foreign.tar");
    docker(None, &["load", "--input", tar.to_str().expect("UTF-8")]).expect(0);
    let pushed = docker(None, &["push", name]).expect(0);
    docker(None, &["image", "rm", "--force", name]).expect(0);
    let digest = pushed
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("sha256:"));
    digest.expect("a digest").to_owned()
}

#[test]
fn bad_credentials_are_told_and_never_printed() {
    let place = Place::empty();
    let registry = Registry::with_user(&place);
    let defined = Defined { place, registry };
    let client = |name: &str, password: &str| {
        let directory = defined.place.path().join(name);
        fs::create_dir(&directory).expect("a directory");
        let auth = STANDARD.encode(format!("{}:{password}", Registry::USER.0));
        let configuration = json!({
            "auths": { defined.registry.address.clone(): { "auth": auth } },
        });
        fs::write(directory.join("config.json"), configuration.to_string()).expect("a file");
        directory
    };
    let good = client("good", Registry::USER.1);
    let bad = client("bad", "not-the-password");
    let repository = defined.repository();
    let digest = push_small_image(&defined.place, &repository, "1", "1.0-1", Some(&good));
    defined.define(&digest, "tag = \"1\"");
    let build = ["images", "build", "tiny"];
    for (client, password) in [(None, "?"), (Some(bad.as_path()), "not-the-password")] {
        let ran = defined.kmatrix(&build, client).expect(21);
        assert!(
            ran.stderr
                .contains("the registry does not accept the credentials, or wants some"),
            "{ran}"
        );
        assert!(
            ran.stderr.contains("hint: log in with `docker login"),
            "{ran}"
        );
        assert!(!ran.to_string().contains(password), "{ran}");
        assert!(
            !ran.to_string().contains(&STANDARD.encode(password)),
            "{ran}"
        );
    }
    let ran = defined.kmatrix(&build, Some(&good)).expect(0);
    assert!(!ran.to_string().contains(Registry::USER.1), "{ran}");
    let record = defined.place.state().join("images/tiny.json");
    let record = fs::read_to_string(record).expect("a record");
    assert!(!record.contains(Registry::USER.1), "{record}");
    let look = ["images", "freshness", "tiny", "--format", "json"];
    let ran = defined.kmatrix(&look, Some(&good)).expect(0);
    assert_eq!(ran.json()["images"][0]["tag"]["state"], "same");
    let ran = defined.kmatrix(&look, Some(&bad)).expect(0);
    assert_eq!(ran.json()["images"][0]["tag"]["state"], "unknown");
    fs::write(bad.join("config.json"), "{\"auths\": \"not-the-password\"}").expect("a file");
    let ran = defined
        .kmatrix(&["images", "build", "tiny", "--update"], Some(&bad))
        .expect(21);
    assert!(ran.stderr.contains("is not valid at line 1"), "{ran}");
    assert!(!ran.stderr.contains("not-the-password"), "{ran}");
    remove(&defined.recorded()["id"]);
}

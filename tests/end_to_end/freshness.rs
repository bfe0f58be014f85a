//! How fresh builder images are, asked of the real archive.

use std::fs;

use serde_json::Value;

use crate::common::Place;

const LOOK: [&str; 5] = ["images", "freshness", "debian-12", "--format", "json"];

fn look(place: &Place, status: i32, more: &[&str]) -> Value {
    let document = place
        .kmatrix(&[&LOOK[..], more].concat())
        .expect(status)
        .json();
    assert_eq!(document["schemaVersion"], 1);
    document["images"][0].clone()
}

/// Makes the record say that packages are older than they are, as if nobody had updated the image.
fn age_packages(place: &Place, names: &[&str]) {
    let path = place.state().join("images/debian-12.json");
    let mut record: Value =
        serde_json::from_slice(&fs::read(&path).expect("a record")).expect("a record");
    let packages = record["packages"].as_array_mut().expect("packages");
    let mut changed = 0;
    for package in packages {
        if names.contains(&package["name"].as_str().expect("a name")) {
            package["version"] = "0~0".into();
            changed += 1;
        }
    }
    assert_eq!(changed, names.len());
    fs::write(path, record.to_string()).expect("a record");
}

#[test]
fn updates_that_an_image_has_missed_are_named_with_when_they_came() {
    let place = Place::new();
    let before = look(&place, 0, &[]);
    assert_eq!(before["updates"]["state"], "looked");
    let missed = |image: &Value| {
        image["updates"]["missed"]
            .as_array()
            .expect("a list")
            .clone()
    };
    let names = ["libc6", "make"];
    age_packages(&place, &names);
    let after = look(&place, 0, &[]);
    let found = missed(&after);
    for name in names {
        let update = found
            .iter()
            .find(|update| update["package"] == name)
            .unwrap_or_else(|| panic!("{after:#}"));
        assert_eq!(update["installed"], "0~0");
        assert_eq!(update["architecture"], "amd64");
        assert_ne!(update["available"], "0~0");
        // The states that the image was made from, and those of today.
        assert!(update["appeared"]["after"].is_string(), "{update}");
        assert!(update["appeared"]["by"].is_string(), "{update}");
    }
    assert!(after["updates"]["oldest"]["by"].is_string());
    assert!(after["updates"]["suites"].as_array().expect("suites").len() >= 2);

    // The matrix decides how many are too many.
    let policy = |text: &str| {
        place.build_of("reproducible", "", "", text);
        ["--matrix", "matrix.toml", "--check"]
    };
    let lenient = look(&place, 0, &policy(""));
    assert_ne!(lenient["state"], "stale");
    let strict = look(&place, 33, &policy("missed-updates = 1"));
    assert_eq!(strict["state"], "stale");
    let old = look(&place, 33, &policy("stale-after = \"1s\""));
    assert_eq!(old["state"], "stale");
}

#[test]
fn what_nobody_could_look_at_is_unknown_and_never_fresh() {
    let place = Place::new();
    let offline = look(&place, 0, &["--offline"]);
    assert_eq!(offline["state"], "unknown");
    assert_eq!(offline["updates"]["state"], "unknown");
    let dead = "debian=http://127.0.0.1:1/debian";
    let unreachable = look(&place, 33, &["--check", "--mirror", dead]);
    assert_eq!(unreachable["state"], "unknown");
    let reason = unreachable["updates"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("http://127.0.0.1:1/debian/"), "{reason}");

    let empty = Place::empty();
    let absent = look(&empty, 33, &["--check"]);
    assert_eq!(absent["state"], "unknown");
    assert!(absent["id"].is_null());
    let shown = empty
        .kmatrix(&["images", "freshness", "debian-12"])
        .expect(0);
    assert!(shown.stdout.starts_with("debian-12: unknown\n"), "{shown}");
}

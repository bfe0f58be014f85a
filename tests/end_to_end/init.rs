//! A matrix file to begin with.

use std::fs;

use crate::common::Place;

#[test]
fn a_dkms_package_is_built_without_edits() {
    let place = Place::new();
    place.fixture("dkms-two-modules");
    let package = "modules/dkms-two-modules";
    let arguments = ["init", "--from-dkms", package, "--target", "debian-12"];
    let ran = place.kmatrix(&arguments).expect(0);
    assert!(ran.stdout.is_empty(), "{ran}");
    assert!(ran.stderr.contains("matrix/two-modules.toml"), "{ran}");
    let command = "`kmatrix build matrix/two-modules.toml` builds them";
    assert!(ran.stderr.contains(command), "{ran}");

    let build = ["build", "matrix/two-modules.toml", "--format", "json"];
    let document = place.kmatrix(&build).expect(0).json();
    let cells = document["cells"].as_array().expect("cells");
    assert!(cells.len() > 1, "one of each flavour and series");
    for cell in cells {
        assert_eq!(cell["standing"], "labelled", "{cell:#}");
        assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
        assert_eq!(cell["modules"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn a_matrix_for_a_directory_is_valid() {
    let place = Place::new();
    place.fixture("reproducible");
    let arguments = [
        "init",
        "modules/reproducible",
        "--target=debian-12",
        "--output=deep/down/m.toml",
    ];
    place.kmatrix(&arguments).expect(0);
    let written = fs::read_to_string(place.path().join("deep/down/m.toml")).expect("a file");
    assert!(
        written.contains("source = \"../../modules/reproducible\""),
        "{written}"
    );
    let plan = place.kmatrix(&["plan", "deep/down/m.toml"]).expect(0);
    assert!(plan.stdout.contains("/reproducible"), "{plan}");

    let again = place.kmatrix(&arguments).expect(2);
    insta::assert_snapshot!(again.stderr);
    let kept = fs::read_to_string(place.path().join("deep/down/m.toml")).expect("a file");
    assert_eq!(kept, written);
}

#[test]
fn what_no_matrix_can_be_written_for_is_refused() {
    let place = Place::empty();
    let folder = place.path().join("empty");
    fs::create_dir(&folder).expect("a directory");
    let outcome = |arguments: &[&str]| {
        let all = [&["init"], arguments, &["--target=debian-12"]].concat();
        let ran = place.kmatrix(&all);
        let stderr = ran
            .stderr
            .replace(&place.path().display().to_string(), "PLACE");
        format!("{}\n{stderr}", ran.status)
    };
    let mut told = vec![
        outcome(&["empty"]),
        outcome(&["nowhere"]),
        outcome(&["--from-dkms", "empty"]),
    ];
    let conf = "touch \"$(dirname \"$0\")/ran\" ran\nPACKAGE_NAME=$(touch ran; echo name)\n";
    fs::write(folder.join("dkms.conf"), conf).expect("a file");
    told.push(outcome(&["--from-dkms", "empty"]));
    told.push(outcome(&["empty"]));
    fs::write(folder.join("Kbuild"), "obj-m := a.o\n").expect("a file");
    told.push(outcome(&["empty", "--target=debian-99"]));
    insta::assert_snapshot!(told.join("\n"));
    let left = fs::read_dir(place.path()).expect("a directory");
    let names: Vec<_> = left
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(!names.iter().any(|name| name == "ran"), "it was run");
    assert!(!names.iter().any(|name| name == "matrix"), "it was written");
}

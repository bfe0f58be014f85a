//! What rebuilds change, whether it reaches the build, and which of it makes a module differ.

use serde_json::{Value, json};

use crate::common::Place;

/// Every axis, as records have it.
const AXES: [&str; 16] = [
    "build-path",
    "header-path",
    "host-name",
    "user",
    "home",
    "locale",
    "time-zone",
    "clock",
    "umask",
    "environment",
    "cpus",
    "file-order",
    "kernel",
    "path-order",
    "terminal",
    "memory",
];

fn place_with(fixture: &str, build: &str) -> Place {
    let place = Place::new();
    place.build_of(fixture, "", build, "");
    place.commit(&place.path().join("modules").join(fixture));
    place
}

fn reproducibility(cell: &Value) -> &Value {
    let reasons = cell["label"]["reasons"].as_array().expect("reasons");
    let mut reasons = reasons.iter();
    reasons
        .find(|reason| reason["axis"] == "reproducibility")
        .expect("a reason")
}

#[test]
fn every_axis_reaches_the_build() {
    let place = place_with("reproducible", "");
    let cell = place.build(&["--vary", "header-path"], 0)["cells"][0].clone();
    assert_eq!(reproducibility(&cell)["grade"], "varied", "{cell:#}");
    let record = place.explain(cell["id"].as_str().expect("an id"));
    let [reference, rebuild] = [0, 1].map(|number| &record["attempts"][number]["reached"]);
    for axis in AXES {
        assert!(reference[axis].is_string(), "{axis}: {reference:#}");
        assert!(rebuild[axis].is_string(), "{axis}: {rebuild:#}");
        assert_ne!(reference[axis], rebuild[axis], "{axis}");
    }
    assert_eq!(
        reference.as_object().map(serde_json::Map::len),
        Some(AXES.len())
    );
    let clock = |attempt: &Value| {
        attempt["clock"]
            .as_str()
            .and_then(|s| s.parse::<i64>().ok())
    };
    let days = (clock(rebuild).expect("seconds") - clock(reference).expect("seconds")) / 86_400;
    assert!(days >= 400, "the clocks are {days} days apart");
    assert_eq!(
        reference["file-order"], "c b a ",
        "a tmpfs lists the newest first"
    );
    let text = place.kmatrix(&["explain", cell["id"].as_str().expect("an id")]);
    let text = text.expect(0).stdout;
    assert!(text.contains("varied clock"), "{text}");
    assert!(!text.contains("did not reach"), "{text}");
}

#[test]
fn what_is_held_is_named_and_lowers_the_label() {
    let place = place_with("reproducible", "");
    let cell = place.build(&["--hold", "clock", "--hold", "terminal"], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "partial", "{cell:#}");
    let reason = reproducibility(&cell);
    assert_eq!(reason["grade"], "fixed");
    let because = reason["because"].as_str().expect("a sentence");
    assert!(
        because.contains("but with the same clock, terminal;"),
        "{because}"
    );
    // Held in another run, it is rebuilt with everything varied all the same.
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
    assert_eq!(cell["comparisons"].as_array().map(Vec::len), Some(2));
}

#[test]
fn profiles_and_holds_stand_in_the_matrix_too() {
    let place = place_with(
        "reproducible",
        "variation = \"minimal\"\nvary = [\"umask\"]",
    );
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "partial", "{cell:#}");
    let record = place.explain(cell["id"].as_str().expect("an id"));
    assert_eq!(
        record["attempts"][1]["variation"]["axes"],
        json!([
            "build-path",
            "host-name",
            "user",
            "home",
            "time-zone",
            "clock",
            "umask"
        ])
    );
    let cell = place.build(&["--variation", "standard"], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
}

#[test]
fn paranoia_is_eight_rebuilds_and_says_what_they_prove() {
    let place = place_with("reproducible", "");
    let cell = place.build(&["--variation", "paranoid"], 0)["cells"][0].clone();
    assert_eq!(cell["comparisons"].as_array().map(Vec::len), Some(8));
    let because = reproducibility(&cell)["because"].to_string();
    assert!(
        because.contains("8 rebuilds gave the same bits"),
        "{because}"
    );
    assert!(because.contains("more than 32 % of builds"), "{because}");
}

#[test]
fn the_axis_that_does_it_is_found() {
    for (fixture, axis) in [("leaks-hostname", "host-name"), ("leaks-user", "user")] {
        let place = place_with(fixture, "");
        let cell = place.build(&[], 31)["cells"][0].clone();
        let finding = &cell["label"]["rebuilds"]["finding"];
        assert_eq!(finding["kind"], "axes", "{fixture}: {cell:#}");
        assert_eq!(finding["sets"], json!([[axis]]), "{fixture}");
        let causes = cell["label"]["rebuilds"]["causes"]
            .as_array()
            .expect("causes");
        assert_eq!(causes.len(), 1, "{fixture}: {causes:#?}");
        assert_eq!(causes[0]["cause"], axis, "{fixture}: {causes:#?}");
        assert_eq!(causes[0]["confidence"], "certain", "{fixture}");
        assert_eq!(causes[0]["source"]["path"], "Kbuild", "{fixture}");
        assert_eq!(reproducibility(&cell)["grade"], "fixed", "{fixture}");
        assert_eq!(cell["label"]["tier"], "partial", "{fixture}: {cell:#}");
    }
}

#[test]
fn noise_is_blamed_on_no_axis() {
    let place = place_with("random-constant", "");
    let cell = place.build(&[], 31)["cells"][0].clone();
    let finding = &cell["label"]["rebuilds"]["finding"];
    assert_eq!(finding["kind"], "noise", "{cell:#}");
    assert_eq!(reproducibility(&cell)["grade"], "differs");
    assert_eq!(cell["label"]["tier"], "irreproducible");
}

#[test]
fn without_an_inquiry_a_difference_counts_in_full_until_there_is_one() {
    let place = place_with("leaks-hostname", "");
    let cell = place.build(&["--no-inquiry"], 31)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "irreproducible", "{cell:#}");
    assert_eq!(cell["comparisons"].as_array().map(Vec::len), Some(1));
    let cell = place.build(&[], 31)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "partial", "{cell:#}");
}

#[test]
fn axes_and_profiles_that_do_not_exist_are_refused() {
    let place = place_with("reproducible", "hold = [\"moon\"]");
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(10);
    assert!(
        ran.stderr
            .contains("`moon` is no axis; they are build-path"),
        "{ran}"
    );
    let place = place_with("reproducible", "hold = [\"clock\"]\nvary = [\"clock\"]");
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(10);
    assert!(
        ran.stderr.contains("`clock` is in `hold` and in `vary`"),
        "{ran}"
    );
    let place = place_with("reproducible", "");
    for (arguments, said) in [
        (["--hold", "moon"].as_slice(), "`moon` is no axis"),
        (&["--variation", "wild"], "`wild` is no profile"),
        (
            &["--hold", "clock", "--vary", "clock"],
            "`clock` is to be held and to be varied",
        ),
    ] {
        let mut all = vec!["build", "matrix.toml"];
        all.extend(arguments);
        let ran = place.kmatrix(&all).expect(2);
        assert!(ran.stderr.contains(said), "{ran}");
    }
}

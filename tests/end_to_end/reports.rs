//! What is said of a whole release.

use serde_json::{Value, json};

use crate::common::{Place, matrix};

/// Builds a module that is alike in every rebuild, one that is not, and one that does not compile; a
/// fourth is left out.
fn built() -> (Place, Value) {
    let place = Place::new();
    let modules = [
        ("sound", "modules/reproducible", ""),
        ("flips", "modules/random-constant", ""),
        ("broken", "modules/no-compile", ""),
        ("unwanted", "modules/reproducible", ""),
    ];
    for fixture in ["reproducible", "random-constant", "no-compile"] {
        place.fixture(fixture);
    }
    let exclude =
        "\n[[exclude]]\nmodule = \"unwanted\"\nreason = \"not shipped\"\nticket = \"KM-1\"\n";
    place.write(&(matrix(&modules, "rebuilds = 1", "") + exclude));
    let document = place.build(&["--no-inquiry"], 30);
    (place, document)
}

fn cell(document: &Value, module: &str) -> String {
    let ids = document["cells"].as_array().expect("cells").iter();
    let mut ids = ids.filter_map(|cell| cell["id"].as_str());
    let found = ids.find(|id| id.ends_with(&format!("/{module}")));
    found.unwrap_or_else(|| panic!("{document:#}")).to_owned()
}

#[test]
fn a_report_says_what_a_release_is_and_is_not() {
    let (place, document) = built();
    let scope = &document["scope"];
    assert_eq!(
        (&scope["promised"], &scope["built"]),
        (&json!(3), &json!(2))
    );
    let broken = cell(&document, "broken");
    assert_eq!(scope["failed"][0]["cell"], broken.as_str());
    let reason = scope["failed"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("compile: "), "{reason}");
    let left_out = &scope["excludedByMatrix"][0];
    assert_eq!(left_out["reason"], "not shipped");
    assert_eq!(left_out["ticket"], "KM-1");

    let arguments = ["report", "matrix.toml", "--offline"];
    let ran = place.kmatrix(&[&arguments[..], &["--format", "json"]].concat());
    let ran = ran.expect(0);
    let report = ran.json();
    assert_eq!(ran.stderr, "", "a report looks for nothing");
    assert_eq!(report["schemaVersion"], 1);
    assert_eq!(report["scope"], *scope);
    assert_eq!(report["rollup"], document["rollup"]);

    let modules = report["uniformity"].as_array().expect("modules");
    let sound = modules.iter().find(|module| module["module"] == "sound");
    let sound = sound.unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(sound["cells"], 1);
    let findings = sound["findings"].as_array().expect("findings");
    let of = |aspect: &str| findings.iter().find(|found| found["aspect"] == aspect);
    for aspect in [
        "source",
        "environment",
        "srcversion",
        "vermagic",
        "compiler",
        "symbol-versions",
    ] {
        let found = of(aspect).unwrap_or_else(|| panic!("no {aspect}: {sound:#}"));
        assert_eq!(found["cause"], "same", "one cell agrees with itself");
        let value = found["sides"][0]["value"].as_str();
        assert_ne!(value, Some("not in the store"), "{aspect}");
    }
    let not_compared = modules.iter().find(|module| module["module"] == "broken");
    assert_eq!(not_compared.expect("it")["notCompared"], json!([broken]));

    let flips = cell(&document, "flips");
    let label = &place.explain(&flips)["label"];
    assert_eq!(report["rules"], label["rules"]);
    let uneven = report["uneven"].as_array().expect("cells");
    assert_eq!(uneven.len(), 1, "{uneven:#?}");
    assert_eq!(uneven[0]["cell"], flips.as_str());
    assert_eq!(uneven[0]["runs"][0]["different"], 1);
    assert_eq!(uneven[0]["runs"][0]["infrastructure"], 0);
    assert_eq!(place.explain(&flips)["history"]["runs"], uneven[0]["runs"]);
    let explained = place.kmatrix(&["explain", &flips]).expect(0);
    assert!(
        explained.stdout.contains("1 rebuilt different"),
        "{explained}"
    );
    assert!(
        explained.stdout.contains("first difference in run "),
        "{explained}"
    );

    let human = place.kmatrix(&arguments).expect(0);
    for said in [
        "release: irreproducible",
        "scope: 2 of 3 promised cells built",
        "  1 left out by the matrix: not shipped (KM-1)",
        "\nsound over 1 cell: uniform\n",
        "\nuneven over time\n",
    ] {
        assert!(human.stdout.contains(said), "no `{said}`\n{human}");
    }
}

#[test]
fn a_report_speaks_of_no_matrix_that_is_not_locked_and_built() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    let ran = place.kmatrix(&["report", "matrix.toml"]).expect(42);
    assert!(ran.stderr.contains("nothing is recorded in"), "{ran}");
    place.build(&[], 0);
    place.kmatrix(&["report", "matrix.toml"]).expect(0);
    let modules = [
        ("reproducible", "modules/reproducible", ""),
        ("another", "modules/reproducible", ""),
    ];
    place.write(&matrix(&modules, "rebuilds = 0", ""));
    let ran = place.kmatrix(&["report", "matrix.toml"]).expect(21);
    assert!(ran.stderr.contains("missing or out of date"), "{ran}");
}

#[test]
fn the_rules_are_the_ones_that_labels_name() {
    let place = Place::empty();
    let ran = place
        .kmatrix(&["label", "rules", "--format", "json"])
        .expect(0);
    let rules = ran.json();
    let digest = rules["digest"].as_str().expect("a digest");
    let human = place.kmatrix(&["label", "rules"]).expect(0);
    assert!(human.stdout.contains(digest), "{human}");
    assert_eq!(rules["tiers"][0]["tier"], "full");
}

//! What is said of a whole release.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::common::{Place, Ran, matrix};

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
    assert_handed_over(&place, &flips, &cell(&document, "sound"));
}

/// Holds that diffoscope gets the reference and the rebuild of a cell that differs, out of the store, and
/// nothing of one that agrees.
fn assert_handed_over(place: &Place, differing: &str, agreeing: &str) {
    let programs = place.path().join("programs");
    fs::create_dir(&programs).expect("a directory");
    let program = programs.join("diffoscope");
    let script = "#!/bin/sh\n[ \"$1\" = -- ] && [ -s \"$2\" ] && [ -s \"$3\" ] || exit 2\n\
        cmp -s \"$2\" \"$3\" && exit 2\necho handed over\nexit 1\n";
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("its mode");
    let path = std::env::var("PATH").expect("a path");
    for (cell, said, unsaid) in [
        (differing, "handed over", "no rebuild has another module"),
        (agreeing, "no rebuild has another module", "handed over"),
    ] {
        let mut command = place.command(&["explain", cell, "--diffoscope"]);
        command.env("PATH", format!("{}:{path}", programs.display()));
        let ran = Ran::of(command).expect(0);
        let (is_said, is_unsaid) = (ran.stdout.contains(said), !ran.stdout.contains(unsaid));
        assert!(is_said && is_unsaid, "{ran}");
    }
    let both = ["explain", differing, "--diffoscope", "--format", "json"];
    place.kmatrix(&both).expect(2);
}

#[test]
fn a_module_over_two_distributions_is_uniform_but_for_its_kernels() {
    const NEXT: &str = "\n[[target]]\ndistro = \"debian\"\nrelease = \"13\"\narch = \"amd64\"\n\
        flavour = \"cloud\"\nkernel = { series = \"6.12\", latest = 1 }\n";
    let place = Place::new();
    place.fixture("reproducible");
    // The same, with an option of its own for all kernels, and with one that each kernel chooses.
    for (name, options) in [
        ("alike", "ccflags-y += -DALIKE=1 -fno-common"),
        ("apart", "ccflags-y += -DAPART=$(PATCHLEVEL)"),
    ] {
        let from = place.path().join("modules/reproducible");
        let to = place.path().join("modules").join(name);
        fs::create_dir(&to).expect("a directory");
        for file in ["Kbuild", "main.c"] {
            let mut text = fs::read_to_string(from.join(file)).expect("a file");
            if file == "Kbuild" {
                text.push_str(&format!("{options}\n"));
            }
            fs::write(to.join(file), text).expect("a file");
        }
        place.commit(&to);
    }
    let modules = [
        ("alike", "modules/alike", ""),
        ("apart", "modules/apart", ""),
    ];
    place.write(&(matrix(&modules, "rebuilds = 0", "") + NEXT));
    place.build(&[], 0);
    let ran = place.kmatrix(&["report", "matrix.toml", "--offline", "--format", "json"]);
    let report = ran.expect(0).json();
    let finding = |module: &str, aspect: &str| -> Value {
        let modules = report["uniformity"].as_array().expect("modules");
        let module = modules.iter().find(|found| found["module"] == module);
        let module = module.unwrap_or_else(|| panic!("{report:#}"));
        assert_eq!(module["cells"], 2, "{module:#}");
        let mut findings = module["findings"].as_array().expect("findings").iter();
        let found = findings.find(|found| found["aspect"] == aspect);
        found
            .unwrap_or_else(|| panic!("no {aspect}: {module:#}"))
            .clone()
    };
    for aspect in [
        "source",
        "srcversion",
        "license",
        "recipe",
        "make-variables",
        "own-options",
    ] {
        let found = finding("alike", aspect);
        assert_eq!(found["cause"], "same", "{found:#}");
        let cells = found["sides"][0]["cells"].as_array().expect("cells");
        let are_of = |release: &str| cells.iter().any(|id| id.to_string().contains(release));
        assert!(are_of("debian-12/") && are_of("debian-13/"), "{found:#}");
    }
    let own = finding("alike", "own-options");
    assert_eq!(own["sides"][0]["value"], "-DALIKE=1, -fno-common");
    for aspect in ["vermagic", "compiler", "symbol-versions", "kernel-options"] {
        let found = finding("alike", aspect);
        assert_eq!(found["cause"], "kernel", "{found:#}");
        assert_eq!(
            found["sides"].as_array().map(Vec::len),
            Some(2),
            "{found:#}"
        );
    }
    let own = finding("apart", "own-options");
    assert_eq!(own["cause"], "other", "{own:#}");
    let values: Vec<&Value> = (0..2).map(|side| &own["sides"][side]["value"]).collect();
    assert!(values.contains(&&json!("-DAPART=1")) && values.contains(&&json!("-DAPART=12")));
    // What was recorded of both says by which tools and options they were made.
    let out = |id: &Value| {
        let directory = place.state().join("out");
        let module = directory
            .join(id.as_str().expect("an id"))
            .join("fixture.ko");
        assert!(module.is_file(), "{}", module.display());
        module.display().to_string()
    };
    let sides = finding("apart", "vermagic")["sides"].clone();
    let [one, two] = [0, 1].map(|side| out(&sides[side]["cells"][0]));
    let ran = place.kmatrix(&["explain", &one, &two, "--format", "json"]);
    let commands = ran.expect(31).json()["commands"].clone();
    let mut all = commands.as_array().expect("commands").iter();
    let of_module = all.find(|changed| {
        let values = [&changed["first"], &changed["second"]];
        values.contains(&&json!("-DAPART=1")) && values.contains(&&json!("-DAPART=12"))
    });
    assert_eq!(of_module.expect("its own option")["kind"], "definition");
    let human = place
        .kmatrix(&["report", "matrix.toml", "--offline"])
        .expect(0);
    assert!(
        human.stdout.contains("module's own compiler options"),
        "{human}"
    );
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

//! What the labels of real builds say.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, Ran};

/// Builds a fixture that is committed, with one rebuild, and returns its cell.
fn labelled(fixture: &str, status: i32) -> Value {
    let place = Place::new();
    place.build_of(fixture, "", "", "");
    place.commit(&place.path().join("modules").join(fixture));
    place.build(&[], status)["cells"][0].clone()
}

fn reason<'a>(cell: &'a Value, axis: &str) -> &'a Value {
    cell["label"]["reasons"]
        .as_array()
        .and_then(|reasons| reasons.iter().find(|reason| reason["axis"] == axis))
        .unwrap_or_else(|| panic!("no reason for {axis}: {:#}", cell["label"]))
}

fn sections(cell: &Value) -> Vec<&str> {
    cell["comparisons"][0]["differences"][0]["sections"]
        .as_array()
        .unwrap_or_else(|| panic!("no sections: {cell:#}"))
        .iter()
        .filter_map(|section| section["name"].as_str())
        .collect()
}

#[test]
fn a_committed_reproducible_module_is_constrained() {
    let cell = labelled("reproducible", 0);
    assert_eq!(cell["label"]["tier"], "constrained", "{:#}", cell["label"]);
    for (axis, grade) in [
        ("reproducibility", "varied"),
        ("metadata", "metadata-equal"),
        ("interface", "signed"),
        ("closed-inputs", "no-closed-inputs"),
        ("toolchain", "matched"),
        ("isolation", "sealed"),
        ("source", "committed"),
    ] {
        assert_eq!(reason(&cell, axis)["grade"], grade);
    }
    assert_eq!(cell["comparisons"][0]["same"], true);
    assert_eq!(cell["label"]["findings"], Value::Null);
}

#[test]
fn every_attempt_has_the_layers_of_its_modules_and_the_probe_tells_each_place() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    place.commit(&place.path().join("modules/reproducible"));
    let cell = place.build(&[], 0)["cells"][0].clone();
    let record = place.explain(cell["id"].as_str().expect("an id"));
    let [reference, rebuild] = [0, 1].map(|number| &record["attempts"][number]);
    let layers = &reference["layers"][0];
    assert_eq!(layers, &rebuild["layers"][0], "the modules agree");
    assert_eq!(layers["path"], "fixture.ko", "{reference:#}");
    let module = &reference["outcome"]["modules"][0];
    for layer in ["file", "decompressed", "unsigned"] {
        assert_eq!(layers[layer], module["digest"], "{layer}");
    }
    for layer in ["sections", "normalised"] {
        let digest = layers[layer].as_str().expect("a digest");
        assert!(digest.starts_with("sha256:"), "{layer}: {digest}");
        assert_ne!(digest, module["digest"], "{layer}");
    }
    // A host and its domain, and where memory is, each found for itself.
    let words = |attempt: &Value, axis: &str| -> Vec<String> {
        let found = attempt["reached"][axis].as_str().expect("an answer");
        found.split(' ').map(str::to_owned).collect()
    };
    assert_eq!(
        words(reference, "host-name"),
        ["reference", "kmatrix.invalid"]
    );
    assert_eq!(
        words(rebuild, "host-name"),
        ["rebuild-1", "elsewhere-1.invalid"]
    );
    let place_of = |attempt: &Value| {
        let found = words(attempt, "memory").concat();
        let digits = found.strip_prefix("0x").expect("an address");
        u64::from_str_radix(digits, 16).expect("a number")
    };
    let apart = place_of(reference).abs_diff(place_of(rebuild));
    assert!(apart >= 1 << 40, "{apart:#x} apart is what chance adds");
}

#[test]
fn a_module_that_differs_only_for_debuggers_is_partial() {
    let place = Place::new();
    place.build_of("random-debug", "", "", "");
    place.commit(&place.path().join("modules/random-debug"));
    // A rebuild gave other bits, whatever is made of them.
    let cell = place.build(&[], 31)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "partial", "{:#}", cell["label"]);
    assert_eq!(reason(&cell, "metadata")["grade"], "metadata-equal");
    let reason = reason(&cell, "reproducibility");
    assert_eq!(reason["grade"], "normalised");
    let because = reason["because"].to_string();
    assert!(because.contains("`debug`"), "{because}");
    let difference = &cell["comparisons"][0]["differences"][0];
    assert_eq!(difference["agreement"]["layer"], "normalised");
    let layers = &difference["layers"];
    assert_eq!(
        layers["reference"]["normalised"],
        layers["rebuild"]["normalised"]
    );
    assert_ne!(
        layers["reference"]["sections"],
        layers["rebuild"]["sections"]
    );

    let id = cell["id"].as_str().expect("an id");
    let document = place.explain(id);
    for attempt in document["attempts"].as_array().expect("attempts") {
        let gates = attempt["gates"][0]["gates"].as_array().expect("gates");
        assert_eq!(gates.len(), 7);
        for gate in gates {
            assert_eq!(gate["verdict"], "passed", "{gate:#}");
        }
    }
    let people = place.kmatrix(&["explain", id]).expect(0);
    assert!(
        people.stdout.contains("gates of fixture.ko: passed elf"),
        "{people}"
    );
    assert!(people.stdout.contains("the same after: "), "{people}");
}

#[test]
fn a_source_that_is_not_committed_is_unverified() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    let source = place.path().join("modules/reproducible");
    place.commit(&source);
    fs::write(source.join("extra.h"), "").expect("a file");
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "unverified");
    assert_eq!(reason(&cell, "source")["grade"], "dirty");
}

#[test]
fn a_module_that_holds_its_path_is_partial() {
    let cell = labelled("leaks-path", 31);
    assert_eq!(cell["label"]["tier"], "partial", "{cell:#}");
    let sets = &cell["label"]["rebuilds"]["finding"]["sets"];
    assert_eq!(*sets, serde_json::json!([["build-path"]]));
    let cause = &cell["label"]["rebuilds"]["causes"][0];
    assert_eq!(cause["cause"], "build-path-generated", "{cause:#}");
    assert_eq!(cause["confidence"], "certain");
    let because = reason(&cell, "reproducibility")["because"].to_string();
    assert!(because.contains("(`build-path-generated`)"), "{because}");
    let recorded = &cell["comparisons"][0]["differences"][0]["causes"][0];
    assert_eq!(recorded["cause"], "build-path-generated");
    assert_eq!(
        cell["label"]["rebuilds"]["causes"].as_array().map(Vec::len),
        Some(1)
    );
    let sections = sections(&cell);
    assert!(
        sections.iter().any(|name| name.starts_with(".rodata")),
        "{sections:?}"
    );
    let findings = &cell["label"]["findings"];
    assert_eq!(findings[0]["gate"], "build-paths", "{findings:#}");
    assert_eq!(findings[0]["module"], "fixture.ko");
}

#[test]
fn a_module_with_a_random_constant_is_irreproducible() {
    let cell = labelled("random-constant", 31);
    assert_eq!(cell["label"]["tier"], "irreproducible");
    let causes = cell["label"]["rebuilds"]["causes"]
        .as_array()
        .expect("causes");
    let [cause] = causes.as_slice() else {
        panic!("{causes:#?}");
    };
    // Of four random bytes one may be the same twice, and fewer are not called random.
    let named = cause["cause"].as_str();
    assert!(
        matches!(named, Some("random-bytes" | "unexplained")),
        "{cause:#}"
    );
    assert_eq!(
        cause["source"]["rule"].as_str(),
        named.filter(|n| *n == "random-bytes").map(|_| "random")
    );
    let sections = sections(&cell);
    assert!(
        sections.iter().any(|name| name.ends_with(".text")),
        "{sections:?}"
    );
}

#[test]
fn a_difference_is_shown_and_never_retried_away() {
    let place = Place::new();
    place.build_of("random-constant", "", "", "");
    let first = place.kmatrix(&["build", "matrix.toml"]).expect(31);
    assert!(first.stdout.contains("2/2 differ"), "{first}");
    assert!(
        first.stdout.contains("rebuild 1 of fixture.ko differs in "),
        "{first}"
    );
    assert!(first.stderr.contains("Differs"), "{first}");
    let second = place.kmatrix(&["build", "matrix.toml"]).expect(31);
    assert!(second.stderr.contains("nothing had to be done"), "{second}");
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn a_prebuilt_object_in_the_source_is_unverified() {
    let place = Place::new();
    place.build_of("closed-blob", "", "", "");
    let source = place.path().join("modules/closed-blob");
    let mut compile = Command::new("cc");
    compile.current_dir(&source).args([
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
    ]);
    Ran::of(compile).expect(0);
    fs::remove_file(source.join("core.c")).expect("a file");
    place.commit(&source);
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "unverified", "{:#}", cell["label"]);
    assert_eq!(reason(&cell, "closed-inputs")["grade"], "undeclared");
    let because = reason(&cell, "closed-inputs")["because"].to_string();
    assert!(because.contains("core.o_shipped"), "{because}");
}

#[test]
fn a_module_that_was_not_rebuilt_is_unverified() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    place.commit(&place.path().join("modules/reproducible"));
    let cell = place.build(&["--rebuilds", "0"], 0)["cells"][0].clone();
    assert_eq!(cell["label"]["tier"], "unverified");
    assert_eq!(reason(&cell, "reproducibility")["grade"], "unattempted");
}

#[test]
fn a_tier_that_is_not_reached_fails_the_build() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    place.commit(&place.path().join("modules/reproducible"));
    place.build(&["--require", "constrained"], 0);
    place.build(&["--require", "full"], 32);
}

#[test]
fn a_stale_image_is_shown_and_fails_only_if_asked() {
    let place = Place::new();
    let text = |fail: bool| format!("stale-after = \"1s\"\nfail-when-stale = {fail}");
    place.build_of("reproducible", "", "rebuilds = 0", &text(false));
    let shown = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    assert!(shown.stdout.contains("unverified+stale"), "{shown}");
    place.build_of("reproducible", "", "rebuilds = 0", &text(true));
    let failed = place.kmatrix(&["build", "matrix.toml"]).expect(33);
    assert!(failed.stdout.contains("unverified+stale"), "{failed}");
}

//! What the commands of real builds reveal, however often rebuilds agree.

use std::fs;

use kmatrix::digest::Sha256Digest;
use serde_json::Value;

use crate::common::{Place, SharedState, matrix};

fn place_with(fixture: &str, more: &str) -> Place {
    let place = Place::new();
    place.build_of(fixture, more, "", "");
    place.commit(&place.path().join("modules").join(fixture));
    place
}

/// Returns the record of what builds of a cell revealed, by attempt.
fn commands(place: &Place, cell: &Value) -> Vec<Value> {
    let document = place.explain(cell["id"].as_str().expect("an id"));
    let attempts = document["attempts"].as_array().expect("attempts").iter();
    attempts
        .map(|attempt| attempt["commands"].clone())
        .collect()
}

fn reproducibility(cell: &Value) -> (&str, &str) {
    let reasons = cell["label"]["reasons"].as_array().expect("reasons");
    let mut reasons = reasons.iter();
    let reason = reasons
        .find(|reason| reason["axis"] == "reproducibility")
        .expect("a reason");
    let text = |name: &str| reason[name].as_str().expect("text");
    (text("grade"), text("because"))
}

#[test]
fn the_commands_of_every_attempt_are_kept_and_show_nothing_in_a_sound_module() {
    let place = place_with("reproducible", "");
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(reproducibility(&cell).0, "varied", "{cell:#}");
    let all = commands(&place, &cell);
    assert_eq!(all.len(), 2);
    for commands in all {
        assert_eq!(commands["whole"], true, "{commands:#}");
        assert_eq!(commands["links"], 1, "{commands:#}");
        assert_eq!(commands["signs"], Value::Null, "{commands:#}");
        let digest: Sha256Digest = commands["text"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("a digest");
        let store = kmatrix::store::Store::open(&place.state().join("store")).expect("a store");
        let text = store.read_blob(&digest, 4 << 20).expect("the text");
        let text = String::from_utf8(text).expect("text");
        assert!(
            text.contains("/main.o := ") && text.contains("-ffile-prefix-map="),
            "{text}"
        );
    }
}

#[test]
fn chance_that_had_no_effect_is_held_against_rebuilds_that_agree() {
    let place = place_with("draws-random-numbers", "");
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    assert_eq!(cell["label"]["tier"], "partial", "{:#}", cell["label"]);
    let (grade, because) = reproducibility(&cell);
    assert_eq!(grade, "fixed");
    let doubt = "but the command of `values.o` lets the compiler draw random numbers \
                 (`-fprofile-arcs`; excluded by 59 rebuilds";
    assert!(because.contains(doubt), "{because}");
    for commands in commands(&place, &cell) {
        assert_eq!(commands["signs"][0]["rule"], "unseeded", "{commands:#}");
    }
    let text = place.kmatrix(&["explain", cell["id"].as_str().expect("an id")]);
    let text = text.expect(0).stdout;
    let line = "that of values.o lets the compiler draw random numbers: -fprofile-arcs";
    assert!(text.contains(line), "{text}");

    // A seed of its own is what keeps it from that.
    let kbuild = place.path().join("modules/draws-random-numbers/Kbuild");
    let mut seeded = fs::read_to_string(&kbuild).expect("a file");
    seeded.push_str("CFLAGS_values.o += -frandom-seed=values.o\n");
    fs::write(&kbuild, seeded).expect("a file");
    place.commit(&place.path().join("modules/draws-random-numbers"));
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(reproducibility(&cell).0, "varied", "{cell:#}");
}

#[test]
fn how_pahole_was_called_is_known_and_not_guessed_from_makefiles() {
    let place = Place::new();
    place.fixture("reproducible");
    // It takes away what keeps the kernel's makefiles from `pahole -j`.
    let recipe =
        "recipe = { command = \"make -C $KERNELDIR M=$PWD KBUILD_BUILD_TIMESTAMP= modules\" }";
    let modules = [
        ("sound", "modules/reproducible", ""),
        ("shuffled", "modules/reproducible", recipe),
    ];
    let text = matrix(&modules, "", "").replace("series = \"6.1\"", "series = \"6.12\"");
    place.write(&text);
    let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
    SharedState::get().keep_images_of(&place.state());
    let document = ran.json();
    let cell = |name: &str| {
        let cells = document["cells"].as_array().expect("cells");
        let id = |cell: &&Value| cell["id"].as_str().is_some_and(|id| id.ends_with(name));
        cells.iter().find(id).expect("a cell")
    };
    for (name, is_threaded) in [("sound", false), ("shuffled", true)] {
        for commands in commands(&place, cell(name)) {
            assert_eq!(commands["pahole"], 1, "{name} {commands:#}");
            let rule = &commands["signs"][0]["rule"];
            assert_eq!(
                rule == "threads-of-pahole",
                is_threaded,
                "{name} {commands:#}"
            );
        }
    }
    assert_eq!(reproducibility(cell("sound")).0, "varied", "{document:#}");
    // By luck it may come out again, and must not count for it. `tests/corpus/types-in-another-order` is
    // rebuilt until it does not.
    let shuffled = cell("shuffled");
    let (grade, because) = reproducibility(shuffled);
    let causes = shuffled["label"]["rebuilds"]["causes"].as_array();
    let named: Vec<&Value> = causes.into_iter().flatten().map(|c| &c["cause"]).collect();
    let comparisons = shuffled["comparisons"].as_array().expect("comparisons");
    if comparisons.iter().all(|found| found["same"] == true) {
        assert_eq!(grade, "fixed");
        assert!(because.contains("is run with `-j`"), "{because}");
        assert!(named.is_empty(), "{named:?}");
    } else {
        assert_eq!(grade, "normalised", "{because}");
        assert_eq!(named, ["btf-order"]);
    }
}

/// Writes the commands that a build left beside a copy of its module, as the kernel build system does.
fn copy_with_commands(place: &Place, cell: &Value, to: &str) -> String {
    let id = cell["id"].as_str().expect("an id");
    let directory = place.path().join(to);
    fs::create_dir_all(&directory).expect("a directory");
    let module = directory.join("fixture.ko");
    let built = place.state().join("out").join(id).join("fixture.ko");
    fs::copy(built, &module).expect("a module");
    let text = commands(place, cell)[0]["text"].clone();
    let digest: Sha256Digest = text
        .as_str()
        .and_then(|d| d.parse().ok())
        .expect("a digest");
    let store = kmatrix::store::Store::open(&place.state().join("store")).expect("a store");
    let text = store.read_blob(&digest, 4 << 20).expect("the text");
    let mut written = 0;
    for line in String::from_utf8(text).expect("text").lines() {
        let Some((made, _)) = line.split_once(" := ") else {
            continue;
        };
        let (_, name) = made.rsplit_once('/').expect("a path");
        fs::write(directory.join(format!(".{name}.cmd")), line).expect("a file");
        written += 1;
    }
    assert!(written > 3, "{written}");
    // What it is linked of (Linux, `scripts/Makefile.build`, `cmd_mod`).
    let parts = "/build/module/main.o\n/build/module/list.o\n";
    fs::write(directory.join("fixture.mod"), parts).expect("a file");
    module.display().to_string()
}

#[test]
fn a_recorded_build_is_known_to_have_reached_no_network() {
    let place = Place::new();
    place.fixture("asks-the-network");
    let source = "modules/asks-the-network";
    place.write(&matrix(
        &[("first", source, ""), ("second", source, "")],
        "rebuilds = 0",
        "",
    ));
    let document = place.build(&[], 0);
    let cells = document["cells"].as_array().expect("cells");
    let causes = |pair: [&str; 2]| {
        let ran = place.kmatrix(&["explain", pair[0], pair[1], "--format", "json"]);
        let document = ran.expect(31).json();
        let causes = document["causes"].as_array().expect("causes");
        let ids = causes.iter().map(|cause| cause["cause"].clone());
        ids.collect::<Vec<_>>()
    };
    let recorded = [0, 1].map(|number| {
        let id = cells[number]["id"].as_str().expect("an id");
        let path = place.state().join("out").join(id).join("fixture.ko");
        path.display().to_string()
    });
    assert_eq!(causes([&recorded[0], &recorded[1]]), ["unexplained"]);
    // Of the same modules with the same commands nobody knows that elsewhere.
    let copied = [0, 1].map(|number| {
        let to = format!("elsewhere-{number}");
        copy_with_commands(&place, &cells[number], &to)
    });
    assert_eq!(causes([&copied[0], &copied[1]]), ["network-content"]);
    assert_eq!(causes([&recorded[0], &copied[1]]), ["network-content"]);
}

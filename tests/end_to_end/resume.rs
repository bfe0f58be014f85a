//! What is not done again, and what is.

use std::fs;

use serde_json::Value;

use crate::common::{Place, matrix};

fn numbers(place: &Place, cell: &str) -> Vec<Value> {
    place.explain(cell)["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|attempt| attempt["number"].clone())
        .collect()
}

#[test]
fn a_second_build_has_nothing_to_do() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    let first = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    let before = place.explain("reproducible");
    let second = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    assert_eq!(second.stdout, first.stdout, "the table is the same");
    assert_eq!(second.stderr, "    Finished nothing had to be done\n");
    assert_eq!(place.explain("reproducible"), before);
    let document = place.build(&[], 0);
    assert_eq!(document["run"], Value::Null);
}

#[test]
fn more_rebuilds_are_added_to_those_that_there_are() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    place.build(&[], 0);
    let before = place.explain("reproducible")["attempts"].clone();
    assert_eq!(numbers(&place, "reproducible"), [0, 1]);
    place.build(&["--rebuilds", "3"], 0);
    let after = place.explain("reproducible")["attempts"].clone();
    assert_eq!(numbers(&place, "reproducible"), [0, 1, 2, 3]);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
}

#[test]
fn a_comparison_that_a_kill_left_out_is_made_up_for() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    let before = place.build(&[], 0);
    let path = place.state().join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).expect("a ledger");
    let deleted = ledger.execute("DELETE FROM comparison", []);
    assert_eq!(deleted.expect("deleted"), 1);
    drop(ledger);
    let after = place.build(&[], 0);
    assert_eq!(after["cells"][0]["label"], before["cells"][0]["label"]);
    assert_eq!(numbers(&place, "reproducible"), [0, 1]);
}

#[test]
fn a_changed_source_is_built() {
    let place = Place::new();
    place.build_of("reproducible", "", "rebuilds = 0", "");
    let document = place.build(&[], 0);
    let (first, first_run) = (document["cells"][0].clone(), document["run"]["id"].clone());
    let file = place.path().join("modules/reproducible/main.c");
    let text = fs::read_to_string(&file).expect("a source");
    fs::write(&file, text.replace("return 0;", "return -1;")).expect("a source");
    let second = place.build(&[], 0)["cells"][0].clone();
    assert_ne!(second["inputs"], first["inputs"]);
    assert_ne!(
        second["modules"][0]["digest"],
        first["modules"][0]["digest"]
    );
    fs::write(&file, text).expect("a source");
    let third = place.build(&[], 0);
    assert_eq!(third["cells"][0]["modules"], first["modules"]);
    let attempts = place.explain("reproducible")["attempts"].clone();
    assert_eq!(attempts[0]["run"], first_run, "the first is still recorded");
    assert_eq!(place.build(&[], 0)["run"], Value::Null);
}

#[test]
fn a_failed_cell_is_attempted_again() {
    let place = Place::new();
    place.build_of("no-compile", "", "rebuilds = 0", "");
    let first = place.build(&[], 30);
    let second = place.build(&[], 30);
    assert_ne!(second["run"]["id"], Value::Null);
    assert_ne!(second["run"]["id"], first["run"]["id"]);
    let explained = place.kmatrix(&["explain", "no-compile"]).expect(0);
    assert!(
        explained
            .stdout
            .contains("attempts over all time: 2 compile"),
        "{explained}"
    );
}

#[test]
fn the_order_of_the_work_leaves_no_trace() {
    let record = |jobs: &str| {
        let place = Place::new();
        place.fixture("reproducible");
        let source = "modules/reproducible";
        let modules = [("a", source, ""), ("b", source, "")];
        place.write(&matrix(&modules, "", ""));
        let mut document = place.build(&["--jobs", jobs], 0);
        // What was done when, and in which directory, is the only thing that may differ.
        document["run"].take();
        let directory = place.path().file_name().expect("a name");
        let directory = directory.to_str().expect("UTF-8");
        document.to_string().replace(directory, "PLACE")
    };
    assert_eq!(record("1"), record("4"));
}

#[test]
fn what_is_known_of_the_same_inputs_is_kept_up_to_date() {
    let place = Place::new();
    place.build_of("reproducible", "", "", "");
    let dirty = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(dirty["label"]["tier"], "unverified");
    place.commit(&place.path().join("modules/reproducible"));
    let committed = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(committed["inputs"], dirty["inputs"]);
    assert_eq!(committed["label"]["tier"], "constrained");
    let explained = place.explain("reproducible");
    assert_eq!(explained["label"], committed["label"]);
    let id = committed["id"].as_str().expect("an id");
    let record = fs::read(place.state().join("out").join(id).join("record.json"));
    let record: Value = serde_json::from_slice(&record.expect("a record")).expect("JSON");
    assert_eq!(record["label"], committed["label"]);
    assert_eq!(place.build(&[], 0)["run"], Value::Null);
}

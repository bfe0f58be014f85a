//! Causes that lie in the tools, in signatures and in the kernel, planted with the real ones: each is
//! named, and goes away by its fix.

mod drift;
mod old_make;
mod row;
mod workshop;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::Place;
use drift::DRIFTS;
use row::{ROWS, Tools};
use workshop::Workshop;

#[test]
fn each_cause_of_tools_and_signatures_is_named_and_goes_away_by_its_fix() {
    let place = Place::new();
    let workshop = Workshop::new(&place);
    for row in &ROWS {
        println!("{}", row.name);
        let (before, after) = match row.tools {
            Tools::Images([one, two]) => ([Some(one), Some(two)], [Some(one), Some(one)]),
            Tools::Signing | Tools::Plugins => ([None; 2], [None; 2]),
        };
        assert_named(&place, &workshop.build(before, row.before), Some(row.name));
        assert_named(&place, &workshop.build(after, row.after), None);
    }
}

/// Explains a pair, which has to differ by one cause, or by none.
fn assert_named(place: &Place, pair: &[PathBuf; 2], expected: Option<&str>) {
    let [one, two] = [&pair[0], &pair[1]].map(|path| path.to_str().expect("UTF-8"));
    let status = if expected.is_some() { 31 } else { 0 };
    let ran = place.kmatrix(&["explain", one, two, "--format", "json"]);
    let answer = ran.expect(status).json();
    let named = answer["causes"].as_array().expect("causes");
    let ids: Vec<&str> = named
        .iter()
        .filter_map(|cause| cause["cause"].as_str())
        .collect();
    assert_eq!(ids, Vec::from_iter(expected), "{answer:#}");
}

#[test]
fn the_catalogue_says_which_fixes_are_tried_here() {
    let place = Place::empty();
    let ran = place
        .kmatrix(&["explain", "--causes", "--format", "json"])
        .expect(0);
    let listed = ran.json();
    let causes = listed["causes"].as_array().expect("causes").clone();
    let tried = |by: &str| -> BTreeSet<String> {
        let has = |cause: &&Value| {
            cause["tried"]
                .as_str()
                .is_some_and(|test| test.starts_with(by))
        };
        let ids = causes.iter().filter(has).map(|cause| &cause["id"]);
        ids.map(|id| id.as_str().expect("an id").to_owned())
            .collect()
    };
    let rows = ROWS.iter().map(|row| row.name);
    let rows = rows.chain(DRIFTS).chain([old_make::NAME]);
    let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(tried("tests/end_to_end/tools,"), rows);
}

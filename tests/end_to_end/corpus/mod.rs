//! The corpus: small modules with one planted cause each, sound ones, ones that were mended, and ones
//! that try to cheat, built as one matrix. Each says in `expected.toml` what has to be found; what
//! other tools find in the same modules is printed beside it.

mod planted;
mod rivals;
mod table;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::common::{Place, matrix};
use planted::Module;
use rivals::Rivals;
use table::{Row, Table};

/// Builds those of the corpus that are rebuilt so often, and returns the cells.
fn build(place: &Place, modules: &[&Module], rebuilds: u32) -> Vec<Value> {
    let sources: Vec<(String, String)> = modules
        .iter()
        .map(|module| {
            module.copy(place);
            let make = match module.expected.make.as_slice() {
                [] => String::new(),
                make => format!("make = {make:?}"),
            };
            (format!("modules/{}", module.name), make)
        })
        .collect();
    let listed: Vec<(&str, &str, &str)> = modules
        .iter()
        .zip(&sources)
        .map(|(module, (source, make))| (module.name.as_str(), source.as_str(), make.as_str()))
        .collect();
    place.write(&matrix(
        &listed,
        &format!("rebuilds = {rebuilds}\nvary = [\"header-path\"]"),
        "",
    ));
    let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
    let document = ran.json();
    let cells = document["cells"].as_array().expect("cells");
    let of = |module: &&Module| {
        let end = format!("/{}", module.name);
        let is_its = |cell: &&Value| cell["id"].as_str().is_some_and(|id| id.ends_with(&end));
        let found = cells.iter().find(is_its);
        found.unwrap_or_else(|| panic!("no cell of {}: {ran}", module.name))
    };
    modules.iter().map(of).cloned().collect()
}

#[test]
fn every_planted_cause_is_found_and_named_and_no_sound_module_is_blamed() {
    let corpus = Module::all();
    assert!(corpus.len() >= 50, "only {}", corpus.len());
    let place = Place::new();
    let mut failures = String::new();
    let mut table = Table::new(Rivals::here());
    let rebuilds: BTreeSet<u32> = corpus.iter().map(|m| m.expected.rebuilds).collect();
    for count in rebuilds {
        let modules: Vec<&Module> = corpus
            .iter()
            .filter(|module| module.expected.rebuilds == count)
            .collect();
        let cells = build(&place, &modules, count);
        let judged = table.rivals().judge(&place, &modules, &cells);
        for ((module, cell), rivals) in modules.into_iter().zip(&cells).zip(judged) {
            for what in module.wrong(cell) {
                writeln!(failures, "{}: {what}", module.name).expect("memory");
            }
            table.add(Row::new(module, cell, rivals));
        }
    }
    println!("{table}");
    assert!(failures.is_empty(), "{table}\n{failures}");
}

//! The corpus: small modules with one planted cause each, sound ones, ones that were mended, and ones
//! that try to cheat, built as one matrix. Each says in `expected.toml` what has to be found; what
//! other tools find in the same modules is printed beside it.

mod coverage;
mod planted;
mod rivals;
mod table;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use serde_json::Value;

use crate::common::{Place, SharedState, matrix};
use planted::{Module, Run};
use rivals::Rivals;
use table::{Row, Table};

/// Builds those of the corpus that are built in one run until what is planted shows, and returns the cells.
/// What has been built is not built again.
fn build_until_it_shows(place: &Place, modules: &[&Module], run: &Run) -> Vec<Value> {
    for module in modules {
        module.copy(place);
    }
    let mut cells = vec![Value::Null; modules.len()];
    for rebuilds in run.steps() {
        let left: Vec<usize> = (0..modules.len())
            .filter(|n| cells[*n].is_null() || (modules[*n].is_planted() && !shows(&cells[*n])))
            .collect();
        if left.is_empty() {
            break;
        }
        let of_these: Vec<&Module> = left.iter().map(|n| modules[*n]).collect();
        let built = build(place, &of_these, run, rebuilds);
        for (n, cell) in left.into_iter().zip(built) {
            cells[n] = cell;
        }
    }
    cells
}

/// Returns true if a cell differs, or made no module.
fn shows(cell: &Value) -> bool {
    let compared = cell["comparisons"].as_array();
    let differs = compared.is_some_and(|all| all.iter().any(|each| each["same"] == false));
    differs || cell["failure"].is_object()
}

/// Builds modules of one run, rebuilt so often, and returns the cells.
fn build(place: &Place, modules: &[&Module], run: &Run, rebuilds: u32) -> Vec<Value> {
    let sources: Vec<(String, String)> = modules
        .iter()
        .map(|module| {
            let source = format!("modules/{}", module.name);
            (source, module.expected.recipe())
        })
        .collect();
    let listed: Vec<(&str, &str, &str)> = modules
        .iter()
        .zip(&sources)
        .map(|(module, (source, more))| (module.name.as_str(), source.as_str(), more.as_str()))
        .collect();
    let series = format!("series = \"{}\"", run.series);
    let text = matrix(&listed, &run.settings(rebuilds), "");
    place.write(&text.replace("series = \"6.1\"", &series));
    let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
    SharedState::get().keep_images_of(&place.state());
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

/// Does something with all of these, as many at a time as there are CPUs, and returns what comes of each.
fn beside_each_other<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let left = Mutex::new(all.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no panic").next();
                    let Some((number, one)) = next else {
                        break;
                    };
                    let result = work(one);
                    done.lock().expect("no panic").insert(number, result);
                }
            });
        }
    });
    done.into_inner().expect("no panic").into_values().collect()
}

/// Builds these, and holds what is found in them against what has to be; prints what others find.
fn is_as_expected(corpus: &[Module]) {
    let rivals = Rivals::here();
    let runs: BTreeSet<&Run> = corpus.iter().map(|m| &m.expected.run).collect();
    let mut runs: Vec<(&Run, Vec<&Module>)> = runs
        .into_iter()
        .map(|run| {
            let of_run = corpus.iter().filter(|m| m.expected.run == *run);
            (run, of_run.collect())
        })
        .collect();
    // The longest are begun first.
    runs.sort_by_key(|(run, modules)| Reverse(modules.len() * run.rebuilds as usize));
    let found = beside_each_other(&runs, |(run, modules)| {
        let place = Place::new();
        let cells = build_until_it_shows(&place, modules, run);
        let judged = rivals.judge(&place, modules, &cells);
        cells.into_iter().zip(judged).collect::<Vec<_>>()
    });
    let mut failures = String::new();
    let mut rows = Vec::new();
    let modules = runs.iter().flat_map(|(_, modules)| modules);
    for (module, (cell, judged)) in modules.zip(found.into_iter().flatten()) {
        for what in module.wrong(&cell) {
            writeln!(failures, "{}: {what}", module.name).expect("memory");
        }
        rows.push(Row::new(module, &cell, judged));
    }
    let table = Table::new(rivals, rows);
    println!("{table}");
    assert!(failures.is_empty(), "{table}\n{failures}");
}

/// Some of every kind, none of which has to be rebuilt often.
const SOME: [&str; 18] = [
    "build-path-in-code",
    "cheat-embeds-the-digest",
    "cheat-keeps-a-cache",
    "cheat-writes-a-module",
    "clock-as-a-number",
    "cpu-count",
    "cpu-count-mended",
    "file-order-in-a-string",
    "header-path",
    "host-and-user",
    "kernel-of-the-machine",
    "memory",
    "random-build-id",
    "random-constant",
    "signature-by-ecdsa",
    "sound",
    "sound-network",
    "umask",
];

#[test]
fn what_is_planted_in_some_of_every_kind_is_found_and_named() {
    let mut corpus = Module::all();
    corpus.retain(|module| SOME.contains(&module.name.as_str()));
    assert_eq!(corpus.len(), SOME.len());
    is_as_expected(&corpus);
}

#[test]
#[ignore = "long: every module of the corpus is built, some of them 25 times"]
fn every_planted_cause_is_found_and_named_and_no_sound_module_is_blamed() {
    let corpus = Module::all();
    assert!(corpus.len() >= 70, "only {}", corpus.len());
    is_as_expected(&corpus);
}

#[test]
fn some_modules_show_only_in_one_build_of_four() {
    let corpus = Module::all();
    let rare: BTreeSet<&String> = corpus
        .iter()
        .filter(|module| module.is_planted() && module.name.ends_with("-in-four"))
        .flat_map(|module| &module.expected.causes)
        .collect();
    assert!(rare.len() >= 4, "of one kind each: {rare:?}");
}

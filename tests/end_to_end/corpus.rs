//! The corpus: small modules with one planted cause each, sound ones, and ones that try to cheat, built
//! as one matrix. Each says in `expected.toml` what has to be found.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::common::{Place, matrix, project};

/// What has to be found of one module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    /// The cause, by its id; none for a module that is sound.
    cause: Option<String>,
    /// The sets of axes of which each makes it differ; none for what differs with nothing varied.
    #[serde(default)]
    axes: BTreeSet<BTreeSet<String>>,
    grade: Option<String>,
    tier: Option<String>,
    /// The class of the failure of what makes no module.
    failure: Option<String>,
    /// How often it has to be rebuilt to be found out; with 24, what shows in one build of four is
    /// missed once in a thousand times.
    #[serde(default = "one")]
    rebuilds: u32,
    /// Variables of make.
    #[serde(default)]
    make: Vec<String>,
}

fn one() -> u32 {
    1
}

/// Reads the corpus, by name.
fn corpus() -> Vec<(String, Expected)> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(project().join("tests/corpus")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(path.join("expected.toml")).expect("what is expected");
        let expected = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        modules.push((name.into_owned(), expected));
    }
    modules.sort_by(|a, b| a.0.cmp(&b.0));
    modules
}

/// Copies one module, without what is expected of it.
fn copy(place: &Place, name: &str) {
    let from = project().join("tests/corpus").join(name);
    let to = place.path().join("modules").join(name);
    fs::create_dir_all(&to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name");
        if file != Path::new("expected.toml") {
            fs::copy(&path, to.join(file)).expect("a copy");
        }
    }
}

/// Says in what one cell is not as expected.
fn wrong(cell: &Value, expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut hold = |what: &str, expected: Option<&str>, found: &Value| {
        if expected != found.as_str() {
            wrong.push(format!("{what}: {found} instead of {expected:?}"));
        }
    };
    hold(
        "failure",
        expected.failure.as_deref(),
        &cell["failure"]["class"],
    );
    hold("tier", expected.tier.as_deref(), &cell["label"]["tier"]);
    hold(
        "grade",
        expected.grade.as_deref(),
        &cell["label"]["vector"]["reproducibility"],
    );
    let sets: BTreeSet<BTreeSet<String>> =
        serde_json::from_value(cell["label"]["rebuilds"]["finding"]["sets"].clone())
            .unwrap_or_default();
    if expected.grade.as_deref() != Some("varied") && sets != expected.axes {
        wrong.push(format!("axes: {sets:?} instead of {:?}", expected.axes));
    }
    wrong
}

#[test]
fn every_planted_cause_is_found_and_no_sound_module_is_blamed() {
    let corpus = corpus();
    assert!(corpus.len() >= 40, "only {}", corpus.len());
    let place = Place::new();
    let mut failures = String::new();
    let mut table = String::new();
    let rebuilds: BTreeSet<u32> = corpus.iter().map(|(_, e)| e.rebuilds).collect();
    for count in rebuilds {
        let modules: Vec<&(String, Expected)> = corpus
            .iter()
            .filter(|(_, expected)| expected.rebuilds == count)
            .collect();
        let sources: Vec<(String, String)> = modules
            .iter()
            .map(|(name, expected)| {
                copy(&place, name);
                place.commit(&place.path().join("modules").join(name));
                let make = match expected.make.as_slice() {
                    [] => String::new(),
                    make => format!("make = {make:?}"),
                };
                (format!("modules/{name}"), make)
            })
            .collect();
        let listed: Vec<(&str, &str, &str)> = modules
            .iter()
            .zip(&sources)
            .map(|((name, _), (source, make))| (name.as_str(), source.as_str(), make.as_str()))
            .collect();
        place.write(&matrix(
            &listed,
            &format!("rebuilds = {count}\nvary = [\"header-path\"]"),
            "",
        ));
        let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
        let document = ran.json();
        for (name, expected) in modules {
            let cells = document["cells"].as_array().expect("cells");
            let cell = cells
                .iter()
                .find(|cell| {
                    cell["id"]
                        .as_str()
                        .is_some_and(|id| id.ends_with(&format!("/{name}")))
                })
                .unwrap_or_else(|| panic!("no cell of {name}: {ran}"));
            let wrong = wrong(cell, expected);
            let rebuilt = cell["comparisons"].as_array().map_or(0, Vec::len);
            let word = if wrong.is_empty() {
                "as expected"
            } else {
                "WRONG"
            };
            let cause = expected.cause.as_deref().unwrap_or("-");
            writeln!(
                table,
                "{name:<34} {cause:<16} {rebuilt:>3} rebuilds  {word}"
            )
            .expect("memory");
            for what in wrong {
                writeln!(failures, "{name}: {what}").expect("memory");
            }
        }
    }
    println!("{table}");
    assert!(failures.is_empty(), "{table}\n{failures}");
}

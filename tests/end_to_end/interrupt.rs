//! Runs that are stopped, and two at once.

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Place, matrix, wait_until};

/// A module that is built at once, and one that waits to be let go.
fn two_modules(place: &Place) {
    for name in ["reproducible", "waits"] {
        place.fixture(name);
    }
    place.write(&matrix(
        &[
            ("reproducible", "modules/reproducible", ""),
            ("waits", "modules/waits", ""),
        ],
        "",
        "",
    ));
}

/// With room for all attempts at one time.
const BUILD: [&str; 6] = ["build", "matrix.toml", "--format", "json", "--jobs", "4"];

fn cell<'a>(document: &'a Value, module: &str) -> &'a Value {
    document["cells"]
        .as_array()
        .and_then(|cells| {
            cells
                .iter()
                .find(|cell| cell["id"].as_str().is_some_and(|id| id.ends_with(module)))
        })
        .unwrap_or_else(|| panic!("no cell of {module}: {document:#}"))
}

/// Returns the run and the start of every attempt of a cell.
fn attempts(place: &Place, module: &str) -> Vec<(Value, Value, Value)> {
    place.explain(&format!("/{module}"))["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|attempt| {
            let field = |name: &str| attempt[name].clone();
            (field("number"), field("run"), field("started"))
        })
        .collect()
}

#[test]
fn an_interrupt_ends_the_run() {
    let place = Place::new();
    two_modules(&place);
    let mut running = place.start(&BUILD, "first");
    wait_until("the first module is built and rebuilt", || {
        running.stderr().contains("Reproduced") || running.is_over()
    });
    place.wait_for_containers(2);
    let ran = place.interrupt(running).expect(130);
    assert!(ran.stderr.contains("Stopping"), "{ran}");
    let document = ran.json();
    assert_eq!(document["exit"], 130);
    assert_eq!(document["run"]["status"], "interrupted");
    assert_eq!(cell(&document, "/reproducible")["standing"], "labelled");
    let waits = cell(&document, "/waits");
    assert_eq!(waits["standing"], "missing");
    assert_eq!(waits["failure"], Value::Null);
    assert_eq!(attempts(&place, "waits"), [], "it was not an attempt");
    assert_eq!(place.containers(), Vec::<String>::new());

    // The same command does the rest, and only the rest.
    let before = attempts(&place, "reproducible");
    let mut running = place.start(&BUILD, "second");
    place.let_go(&mut running);
    let document = running.end().expect(0).json();
    assert_eq!(cell(&document, "/waits")["standing"], "labelled");
    assert_eq!(attempts(&place, "reproducible"), before);
}

#[test]
fn a_kill_loses_nothing() {
    let place = Place::new();
    two_modules(&place);
    let mut running = place.start(&BUILD, "first");
    wait_until("the first module is built and rebuilt", || {
        running.stderr().contains("Reproduced") || running.is_over()
    });
    let left = place.wait_for_containers(2);
    running.signal(Signal::KILL);
    assert_eq!(running.end().status, -9);
    assert_eq!(place.containers().len(), 2, "nobody took them away");
    let before = attempts(&place, "reproducible");
    assert_eq!(before.len(), 2);

    // The next start removes what is left, and does the rest.
    let mut running = place.start(&BUILD, "second");
    wait_until("the old containers are gone", || {
        let now = place.containers();
        running.is_over() || !left.iter().any(|old| now.contains(old))
    });
    place.let_go(&mut running);
    let ran = running.end().expect(0);
    assert!(
        ran.stderr.contains("Swept 2 containers of an earlier run"),
        "{ran}"
    );
    assert_eq!(cell(&ran.json(), "/waits")["standing"], "labelled");
    assert_eq!(attempts(&place, "reproducible"), before);
    assert_eq!(attempts(&place, "waits").len(), 2);
}

#[test]
fn a_second_run_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    place.build_of("waits", "", "", "");
    let mut first = place.start(&BUILD, "first");
    let before = place.wait_for_containers(2);
    let holder = std::fs::read_to_string(place.state().join("in-use")).expect("a claim");
    let second = place.kmatrix(&BUILD).expect(2);
    assert_eq!(second.stdout, "");
    assert_eq!(
        second.message(place.path()).replace(holder.trim(), "[PID]"),
        "error: `[PLACE]/state` is in use by another `kmatrix` (process [PID])\n\n\
         hint: wait for it, or give this run a directory of its own with `--state`\n"
    );
    assert_eq!(place.containers(), before, "nothing was swept");
    place.let_go(&mut first);
    let document = first.end().expect(0).json();
    assert_eq!(document["cells"][0]["standing"], "labelled");
}

#[test]
fn an_interrupt_ends_a_bootstrap_too() {
    let place = Place::empty();
    let running = place.start(&["images", "build", "debian-12"], "first");
    let mut bootstrap = Vec::new();
    wait_until("the bootstrap runs", || {
        bootstrap = running.children();
        !bootstrap.is_empty()
    });
    let ran = place.interrupt(running).expect(130);
    assert!(ran.stderr.contains("error: interrupted"), "{ran}");
    for id in bootstrap {
        let process = format!("/proc/{id}");
        wait_until("the bootstrap has ended", || {
            !std::path::Path::new(&process).exists()
        });
    }
}

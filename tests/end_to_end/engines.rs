//! Engines that are not there, and engines that die.

use serde_json::Value;

use crate::common::{OwnEngine, Place, matrix, wait_until};

#[test]
fn an_engine_that_does_not_run_is_told() {
    let place = Place::new().with_engine("unix:///nonexistent/socket");
    place.build_of("reproducible", "", "", "");
    for command in ["lock", "build"] {
        let ran = place.kmatrix(&[command, "matrix.toml"]).expect(20);
        assert_eq!(ran.stdout, "");
        assert!(
            ran.stderr
                .starts_with("error: the container engine cannot be reached: "),
            "{ran}"
        );
        assert!(
            ran.stderr.ends_with(
                "hint: start it with `ci/engine`, or name another one with `DOCKER_HOST`\n"
            ),
            "{ran}"
        );
    }
}

#[test]
fn an_engine_that_is_killed_ends_the_run() {
    let mut engine = OwnEngine::start();
    let place = Place::new().with_engine(&engine.host());
    for name in ["reproducible", "waits"] {
        place.fixture(name);
    }
    place.write(&matrix(
        &[
            ("reproducible", "modules/reproducible", ""),
            ("waits", "modules/waits", ""),
        ],
        "rebuilds = 0",
        "",
    ));
    let build = ["build", "matrix.toml", "--format", "json", "--jobs", "2"];
    let mut running = place.start(&build, "first");
    wait_until("the first module is built", || {
        running.is_over() || place.state().join("ledger.sqlite").exists() && built(&place)
    });
    place.wait_for_containers(1);
    engine.kill();
    let ran = running.end().expect(20);
    assert!(ran.stderr.contains("is made again: "), "{ran}");
    assert!(ran.stderr.contains("   Abandoned "), "{ran}");
    let document = ran.json();
    assert_eq!(document["run"]["status"], "abandoned");
    let cells = document["cells"].as_array().expect("cells");
    assert_eq!(cells[0]["modules"].as_array().map(Vec::len), Some(1));
    assert_eq!(cells[1]["failure"]["class"], "engine");
    assert_eq!(cells[1]["failure"]["infrastructure"], true);
    let reference = place.explain("/reproducible")["attempts"].clone();

    // With an engine again, the same command finishes, and repeats nothing.
    engine.start_again();
    let mut running = place.start(&build, "second");
    place.let_go(&mut running);
    let document = running.end().expect(0).json();
    assert_eq!(document["cells"][1]["standing"], "labelled");
    assert_ne!(document["run"], Value::Null);
    assert_eq!(place.explain("/reproducible")["attempts"], reference);
}

fn built(place: &Place) -> bool {
    let ran = place.kmatrix(&["explain", "/reproducible", "--format", "json"]);
    ran.status == 0 && ran.json()["standing"] == "labelled"
}

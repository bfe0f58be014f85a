//! The project's own matrices, as a user builds them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Place, SharedState, project};

/// Makes a place that has the project's matrices and its module, committed.
fn checkout() -> Place {
    let place = Place::new();
    for folder in ["matrix", "modules/workload-identity"] {
        let to = place.path().join(folder);
        fs::create_dir_all(&to).expect("a directory");
        for entry in fs::read_dir(project().join(folder)).expect("a directory") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
    place.commit(&place.path().join("modules/workload-identity"));
    place
}

/// Builds a matrix and returns its cells, after a second call found nothing to do.
fn built(place: &Place, matrix: &str) -> Vec<Value> {
    let arguments = ["build", matrix, "--format", "json"];
    let first = place.kmatrix(&arguments).expect(0).json();
    assert!(first["run"]["id"].is_string());
    SharedState::get().keep_images_of(&place.state());
    let second = place.kmatrix(&arguments).expect(0).json();
    assert!(second["run"].is_null(), "nothing had to be done");
    assert_eq!(first["cells"], second["cells"]);
    first["cells"].as_array().expect("cells").clone()
}

fn assert_proven(place: &Place, cells: &[Value]) {
    for cell in cells {
        assert_eq!(cell["standing"], "labelled", "{cell:#}");
        assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
        for log in ["reference.log", "rebuild-1.log"] {
            let text = place.log(cell, log);
            assert!(!text.contains("warning:"), "{}: {text}", cell["id"]);
        }
        let id = cell["id"].as_str().expect("an id");
        let toolchain = &place.explain(id)["attempts"][0]["toolchain"];
        assert!(toolchain["compiler"].is_string(), "{id}: {toolchain:#}");
        let module: PathBuf = place.state().join("out").join(id);
        assert!(module.join("workload_identity.ko").is_file(), "{id}");
    }
}

#[test]
fn the_quick_start_is_constrained_in_every_cell() {
    let place = checkout();
    let cells = built(&place, "matrix/quickstart.toml");
    assert!(cells.len() >= 8, "{} cells", cells.len());
    assert_proven(&place, &cells);
    let has = |text: &str| {
        cells
            .iter()
            .any(|cell| cell["id"].to_string().contains(text))
    };
    for part in [
        "debian-12/arm64/6.1.",
        "debian-12/amd64/6.12.",
        "debian-13/amd64/6.12.",
    ] {
        assert!(has(part), "{part}");
    }
}

#[test]
#[ignore = "long: a kernel of every series, for two architectures"]
fn the_identity_module_compiles_on_every_series_without_a_warning() {
    let place = checkout();
    let cells = built(&place, "matrix/series.toml");
    assert_proven(&place, &cells);
    for part in [
        "/amd64/5.10.",
        "/amd64/6.1.",
        "/amd64/6.12.",
        "/amd64/7.",
        "/arm64/6.1.",
        "/arm64/6.12.",
        "/arm64/7.",
    ] {
        assert!(
            cells
                .iter()
                .any(|cell| cell["id"].to_string().contains(part)),
            "{part}"
        );
    }
}

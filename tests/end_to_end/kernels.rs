//! What happens to a lock when the archives hold less than before.

use std::fs;

use serde_json::Value;

use crate::common::{Place, matrix};

fn locked() -> Place {
    let place = Place::new();
    place.fixture("reproducible");
    place.write(&matrix(&[("m", "modules/reproducible", "")], "", ""));
    place.kmatrix(&["lock", "matrix.toml"]).expect(0);
    place
}

/// Takes a kernel out of the recorded list, as if the archive had dropped it.
fn drop_kernel(place: &Place, target: &Value) {
    let path = place.state().join("kernels/debian-12.json");
    let text = fs::read(&path).expect("a list");
    let mut look: Value = serde_json::from_slice(&text).expect("JSON");
    // The shared state may have been made by the first version of the program.
    let list = if look["list"].is_object() {
        &mut look["list"]
    } else {
        &mut look
    };
    let kernels = list["kernels"].as_array_mut().expect("kernels");
    let before = kernels.len();
    kernels.retain(|kernel| kernel["target"] != *target);
    assert_eq!(kernels.len(), before - 1);
    fs::write(path, look.to_string()).expect("a list");
}

#[test]
fn a_lock_loses_no_cell_until_somebody_lets_it_go() {
    let place = locked();
    let arguments = ["lock", "matrix.toml", "--format", "json"];
    let before = place.kmatrix(&arguments).expect(0);
    let lock = before.json();
    let id = lock["cells"][0]["id"].as_str().expect("an id");
    assert_eq!(lock["letGo"], Value::Null);
    drop_kernel(&place, &lock["targets"][0]["target"]);

    let gone = format!("{id} is locked, and its kernel has gone\n");
    let plan = place.kmatrix(&["plan", "matrix.toml"]).expect(0);
    assert!(plan.stderr.contains(&gone), "{plan}");
    let check = place
        .kmatrix(&["lock", "matrix.toml", "--check"])
        .expect(21);
    assert!(check.stderr.contains(&gone), "{check}");
    for command in ["lock", "build"] {
        let ran = place.kmatrix(&[command, "matrix.toml"]).expect(22);
        assert_eq!(ran.stdout, "");
        let said = "error: the lock of `matrix.toml` would lose 1 cell whose kernels have gone\n\n\
                    hint: look at the archives again with `kmatrix kernels update`, or let them go \
                    with `--accept-fewer`, which the lock records\n";
        assert!(ran.stderr.ends_with(said), "{ran}");
    }

    let accepted = [&arguments[..], &["--accept-fewer"]].concat();
    let after = place.kmatrix(&accepted).expect(0).json();
    assert_eq!(after["letGo"][0]["cell"], id);
    assert_ne!(after["cells"][0]["id"], id);
    let again = place.kmatrix(&arguments).expect(0).json();
    assert_eq!(again, after, "what was let go stays recorded");
    place.kmatrix(&["lock", "matrix.toml", "--check"]).expect(0);
}

#[test]
fn a_lock_is_checked_without_an_engine_and_without_a_network() {
    let place = locked().with_engine("unix:///nonexistent/engine.sock");
    place.kmatrix(&["lock", "matrix.toml"]).expect(20);
    place
        .kmatrix(&["lock", "matrix.toml", "--check", "--offline"])
        .expect(0);
}

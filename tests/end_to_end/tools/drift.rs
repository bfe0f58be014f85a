//! Causes that lie in the kernel that a module was built for.

use std::path::PathBuf;

use super::assert_named;
use crate::common::{Place, matrix};

/// The causes that lie in the kernel, and the modules of `fixtures/drift` that differ by them.
pub const DRIFTS: [&str; 3] = ["symvers-drift", "configuration-drift", "kernel-drift"];

#[test]
fn each_drift_of_a_kernel_is_named_and_is_none_with_one_kernel() {
    let place = Place::new();
    place.fixture("drift");
    place.commit(&place.path().join("modules/drift"));
    let symvers = |file: &str| format!("make = [\"SYMBOLS={file}\"]");
    let (one, two) = (symvers("one"), symvers("two"));
    let other = one.replace(']', ", \"CONFIG_MODVERSIONS=\"]");
    let text = matrix(
        &[
            ("plain", "modules/drift", &one),
            ("again", "modules/drift", &one),
            ("symvers-drift", "modules/drift", &two),
            ("configuration-drift", "modules/drift", &other),
        ],
        "rebuilds = 0",
        "",
    );
    place.write(&text.replace("latest = 1", "latest = 2"));
    let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
    let document = ran.json();
    let cells = document["cells"].as_array().expect("cells");
    let of = |name: &str| -> Vec<PathBuf> {
        let end = format!("/{name}");
        let ids = cells.iter().filter_map(|cell| cell["id"].as_str());
        let modules = ids.filter(|id| id.ends_with(&end)).map(|id| {
            let module = place.state().join("out").join(id).join("drift.ko");
            assert!(module.is_file(), "{id}: {ran}");
            module
        });
        modules.collect()
    };
    let (plain, again) = (of("plain"), of("again"));
    let [first, second] = plain.as_slice() else {
        panic!("two kernels: {ran}");
    };
    for drift in DRIFTS {
        let other = match drift {
            "kernel-drift" => second.clone(),
            name => of(name)[0].clone(),
        };
        assert_named(&place, &[first.clone(), other], Some(drift));
    }
    // With one kernel, its symbols and its configuration there is nothing to name.
    assert_named(&place, &[first.clone(), again[0].clone()], None);
}

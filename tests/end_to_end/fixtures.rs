//! Fixtures are there to be built.

use std::fs;

use crate::common::project;

#[test]
fn every_fixture_is_used() {
    let mut tests = String::new();
    let mut directories = vec![project().join("tests/end_to_end")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                tests.push_str(&fs::read_to_string(path).expect("a source"));
            }
        }
    }
    let mut seen = 0;
    for entry in fs::read_dir(project().join("tests/fixtures")).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        seen += 1;
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "nothing uses {name}"
        );
    }
    assert!(seen > 20, "only {seen} fixtures were found");
}

//! Every class of failure, made to happen.

use serde_json::Value;

use kmatrix::outcome::Failure;

use crate::common::{Place, wait_until};

/// Which test of this folder produces which class. What was interrupted is no attempt: its test shows
/// that nothing is recorded of it.
const TESTED: [(&str, &str); 24] = [
    ("compile", "a_module_that_does_not_compile"),
    ("command", "a_command_that_fails"),
    ("dkms-conf", "a_dkms_conf_without_a_name"),
    ("patch", "a_patch_that_does_not_apply"),
    ("script", "a_script_that_fails"),
    ("needed-module", "a_module_whose_need_is_not_met"),
    (
        "unsteady-exclusion",
        "a_dkms_conf_that_decides_by_the_place_of_the_build",
    ),
    ("no-module", "a_build_that_makes_no_module"),
    ("missing-module", "a_build_that_makes_another_module"),
    ("extra-module", "a_build_that_makes_one_module_more"),
    ("not-a-module", "a_module_that_is_a_text"),
    ("wrong-vermagic", "a_module_for_another_kernel"),
    ("wrong-machine", "a_module_for_another_machine"),
    ("bad-output", "a_build_that_writes_to_the_output"),
    ("aborted", "a_module_that_cannot_be_read"),
    ("killed", "a_build_that_kills_itself"),
    ("timed-out", "a_build_that_sleeps"),
    ("out-of-memory", "a_build_that_eats_memory"),
    ("too-many-processes", "a_build_that_forks_without_end"),
    ("disk-full", "a_build_that_writes_without_end"),
    ("output-too-large", "a_module_that_is_too_large"),
    ("log-too-large", "a_build_that_prints_without_end"),
    ("engine", "an_engine_that_is_killed_ends_the_run"),
    ("interrupted", "an_interrupt_ends_the_run"),
];

#[test]
fn every_class_has_a_test() {
    // serde names every class when it is given one that there is not.
    let refused = serde_json::from_str::<Failure>(r#"{"class":"no-such-class"}"#)
        .expect_err("there is no such class")
        .to_string();
    let (_, list) = refused.split_once("expected one of").expect("a list");
    let mut classes: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    classes.sort_unstable();
    let mut tested: Vec<&str> = TESTED.iter().map(|(class, _)| *class).collect();
    tested.sort_unstable();
    assert_eq!(tested, classes);
    let sources = [
        include_str!("failures.rs"),
        include_str!("engines.rs"),
        include_str!("interrupt.rs"),
        include_str!("recipes.rs"),
    ];
    for (class, test) in TESTED {
        let function = format!("fn {test}()");
        assert!(
            sources.iter().any(|source| source.contains(&function)),
            "{class}: there is no {function}"
        );
    }
}

/// A cell that made no module.
struct FailedCell {
    cell: Value,
    log: String,
}

/// Builds a fixture once, which must fail with this class and nothing else.
fn fail(fixture: &str, class: &str, more: &str, limits: &str) -> FailedCell {
    let place = Place::new();
    let build = format!("rebuilds = 0\n{limits}");
    place.build_of(fixture, more, &build, "");
    let document = place.build(&[], 30);
    assert_eq!(document["cells"].as_array().map(Vec::len), Some(1));
    let cell = document["cells"][0].clone();
    assert_eq!(cell["standing"], "failed");
    assert_eq!(cell["failure"]["class"], class, "{:#}", cell["failure"]);
    assert_eq!(cell["failure"]["infrastructure"], false);
    assert_eq!(cell["modules"].as_array().map(Vec::len), Some(0));
    assert_eq!(cell["label"], Value::Null);
    assert_eq!(document["rollup"]["failed"], 1);
    let hint = cell["failure"]["hint"].as_str();
    assert!(hint.is_some_and(|hint| !hint.is_empty()));
    let log = place.log(&cell, "reference.log");
    FailedCell { cell, log }
}

impl FailedCell {
    fn message(&self) -> &str {
        self.cell["failure"]["message"].as_str().expect("a message")
    }
}

#[test]
fn a_module_that_does_not_compile() {
    let failed = fail("no-compile", "compile", "", "");
    assert_eq!(failed.message(), "it does not compile (make ended with 2)");
    assert!(failed.log.contains("no_such_thing"), "{}", failed.log);
}

#[test]
fn a_build_that_makes_no_module() {
    let failed = fail("no-module", "no-module", "", "");
    assert_eq!(failed.message(), "make succeeded but made no module");
}

#[test]
fn a_build_that_makes_another_module() {
    let produces = "produces = [\"wanted.ko\"]";
    let failed = fail("missing-module", "missing-module", produces, "");
    assert_eq!(failed.message(), "the build did not make `wanted.ko`");
}

#[test]
fn a_build_that_makes_one_module_more() {
    let produces = "produces = [\"fixture.ko\"]";
    let failed = fail("extra-module", "extra-module", produces, "");
    assert_eq!(
        failed.message(),
        "the build made `extra.ko`, which the matrix does not expect"
    );
}

#[test]
fn a_module_that_is_a_text() {
    let failed = fail("not-a-module", "not-a-module", "", "");
    assert!(
        failed.message().contains("`fixture.ko`"),
        "{}",
        failed.message()
    );
}

#[test]
fn a_module_for_another_kernel() {
    let failed = fail("other-kernel", "wrong-vermagic", "", "");
    let failure = &failed.cell["failure"];
    assert_eq!(failure["detail"]["found"], "6.0.0-elsewhere");
    assert_eq!(
        failure["detail"]["wanted"],
        failed.cell["target"]["kernelRelease"]
    );
}

#[test]
fn a_module_for_another_machine() {
    let failed = fail("other-machine", "wrong-machine", "", "");
    // ELF's EM_X86_64 and EM_AARCH64.
    assert_eq!(failed.cell["failure"]["detail"]["wanted"], 62);
    assert_eq!(failed.cell["failure"]["detail"]["found"], 183);
}

#[test]
fn a_build_that_writes_to_the_output() {
    fail("writes-to-the-output", "bad-output", "", "");
}

#[test]
fn a_module_with_a_name_of_two_lines() {
    let failed = fail("odd-name", "bad-output", "", "");
    assert!(!failed.message().contains('\n'), "{}", failed.message());
}

#[test]
fn a_module_that_cannot_be_read() {
    let failed = fail("unreadable-module", "aborted", "", "");
    assert!(failed.log.contains("Permission denied"), "{}", failed.log);
}

#[test]
fn a_build_that_kills_itself() {
    let failed = fail("kills-itself", "killed", "", "");
    assert_eq!(failed.message(), "the build was killed by signal 9");
}

#[test]
fn a_build_that_somebody_else_kills_is_made_again() {
    for command in [&["kill"][..], &["rm", "--force"], &["stop", "--time", "0"]] {
        let place = Place::new();
        place.build_of("waits", "", "rebuilds = 0", "");
        let build = ["build", "matrix.toml", "--format", "json"];
        let mut running = place.start(&build, "build");
        let found = place.wait_for_containers(1);
        place.docker(&[command, &[&found[0]]].concat()).expect(0);
        wait_until("another container runs", || {
            let now = place.containers();
            running.is_over() || !now.is_empty() && !now.contains(&found[0])
        });
        place.let_go(&mut running);
        let ran = running.end().expect(0);
        assert!(ran.stderr.contains("is made again: "), "{ran}");
        let document = ran.json();
        assert_eq!(document["cells"][0]["standing"], "labelled");
        let attempts = place.explain("/waits")["attempts"].clone();
        assert_eq!(attempts.as_array().map(Vec::len), Some(1), "{attempts:#}");
    }
}

#[test]
fn a_build_that_somebody_kills_again_and_again_has_not_failed() {
    let place = Place::new();
    place.build_of("sleeps", "", "rebuilds = 0", "");
    let build = ["build", "matrix.toml", "--format", "json"];
    let mut running = place.start(&build, "build");
    wait_until("the run is over", || {
        for container in place.containers() {
            // It may be gone, or not have begun.
            place.docker(&["kill", &container]);
        }
        running.is_over()
    });
    let ran = running.end().expect(20);
    assert_eq!(ran.stderr.matches("is made again: ").count(), 2, "{ran}");
    let document = ran.json();
    assert_eq!(document["run"]["status"], "abandoned");
    let failure = &document["cells"][0]["failure"];
    assert_eq!(failure["class"], "engine", "{failure:#}");
    assert_eq!(failure["infrastructure"], true);
}

#[test]
fn a_build_that_only_looks_killed_has_failed() {
    let failed = fail("pretends-to-be-killed", "killed", "", "");
    assert_eq!(failed.cell["failure"]["detail"]["signal"], 9);
}

#[test]
fn a_build_that_sleeps() {
    let failed = fail("sleeps", "timed-out", "", "time = \"2s\"");
    assert_eq!(failed.message(), "it took longer than 2 s and was stopped");
}

#[test]
fn a_build_that_eats_memory() {
    let limits = "memory = \"192MiB\"\ndisk = \"64MiB\"";
    let failed = fail("memory-hungry", "out-of-memory", "", limits);
    assert_eq!(failed.cell["failure"]["detail"]["bytes"], 192 << 20);
}

#[test]
fn a_build_that_forks_without_end() {
    let failed = fail(
        "forks-without-end",
        "too-many-processes",
        "",
        "processes = 64",
    );
    assert_eq!(failed.message(), "it wanted more than 64 processes");
}

#[test]
fn a_build_that_writes_without_end() {
    let failed = fail("writes-without-end", "disk-full", "", "disk = \"32MiB\"");
    assert_eq!(failed.cell["failure"]["detail"]["bytes"], 32 << 20);
}

#[test]
fn a_source_that_is_larger_than_the_disk() {
    let place = Place::new();
    let build = "rebuilds = 0\ndisk = \"1MiB\"";
    place.build_of("reproducible", "", build, "");
    let large = place.path().join("modules/reproducible/large.bin");
    std::fs::write(large, vec![7; 4 << 20]).expect("a file");
    let document = place.build(&[], 30);
    let failure = &document["cells"][0]["failure"];
    assert_eq!(failure["class"], "disk-full", "{failure:#}");
}

#[test]
fn a_module_that_is_too_large() {
    let failed = fail(
        "output-too-large",
        "output-too-large",
        "",
        "output = \"1MiB\"",
    );
    assert_eq!(failed.cell["failure"]["detail"]["bytes"], 1 << 20);
}

#[test]
fn a_build_that_prints_without_end() {
    let failed = fail("prints-without-end", "log-too-large", "", "log = \"64KiB\"");
    assert_eq!(
        failed.log.len(),
        64 << 10,
        "the log is kept up to the limit"
    );
}

#[test]
fn one_failure_leaves_the_other_cells_alone() {
    let place = Place::new();
    for name in ["reproducible", "no-compile"] {
        place.fixture(name);
    }
    place.write(&crate::common::matrix(
        &[
            ("no-compile", "modules/no-compile", ""),
            ("reproducible", "modules/reproducible", ""),
        ],
        "rebuilds = 1",
        "",
    ));
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(30);
    assert!(ran.stdout.contains("1/1 same"), "{ran}");
    assert!(ran.stdout.contains("it does not compile"), "{ran}");
    assert!(
        ran.stdout.contains("2 cells: 1 unverified, 1 failed"),
        "{ran}"
    );
}

//! What the commands print, and where.

use std::fs;
use std::io::pipe;
use std::process::{Command, Stdio};

use serde_json::Value;

use kmatrix::digest::Sha256Digest;
use kmatrix::exit::Exit;

use crate::common::{Place, Ran, matrix};

/// Which file of this folder has a test that ends with which status.
const TESTED: [(Exit, &str); 13] = [
    (Exit::Success, include_str!("resume.rs")),
    (Exit::Usage, include_str!("interrupt.rs")),
    (Exit::Invalid, include_str!("bad_input.rs")),
    (Exit::NoCells, include_str!("bad_input.rs")),
    (Exit::EngineUnavailable, include_str!("engines.rs")),
    (Exit::InputUnavailable, include_str!("bad_input.rs")),
    (Exit::FewerKernels, include_str!("../kernels.rs")),
    (Exit::CellsFailed, include_str!("failures.rs")),
    (Exit::RebuildDiffers, include_str!("labels.rs")),
    (Exit::BelowTier, include_str!("labels.rs")),
    (Exit::Stale, include_str!("labels.rs")),
    (Exit::Internal, include_str!("bad_input.rs")),
    (Exit::Interrupted, include_str!("interrupt.rs")),
];

/// No command ends with these yet, or only one that is tested here.
const RESERVED: [Exit; 2] = [Exit::SigningFailed, Exit::VerificationFailed];
const TESTED_HERE: [Exit; 1] = [Exit::EvidenceMissing];

#[test]
fn every_exit_status_has_a_test() {
    let mut all: Vec<Exit> = TESTED.iter().map(|(exit, _)| *exit).collect();
    all.extend(RESERVED);
    all.extend(TESTED_HERE);
    all.sort();
    assert_eq!(all, Exit::ALL);
    for (exit, source) in TESTED {
        let code = exit.code();
        let said = [
            format!("expect({code})"),
            format!(", {code})"),
            format!("build(&[], {code})"),
        ];
        assert!(
            said.iter().any(|text| source.contains(text)),
            "no test expects {code} where it should"
        );
    }
}

fn planned() -> Place {
    let place = Place::new();
    place.fixture("reproducible");
    let modules = [
        ("first", "modules/reproducible", ""),
        ("second", "modules/reproducible", ""),
    ];
    place.write(&matrix(&modules, "", ""));
    place
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let place = planned();
    let arguments = ["plan", "matrix.toml", "--format", "json"];
    let first = place.kmatrix(&arguments).expect(0);
    let second = place.kmatrix(&arguments).expect(0);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(
        first.stderr, "",
        "nothing to say about a plan that is known"
    );
    let document = first.json();
    assert_eq!(document["schemaVersion"], 1);
    assert_eq!(document["cells"].as_array().map(Vec::len), Some(2));
}

#[test]
fn documents_go_to_standard_output_alone() {
    let place = planned();
    let ran = place
        .kmatrix(&[
            "build",
            "matrix.toml",
            "--rebuilds",
            "0",
            "--format",
            "json",
        ])
        .expect(0);
    assert_eq!(ran.json()["schemaVersion"], 1);
    assert!(ran.stderr.contains("    Building debian-12/"), "{ran}");
    both_cells_share_one_kernel(&ran.json()["packages"]);
    for (arguments, version) in [
        (&["explain", "/first", "--format", "json"][..], 1),
        (&["lock", "matrix.toml", "--format", "json"], 2),
        (&["kernels", "list", "debian-12", "--format", "json"], 1),
        (&["images", "list", "--format", "json"], 1),
        (&["store", "list", "--format", "json"], 1),
    ] {
        let ran = place.kmatrix(arguments).expect(0);
        assert_eq!(ran.json()["schemaVersion"], version, "{arguments:?}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
}

/// Two modules for one kernel: each package is asked for twice, and there once.
fn both_cells_share_one_kernel(packages: &Value) {
    let number = |at: &str| packages.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(number("/cells"), 2, "{packages:#}");
    assert_eq!(packages["notUnpacked"], 0);
    for (asked, distinct) in [
        ("/asked/packages", "/distinct/packages"),
        ("/asked/bytes", "/distinct/bytes"),
        ("/asked/unpackedBytes", "/distinct/unpackedBytes"),
    ] {
        assert!(number(distinct) > 0, "{packages:#}");
        assert_eq!(number(asked), 2 * number(distinct), "{packages:#}");
    }
    assert_eq!(number("/savedBytes"), number("/distinct/bytes"));
    assert_eq!(
        number("/savedUnpackedBytes"),
        number("/distinct/unpackedBytes")
    );
}

#[test]
fn a_document_is_absent_when_there_is_no_answer() {
    let place = planned();
    let ran = place
        .kmatrix(&["build", "matrix.toml", "--locked", "--format", "json"])
        .expect(21);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.message(place.path()),
        "error: the lock of `matrix.toml` is missing or out of date\n\n\
         hint: `--locked` and `--check` change nothing: run `kmatrix lock` first\n"
    );
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let place = planned();
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = place.command(&["plan", "matrix.toml", "--format", "json"]);
    let output = command
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("it runs");
    let ran = Ran::from(output).expect(0);
    assert_eq!(ran.stderr, "");
}

/// Runs `lock` on a terminal of its own and returns what it showed.
fn on_a_terminal(place: &Place, no_color: bool) -> String {
    let program = env!("CARGO_BIN_EXE_kmatrix");
    let plain = place.command(&[]);
    let mut command = Command::new("script");
    command
        .current_dir(place.path())
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{program} lock matrix.toml"))
        .arg("/dev/null")
        .env_clear()
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("TERM", "xterm");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    Ran::of(command).expect(0).stdout
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let coloured = on_a_terminal(&planned(), false);
    assert!(
        coloured.contains("\x1b[1;32m      Locked\x1b[0m 2 cells"),
        "{coloured}"
    );
    let plain = on_a_terminal(&planned(), true);
    assert!(plain.contains("      Locked 2 cells"), "{plain}");
    assert!(!plain.contains('\x1b'), "{plain}");
}

#[test]
fn quiet_prints_only_what_somebody_must_look_at() {
    let place = planned();
    let ran = place
        .kmatrix(&["build", "matrix.toml", "--rebuilds", "0", "--quiet"])
        .expect(0);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("2 cells: 2 unverified"), "{ran}");
}

#[test]
fn the_table_fits_a_terminal() {
    let place = planned();
    let ran = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    let last = "modules, logs and records: ";
    for line in ran.stdout.lines().filter(|line| !line.starts_with(last)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_cell_is_explained() {
    let place = planned();
    place.kmatrix(&["build", "matrix.toml"]).expect(0);
    let ambiguous = place.kmatrix(&["explain", "debian-12"]).expect(2);
    assert!(
        ambiguous.stderr.starts_with(
            "error: `debian-12` names 2 cells\n\nhint: say more; there are `debian-12/amd64/6.1."
        ),
        "{ambiguous}"
    );
    let unknown = place.kmatrix(&["explain", "debian-99"]).expect(42);
    assert_eq!(
        unknown.stderr,
        "error: nothing is recorded of a cell `debian-99`\n\n\
         hint: `kmatrix plan` lists the cells of a matrix; `kmatrix build` records them\n"
    );
    let ran = place.kmatrix(&["explain", "/first"]).expect(0);
    for text in [
        "label: unverified",
        "rules: version 1, sha256:",
        "  executed native",
        "vouched for by debian",
        "signed by ",
        "package linux-headers-",
        "reference: built in ",
        "rebuild 1: built in ",
        "make -C /lib/modules/",
        "    LC_ALL=tr_TR.UTF-8",
        "host rebuild-1.elsewhere-1.invalid, user 20001:30001, umask 077",
        "rebuild 1: every bit is the same",
    ] {
        assert!(ran.stdout.contains(text), "no `{text}`\n{ran}");
    }
    let log = ran
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("  log "))
        .expect("a log");
    assert!(log.ends_with("/reference.log"), "{log}");
    let laid_out = fs::read(log).expect("a file");
    let document = place.explain("/first");
    let id = document["cell"]["id"].as_str().expect("an id");
    let (before, rest) = id.split_once('=').expect("a package version");
    let (_, module) = rest.split_once('/').expect("a module");
    for same in [
        format!("{before}/{module}"),
        format!("state/out/{id}"),
        format!("state/out/{id}/record.json"),
    ] {
        assert_eq!(place.explain(&same), document, "{same}");
    }
    let recorded = document["attempts"][0]["log"].as_str().expect("a digest");
    assert_eq!(Sha256Digest::of(&laid_out).to_string(), recorded);
}

#[test]
fn an_answer_needs_evidence() {
    let place = Place::empty();
    place.kmatrix(&["explain", "anything"]).expect(42);
}

#[test]
fn the_rules_of_labels_are_printed() {
    let place = Place::empty();
    let ran = place.kmatrix(&["label", "rules"]).expect(0);
    assert!(ran.stdout.starts_with("# version 1, sha256:"), "{ran}");
    let axis = "reproducibility  unattempted < differs < normalised < fixed < varied < independent";
    assert!(ran.stdout.contains(axis), "{ran}");
    for tier in ["full", "constrained", "partial"] {
        assert!(
            ran.stdout.contains(&format!("name = \"{tier}\"")),
            "{tier}\n{ran}"
        );
    }
}

#[test]
fn kernels_and_images_are_listed() {
    let place = Place::new();
    let kernels = place.kmatrix(&["kernels", "list", "debian-12"]).expect(0);
    let line = kernels
        .stdout
        .lines()
        .find(|line| line.contains("-cloud-amd64"))
        .unwrap_or_else(|| panic!("no cloud kernel\n{kernels}"));
    assert!(line.starts_with("debian-12 amd64 6.1"), "{line}");
    let unknown = place.kmatrix(&["kernels", "list", "debian-1"]).expect(2);
    assert!(
        unknown
            .stderr
            .starts_with("error: there are no facts of `debian-1`\n\nhint: there are facts of "),
        "{unknown}"
    );
    for known in ["debian-12", "ubuntu-24.04", "arch-rolling"] {
        assert!(unknown.stderr.contains(known), "no `{known}`\n{unknown}");
    }
    let images = place.kmatrix(&["images", "list"]).expect(0);
    assert!(images.stdout.contains("debian-12 sha256:"), "{images}");
    assert!(
        images.stdout.contains("gcc-12: gcc-12 (Debian 12"),
        "{images}"
    );
    let document = place
        .kmatrix(&["images", "list", "--format", "json"])
        .json();
    assert_ne!(document["images"][0]["packages"][0]["version"], Value::Null);
}

#[test]
fn usage_is_told() {
    let place = Place::empty();
    let ran = place.kmatrix(&["build"]).expect(2);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("Usage: kmatrix build"), "{ran}");
    let help = place.kmatrix(&["--help"]).expect(0);
    assert_eq!(help.stderr, "");
    for exit in Exit::ALL {
        let is_reserved = RESERVED.contains(&exit) || TESTED_HERE.contains(&exit);
        let said = help
            .stdout
            .split_whitespace()
            .any(|word| word == exit.code().to_string());
        assert!(
            said || is_reserved,
            "{} is not in the help\n{help}",
            exit.code()
        );
    }
}

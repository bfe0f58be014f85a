//! What makes two definitions differ, and what does not.

use super::*;
use crate::ledger::testing::{attempt_of, cell, spec_of, with_bits};
use crate::outcome::Outcome;
use crate::recipe::{Mount, build_spec};
use crate::variation::{Axis, Cpus, Variation};

fn modules(outcome: &Outcome) -> &[BuiltModule] {
    match outcome {
        Outcome::Built { modules } => modules,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => panic!("it made modules"),
    }
}

fn bytes(cell: &CellRecord, attempt: &AttemptRecord, spec: &BuildSpec) -> Vec<u8> {
    BuildDefinition::of(cell, attempt, spec, &[]).deterministic(modules(&attempt.outcome))
}

fn other_tree(spec: &mut BuildSpec, begin: &str) {
    let mut inputs = spec.inputs.iter_mut();
    let input = inputs.find(|input| input.at.starts_with(begin));
    input.expect("it is there").tree = Sha256Digest::of(b"another tree");
}

#[test]
fn no_variation_changes_the_deterministic_part() {
    let cell = cell();
    let mounts = [Mount {
        path: "usr/src/linux-headers-6.1.0-56-amd64".to_owned(),
        tree: Sha256Digest::of(b"headers"),
    }];
    let of = |variation: Variation| {
        let number = variation.attempt;
        let spec = build_spec(&cell.inputs, &mounts, variation);
        bytes(&cell, &attempt_of(&cell, number, &spec), &spec)
    };
    let reference = of(Variation::reference());
    for number in 1..9 {
        assert!(
            of(Variation::of(number, Cpus::AllAndMoreJobs, &Axis::all())) == reference,
            "{number}"
        );
    }
    for axis in Axis::ALL {
        let alone = [axis].into_iter().collect();
        assert!(
            of(Variation::of(1, Cpus::One, &alone)) == reference,
            "{axis}"
        );
    }
}

#[test]
fn whatever_else_two_attempts_were_made_of_is_a_difference() {
    type Change = fn(&mut AttemptRecord, &mut BuildSpec);
    let cell = cell();
    let reference = spec_of(&cell, 0);
    let reference = bytes(&cell, &attempt_of(&cell, 0, &reference), &reference);
    let changes: [(&str, bool, Change); 16] = [
        ("nothing", true, |_, _| {}),
        ("the noise", true, |_, spec| {
            let more = ("MORE_NOISE".to_owned(), "1".to_owned());
            spec.environment.extend([more]);
        }),
        ("when", true, |attempt, _| {
            attempt.started = jiff::Timestamp::UNIX_EPOCH;
        }),
        ("its log", true, |attempt, _| {
            attempt.log = Sha256Digest::of(b"another log");
        }),
        ("the module", false, |attempt, _| {
            attempt.outcome = with_bits(Sha256Digest::of(b"another module"));
        }),
        ("the image that ran", false, |attempt, _| {
            let observed = attempt.observed.as_mut().expect("observed");
            observed.image = Some(Sha256Digest::of(b"another image"));
        }),
        ("its sealing", false, |attempt, _| {
            attempt.observed.as_mut().expect("observed").no_network = false;
        }),
        ("what the engine said", false, |attempt, _| {
            attempt.observed = None
        }),
        ("the kernel's tools", false, |attempt, _| {
            attempt.toolchain.compiler = Some("another".to_owned());
        }),
        ("the headers", false, |_, spec| {
            other_tree(spec, "/usr/src/")
        }),
        ("the moved headers", false, |_, spec| {
            other_tree(spec, "/kmatrix/elsewhere");
        }),
        ("the source", false, |_, spec| {
            other_tree(spec, "/kmatrix/source")
        }),
        ("the script", false, |_, spec| spec.command[2].push('\n')),
        ("the profile", false, |_, spec| {
            let stamp = ("KBUILD_BUILD_TIMESTAMP".to_owned(), "@1".to_owned());
            spec.environment.extend([stamp]);
        }),
        ("the limits", false, |_, spec| spec.limits.seconds += 1),
        ("what was expected", false, |_, spec| {
            spec.expected.modules.clear();
        }),
    ];
    for (what, is_equal, change) in changes {
        let mut spec = spec_of(&cell, 1);
        let mut attempt = attempt_of(&cell, 1, &spec);
        change(&mut attempt, &mut spec);
        assert_eq!(
            bytes(&cell, &attempt, &spec) == reference,
            is_equal,
            "{what}"
        );
    }
}

use super::*;
use crate::ledger::testing::attempt;
use crate::outcome::{Failure, Reached};

fn of(number: u32, outcome: Outcome, axes: &[Axis], probe: &str) -> AttemptRecord {
    let mut made = attempt(number, outcome);
    made.variation.axes = axes.iter().copied().collect();
    let probe = format!("kmatrix-probe 1\n{probe}kmatrix-probe end\n");
    made.reached = Reached::read(probe.as_bytes());
    made
}

fn built() -> Outcome {
    let modules = Vec::new();
    Outcome::Built { modules }
}

#[test]
fn rebuilds_that_are_alike_are_one_line() {
    let failed = || Outcome::Failed {
        failure: Failure::Compile { code: 2 },
    };
    let axes = [Axis::Umask, Axis::Clock];
    let attempts = [
        of(0, built(), &[], "umask 0022\nclock 0\n"),
        of(1, built(), &axes, "umask 0077\nclock 1000000\n"),
        of(2, built(), &axes, "umask 0077\nclock 1000000\n"),
        of(3, built(), &axes, "umask 0077\nclock 0\n"),
        of(4, failed(), &axes, "umask 0077\nclock 1000000\n"),
        of(5, built(), &axes, "umask 0077\nclock 2000000\n"),
        of(6, failed(), &[], "umask 0022\nclock 0\n"),
        of(7, built(), &axes, "umask 0077\nclock 2000000\n"),
        of(8, built(), &axes, "umask 0077\nclock 2000000\n"),
    ];
    let mut printed = Vec::new();
    let nowhere = |_: &str, _: &Sha256Digest| None;
    let no_spec = |_: &Sha256Digest| None;
    print_attempts(&mut printed, &attempts, &nowhere, &no_spec).expect("memory");
    let printed = String::from_utf8(printed).expect("text");
    let in_full: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_once(" in 1.5 s ").map(|(head, _)| head))
        .collect();
    assert_eq!(
        in_full,
        ["reference: built", "rebuild 1: built", "rebuild 4: compile"]
    );
    let end = "\n\nrebuilds 2, 8: as rebuild 1, varied clock, umask; but umask 002\n\
               rebuild 3: as rebuild 1, varied clock, umask (clock did not reach the build)\n\
               rebuilds 5, 7: as rebuild 1, varied clock, umask\n\
               rebuild 6: as rebuild 4, nothing varied\n";
    assert!(printed.ends_with(end), "{printed}");
}

#[test]
fn what_commands_show_is_printed_with_them() {
    let mut made = of(0, built(), &[], "");
    let text = b"cmd_/build/module/a.o := gcc -Wno-date-time\n\
                 cmd_/build/module/b.o := gcc -Wno-date-time\n";
    made.commands = Some(Commands::read(text, "/build/module"));
    let mut printed = Vec::new();
    print_attempts(&mut printed, &[made], &|_, _| None, &|_| None).expect("memory");
    let printed = String::from_utf8(printed).expect("text");
    for part in [
        "(2, not all of them)\n",
        "    that of a.o, and of 1 more lets code take in the time of the build: -Wno-date-time\n",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
}

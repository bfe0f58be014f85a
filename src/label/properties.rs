//! What holds of every label and every roll-up, whatever the evidence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::compare::{Answer, Normalisation};
use crate::gate::{Gate, Verdict};
use crate::label::{
    Again, AgeLimits, Axis, CellStanding, ClosedInputs, Evidence, Examined, Freshness, Grade,
    Independent, Interface, Isolation, Label, PackagedInterface, PreparedInterface, Rebuilds,
    Rollup, Seen, SourceOrigin, Tier, Toolchain, freshness, label, roll_up, rule_table,
};
use crate::name::CellId;
use crate::recipe::Executed;
use crate::source::Revision;
use crate::variation;

type Step = (&'static str, fn(&mut Evidence));

/// What takes away something that speaks for a cell: nothing was looked at, or less was found.
const REMOVALS: [Step; 31] = [
    ("rebuilds", |e| e.rebuilds = None),
    ("an agreeing rebuild", |e| {
        with(&mut e.rebuilds, |r| {
            r.same = r.same.saturating_sub(1);
            r.with_these = r.with_these.min(r.same);
        });
    }),
    // What is left of these is that so many were made.
    ("a differing rebuild", |e| {
        with(&mut e.rebuilds, |r| {
            r.different = r.different.saturating_sub(1);
        });
    }),
    ("all differing rebuilds and why", |e| {
        with(&mut e.rebuilds, |r| (r.different, r.finding) = (0, None));
    }),
    ("a normalised rebuild", |e| {
        with(&mut e.rebuilds, |r| {
            r.normalised = r.normalised.saturating_sub(1);
        });
    }),
    ("a rebuild that failed", |e| {
        with(&mut e.rebuilds, |r| r.failed = r.failed.saturating_sub(1));
    }),
    ("a rebuild that had all varied", |e| {
        with(&mut e.rebuilds, |r| {
            r.with_these = r.with_these.saturating_sub(1);
        });
    }),
    ("a varied axis", |e| {
        with(&mut e.rebuilds, |r| {
            r.varied.pop_first();
        });
    }),
    ("a finding", |e| with(&mut e.rebuilds, |r| r.finding = None)),
    ("metadata", |e| e.metadata_equal = None),
    ("interface", |e| e.interface = None),
    ("packages", |e| packaged(e, |i| i.packages = 0)),
    ("vouchers", |e| packaged(e, |i| i.vouched_by.clear())),
    ("a voucher", |e| packaged(e, |i| drop(i.vouched_by.pop()))),
    ("the kernel's voucher", |e| {
        prepared(e, |i| i.vouched_by = None);
    }),
    ("that it is its user's own", |e| {
        prepared(e, |i| i.is_local = false);
    }),
    ("its preparation", |e| {
        prepared(e, |i| i.is_prepared = false);
    }),
    ("its symbols", |e| prepared(e, |i| i.has_symbols = false)),
    ("its sealing", |e| prepared(e, |i| i.sealed = false)),
    ("its second preparation", |e| {
        prepared(e, |i| i.again = Again::Unattempted);
    }),
    ("the search for closed inputs", |e| e.closed_inputs = None),
    ("a declaration", |e| {
        with(&mut e.closed_inputs, |found| {
            found.undeclared.extend(found.declared.pop());
        });
    }),
    ("toolchain", |e| e.toolchain = None),
    ("the kernel's compiler", |e| {
        with(&mut e.toolchain, |t| t.recorded = None);
    }),
    ("the modules' compilers", |e| {
        with(&mut e.toolchain, |t| t.used.clear());
    }),
    ("an attempt's sealing", |e| {
        with(&mut e.isolation, |i| i.sealed = i.sealed.saturating_sub(1));
    }),
    ("source", |e| e.source = None),
    ("what gates say", |e| e.examined.clear()),
    ("what gates say of a module", |e| {
        if let Some(module) = e.examined.last_mut() {
            module.gates.clear();
        }
    }),
    ("each gate that failed", |e| {
        gates(e, |all| {
            all.retain(|_, seen| seen.verdict != Verdict::Failed)
        });
    }),
    ("what gates need", |e| {
        each_gate(e, |_, seen| seen.verdict = Verdict::Unknown);
    }),
];

/// What speaks against a cell.
const FINDINGS: [Step; 18] = [
    ("a difference", |e| {
        with(&mut e.rebuilds, |r| {
            (r.different, r.made) = (r.different + 1, r.made + 1);
        });
    }),
    ("a difference by chance", |e| {
        with(&mut e.rebuilds, |r| {
            (r.different, r.made) = (r.different + 1, r.made + 1);
            r.finding = Some(Answer::Noise {
                differing: 1,
                of: 3,
            });
        });
    }),
    ("a rebuild that only normalisation makes the same", |e| {
        // Where none agreed to begin with, it is something rather than nothing.
        with(&mut e.rebuilds, |r| {
            let more = u32::from(r.same.min(r.with_these) > 0);
            (r.normalised, r.made) = (r.normalised + more, r.made + more);
        });
    }),
    ("a rebuild without modules", |e| {
        with(&mut e.rebuilds, |r| {
            (r.failed, r.made) = (r.failed + 1, r.made + 1);
        });
    }),
    ("a doubt", |e| {
        with(&mut e.rebuilds, |r| r.doubts.push("order".to_owned()));
    }),
    ("other metadata", |e| e.metadata_equal = Some(false)),
    ("a check turned off", |e| {
        packaged(e, |i| i.exceptions.push("expired".to_owned()));
    }),
    ("the same of the kernel", |e| {
        prepared(e, |i| i.exceptions.push("expired".to_owned()));
    }),
    ("another kernel the second time", |e| {
        prepared(e, |i| i.again = Again::Different { files: Vec::new() });
    }),
    ("no kernel the second time", |e| {
        let reason = "no space".to_owned();
        prepared(e, |i| i.again = Again::Failed { reason });
    }),
    ("a closed input", |e| {
        with(&mut e.closed_inputs, |f| f.undeclared.push(object()));
    }),
    ("a declared one", |e| {
        with(&mut e.closed_inputs, |f| f.declared.push(object()));
    }),
    ("another image", |e| {
        with(&mut e.toolchain, |t| t.pinned = false);
    }),
    ("another compiler", |e| {
        with(&mut e.toolchain, |t| t.used.push("GCC: 13".to_owned()));
    }),
    ("an open attempt", |e| {
        with(&mut e.isolation, |i| i.attempts += 1);
    }),
    ("a change that is not committed", |e| {
        let reason = "changed".to_owned();
        with(&mut e.source, |s| s.revision = Revision::Dirty { reason });
    }),
    ("a gate that fails", |e| {
        each_gate(e, |gate, seen| {
            if gate == Gate::Symbols {
                seen.verdict = Verdict::Failed;
            }
        });
    }),
    ("a module that nobody looked at", |e| {
        e.examined.push(Examined::default());
    }),
];

fn gates(evidence: &mut Evidence, mut change: impl FnMut(&mut BTreeMap<Gate, Seen>)) {
    for module in &mut evidence.examined {
        change(&mut module.gates);
    }
}

fn each_gate(evidence: &mut Evidence, mut change: impl FnMut(Gate, &mut Seen)) {
    gates(evidence, |all| {
        all.iter_mut().for_each(|(gate, seen)| change(*gate, seen));
    });
}

fn with<T>(part: &mut Option<T>, change: impl FnOnce(&mut T)) {
    if let Some(part) = part {
        change(part);
    }
}

fn packaged(evidence: &mut Evidence, change: impl FnOnce(&mut PackagedInterface)) {
    match &mut evidence.interface {
        Some(Interface::Packages(interface)) => change(interface),
        Some(Interface::Prepared(_)) | None => {}
    }
}

fn prepared(evidence: &mut Evidence, change: impl FnOnce(&mut PreparedInterface)) {
    match &mut evidence.interface {
        Some(Interface::Prepared(interface)) => change(interface),
        Some(Interface::Packages(_)) | None => {}
    }
}

fn object() -> (String, String) {
    ("core.o".to_owned(), "it is an ELF file".to_owned())
}

fn axes() -> impl Strategy<Value = BTreeSet<variation::Axis>> {
    let some = subsequence(variation::Axis::ALL.to_vec(), 0..=16);
    prop_oneof![
        2 => Just(variation::Axis::all()),
        1 => some.prop_map(|axes| axes.into_iter().collect()),
    ]
}

fn finding() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Same),
        (1_usize..3).prop_map(|differing| Answer::Noise { differing, of: 3 }),
        axes().prop_map(|axes| Answer::Unsteady { axes }),
        axes().prop_map(|axes| Answer::TooMany { axes, limit: 3 }),
        (vec(axes(), 0..3), 0_usize..5)
            .prop_map(|(sets, agreeing)| Answer::Axes { sets, agreeing }),
    ]
}

/// Returns a number that is mostly 0.
fn few() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0_u32), 1 => 1_u32..3]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec("[a-z]{1,3}", 1..3)]
}

fn rebuilds() -> impl Strategy<Value = Rebuilds> {
    (
        0_u32..5,
        (few(), subsequence(Normalisation::ALL.to_vec(), 0..=3)),
        few(),
        (few(), few()),
        0_u32..5,
        axes(),
        texts(),
        weighted(0.4, finding()),
    )
        .prop_map(
            |(
                same,
                (normalised, taken),
                different,
                (failed, gone),
                with_these,
                varied,
                doubts,
                finding,
            )| Rebuilds {
                made: same + normalised + different + failed + gone,
                same,
                normalised,
                normalisations: taken.into_iter().collect(),
                different,
                failed,
                varied,
                with_these,
                doubts,
                causes: Vec::new(),
                finding,
            },
        )
}

fn interface() -> impl Strategy<Value = Interface> {
    let vouchers = vec("[a-z]{1,3}", 0..3);
    let packages =
        (0_usize..4, vouchers, texts()).prop_map(|(packages, vouched_by, exceptions)| {
            Interface::Packages(PackagedInterface {
                packages,
                vouched_by,
                exceptions,
            })
        });
    let again = prop_oneof![
        3 => axes().prop_map(|varied| Again::Same { varied }),
        1 => texts().prop_map(|files| Again::Different { files }),
        1 => Just(Again::Failed { reason: "x".to_owned() }),
        1 => Just(Again::Unattempted),
    ];
    let voucher = weighted(0.6, Just("kernel/v6.x".to_owned()));
    let mostly = || proptest::bool::weighted(0.8);
    let prepared = (
        voucher,
        texts(),
        any::<bool>(),
        mostly(),
        mostly(),
        mostly(),
        again,
    )
        .prop_map(
            |(vouched_by, exceptions, is_local, is_prepared, has_symbols, sealed, again)| {
                Interface::Prepared(PreparedInterface {
                    source: "`linux.tar`".to_owned(),
                    config: "0123".to_owned(),
                    vouched_by,
                    exceptions,
                    is_local,
                    is_prepared,
                    has_symbols,
                    sealed,
                    again,
                })
            },
        );
    prop_oneof![packages, prepared]
}

fn closed_inputs() -> impl Strategy<Value = ClosedInputs> {
    (few(), few()).prop_map(|(undeclared, declared)| ClosedInputs {
        undeclared: vec![object(); undeclared as usize],
        declared: vec![object(); declared as usize],
    })
}

fn toolchain() -> impl Strategy<Value = Toolchain> {
    let recorded = weighted(0.9, Just("(Debian 12.2.0-14) 12.2.0".to_owned()));
    let known = ["GCC: (Debian 12.2.0-14) 12.2.0", "GCC: 13"];
    let used = prop_oneof![
        3 => Just(vec![known[0].to_owned()]),
        1 => vec(select(known.map(str::to_owned).to_vec()), 0..3),
    ];
    let mismatch = weighted(0.2, Just("another pahole".to_owned()));
    let executed = select(vec![Executed::Native, Executed::Cross]);
    let pinned = proptest::bool::weighted(0.9);
    (executed, pinned, recorded, used, mismatch).prop_map(
        |(executed, pinned, recorded, used, mismatch)| Toolchain {
            executed,
            pinned,
            recorded,
            used,
            mismatch,
        },
    )
}

/// Beyond those that rebuilds were held against there may be more attempts, and some may have been open.
fn isolation() -> impl Strategy<Value = (u32, u32)> {
    (few(), few())
}

fn source() -> impl Strategy<Value = SourceOrigin> {
    let revision = prop_oneof![
        2 => "[0-9a-f]{40}".prop_map(|commit| Revision::Committed { commit }),
        2 => Just(Revision::Archived),
        1 => Just(Revision::Dirty { reason: "changed".to_owned() }),
    ];
    let from = weighted(0.5, Just("a tarball".to_owned()));
    (revision, from).prop_map(|(revision, from)| SourceOrigin { revision, from })
}

/// Modules of which mostly every gate is passed.
fn examined() -> impl Strategy<Value = Vec<Examined>> {
    let verdict = || {
        prop_oneof![
            40 => Just(Some(Verdict::Passed)),
            1 => Just(Some(Verdict::Failed)),
            1 => Just(Some(Verdict::Unknown)),
            1 => Just(None),
        ]
    };
    let module = vec(verdict(), Gate::ALL.len()).prop_map(|verdicts| {
        let seen = |verdict| Seen {
            verdict,
            because: "`printk` has another CRC".to_owned(),
        };
        let all = Gate::ALL.into_iter().zip(verdicts);
        Examined {
            module: "m.ko".to_owned(),
            gates: all
                .filter_map(|(gate, verdict)| Some((gate, seen(verdict?))))
                .collect(),
        }
    });
    prop_oneof![9 => vec(module, 1..3), 1 => Just(Vec::new())]
}

fn independent() -> impl Strategy<Value = Option<Independent>> {
    let signed_by = "key:0123".to_owned();
    weighted(0.3, Just(Independent { signed_by }))
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (
        weighted(0.9, rebuilds()),
        weighted(0.9, proptest::bool::weighted(0.9)),
        weighted(0.9, interface()),
        weighted(0.9, closed_inputs()),
        weighted(0.9, toolchain()),
        weighted(0.9, isolation()),
        weighted(0.9, source()),
        (examined(), independent()),
    )
        .prop_map(
            |(
                rebuilds,
                metadata_equal,
                interface,
                closed_inputs,
                toolchain,
                isolation,
                source,
                (examined, independent),
            )| {
                Evidence {
                    examined,
                    signing: None,
                    independent,
                    isolation: isolation.map(|(more, open)| {
                        let compared = rebuilds
                            .as_ref()
                            .map_or(0, |r| r.same + r.normalised + r.different);
                        let attempts = (1 + compared + more) as usize;
                        Isolation {
                            attempts,
                            sealed: attempts.saturating_sub(open as usize),
                        }
                    }),
                    rebuilds,
                    metadata_equal,
                    interface,
                    closed_inputs,
                    toolchain,
                    source,
                }
            },
        )
}

fn of(evidence: &Evidence) -> Label {
    label(evidence, Freshness::Unknown)
}

const FAMILIES: [&str; 4] = [
    "debian-12/amd64/6.1.0-1-amd64",
    "debian-12/arm64/6.1.0-1-arm64",
    "fedora-44/amd64/6.19.1",
    "debian-13/amd64/6.12.1-amd64",
];

/// A cell of some family; `number` makes ids differ.
fn cell(number: usize, family: &str) -> CellId {
    format!("{family}={number}/m").parse().expect("a cell id")
}

fn standings() -> impl Strategy<Value = Vec<(CellId, CellStanding)>> {
    let standing = prop_oneof![
        6 => (select(Tier::ALL.to_vec()), any::<bool>())
            .prop_map(|(tier, stale)| CellStanding::Labelled { tier, stale }),
        4 => Just(CellStanding::Labelled { tier: Tier::Full, stale: false }),
        1 => Just(CellStanding::Failed),
        1 => Just(CellStanding::Excluded),
        1 => Just(CellStanding::Missing),
    ];
    vec((select(FAMILIES.to_vec()), standing), 0..8).prop_map(|cells| {
        let numbered = cells.into_iter().enumerate();
        numbered
            .map(|(number, (family, standing))| (cell(number, family), standing))
            .collect()
    })
}

fn rolled(cells: &[(CellId, CellStanding)]) -> Rollup {
    roll_up(cells.iter().map(|(id, standing)| (id, standing.clone())))
}

/// Returns the tier of a cell that is part of the promise: `None` for one that made nothing.
fn tier(standing: &CellStanding) -> Option<Tier> {
    match standing {
        CellStanding::Labelled { tier, .. } => Some(*tier),
        CellStanding::Failed | CellStanding::Missing | CellStanding::Excluded => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evidence_that_is_removed_never_raises_a_label(evidence in evidence()) {
        let before = of(&evidence).tier;
        for (name, remove) in REMOVALS {
            let mut less = evidence.clone();
            remove(&mut less);
            let after = of(&less).tier;
            prop_assert!(!after.says_more_than(before), "without {name}: {after}, was {before}");
        }
    }

    #[test]
    fn a_finding_against_a_cell_never_raises_its_label(evidence in evidence()) {
        let before = of(&evidence).tier;
        for (name, find) in FINDINGS {
            let mut worse = evidence.clone();
            find(&mut worse);
            let after = of(&worse).tier;
            prop_assert!(!after.says_more_than(before), "with {name}: {after}, was {before}");
        }
    }

    #[test]
    fn the_same_evidence_gives_the_same_label(evidence in evidence()) {
        let (first, second) = (of(&evidence), of(&evidence.clone()));
        let bytes = |label: &Label| serde_json::to_string(label).expect("plain values serialise");
        prop_assert_eq!(bytes(&first), bytes(&second));
        let read: Label = serde_json::from_str(&bytes(&first)).expect("a label");
        prop_assert_eq!(read, first);
    }

    #[test]
    fn every_axis_has_its_grade_and_a_reason(evidence in evidence()) {
        let label = of(&evidence);
        let axes: Vec<Axis> = label.reasons.iter().map(|reason| reason.axis).collect();
        prop_assert_eq!(&axes[..], Axis::ALL);
        for reason in &label.reasons {
            prop_assert_eq!(reason.grade, label.vector.get(reason.axis));
            prop_assert!(!reason.because.is_empty());
        }
    }

    #[test]
    fn what_is_said_to_raise_a_label_raises_it(evidence in evidence()) {
        let label = of(&evidence);
        prop_assert_eq!(label.raised_by.is_empty(), label.tier == Tier::Full);
        prop_assert_eq!(label.raised_to.is_empty(), label.tier == Tier::Full);
        for way in &label.raised_to {
            let mut raised = label.vector.clone();
            for change in &way.changes {
                prop_assert_eq!(change.from, raised.get(change.axis));
                prop_assert!(change.to > change.from);
                raised.set(change.axis, change.to);
            }
            prop_assert_eq!(rule_table().tier(&raised), way.tier);
            prop_assert!(way.tier > label.tier);
        }
    }

    #[test]
    fn agreement_is_only_claimed_of_rebuilds_that_agreed(evidence in evidence()) {
        let grade = of(&evidence).vector.reproducibility;
        let agreed = evidence.rebuilds.as_ref().map_or(0, |r| r.same + r.normalised);
        prop_assert!(grade <= Grade::Differs || agreed > 0, "{grade} of {agreed}");
        let (rebuilds, is_independent) = (&evidence.rebuilds, evidence.independent.is_some());
        let all = rebuilds.as_ref().is_some_and(|rebuilds| {
            rebuilds.different + rebuilds.normalised + rebuilds.failed == 0
                && rebuilds.made <= rebuilds.same
                && rebuilds.doubts.is_empty()
                && (is_independent || variation::Axis::expected().is_subset(&rebuilds.varied))
        });
        prop_assert!(grade < Grade::Varied || all);
        prop_assert!(grade < Grade::Independent || is_independent);
    }

    #[test]
    fn an_image_of_which_less_is_known_is_never_fresher(
        age in -100_i64..10_000,
        later in 0_i64..10_000,
        warn in weighted(0.7, 0_i64..5_000),
        stale in 0_i64..5_000,
    ) {
        let date = Timestamp::from_second(1_800_000_000).expect("a time");
        let limits = AgeLimits {
            warn_after: warn.map(SignedDuration::from_hours),
            stale_after: SignedDuration::from_hours(stale),
        };
        let rank = |found: Freshness| match found {
            Freshness::Fresh { .. } => 0,
            Freshness::Ageing { .. } => 1,
            Freshness::Unknown => 2,
            Freshness::Stale { .. } => 3,
        };
        let at = |hours: i64| date + SignedDuration::from_hours(hours);
        let now = freshness(Some(date), at(age), limits);
        prop_assert!(rank(freshness(Some(date), at(age + later), limits)) >= rank(now));
        prop_assert!(freshness(None, at(age), limits).is_stale_or_unknown());
    }

    #[test]
    fn a_roll_up_is_never_above_its_worst_cell_unless_it_names_the_rest(cells in standings()) {
        let rollup = rolled(&cells);
        prop_assert_eq!(rollup.promised, cells.len());
        let mut families: BTreeMap<String, bool> = BTreeMap::new();
        for (id, standing) in &cells {
            if *standing != CellStanding::Excluded {
                let holds = tier(standing).is_some_and(|tier| tier >= Tier::Constrained);
                *families.entry(format!("{}/{}", id.distro, id.arch)).or_insert(true) &= holds;
            }
        }
        if rollup.tier == Tier::Partial {
            let named = |wanted: bool| -> Vec<String> {
                let found = families.iter().filter(|(_, holds)| **holds == wanted);
                found.map(|(family, _)| family.clone()).collect()
            };
            prop_assert_eq!(&rollup.holds_for, &named(true));
            prop_assert_eq!(&rollup.not_for, &named(false));
            prop_assert!(!rollup.holds_for.is_empty() && !rollup.not_for.is_empty());
            for family in rollup.holds_for.iter().chain(&rollup.not_for) {
                prop_assert!(rollup.because.contains(family.as_str()));
            }
        } else {
            let promised = cells.iter().filter(|(_, s)| *s != CellStanding::Excluded);
            for (_, standing) in promised {
                let most = tier(standing).unwrap_or(Tier::Unverified);
                prop_assert!(!rollup.tier.says_more_than(most), "{} of {most}", rollup.tier);
            }
            prop_assert!(rollup.holds_for.is_empty() && rollup.not_for.is_empty());
        }
    }

    #[test]
    fn a_worse_cell_never_raises_a_roll_up(cells in standings(), at in any::<prop::sample::Index>()) {
        let before = rolled(&cells);
        let mut more = cells.clone();
        more.push((cell(99, FAMILIES[0]), CellStanding::Failed));
        prop_assert!(!rolled(&more).tier.says_more_than(before.tier));
        if cells.is_empty() {
            return Ok(());
        }
        let at = at.index(cells.len());
        let mut worse = cells.clone();
        worse[at].1 = match worse[at].1 {
            CellStanding::Labelled { tier, stale } => {
                let lower = Tier::ALL.iter().rev().find(|lower| **lower < tier);
                lower.map_or(CellStanding::Failed, |tier| CellStanding::Labelled { tier: *tier, stale })
            }
            CellStanding::Failed | CellStanding::Missing => CellStanding::Missing,
            // Nothing is worse for a cell that is not for its kernel.
            CellStanding::Excluded => CellStanding::Excluded,
        };
        prop_assert!(!rolled(&worse).tier.says_more_than(before.tier));
    }

    #[test]
    fn the_order_of_cells_bears_on_nothing(cells in standings().prop_shuffle()) {
        let mut ordered = cells.clone();
        ordered.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(rolled(&cells), rolled(&ordered));
    }
}

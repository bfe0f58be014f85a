use std::collections::BTreeSet;

use super::*;
use crate::compare::Normalisation;
use crate::gate::{Gate, Verdict};
use crate::label::{Again, PackagedInterface, PreparedInterface, Seen};
use crate::label::{Freshness, Tier, label};
use crate::variation;

fn complete() -> Evidence {
    Evidence {
        rebuilds: Some(Rebuilds {
            same: 2,
            normalised: 0,
            normalisations: BTreeSet::new(),
            different: 0,
            failed: 0,
            made: 2,
            varied: variation::Axis::all(),
            with_these: 2,
            doubts: Vec::new(),
            finding: None,
            causes: Vec::new(),
        }),
        metadata_equal: Some(true),
        interface: Some(Interface::Packages(PackagedInterface {
            packages: 3,
            vouched_by: vec!["debian".to_owned()],
            exceptions: Vec::new(),
        })),
        closed_inputs: Some(ClosedInputs::default()),
        toolchain: Some(Toolchain {
            executed: recipe::Executed::Native,
            pinned: true,
            recorded: Some("(Debian 12.2.0-14) 12.2.0".to_owned()),
            used: vec!["GCC: (Debian 12.2.0-14) 12.2.0".to_owned()],
            mismatch: None,
        }),
        isolation: Some(Isolation {
            attempts: 3,
            sealed: 3,
        }),
        source: Some(SourceOrigin {
            revision: Revision::Committed {
                commit: "0123456789abcdef".to_owned(),
            },
            from: None,
        }),
        examined: vec![passing()],
        signing: None,
        independent: None,
    }
}

/// Returns a module that passes every gate.
fn passing() -> Examined {
    let seen = |gate| {
        let (verdict, because) = (Verdict::Passed, "all is well".to_owned());
        (gate, Seen { verdict, because })
    };
    Examined {
        module: "m.ko".to_owned(),
        gates: Gate::ALL.into_iter().map(seen).collect(),
    }
}

#[test]
fn only_what_does_not_differ_itself_is_raised_by_the_same_bits_of_others() {
    let independent = || {
        let signed_by = "key:0123".to_owned();
        Some(Independent { signed_by })
    };
    let of = |rebuilds: Option<Rebuilds>| {
        let mut evidence = complete();
        evidence.rebuilds = rebuilds;
        evidence.independent = independent();
        grade(&evidence).0.reproducibility
    };
    let agreeing = complete().rebuilds.expect("rebuilds");
    let differing = Rebuilds {
        different: 1,
        ..agreeing.clone()
    };
    let gone = Rebuilds {
        made: 3,
        ..agreeing.clone()
    };
    let doubted = Rebuilds {
        doubts: vec!["chance is let in".to_owned()],
        ..agreeing.clone()
    };
    assert_eq!(of(Some(agreeing)), Grade::Independent);
    assert_eq!(of(Some(doubted)), Grade::Fixed);
    assert_eq!(of(None), Grade::Unattempted);
    assert_eq!(of(Some(gone)), Grade::Unattempted);
    assert_eq!(of(Some(differing)), Grade::Differs);
}

#[test]
fn a_signature_counts_by_whose_key_it_is_and_raises_no_tier() {
    for (grade, expected) in [
        (Grade::External, Grade::External),
        (Grade::Keyless, Grade::Keyless),
        (Grade::Sealed, Grade::Unsigned),
    ] {
        let mut evidence = complete();
        let by = "key:0123".to_owned();
        evidence.signing = Some(Signing { grade, by });
        let label = label(&evidence, Freshness::Unknown);
        assert_eq!(label.vector.signing, expected);
        assert_eq!(label.tier, tier(&complete()));
    }
}

fn input(path: &str) -> (String, String) {
    (path.to_owned(), "it is an ELF file".to_owned())
}

fn packages(evidence: &mut Evidence) -> &mut PackagedInterface {
    match &mut evidence.interface {
        Some(Interface::Packages(interface)) => interface,
        Some(Interface::Prepared(_)) | None => panic!("it has packages"),
    }
}

#[test]
fn a_kernel_that_was_prepared_twice_from_source_reaches_full() {
    let mut evidence = complete();
    evidence.interface = Some(Interface::Prepared(PreparedInterface {
        source: "`linux.tar`".to_owned(),
        config: "0123456789ab".to_owned(),
        vouched_by: None,
        exceptions: Vec::new(),
        is_local: true,
        is_prepared: true,
        has_symbols: true,
        sealed: true,
        again: Again::Same {
            varied: variation::Axis::of_a_preparation(),
        },
    }));
    assert_eq!(tier(&evidence), Tier::Full);
    assert!(label(&evidence, Freshness::Unknown).raised_by.is_empty());
}

fn tier(evidence: &Evidence) -> Tier {
    label(evidence, Freshness::Unknown).tier
}

#[test]
fn prebuilt_signed_headers_reach_constrained_and_say_what_full_needs() {
    let label = label(&complete(), Freshness::Unknown);
    assert_eq!(label.tier, Tier::Constrained);
    assert_eq!(label.word(), "constrained+unknown");
    assert_eq!(label.raised_by.len(), 1);
    assert_eq!(label.raised_by[0].to, Grade::Traced);
    assert_eq!(label.reasons.len(), Axis::ALL.len());
}

#[test]
fn evidence_that_is_missing_never_raises_a_label() {
    let removals: [fn(&mut Evidence); 7] = [
        |e| e.rebuilds = None,
        |e| e.metadata_equal = None,
        |e| e.interface = None,
        |e| e.closed_inputs = None,
        |e| e.toolchain = None,
        |e| e.isolation = None,
        |e| e.source = None,
    ];
    for mask in 0_u32..1 << removals.len() {
        let mut evidence = complete();
        for (bit, remove) in removals.iter().enumerate() {
            if mask & 1 << bit != 0 {
                remove(&mut evidence);
            }
        }
        let expected = if mask == 0 {
            Tier::Constrained
        } else {
            Tier::Unverified
        };
        assert_eq!(tier(&evidence), expected, "{mask:b}");
    }
}

#[test]
fn declared_inputs_are_named_with_their_reasons() {
    let mut evidence = complete();
    let closed = evidence.closed_inputs.as_mut().expect("set");
    closed.declared = vec![
        ("a.o".to_owned(), "the vendor's core".to_owned()),
        ("fw.bin".to_owned(), "firmware".to_owned()),
    ];
    let (_, reasons) = grade(&evidence);
    let reason = reasons
        .iter()
        .find(|reason| reason.axis == Axis::ClosedInputs)
        .expect("a reason");
    assert_eq!(
        reason.because,
        "the matrix declares by digest: `a.o` (the vendor's core), `fw.bin` (firmware)"
    );
}

#[test]
fn a_gate_about_the_kernel_that_is_not_known_to_be_passed_lowers_the_interface() {
    type Change = fn(&mut Examined, Gate);
    let changes: [(Change, Verdict); 3] = [
        (
            |module, gate| module.gates.get_mut(&gate).expect("set").verdict = Verdict::Failed,
            Verdict::Failed,
        ),
        (
            |module, gate| module.gates.get_mut(&gate).expect("set").verdict = Verdict::Unknown,
            Verdict::Unknown,
        ),
        (
            |module, gate| drop(module.gates.remove(&gate)),
            Verdict::Unknown,
        ),
    ];
    for gate in Gate::ALL {
        for (change, verdict) in changes {
            let mut evidence = complete();
            let mut other = passing();
            change(&mut other, gate);
            evidence.examined.push(other);
            let label = label(&evidence, Freshness::Unknown);
            let found: Vec<(Gate, Verdict)> = label
                .findings
                .iter()
                .map(|found| (found.gate, found.verdict))
                .collect();
            assert_eq!(found, [(gate, verdict)]);
            let expected = if gate.is_about_the_kernel() {
                (Grade::InterfaceUnpinned, Tier::Unverified)
            } else {
                (Grade::Signed, Tier::Constrained)
            };
            assert_eq!((label.vector.interface, label.tier), expected, "{gate}");
        }
    }
}

#[test]
fn modules_that_nobody_looked_at_are_not_known_to_fit_their_kernel() {
    let mut evidence = complete();
    evidence.examined.clear();
    assert_eq!(tier(&evidence), Tier::Unverified);
    assert_eq!(tier(&complete()), Tier::Constrained);
}

/// Makes one rebuild agree only after normalisation, and others not at all.
fn normalise(evidence: &mut Evidence, different: u32) {
    let rebuilds = evidence.rebuilds.as_mut().expect("set");
    (rebuilds.same, rebuilds.normalised) = (1, 1);
    rebuilds.normalisations.insert(Normalisation::BtfOrder);
    rebuilds.different = different;
    rebuilds.made += different;
}

#[test]
fn each_finding_has_its_grade() {
    type Change = fn(&mut Evidence);
    let cases: [(Change, Axis, Grade, Tier); 16] = [
        (
            |e| normalise(e, 0),
            Axis::Reproducibility,
            Grade::Normalised,
            Tier::Partial,
        ),
        (
            |e| normalise(e, 1),
            Axis::Reproducibility,
            Grade::Differs,
            Tier::Irreproducible,
        ),
        (
            |e| e.rebuilds.as_mut().expect("set").different = 1,
            Axis::Reproducibility,
            Grade::Differs,
            Tier::Irreproducible,
        ),
        (
            |e| {
                e.rebuilds
                    .as_mut()
                    .expect("set")
                    .varied
                    .remove(&variation::Axis::Cpus);
            },
            Axis::Reproducibility,
            Grade::Fixed,
            Tier::Partial,
        ),
        (
            |e| e.rebuilds.as_mut().expect("set").same = 0,
            Axis::Reproducibility,
            Grade::Unattempted,
            Tier::Unverified,
        ),
        (
            |e| e.metadata_equal = Some(false),
            Axis::Metadata,
            Grade::MetadataDiffers,
            Tier::Unverified,
        ),
        (
            |e| packages(e).vouched_by.clear(),
            Axis::Interface,
            Grade::Locked,
            Tier::Constrained,
        ),
        (
            |e| packages(e).exceptions.push("expired".to_owned()),
            Axis::Interface,
            Grade::Locked,
            Tier::Constrained,
        ),
        (
            |e| {
                let closed = e.closed_inputs.as_mut().expect("set");
                closed.undeclared.push(input("core.o"));
            },
            Axis::ClosedInputs,
            Grade::Undeclared,
            Tier::Unverified,
        ),
        (
            |e| {
                let closed = e.closed_inputs.as_mut().expect("set");
                closed.declared.push(input("core.o"));
            },
            Axis::ClosedInputs,
            Grade::Declared,
            Tier::Constrained,
        ),
        (
            |e| {
                let closed = e.closed_inputs.as_mut().expect("set");
                closed.declared.push(input("core.o"));
                closed.undeclared.push(input("more.o"));
            },
            Axis::ClosedInputs,
            Grade::Undeclared,
            Tier::Unverified,
        ),
        (
            |e| e.source.as_mut().expect("set").revision = Revision::Archived,
            Axis::Source,
            Grade::Archived,
            Tier::Constrained,
        ),
        (
            |e| e.toolchain.as_mut().expect("set").pinned = false,
            Axis::Toolchain,
            Grade::ToolchainUnpinned,
            Tier::Unverified,
        ),
        (
            |e| {
                let used = &mut e.toolchain.as_mut().expect("set").used;
                used.push("GCC: (Debian 13.1) 13.1".to_owned());
            },
            Axis::Toolchain,
            Grade::Pinned,
            Tier::Constrained,
        ),
        (
            |e| e.isolation.as_mut().expect("set").sealed = 2,
            Axis::Isolation,
            Grade::Open,
            Tier::Unverified,
        ),
        (
            |e| {
                e.source.as_mut().expect("set").revision = Revision::Dirty {
                    reason: "changed".to_owned(),
                };
            },
            Axis::Source,
            Grade::Dirty,
            Tier::Unverified,
        ),
    ];
    for (change, axis, expected, expected_tier) in cases {
        let mut evidence = complete();
        change(&mut evidence);
        assert_eq!(grade(&evidence).0.get(axis), expected, "{axis}");
        assert_eq!(tier(&evidence), expected_tier, "{axis} {expected}");
    }
}

//! From facts to grades: one function per axis, each with its reason.

use crate::label::interface::{Interface, interface};
use crate::label::rebuilds::{Rebuilds, rebuilds};
use crate::label::{Axis, Finding, Grade, Reason, Vector};
use crate::recipe;
use crate::source::Revision;

/// The facts that a label is made from. What was not observed is `None` or empty.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub rebuilds: Option<Rebuilds>,
    /// Whether the deterministic part of the provenance was the same in every attempt.
    pub metadata_equal: Option<bool>,
    pub interface: Option<Interface>,
    /// Prebuilt objects among the sources.
    pub closed_inputs: Option<ClosedInputs>,
    pub toolchain: Option<Toolchain>,
    pub isolation: Option<Isolation>,
    pub source: Option<SourceOrigin>,
    /// The gates that a module did not pass, in any attempt.
    pub findings: Vec<Finding>,
    /// Who signed what is claimed of the modules.
    pub signing: Option<Signing>,
    /// Whose build, on a platform of another operator, gave the same bits.
    pub independent: Option<Independent>,
}

/// A build of the same inputs by somebody else, whose bits are the same. Who it is has been
/// authenticated: a name that somebody gives himself shows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Independent {
    /// Who signed for the other build, such as `key:` and a digest.
    pub signed_by: String,
}

/// A signature over what is claimed of the modules, by a key that no build can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// One of the axis `signing`; any other counts as none.
    pub grade: Grade,
    /// Who signed, such as `key:` and a digest.
    pub by: String,
}

/// What the search for prebuilt objects found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosedInputs {
    /// Those that the matrix does not declare, each with why it counts.
    pub undeclared: Vec<(String, String)>,
    /// Those that it declares, each with the reason that it gives.
    pub declared: Vec<(String, String)>,
}

/// Where the source came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOrigin {
    pub revision: Revision,
    /// What it was taken from, for people, where it was no directory.
    pub from: Option<String>,
}

/// What was built with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// Whether the tools ran on the target's architecture; the grade is the same either way.
    pub executed: recipe::Executed,
    /// True if the image is named by digest and was the one that ran.
    pub pinned: bool,
    /// The compiler that the kernel records.
    pub recorded: Option<String>,
    /// The compilers that the modules themselves name.
    pub used: Vec<String>,
    /// A finding that keeps the tools from counting as matched, such as another pahole.
    pub mismatch: Option<String>,
}

/// How closed the attempts were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The number of attempts, and of those that the engine says were sealed.
    pub attempts: usize,
    pub sealed: usize,
}

/// Grades every axis.
pub fn grade(evidence: &Evidence) -> (Vector, Vec<Reason>) {
    let mut vector = Vector::lowest();
    let mut reasons = Vec::new();
    for (axis, (grade, because)) in [
        (Axis::Reproducibility, reproducibility(evidence)),
        (Axis::Metadata, metadata(evidence.metadata_equal)),
        (
            Axis::Interface,
            built_for(interface(evidence.interface.as_ref()), &evidence.findings),
        ),
        (Axis::ClosedInputs, closed(evidence.closed_inputs.as_ref())),
        (Axis::Toolchain, toolchain(evidence.toolchain.as_ref())),
        (
            Axis::Isolation,
            isolation(evidence.isolation.as_ref(), evidence.rebuilds.as_ref()),
        ),
        (Axis::Source, source(evidence.source.as_ref())),
        (Axis::Signing, signing(evidence.signing.as_ref())),
    ] {
        vector.set(axis, grade);
        reasons.push(Reason {
            axis,
            grade,
            because,
        });
    }
    (vector, reasons)
}

/// Lowers the grade of the interface where a module turns out not to have been built for it: what is
/// known of the kernel's tree then says nothing about this module.
fn built_for((grade, because): (Grade, String), findings: &[Finding]) -> (Grade, String) {
    let other = findings
        .iter()
        .find(|finding| finding.gate.is_about_the_kernel());
    match other {
        None => (grade, because),
        Some(finding) => (
            Grade::InterfaceUnpinned,
            format!(
                "`{}` does not fit the kernel (gate `{}`): {}",
                finding.module, finding.gate, finding.because
            ),
        ),
    }
}

fn metadata(equal: Option<bool>) -> (Grade, String) {
    match equal {
        Some(true) => (
            Grade::MetadataEqual,
            "the provenance of all attempts says the same".to_owned(),
        ),
        Some(false) => (
            Grade::MetadataDiffers,
            "the provenance of the attempts differs".to_owned(),
        ),
        None => (
            Grade::MetadataDiffers,
            "there is no second provenance to hold it against".to_owned(),
        ),
    }
}

fn closed(found: Option<&ClosedInputs>) -> (Grade, String) {
    let Some(found) = found else {
        return (
            Grade::Undeclared,
            "the source was not looked through for prebuilt objects".to_owned(),
        );
    };
    if let [(path, why), rest @ ..] = found.undeclared.as_slice() {
        let others = match rest.len() {
            0 => String::new(),
            more => format!("; {more} more in the source are not declared either"),
        };
        return (
            Grade::Undeclared,
            format!("`{path}` in the source is not declared, and {why}{others}"),
        );
    }
    if found.declared.is_empty() {
        return (
            Grade::NoClosedInputs,
            "no prebuilt object stands in the source".to_owned(),
        );
    }
    let named: Vec<String> = found
        .declared
        .iter()
        .map(|(path, reason)| format!("`{path}` ({reason})"))
        .collect();
    (
        Grade::Declared,
        format!("the matrix declares by digest: {}", named.join(", ")),
    )
}

fn toolchain(found: Option<&Toolchain>) -> (Grade, String) {
    let Some(toolchain) = found else {
        return (
            Grade::ToolchainUnpinned,
            "which tools were used is not recorded".to_owned(),
        );
    };
    if !toolchain.pinned {
        return (
            Grade::ToolchainUnpinned,
            "the image that ran is not the one that was pinned, or its own build had a network"
                .to_owned(),
        );
    }
    let Some(recorded) = &toolchain.recorded else {
        return (
            Grade::Pinned,
            "the kernel does not record its compiler".to_owned(),
        );
    };
    if toolchain.used.is_empty() {
        return (
            Grade::Pinned,
            "the modules do not say which compiler made them".to_owned(),
        );
    }
    if let Some(other) = toolchain
        .used
        .iter()
        .find(|comment| !recipe::toolchain::comment_matches(comment, recorded))
    {
        return (
            Grade::Pinned,
            format!("the modules say `{other}`, the kernel was built by `{recorded}`"),
        );
    }
    if let Some(mismatch) = &toolchain.mismatch {
        return (Grade::Pinned, mismatch.clone());
    }
    (
        Grade::Matched,
        match toolchain.executed {
            recipe::Executed::Native => {
                format!("modules and kernel both name the compiler `{recorded}`")
            }
            recipe::Executed::Cross => {
                format!(
                    "modules (built by crossing) and kernel both name the compiler `{recorded}`"
                )
            }
        },
    )
}

/// Grades how closed the attempts were: the reference, and every rebuild that was compared.
fn isolation(found: Option<&Isolation>, rebuilds: Option<&Rebuilds>) -> (Grade, String) {
    let Some(isolation) = found else {
        return (
            Grade::Open,
            "how closed the build was is not recorded".to_owned(),
        );
    };
    let compared =
        rebuilds.map_or(0, |found| found.same + found.normalised + found.different) as usize;
    let attempts = isolation.attempts.max(compared + 1);
    if isolation.sealed < attempts {
        let sealed = isolation.sealed;
        return (
            Grade::Open,
            format!("the engine confirms the sealing of {sealed} of {attempts} attempts"),
        );
    }
    (
        Grade::Sealed,
        "no network, read-only inputs, no privilege, in every attempt".to_owned(),
    )
}

fn source(found: Option<&SourceOrigin>) -> (Grade, String) {
    let Some(SourceOrigin { revision, from }) = found else {
        return (
            Grade::Dirty,
            "where the source came from is not recorded".to_owned(),
        );
    };
    match (revision, from) {
        (Revision::Committed { commit }, from) => {
            let short = commit.get(..12).unwrap_or(commit);
            let from = from
                .as_ref()
                .map_or_else(String::new, |from| format!(" of {from}"));
            (Grade::Committed, format!("commit {short}{from}"))
        }
        (Revision::Archived, Some(from)) => (Grade::Archived, from.clone()),
        (Revision::Archived, None) => (Grade::Archived, "an archive by digest".to_owned()),
        (Revision::Dirty { reason }, _) => (Grade::Dirty, reason.clone()),
    }
}

/// Grades rebuilds, and what others built. Rebuilds of one's own that differ are not outweighed by
/// anybody.
fn reproducibility(evidence: &Evidence) -> (Grade, String) {
    let (grade, because) = rebuilds(evidence.rebuilds.as_ref());
    let is_uneven = evidence
        .rebuilds
        .as_ref()
        .is_some_and(|found| found.different + found.normalised + found.failed > 0);
    match &evidence.independent {
        Some(Independent { signed_by }) if !is_uneven => (
            Grade::Independent,
            format!(
                "another operator's build, signed by {signed_by}, gave the same bits; {because}"
            ),
        ),
        Some(_) | None => (grade, because),
    }
}

fn signing(found: Option<&Signing>) -> (Grade, String) {
    let is_known = |found: &&Signing| Axis::Signing.grades().contains(&found.grade);
    match found.filter(is_known) {
        None => (Grade::Unsigned, "nothing was signed".to_owned()),
        Some(Signing { grade, by }) => (*grade, format!("what is claimed was signed by {by}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::compare::Normalisation;
    use crate::label::{Again, PackagedInterface, PreparedInterface};
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
            findings: Vec::new(),
            signing: None,
            independent: None,
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
        assert_eq!(of(Some(agreeing)), Grade::Independent);
        assert_eq!(of(None), Grade::Independent);
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
    fn a_gate_about_the_kernel_lowers_the_interface_and_others_are_told() {
        let finding = |gate| Finding {
            gate,
            module: "m.ko".to_owned(),
            because: "`printk` has another CRC".to_owned(),
        };
        for gate in crate::gate::Gate::ALL {
            let mut evidence = complete();
            evidence.findings.push(finding(gate));
            let label = label(&evidence, Freshness::Unknown);
            assert_eq!(label.findings, evidence.findings);
            let expected = if gate.is_about_the_kernel() {
                (Grade::InterfaceUnpinned, Tier::Unverified)
            } else {
                (Grade::Signed, Tier::Constrained)
            };
            assert_eq!((label.vector.interface, label.tier), expected, "{gate}");
        }
    }

    /// Makes one rebuild agree only after normalisation, and others not at all.
    fn normalise(evidence: &mut Evidence, different: u32) {
        let rebuilds = evidence.rebuilds.as_mut().expect("set");
        (rebuilds.same, rebuilds.normalised) = (1, 1);
        rebuilds.normalisations.insert(Normalisation::BtfOrder);
        rebuilds.different = different;
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
}

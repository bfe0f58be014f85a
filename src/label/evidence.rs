//! From facts to grades: one function per axis, each with its reason.

use std::collections::BTreeSet;

use crate::label::{Axis, Grade, Reason, Vector};
use crate::recipe;
use crate::source::Revision;

/// The facts that a label is made from. What was not observed is `None` or empty.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub rebuilds: Option<Rebuilds>,
    /// Whether the deterministic part of the provenance was the same in every attempt.
    pub metadata_equal: Option<bool>,
    pub interface: Option<Interface>,
    /// The paths of prebuilt objects among the sources that the matrix does not declare.
    pub closed_inputs: Option<Vec<String>>,
    pub toolchain: Option<Toolchain>,
    pub isolation: Option<Isolation>,
    pub source: Option<Revision>,
}

/// What the rebuilds showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilds {
    pub same: u32,
    pub different: u32,
    /// The axes on which every rebuild that agreed differed from the reference, as observed.
    pub varied: BTreeSet<recipe::Axis>,
}

/// Where the kernel interface came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    Packages(PackagedInterface),
    Prepared(PreparedInterface),
}

/// Prebuilt headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagedInterface {
    pub packages: usize,
    /// Those who signed for them, for people; empty if nobody did.
    pub vouched_by: Vec<String>,
    /// Checks that were turned off, each with its reason.
    pub exceptions: Vec<String>,
}

/// A kernel that was prepared here from its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedInterface {
    /// The tarball, for people.
    pub source: String,
    /// The beginning of the configuration's digest.
    pub config: String,
    /// Who signed the list that the tarball's digest is from, for people.
    pub vouched_by: Option<String>,
    /// Checks that were turned off, each with its reason.
    pub exceptions: Vec<String>,
    /// True if the tarball is its user's own, pinned by digest like a module's source.
    pub is_local: bool,
    /// False if the preparation that modules were built against is not recorded.
    pub is_prepared: bool,
    /// True if it has the symbols that the whole kernel exports.
    pub has_symbols: bool,
    /// True if the engine confirms of every preparation that it was sealed and in the pinned image.
    pub sealed: bool,
    pub again: Again,
}

/// What preparing the kernel again showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    Same {
        /// The axes on which the two preparations differed, as observed.
        varied: BTreeSet<recipe::Axis>,
    },
    Different {
        /// The first files that were not the same.
        files: Vec<String>,
    },
    Failed {
        reason: String,
    },
    Unattempted,
}

/// What was built with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
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
        (Axis::Reproducibility, rebuilds(evidence.rebuilds.as_ref())),
        (Axis::Metadata, metadata(evidence.metadata_equal)),
        (Axis::Interface, interface(evidence.interface.as_ref())),
        (
            Axis::ClosedInputs,
            closed(evidence.closed_inputs.as_deref()),
        ),
        (Axis::Toolchain, toolchain(evidence.toolchain.as_ref())),
        (Axis::Isolation, isolation(evidence.isolation.as_ref())),
        (Axis::Source, source(evidence.source.as_ref())),
        (
            Axis::Signing,
            (Grade::Unsigned, "nothing was signed".to_owned()),
        ),
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

fn rebuilds(found: Option<&Rebuilds>) -> (Grade, String) {
    let Some(rebuilds) = found else {
        return (Grade::Unattempted, "it was not rebuilt".to_owned());
    };
    let total = rebuilds.same + rebuilds.different;
    if rebuilds.different > 0 {
        return (
            Grade::Differs,
            format!("{} of {total} rebuilds gave other bits", rebuilds.different),
        );
    }
    if total == 0 {
        return (Grade::Unattempted, "it was not rebuilt".to_owned());
    }
    let names = |axes: &[recipe::Axis]| {
        let words: Vec<String> = axes.iter().map(ToString::to_string).collect();
        words.join(", ")
    };
    let held: Vec<recipe::Axis> = recipe::Axis::ALL
        .into_iter()
        .filter(|axis| !rebuilds.varied.contains(axis))
        .collect();
    let noun = if total == 1 { "rebuild" } else { "rebuilds" };
    if held.is_empty() {
        (
            Grade::Varied,
            format!(
                "{total} {noun} gave the same bits with another {}",
                names(&recipe::Axis::ALL)
            ),
        )
    } else {
        (
            Grade::Fixed,
            format!(
                "{total} {noun} gave the same bits, but with the same {}",
                names(&held)
            ),
        )
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

fn interface(found: Option<&Interface>) -> (Grade, String) {
    match found {
        None => (
            Grade::InterfaceUnpinned,
            "where the headers came from is not recorded".to_owned(),
        ),
        Some(Interface::Packages(interface)) => packaged(interface),
        Some(Interface::Prepared(interface)) => prepared(interface),
    }
}

fn packaged(interface: &PackagedInterface) -> (Grade, String) {
    let count = interface.packages;
    if count == 0 {
        return (
            Grade::InterfaceUnpinned,
            "no header package is locked".to_owned(),
        );
    }
    if let Some(exception) = interface.exceptions.first() {
        return (
            Grade::Locked,
            format!("{count} prebuilt packages by digest; a check was turned off: {exception}"),
        );
    }
    if interface.vouched_by.is_empty() {
        return (
            Grade::Locked,
            format!("{count} prebuilt packages by digest; nobody vouched for them"),
        );
    }
    (
        Grade::Signed,
        format!(
            "{count} prebuilt packages by digest, vouched for by {}",
            interface.vouched_by.join(", ")
        ),
    )
}

/// Grades a kernel that was prepared here. What is not shown of it takes it to where packages would
/// stand that somebody has signed, or that nobody has.
fn prepared(interface: &PreparedInterface) -> (Grade, String) {
    let from = match &interface.vouched_by {
        Some(voucher) => format!("vouched for by {voucher}"),
        None => "by digest; nobody else vouched for it".to_owned(),
    };
    let what = format!(
        "prepared here from {}, {from}, with the configuration {}",
        interface.source, interface.config
    );
    if !interface.is_prepared {
        return (
            Grade::InterfaceUnpinned,
            "the preparation of the kernel is not recorded".to_owned(),
        );
    }
    if let Some(exception) = interface.exceptions.first() {
        return (
            Grade::Locked,
            format!("{what}; a check was turned off: {exception}"),
        );
    }
    let vouched = interface.vouched_by.is_some();
    if !vouched && !interface.is_local {
        return (Grade::Locked, what);
    }
    let lower = if vouched {
        Grade::Signed
    } else {
        Grade::Locked
    };
    if !interface.sealed {
        let why = "the engine does not confirm that it was sealed, in the pinned image";
        return (lower, format!("{what}; {why}"));
    }
    if !interface.has_symbols {
        let why = "without the symbols that the whole kernel exports";
        return (lower, format!("{what}; {why}"));
    }
    match &interface.again {
        Again::Unattempted => (lower, format!("{what}; it was not prepared again")),
        Again::Failed { reason } => (
            lower,
            format!("{what}; preparing it again failed: {reason}"),
        ),
        Again::Different { files } => (
            lower,
            format!(
                "{what}; prepared again, other bits came out: {}",
                files
                    .iter()
                    .take(3)
                    .map(|file| format!("`{file}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        ),
        Again::Same { varied } => {
            let held: Vec<String> = recipe::Axis::ALL
                .into_iter()
                .filter(|axis| !varied.contains(axis))
                .map(|axis| axis.to_string())
                .collect();
            let held = if held.is_empty() {
                String::new()
            } else {
                format!(", but with the same {}", held.join(", "))
            };
            (
                Grade::FromSource,
                format!("{what}; prepared again, the same came out{held}"),
            )
        }
    }
}

fn closed(found: Option<&[String]>) -> (Grade, String) {
    match found {
        None => (
            Grade::Undeclared,
            "the source was not looked through for prebuilt objects".to_owned(),
        ),
        Some([]) => (
            Grade::NoClosedInputs,
            "no prebuilt object stands in the source".to_owned(),
        ),
        Some([first, rest @ ..]) => (
            Grade::Undeclared,
            match rest.len() {
                0 => format!("`{first}` in the source is prebuilt and not declared"),
                more => {
                    format!("`{first}` and {more} more in the source are prebuilt and not declared")
                }
            },
        ),
    }
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
            "the image that ran is not the one that was pinned".to_owned(),
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
        format!("modules and kernel both name the compiler `{recorded}`"),
    )
}

fn isolation(found: Option<&Isolation>) -> (Grade, String) {
    match found {
        None => (
            Grade::Open,
            "how closed the build was is not recorded".to_owned(),
        ),
        Some(isolation) if isolation.attempts == 0 || isolation.sealed < isolation.attempts => (
            Grade::Open,
            format!(
                "the engine confirms the sealing of {} of {} attempts",
                isolation.sealed, isolation.attempts
            ),
        ),
        Some(_) => (
            Grade::Sealed,
            "no network, read-only inputs, no privilege, in every attempt".to_owned(),
        ),
    }
}

fn source(found: Option<&Revision>) -> (Grade, String) {
    match found {
        None => (
            Grade::Dirty,
            "where the source came from is not recorded".to_owned(),
        ),
        Some(Revision::Committed { commit }) => (
            Grade::Committed,
            format!("commit {}", commit.get(..12).unwrap_or(commit)),
        ),
        Some(Revision::Archived) => (Grade::Archived, "an archive by digest".to_owned()),
        Some(Revision::Dirty { reason }) => (Grade::Dirty, reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::{Freshness, Tier, label};

    fn complete() -> Evidence {
        Evidence {
            rebuilds: Some(Rebuilds {
                same: 2,
                different: 0,
                varied: recipe::Axis::ALL.into_iter().collect(),
            }),
            metadata_equal: Some(true),
            interface: Some(Interface::Packages(PackagedInterface {
                packages: 3,
                vouched_by: vec!["debian".to_owned()],
                exceptions: Vec::new(),
            })),
            closed_inputs: Some(Vec::new()),
            toolchain: Some(Toolchain {
                pinned: true,
                recorded: Some("(Debian 12.2.0-14) 12.2.0".to_owned()),
                used: vec!["GCC: (Debian 12.2.0-14) 12.2.0".to_owned()],
                mismatch: None,
            }),
            isolation: Some(Isolation {
                attempts: 3,
                sealed: 3,
            }),
            source: Some(Revision::Committed {
                commit: "0123456789abcdef".to_owned(),
            }),
        }
    }

    fn packages(evidence: &mut Evidence) -> &mut PackagedInterface {
        match &mut evidence.interface {
            Some(Interface::Packages(interface)) => interface,
            Some(Interface::Prepared(_)) | None => panic!("it has packages"),
        }
    }

    fn from_source() -> PreparedInterface {
        PreparedInterface {
            source: "`linux-6.12.1.tar.xz` of `kernel`".to_owned(),
            config: "0123456789ab".to_owned(),
            vouched_by: Some("kernel/v6.x of 2026-11-20 (key 01)".to_owned()),
            exceptions: Vec::new(),
            is_local: false,
            is_prepared: true,
            has_symbols: true,
            sealed: true,
            again: Again::Same {
                varied: recipe::Axis::ALL.into_iter().collect(),
            },
        }
    }

    #[test]
    fn a_kernel_that_was_prepared_twice_from_source_reaches_full() {
        type Change = fn(&mut PreparedInterface);
        let cases: [(Change, Grade, Tier); 10] = [
            (|_| {}, Grade::FromSource, Tier::Full),
            (
                |i| {
                    i.vouched_by = None;
                    i.is_local = true;
                },
                Grade::FromSource,
                Tier::Full,
            ),
            (|i| i.vouched_by = None, Grade::Locked, Tier::Constrained),
            (|i| i.sealed = false, Grade::Signed, Tier::Constrained),
            (|i| i.has_symbols = false, Grade::Signed, Tier::Constrained),
            (
                |i| i.again = Again::Unattempted,
                Grade::Signed,
                Tier::Constrained,
            ),
            (
                |i| {
                    i.again = Again::Different {
                        files: vec!["include/x.h".to_owned()],
                    };
                },
                Grade::Signed,
                Tier::Constrained,
            ),
            (
                |i| {
                    i.vouched_by = None;
                    i.is_local = true;
                    i.again = Again::Failed {
                        reason: "it does not compile".to_owned(),
                    };
                },
                Grade::Locked,
                Tier::Constrained,
            ),
            (
                |i| i.exceptions.push("unsigned".to_owned()),
                Grade::Locked,
                Tier::Constrained,
            ),
            (
                |i| i.is_prepared = false,
                Grade::InterfaceUnpinned,
                Tier::Unverified,
            ),
        ];
        for (index, (change, expected, expected_tier)) in cases.into_iter().enumerate() {
            let mut interface = from_source();
            change(&mut interface);
            let mut evidence = complete();
            evidence.interface = Some(Interface::Prepared(interface));
            assert_eq!(grade(&evidence).0.interface, expected, "{index}");
            assert_eq!(tier(&evidence), expected_tier, "{index}");
        }
    }

    fn tier(evidence: &Evidence) -> Tier {
        label(evidence, Freshness::Unknown).tier
    }

    #[test]
    fn prebuilt_signed_headers_reach_constrained_and_say_what_full_needs() {
        let label = label(&complete(), Freshness::Unknown);
        assert_eq!(label.tier, Tier::Constrained);
        assert_eq!(label.word(), "constrained+unknown-age");
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
    fn each_finding_has_its_grade() {
        type Change = fn(&mut Evidence);
        let cases: [(Change, Axis, Grade, Tier); 11] = [
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
                        .remove(&recipe::Axis::Cpus);
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
                |e| e.closed_inputs = Some(vec!["core.o".to_owned()]),
                Axis::ClosedInputs,
                Grade::Undeclared,
                Tier::Unverified,
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
                    e.source = Some(Revision::Dirty {
                        reason: "changed".to_owned(),
                    });
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

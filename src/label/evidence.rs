//! From facts to grades: one function per axis, each with its reason.

use crate::label::gates::{Examined, built_for};
use crate::label::interface::{Interface, interface};
use crate::label::rebuilds::{Rebuilds, rebuilds};
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
    /// Prebuilt objects among the sources.
    pub closed_inputs: Option<ClosedInputs>,
    pub toolchain: Option<Toolchain>,
    pub isolation: Option<Isolation>,
    pub source: Option<SourceOrigin>,
    /// The modules of all attempts, with what gates say of each.
    pub examined: Vec<Examined>,
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
            built_for(interface(evidence.interface.as_ref()), &evidence.examined),
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

/// Grades rebuilds, and what others built. Only rebuilds of one's own that agree are raised by others:
/// some that differ are outweighed by nobody, nor is what lets chance in, and where there are none
/// nobody knows whether they would differ.
fn reproducibility(evidence: &Evidence) -> (Grade, String) {
    let (grade, because) = rebuilds(evidence.rebuilds.as_ref());
    let Some(Independent { signed_by }) = &evidence.independent else {
        return (grade, because);
    };
    let agrees = evidence.rebuilds.as_ref().is_some_and(Rebuilds::is_even);
    if agrees {
        let text = format!(
            "another operator's build, signed by {signed_by}, gave the same bits; {because}"
        );
        return (Grade::Independent, text);
    }
    (grade, because)
}

fn signing(found: Option<&Signing>) -> (Grade, String) {
    let is_known = |found: &&Signing| Axis::Signing.grades().contains(&found.grade);
    match found.filter(is_known) {
        None => (Grade::Unsigned, "nothing was signed".to_owned()),
        Some(Signing { grade, by }) => (*grade, format!("what is claimed was signed by {by}")),
    }
}

#[cfg(test)]
mod tests;

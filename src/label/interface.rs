//! Where the kernel interface came from, and its grade.

use std::collections::BTreeSet;

use crate::label::Grade;
use crate::variation::Axis;

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
    /// The tarball or the commit, for people.
    pub source: String,
    /// The beginning of the configuration's digest.
    pub config: String,
    /// Who signed the list that the tarball's digest is from, for people.
    pub vouched_by: Option<String>,
    /// Checks that were turned off, each with its reason.
    pub exceptions: Vec<String>,
    /// True if the source is its user's own, pinned by digest or commit like a module's source.
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
        varied: BTreeSet<Axis>,
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

pub(super) fn interface(found: Option<&Interface>) -> (Grade, String) {
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
        let why = "without the symbols that the whole kernel exports, so that nobody has checked \
                   those that the module uses";
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
            let held: Vec<String> = Axis::of_a_preparation()
                .into_iter()
                .filter(|axis| !varied.contains(axis))
                .map(|axis| axis.noun().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

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
                varied: Axis::of_a_preparation(),
            },
        }
    }

    #[test]
    fn what_is_not_shown_of_a_prepared_kernel_lowers_its_grade() {
        type Change = fn(&mut PreparedInterface);
        let cases: [(Change, Grade); 10] = [
            (|_| {}, Grade::FromSource),
            (
                |i| {
                    i.vouched_by = None;
                    i.is_local = true;
                },
                Grade::FromSource,
            ),
            (|i| i.vouched_by = None, Grade::Locked),
            (|i| i.sealed = false, Grade::Signed),
            (|i| i.has_symbols = false, Grade::Signed),
            (|i| i.again = Again::Unattempted, Grade::Signed),
            (
                |i| {
                    i.again = Again::Different {
                        files: vec!["include/x.h".to_owned()],
                    };
                },
                Grade::Signed,
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
            ),
            (|i| i.exceptions.push("unsigned".to_owned()), Grade::Locked),
            (|i| i.is_prepared = false, Grade::InterfaceUnpinned),
        ];
        for (index, (change, expected)) in cases.into_iter().enumerate() {
            let mut found = from_source();
            change(&mut found);
            let (grade, because) = interface(Some(&Interface::Prepared(found)));
            assert_eq!(grade, expected, "{index}: {because}");
        }
    }
}

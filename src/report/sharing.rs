//! What cells share, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::lock::{PackageSum, Sharing};
use crate::report::size;

/// Prints how often packages are asked for, how many there are, and what that saves; nothing where no
/// cell is built from packages.
pub fn print_sharing(to: &mut impl Write, sharing: &Sharing) -> io::Result<()> {
    if sharing.cells == 0 {
        return Ok(());
    }
    writeln!(
        to,
        "packages: {} asked for by {} cells, {} to fetch and unpack, each once",
        sharing.asked.packages, sharing.cells, sharing.distinct.packages
    )?;
    if sharing.saved_bytes() > 0 {
        writeln!(
            to,
            "  saved: {} of {} to fetch, {} of {} to unpack",
            size(sharing.saved_bytes()),
            size(sharing.asked.bytes),
            size(sharing.saved_unpacked_bytes()),
            size(sharing.asked.unpacked_bytes)
        )?;
    }
    if sharing.not_unpacked > 0 {
        writeln!(
            to,
            "  not unpacked yet, and not counted as such: {}",
            sharing.not_unpacked
        )?;
    }
    Ok(())
}

/// The packages of a matrix's cells in `build --format json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SharingDocument {
    cells: usize,
    asked: PackageSumDocument,
    distinct: PackageSumDocument,
    saved_bytes: u64,
    saved_unpacked_bytes: u64,
    not_unpacked: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PackageSumDocument {
    packages: usize,
    bytes: u64,
    unpacked_bytes: u64,
}

impl From<&Sharing> for SharingDocument {
    fn from(sharing: &Sharing) -> Self {
        Self {
            cells: sharing.cells,
            asked: PackageSumDocument::from(&sharing.asked),
            distinct: PackageSumDocument::from(&sharing.distinct),
            saved_bytes: sharing.saved_bytes(),
            saved_unpacked_bytes: sharing.saved_unpacked_bytes(),
            not_unpacked: sharing.not_unpacked,
        }
    }
}

impl From<&PackageSum> for PackageSumDocument {
    fn from(sum: &PackageSum) -> Self {
        Self {
            packages: sum.packages,
            bytes: sum.bytes,
            unpacked_bytes: sum.unpacked_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharing(asked: u64, distinct: u64, not_unpacked: usize) -> Sharing {
        let sum = |packages: u64| PackageSum {
            packages: usize::try_from(packages).expect("few"),
            bytes: packages << 20,
            unpacked_bytes: packages << 23,
        };
        Sharing {
            cells: 3,
            asked: sum(asked),
            distinct: sum(distinct),
            not_unpacked,
        }
    }

    #[test]
    fn what_is_shared_is_told_and_what_is_not_known_is_not_claimed() {
        let asked = "packages: 9 asked for by 3 cells,";
        for (why, sharing, expected) in [
            ("no cell has packages", Sharing::default(), String::new()),
            (
                "nothing is shared",
                sharing(9, 9, 0),
                format!("{asked} 9 to fetch and unpack, each once\n"),
            ),
            (
                "some are shared",
                sharing(9, 4, 0),
                format!(
                    "{asked} 4 to fetch and unpack, each once\n  \
                     saved: 5.0 MiB of 9.0 MiB to fetch, 40.0 MiB of 72.0 MiB to unpack\n"
                ),
            ),
            (
                "some are not unpacked",
                sharing(9, 9, 2),
                format!(
                    "{asked} 9 to fetch and unpack, each once\n  \
                     not unpacked yet, and not counted as such: 2\n"
                ),
            ),
        ] {
            let mut out = Vec::new();
            print_sharing(&mut out, &sharing).expect("memory");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{why}");
        }
    }
}

//! A lock as people read it.

use std::io::{self, Write};
use std::path::Path;

use crate::lock::Lock;

/// Prints who vouched for what, the images, the sources, and how much is pinned.
pub fn print_lock(to: &mut impl Write, lock: &Lock, place: &Path) -> io::Result<()> {
    for suite in &lock.suites {
        let date = suite.date.strftime("%Y-%m-%d %H:%M UTC");
        writeln!(to, "{}/{} of {date}", suite.archive, suite.suite)?;
        for key in &suite.signed_by {
            writeln!(to, "  signed by {key}")?;
        }
        for exception in &suite.exceptions {
            writeln!(to, "  check turned off: {exception}")?;
        }
    }
    for image in lock.images.values() {
        writeln!(to, "image {} {}", image.name, image.id)?;
    }
    for (module, source) in &lock.sources {
        writeln!(to, "module {module} {}", source.tree)?;
    }
    let packages: std::collections::BTreeSet<_> = lock
        .targets
        .iter()
        .flat_map(|target| target.packages.iter().map(|package| package.sha256))
        .collect();
    writeln!(
        to,
        "{} cells, {} kernels, {} packages",
        lock.cells.len(),
        lock.targets.len(),
        packages.len()
    )?;
    writeln!(to, "lock {}", place.display())
}

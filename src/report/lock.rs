//! A lock as people read it.

use std::io::{self, Write};
use std::path::Path;

use crate::lock::{Lock, Sharing};
use crate::report::print_sharing;

/// Prints who vouched for what, the images, the sources, and how much is pinned.
pub fn print_lock(
    to: &mut impl Write,
    lock: &Lock,
    sharing: &Sharing,
    place: &Path,
) -> io::Result<()> {
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
    writeln!(
        to,
        "{} cells, {} kernels, {} packages",
        lock.cells.len(),
        lock.targets.len(),
        sharing.distinct.packages
    )?;
    print_sharing(to, sharing)?;
    writeln!(to, "lock {}", place.display())
}

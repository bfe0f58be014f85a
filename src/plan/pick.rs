//! The values that a target's `kernel` selects by, one at a time.

use std::fmt;

use globset::GlobMatcher;

use crate::document::Place;
use crate::matrix::{KernelPick, TargetSelector};
use crate::name::{KernelRelease, Series};

/// One value that selects kernels, and where it stands.
pub(super) struct Pick<'m> {
    by: By<'m>,
    pub(super) place: Place,
}

enum By<'m> {
    Nothing,
    Series(&'m Series),
    Release(&'m KernelRelease),
    Glob(GlobMatcher),
}

/// Returns the values of a target; a target that selects by nothing has one that matches everything.
pub(super) fn picks(target: &TargetSelector) -> Vec<Pick<'_>> {
    match &target.kernels.pick {
        KernelPick::Every => vec![Pick {
            by: By::Nothing,
            place: target.place,
        }],
        KernelPick::Series(series) => series
            .iter()
            .map(|series| Pick {
                by: By::Series(&series.value),
                place: series.place,
            })
            .collect(),
        KernelPick::Release(releases) => releases
            .iter()
            .map(|release| Pick {
                by: By::Release(&release.value),
                place: release.place,
            })
            .collect(),
        KernelPick::Glob(globs) => globs
            .iter()
            .map(|glob| Pick {
                by: By::Glob(glob.value.compile_matcher()),
                place: glob.place,
            })
            .collect(),
    }
}

impl Pick<'_> {
    /// Returns true if the value selects the kernel.
    pub(super) fn selects(&self, release: &KernelRelease) -> bool {
        match &self.by {
            By::Nothing => true,
            By::Series(series) => series.contains(release),
            By::Release(wanted) => *wanted == release,
            By::Glob(glob) => glob.is_match(release.as_str()),
        }
    }

    /// Returns the series, where the value is one.
    pub(super) fn series(&self) -> Option<&Series> {
        match &self.by {
            By::Series(series) => Some(series),
            By::Nothing | By::Release(_) | By::Glob(_) => None,
        }
    }

    /// Returns what kind of value it is.
    pub(super) fn noun(&self) -> &'static str {
        match &self.by {
            By::Nothing => "target",
            By::Series(_) => "series",
            By::Release(_) => "release",
            By::Glob(_) => "glob",
        }
    }
}

/// Prints the value as it could stand in a matrix.
impl fmt::Display for Pick<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            By::Nothing => f.write_str("kernel = {}"),
            By::Series(series) => write!(f, "series = \"{series}\""),
            By::Release(release) => write!(f, "release = \"{release}\""),
            By::Glob(glob) => write!(f, "glob = \"{}\"", glob.glob()),
        }
    }
}

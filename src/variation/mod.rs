//! What a rebuild changes on purpose.

mod axis;
mod profile;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use axis::{Axis, ParseAxisError};
pub use profile::{ParseProfileError, Profile};

const DIRECTORIES: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The surroundings of one attempt. Attempt 0 is the reference; the rest are rebuilds.
///
/// Where a field is missing in what an older version recorded, it was that of the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variation {
    /// The attempt's number, which salts the spec: two attempts are never one build.
    pub attempt: u32,
    /// The axes on which these surroundings are not the reference's.
    #[serde(default)]
    pub axes: BTreeSet<Axis>,
    /// Where the sources are built, below the work directory.
    pub build_path: String,
    /// Below what the kernel's headers stand, beside their own place; empty for that place.
    #[serde(default)]
    pub header_root: String,
    pub host_name: String,
    pub domain_name: String,
    pub user: u32,
    pub group: u32,
    pub user_name: String,
    /// Below the work directory.
    #[serde(default)]
    pub home: String,
    pub locale: String,
    /// A POSIX `TZ` string (POSIX.1-2017, section 8.3), so that no zone file is needed.
    pub time_zone: String,
    /// How far ahead the clock is, in days.
    #[serde(default)]
    pub days_ahead: u32,
    /// In octal, as `umask` takes it.
    pub umask: String,
    /// Variables that no build should look at.
    pub noise: Vec<(String, String)>,
    /// The CPUs that the attempt may use, and `make -j`. Zero stands for all of the machine's.
    pub cpus: u32,
    /// True if files are made from the last to the first.
    #[serde(default)]
    pub reversed_files: bool,
    /// True if `uname` tells of a kernel 2.6 (`personality(2)`, `UNAME26`).
    #[serde(default)]
    pub old_kernel: bool,
    #[serde(default)]
    pub path: String,
    /// True if the build has a terminal.
    #[serde(default)]
    pub terminal: bool,
    /// True if memory is mapped elsewhere (an unlimited stack does that: `mmap_base` in Linux, `mm/util.c`
    /// and `arch/x86/mm/mmap.c`), and is not zero before it is written (`mallopt(3)`, `M_PERTURB`).
    #[serde(default)]
    pub other_memory: bool,
}

impl Variation {
    /// Returns the surroundings of the reference.
    pub fn reference() -> Self {
        Self {
            attempt: 0,
            axes: BTreeSet::new(),
            build_path: "module".to_owned(),
            header_root: String::new(),
            host_name: "reference".to_owned(),
            domain_name: "kmatrix.invalid".to_owned(),
            user: 1000,
            group: 1000,
            user_name: "build".to_owned(),
            home: "home".to_owned(),
            locale: "C.UTF-8".to_owned(),
            time_zone: "UTC0".to_owned(),
            days_ahead: 0,
            umask: "022".to_owned(),
            noise: Vec::new(),
            cpus: 0,
            reversed_files: false,
            old_kernel: false,
            path: DIRECTORIES.join(":"),
            terminal: false,
            other_memory: false,
        }
    }

    /// Returns the surroundings of an attempt: those of the reference, but for these axes. Every
    /// attempt has other values on them, as far as an axis has more than two.
    pub fn of(attempt: u32, axes: &BTreeSet<Axis>) -> Self {
        Self::like(attempt, attempt, axes)
    }

    /// Returns the surroundings of an attempt that has on these axes the values of another one, so that
    /// nothing but the choice of axes is new in it.
    pub fn like(other: u32, attempt: u32, axes: &BTreeSet<Axis>) -> Self {
        let mut variation = Self {
            attempt,
            axes: axes.clone(),
            ..Self::reference()
        };
        for axis in axes {
            variation.change(*axis, other);
        }
        variation
    }

    /// Returns the surroundings of a preparation of a kernel: 0 is the reference, the others differ
    /// from it on every axis that a preparation has.
    pub fn of_preparation(number: u32) -> Self {
        match number {
            0 => Self::reference(),
            _ => Self::of(number, &Axis::of_a_preparation()),
        }
    }

    fn change(&mut self, axis: Axis, attempt: u32) {
        let odd = attempt % 2 == 1;
        match axis {
            Axis::BuildPath => {
                self.build_path = format!("rebuild-{attempt}/a/longer/path/to/the-same.source");
            }
            Axis::HeaderPath => self.header_root = format!("/kmatrix/elsewhere-{attempt}"),
            Axis::HostName => {
                self.host_name = format!("rebuild-{attempt}");
                self.domain_name = format!("elsewhere-{attempt}.invalid");
            }
            Axis::User => {
                self.user = 20_000 + attempt % 10_000;
                self.group = 30_000 + attempt % 10_000;
                self.user_name = format!("rebuilder{attempt}");
            }
            Axis::Home => self.home = format!("homes/of-rebuild-{attempt}"),
            // Turkish folds case as no other locale does: `i` and `I` are not one letter there.
            Axis::Locale => {
                self.locale = if odd { "tr_TR.UTF-8" } else { "C" }.to_owned();
            }
            // Half an hour off, and on the other side of the date line for most of the day.
            Axis::TimeZone => {
                self.time_zone = if odd { "KMX-13:30" } else { "KMX+11:30" }.to_owned();
            }
            // Another day, week, month and year.
            Axis::Clock => self.days_ahead = 400 + 37 * (attempt % 50),
            Axis::Umask => self.umask = if odd { "077" } else { "002" }.to_owned(),
            Axis::Environment => {
                self.noise = vec![
                    ("KMATRIX_NOISE".to_owned(), format!("attempt {attempt}")),
                    ("CDPATH".to_owned(), String::new()),
                    (
                        "BUILD_NUMBER".to_owned(),
                        4711_u32.wrapping_add(attempt).to_string(),
                    ),
                ];
            }
            Axis::Cpus => self.cpus = 1,
            Axis::FileOrder => self.reversed_files = true,
            Axis::Kernel => self.old_kernel = true,
            Axis::PathOrder => {
                let mut directories = DIRECTORIES;
                directories.reverse();
                self.path = format!("{}:/nonexistent/{attempt}", directories.join(":"));
            }
            Axis::Terminal => self.terminal = true,
            Axis::Memory => self.other_memory = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_is_the_reference_but_for_its_axes() {
        let without = |variation: &Variation| {
            let mut fields = match serde_json::to_value(variation).expect("it serialises") {
                serde_json::Value::Object(fields) => fields,
                other => panic!("{other}"),
            };
            fields.remove("attempt");
            fields.remove("axes");
            fields
        };
        let reference = without(&Variation::reference());
        for attempt in [1, 2, 7, 50] {
            let same = Variation::of(attempt, &BTreeSet::new());
            assert_eq!(without(&same), reference);
            let mut changed_by_one = 0;
            for axis in Axis::ALL {
                let one = without(&Variation::of(attempt, &[axis].into_iter().collect()));
                let changed = one
                    .iter()
                    .filter(|(name, value)| reference[*name] != **value);
                let changed = changed.count();
                assert!(changed > 0, "{axis} changes nothing in attempt {attempt}");
                changed_by_one += changed;
            }
            let all = without(&Variation::of(attempt, &Axis::all()));
            let changed = all
                .iter()
                .filter(|(name, value)| reference[*name] != **value);
            assert_eq!(changed.count(), changed_by_one, "axes are independent");
        }
    }
}

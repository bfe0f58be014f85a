//! What a rebuild changes on purpose.

mod axis;
mod profile;

use std::collections::{BTreeMap, BTreeSet};

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
    /// True if `nproc`, and with it `make -j`, counts more than there are.
    #[serde(default)]
    pub more_jobs: bool,
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

/// What a rebuild that varies the CPUs has in place of all of them and as many jobs.
///
/// One rebuild has one CPU, which tells what counts them, and what a parallel build does otherwise. But
/// threads that race each other do so on several CPUs alone, so every other one has all CPUs, and more jobs
/// than that. What races had a chance to show itself in the reference and in all rebuilds but one
/// then: in as many builds as there are rebuilds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpus {
    One,
    AllAndMoreJobs,
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
            more_jobs: false,
            reversed_files: false,
            old_kernel: false,
            path: DIRECTORIES.join(":"),
            terminal: false,
            other_memory: false,
        }
    }

    /// Returns the surroundings of a rebuild: those of the reference, but for these axes. Every
    /// attempt has other values on them, as far as an axis has more than two.
    pub fn of(attempt: u32, cpus: Cpus, axes: &BTreeSet<Axis>) -> Self {
        Self::like(&Self::unlike_the_reference(attempt, cpus), attempt, axes)
    }

    /// Returns the surroundings of an attempt that has on these axes the values of another one, so that
    /// nothing but the choice of axes is new in it.
    pub fn like(other: &Self, attempt: u32, axes: &BTreeSet<Axis>) -> Self {
        let mut variation = Self {
            attempt,
            axes: axes.clone(),
            ..Self::reference()
        };
        for axis in axes {
            variation.take(*axis, other);
        }
        variation
    }

    /// Returns the surroundings of a preparation of a kernel: 0 is the reference, the others differ
    /// from it on every axis that a preparation has.
    pub fn of_preparation(number: u32) -> Self {
        match number {
            0 => Self::reference(),
            _ => Self::of(number, Cpus::One, &Axis::of_a_preparation()),
        }
    }

    /// Returns what these surroundings are on those of their axes that have but a few values. Rebuilds on the
    /// same axes are in the same surroundings only if these are the same as well.
    pub fn choices(&self) -> BTreeMap<Axis, String> {
        let cpus = match (self.cpus, self.more_jobs) {
            (0, true) => "more-jobs".to_owned(),
            (count, _) => count.to_string(),
        };
        [
            (Axis::Locale, self.locale.clone()),
            (Axis::TimeZone, self.time_zone.clone()),
            (Axis::Umask, self.umask.clone()),
            (Axis::Cpus, cpus),
        ]
        .into_iter()
        .filter(|(axis, _)| self.axes.contains(axis))
        .collect()
    }

    /// Returns surroundings that are on every axis not those of the reference.
    fn unlike_the_reference(attempt: u32, cpus: Cpus) -> Self {
        let odd = attempt % 2 == 1;
        let mut directories = DIRECTORIES;
        directories.reverse();
        Self {
            attempt,
            axes: Axis::all(),
            build_path: format!("rebuild-{attempt}/a/longer/path/to/the-same.source"),
            header_root: format!("/kmatrix/elsewhere-{attempt}"),
            host_name: format!("rebuild-{attempt}"),
            domain_name: format!("elsewhere-{attempt}.invalid"),
            user: 20_000 + attempt % 10_000,
            group: 30_000 + attempt % 10_000,
            user_name: format!("rebuilder{attempt}"),
            home: format!("homes/of-rebuild-{attempt}"),
            // Turkish folds case as no other locale does: `i` and `I` are not one letter there.
            locale: if odd { "tr_TR.UTF-8" } else { "C" }.to_owned(),
            // Half an hour off, and on the other side of the date line for most of the day.
            time_zone: if odd { "KMX-13:30" } else { "KMX+11:30" }.to_owned(),
            // Another day, week, month and year.
            days_ahead: 400 + 37 * (attempt % 50),
            umask: if odd { "077" } else { "002" }.to_owned(),
            noise: vec![
                ("KMATRIX_NOISE".to_owned(), format!("attempt {attempt}")),
                ("CDPATH".to_owned(), String::new()),
                (
                    "BUILD_NUMBER".to_owned(),
                    4711_u32.wrapping_add(attempt).to_string(),
                ),
            ],
            cpus: match cpus {
                Cpus::One => 1,
                Cpus::AllAndMoreJobs => 0,
            },
            more_jobs: match cpus {
                Cpus::One => false,
                Cpus::AllAndMoreJobs => true,
            },
            reversed_files: true,
            old_kernel: true,
            path: format!("{}:/nonexistent/{attempt}", directories.join(":")),
            terminal: true,
            other_memory: true,
        }
    }

    /// Takes what belongs to an axis from other surroundings.
    fn take(&mut self, axis: Axis, other: &Self) {
        match axis {
            Axis::BuildPath => self.build_path.clone_from(&other.build_path),
            Axis::HeaderPath => self.header_root.clone_from(&other.header_root),
            Axis::HostName => {
                self.host_name.clone_from(&other.host_name);
                self.domain_name.clone_from(&other.domain_name);
            }
            Axis::User => {
                (self.user, self.group) = (other.user, other.group);
                self.user_name.clone_from(&other.user_name);
            }
            Axis::Home => self.home.clone_from(&other.home),
            Axis::Locale => self.locale.clone_from(&other.locale),
            Axis::TimeZone => self.time_zone.clone_from(&other.time_zone),
            Axis::Clock => self.days_ahead = other.days_ahead,
            Axis::Umask => self.umask.clone_from(&other.umask),
            Axis::Environment => self.noise.clone_from(&other.noise),
            Axis::Cpus => (self.cpus, self.more_jobs) = (other.cpus, other.more_jobs),
            Axis::FileOrder => self.reversed_files = other.reversed_files,
            Axis::Kernel => self.old_kernel = other.old_kernel,
            Axis::PathOrder => self.path.clone_from(&other.path),
            Axis::Terminal => self.terminal = other.terminal,
            Axis::Memory => self.other_memory = other.other_memory,
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
        let more = Cpus::AllAndMoreJobs;
        for (attempt, cpus) in [
            (1, Cpus::One),
            (2, more),
            (7, Cpus::One),
            (7, more),
            (50, more),
        ] {
            let of = |axes: &BTreeSet<Axis>| Variation::of(attempt, cpus, axes);
            assert_eq!(without(&of(&BTreeSet::new())), reference);
            let mut changed_by_one = 0;
            for axis in Axis::ALL {
                let one = without(&of(&[axis].into_iter().collect()));
                let changed = one
                    .iter()
                    .filter(|(name, value)| reference[*name] != **value);
                let changed = changed.count();
                assert!(changed > 0, "{axis} changes nothing in attempt {attempt}");
                changed_by_one += changed;
            }
            let all = without(&of(&Axis::all()));
            let changed = all
                .iter()
                .filter(|(name, value)| reference[*name] != **value);
            assert_eq!(changed.count(), changed_by_one, "axes are independent");
        }
    }

    #[test]
    fn what_is_made_like_another_has_its_values_and_so_its_choices() {
        let other = Variation::of(2, Cpus::AllAndMoreJobs, &Axis::all());
        for axis in Axis::ALL {
            let axes = [axis].into_iter().collect();
            let like = Variation::like(&other, 9, &axes);
            assert_eq!((like.attempt, &like.axes), (9, &axes));
            let back = Variation::like(&like, 2, &axes);
            assert_eq!(
                back,
                Variation::of(2, Cpus::AllAndMoreJobs, &axes),
                "{axis}"
            );
            assert_ne!(back, Variation::like(&Variation::reference(), 2, &axes));
            for (of, value) in like.choices() {
                assert_eq!((of, Some(&value)), (axis, other.choices().get(&axis)));
            }
        }
        let of = |attempt, cpus| Variation::of(attempt, cpus, &Axis::all()).choices();
        let more = Cpus::AllAndMoreJobs;
        assert_eq!(of(1, Cpus::One).len(), 4);
        assert_ne!(of(1, Cpus::One), of(3, more));
        assert_ne!(of(2, more), of(3, more));
        assert_eq!(of(4, more), of(2, more));
    }
}

//! The axes: what of its surroundings a rebuild changes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that a rebuild changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    BuildPath,
    /// Where the kernel's headers stand.
    HeaderPath,
    HostName,
    User,
    Home,
    Locale,
    TimeZone,
    /// The wall clock, by years, and the times of the source's files.
    Clock,
    Umask,
    Environment,
    Cpus,
    /// The order in which the source's files are made, and with it that in which directories list them.
    FileOrder,
    /// The kernel release of the machine, as `uname` says it.
    Kernel,
    PathOrder,
    /// Whether the build has a terminal.
    Terminal,
    /// Where memory is mapped, and what is in it before it is written.
    Memory,
}

/// Says why a string is no axis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no axis; they are {}", Axis::words())]
pub struct ParseAxisError {
    found: String,
}

impl Axis {
    /// Every axis, in the order in which they are printed.
    pub const ALL: [Self; 16] = [
        Self::BuildPath,
        Self::HeaderPath,
        Self::HostName,
        Self::User,
        Self::Home,
        Self::Locale,
        Self::TimeZone,
        Self::Clock,
        Self::Umask,
        Self::Environment,
        Self::Cpus,
        Self::FileOrder,
        Self::Kernel,
        Self::PathOrder,
        Self::Terminal,
        Self::Memory,
    ];

    /// Every axis, as a set.
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.into_iter().collect()
    }

    /// The axes that a rebuild has to have varied for `varied`: all but the path of the headers, which is
    /// that of the packages and no property of whoever builds. Compilers write it into code where a
    /// kernel has its undefined behaviour checked (`CONFIG_UBSAN`), and no option maps it there.
    pub fn expected() -> BTreeSet<Self> {
        let mut axes = Self::all();
        axes.remove(&Self::HeaderPath);
        axes
    }

    /// The axes of the preparation of a kernel, which has no headers but makes them.
    pub fn of_a_preparation() -> BTreeSet<Self> {
        Self::expected()
    }

    /// Returns the word for files, flags and records.
    pub fn id(self) -> &'static str {
        match self {
            Self::BuildPath => "build-path",
            Self::HeaderPath => "header-path",
            Self::HostName => "host-name",
            Self::User => "user",
            Self::Home => "home",
            Self::Locale => "locale",
            Self::TimeZone => "time-zone",
            Self::Clock => "clock",
            Self::Umask => "umask",
            Self::Environment => "environment",
            Self::Cpus => "cpus",
            Self::FileOrder => "file-order",
            Self::Kernel => "kernel",
            Self::PathOrder => "path-order",
            Self::Terminal => "terminal",
            Self::Memory => "memory",
        }
    }

    /// Returns what it is, for people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::BuildPath => "build path",
            Self::HeaderPath => "header path",
            Self::HostName => "host name",
            Self::User => "user",
            Self::Home => "home directory",
            Self::Locale => "locale",
            Self::TimeZone => "time zone",
            Self::Clock => "clock",
            Self::Umask => "umask",
            Self::Environment => "environment",
            Self::Cpus => "CPU count",
            Self::FileOrder => "file order",
            Self::Kernel => "kernel of the machine",
            Self::PathOrder => "order of PATH",
            Self::Terminal => "terminal",
            Self::Memory => "memory layout",
        }
    }

    fn words() -> String {
        let words: Vec<&str> = Self::ALL.into_iter().map(Self::id).collect();
        words.join(", ")
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl FromStr for Axis {
    type Err = ParseAxisError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|axis| axis.id() == text)
            .ok_or_else(|| ParseAxisError {
                found: text.chars().take(40).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        for axis in Axis::ALL {
            assert_eq!(axis.to_string().parse(), Ok(axis));
            assert_eq!(
                serde_json::to_value(axis).expect("it serialises"),
                axis.id(),
                "records and flags have one word for it"
            );
        }
        let error = "hostname".parse::<Axis>().expect_err("no axis");
        assert!(error.to_string().contains("host-name"), "{error}");
    }
}

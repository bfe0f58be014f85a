//! Which axes are varied, and how often at least: a choice by one word.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::variation::Axis;

/// How much a rebuild changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// What differs between any two machines; enough to notice a careless module, not for `varied`.
    Minimal,
    /// Every axis that `varied` asks for.
    #[default]
    Standard,
    /// Every axis, in so many rebuilds that what flips between two results as rarely as 6:4 is seen.
    Paranoid,
}

/// Says why a string is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no profile; they are minimal, standard, paranoid")]
pub struct ParseProfileError(String);

impl Profile {
    /// Every profile, from the one that changes least.
    pub const ALL: [Self; 3] = [Self::Minimal, Self::Standard, Self::Paranoid];

    /// Returns the word for files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Paranoid => "paranoid",
        }
    }

    /// Returns the axes that are varied.
    pub fn axes(self) -> BTreeSet<Axis> {
        match self {
            Self::Minimal => [
                Axis::BuildPath,
                Axis::HostName,
                Axis::User,
                Axis::Home,
                Axis::TimeZone,
                Axis::Clock,
            ]
            .into_iter()
            .collect(),
            Self::Standard => Axis::expected(),
            Self::Paranoid => Axis::all(),
        }
    }

    /// Returns how often a cell is rebuilt at least, if it is rebuilt at all.
    pub fn least_rebuilds(self) -> u32 {
        match self {
            Self::Minimal | Self::Standard => 1,
            Self::Paranoid => 8,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = ParseProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == text)
            .ok_or_else(|| ParseProfileError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_varies_what_the_one_before_it_does() {
        for pair in Profile::ALL.windows(2) {
            assert!(pair[0].axes().is_subset(&pair[1].axes()));
            assert!(pair[0].least_rebuilds() <= pair[1].least_rebuilds());
        }
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
    }
}

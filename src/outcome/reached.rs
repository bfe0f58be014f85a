//! What of an attempt's surroundings reached its build, as a probe inside the container found before
//! anything of the source was run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::variation::Axis;

/// The most bytes of the probe's lines, and the most characters of one of its answers.
const MOST: usize = 8192;
const MOST_OF_A_VALUE: usize = 400;
/// How far two clocks have to be apart to count as another day.
const DAY: i64 = 24 * 60 * 60;

/// What the probe found on each axis; nothing on those that it could not look at, and nothing at all
/// where it was not run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reached(BTreeMap<Axis, String>);

impl Reached {
    /// Reads the lines with which what the container printed begins (`surroundings.sh`, `probe`).
    ///
    /// # Security
    ///
    /// They are printed before the source has a say, so only the beginning is looked at.
    pub fn read(log: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&log[..log.len().min(MOST)]);
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        if lines.next() != Some("kmatrix-probe 1") {
            return Self::default();
        }
        let mut found = BTreeMap::new();
        for line in lines {
            if line == "kmatrix-probe end" {
                return Self(found);
            }
            let (axis, value) = line.split_once(' ').unwrap_or((line, ""));
            if let Ok(axis) = axis.parse() {
                found.insert(axis, value.chars().take(MOST_OF_A_VALUE).collect());
            }
        }
        // It did not come to its end.
        Self::default()
    }

    /// Returns what was found on an axis.
    pub fn on(&self, axis: Axis) -> Option<&str> {
        self.0.get(&axis).map(String::as_str)
    }

    /// Returns the axes on which both probes found something, and not the same.
    pub fn differs_from(&self, other: &Self) -> BTreeSet<Axis> {
        Axis::ALL
            .into_iter()
            .filter(|axis| match (self.on(*axis), other.on(*axis)) {
                (Some(one), Some(other)) => match axis {
                    Axis::Clock => are_days_apart(one, other),
                    // A host and its domain; numbers and a name: all have to be others.
                    Axis::HostName | Axis::User => every_word_differs(one, other),
                    Axis::Cpus => is_another_count(one, other),
                    Axis::BuildPath
                    | Axis::HeaderPath
                    | Axis::Home
                    | Axis::Locale
                    | Axis::TimeZone
                    | Axis::Umask
                    | Axis::Environment
                    | Axis::FileOrder
                    | Axis::Kernel
                    | Axis::PathOrder
                    | Axis::Terminal
                    | Axis::Memory => one != other,
                },
                (None, _) | (_, None) => false,
            })
            .collect()
    }
}

/// Returns true if both have as many words, and none in the place of its like.
fn every_word_differs(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (words(one), words(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one != other)
}

/// Holds two answers such as `2 -j5` against each other: the CPUs that there are, and what `nproc` counts;
/// in records of before the two were told apart, one number for both. What needs several CPUs to show
/// itself cannot do so where neither build had them, however many jobs there were.
fn is_another_count(one: &str, other: &str) -> bool {
    let cpus = |text: &str| {
        let first = text.split(' ').next();
        first.and_then(|count| count.parse::<u32>().ok())
    };
    let has_several = |text| cpus(text).is_some_and(|count| count > 1);
    one != other && (has_several(one) || has_several(other))
}

/// Holds two clocks, in seconds of the Unix epoch, against each other.
fn are_days_apart(one: &str, other: &str) -> bool {
    match (one.parse::<i64>(), other.parse::<i64>()) {
        (Ok(one), Ok(other)) => one.saturating_sub(other).saturating_abs() >= DAY,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reached {
        Reached::read(text.as_bytes())
    }

    #[test]
    fn a_probe_is_believed_only_as_a_whole_and_only_at_the_beginning() {
        let whole = "kmatrix-probe 1\r\nuser 1:2 b\r\nodd thing\r\nkmatrix-probe end\r\nmake: x\n";
        assert_eq!(of(whole).on(Axis::User), Some("1:2 b"));
        for text in [
            "",
            "make\nkmatrix-probe 1\nuser 1:2 b\nkmatrix-probe end\n",
            "kmatrix-probe 1\nuser 1:2 b\n",
        ] {
            assert_eq!(of(text), Reached::default(), "{text}");
        }
    }

    #[test]
    fn an_axis_differs_if_both_were_asked_and_answer_otherwise() {
        let probe = |lines: &str| of(&format!("kmatrix-probe 1\n{lines}kmatrix-probe end\n"));
        let first = probe("umask 0022\nclock 1000000\nhome /build/home\n");
        let second = probe("umask 0077\nclock 1086399\n");
        assert_eq!(
            second.differs_from(&first),
            [Axis::Umask].into_iter().collect()
        );
        let third = probe("clock 1086400\n");
        assert_eq!(
            third.differs_from(&first),
            [Axis::Clock].into_iter().collect()
        );
        for (first, second, is_another) in [
            ("host-name one in.one", "host-name two in.two", true),
            ("host-name one in.one", "host-name two in.one", false),
            ("host-name one in.one", "host-name one in.two", false),
            ("host-name one in.one", "host-name two", false),
            ("user 1000 1000 build", "user 1001 1002 other", true),
            ("user 1000 1000 build", "user 1000 1000 other", false),
            ("memory 0x700000000000", "memory 0x100000000000", true),
            ("memory 0x700000000000", "memory 0x700000000000", false),
            ("memory 0x700000000000", "umask 0077", false),
            ("cpus 2 -j2", "cpus 1 -j1", true),
            ("cpus 2 -j2", "cpus 2 -j5", true),
            ("cpus 2 -j2", "cpus 2 -j2", false),
            ("cpus 1 -j1", "cpus 1 -j4", false),
            ("cpus 2", "cpus 1", true),
            ("cpus many", "cpus 1 -j1", false),
        ] {
            let (first, second) = (probe(&format!("{first}\n")), probe(&format!("{second}\n")));
            let found = second.differs_from(&first);
            assert_eq!(!found.is_empty(), is_another, "{first:?} {second:?}");
        }
        assert!(first.differs_from(&first).is_empty());
        assert!(first.differs_from(&Reached::default()).is_empty());
    }
}

//! The strings and numbers of the surroundings of a build, as they may stand in what it made.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::compare::Excerpt;
use crate::outcome::Reached;
use crate::variation::{Axis, Variation};

/// How long a build may take, in seconds, for a time in it to count as its own.
const LONGEST: i64 = 12 * 60 * 60;

/// How dates are written (strftime).
const DATES: [&str; 7] = [
    "%b %e %Y", "%b %d %Y", "%Y-%m-%d", "%Y%m%d", "%d %b %Y", "%Y/%m/%d", "%a %b %e",
];

/// What is known of the surroundings of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// By axis; the same list of things for every build, with an empty string for what is not there.
    strings: Vec<(Axis, String)>,
    numbers: Vec<(Axis, u64)>,
    /// In seconds of the Unix epoch.
    clock: Option<i64>,
}

impl Surroundings {
    /// Takes what the attempt was given, and what a probe found inside of it.
    pub fn of(variation: &Variation, reached: &Reached) -> Self {
        let found = |axis| reached.on(axis).unwrap_or_default().trim_end().to_owned();
        let noise = |number: usize| {
            let variable = variation.noise.get(number);
            variable.map_or_else(String::new, |(_, value)| value.clone())
        };
        let host = &variation.host_name;
        let domain = &variation.domain_name;
        Self {
            strings: vec![
                (Axis::BuildPath, found(Axis::BuildPath)),
                (Axis::BuildPath, variation.build_path.clone()),
                (Axis::HeaderPath, found(Axis::HeaderPath)),
                (Axis::HeaderPath, variation.header_root.clone()),
                (Axis::HostName, format!("{host}.{domain}")),
                (Axis::HostName, host.clone()),
                (Axis::HostName, domain.clone()),
                (Axis::User, variation.user_name.clone()),
                (Axis::User, variation.user.to_string()),
                (Axis::User, variation.group.to_string()),
                (Axis::Home, found(Axis::Home)),
                (Axis::Locale, variation.locale.clone()),
                (Axis::TimeZone, variation.time_zone.clone()),
                (Axis::TimeZone, found(Axis::TimeZone)),
                (Axis::Environment, noise(0)),
                (Axis::Environment, noise(2)),
                (Axis::Kernel, found(Axis::Kernel)),
                (Axis::PathOrder, found(Axis::PathOrder)),
                (Axis::Terminal, found(Axis::Terminal)),
            ],
            numbers: vec![
                (Axis::User, variation.user.into()),
                (Axis::User, variation.group.into()),
            ],
            clock: reached
                .on(Axis::Clock)
                .and_then(|seconds| seconds.trim().parse().ok()),
        }
    }

    /// Returns the axes whose values are all that tells two texts apart; none if they are not.
    pub(super) fn tell_apart(&self, other: &Self, first: &str, second: &str) -> Vec<Axis> {
        let mut pairs: Vec<(Axis, &str, &str)> = self
            .strings
            .iter()
            .zip(&other.strings)
            .filter(|((_, one), (_, two))| one != two)
            .map(|((axis, one), (_, two))| (*axis, one.as_str(), two.as_str()))
            .collect();
        let is_all = |pair: &&(Axis, &str, &str)| {
            let (_, one, two) = **pair;
            replaced(second, two, one).is_some_and(|text| text == first)
                || replaced(first, one, two).is_some_and(|text| text == second)
        };
        if let Some((axis, _, _)) = pairs.iter().find(is_all) {
            return vec![*axis];
        }
        if self.is_clock(other, first, second) {
            return vec![Axis::Clock];
        }
        // Several at once: the longest first, since they may stand in one another.
        pairs.sort_by_key(|(_, _, two)| std::cmp::Reverse(two.len()));
        let (mut text, mut axes) = (second.to_owned(), Vec::new());
        for (axis, one, two) in pairs {
            if let Some(next) = replaced(&text, two, one) {
                text = next;
                axes.push(axis);
            }
        }
        axes.sort_unstable();
        axes.dedup();
        if text == first { axes } else { Vec::new() }
    }

    /// Returns the axis whose values are all that tells two runs of bytes apart.
    pub(super) fn tell_runs_apart(
        &self,
        other: &Self,
        first: &Excerpt,
        second: &Excerpt,
    ) -> Option<Axis> {
        let (one, two) = (whole(first)?, whole(second)?);
        let strings = self.strings.iter().zip(&other.strings);
        for ((axis, a), (_, b)) in strings {
            if a.len().min(b.len()) >= 2 && is_run(&one, &two, a.as_bytes(), b.as_bytes()) {
                return Some(*axis);
            }
        }
        for ((axis, a), (_, b)) in self.numbers.iter().zip(&other.numbers) {
            let forms = [
                (a.to_le_bytes(), b.to_le_bytes()),
                (a.to_be_bytes(), b.to_be_bytes()),
            ];
            // One byte alone is too little to be told.
            let is_number = |(a, b): &([u8; 8], [u8; 8])| one.len() > 1 && is_run(&one, &two, a, b);
            if forms.iter().any(is_number) {
                return Some(*axis);
            }
        }
        let seconds = |run: &[u8]| {
            let bytes: [u8; 4] = run.try_into().ok()?;
            Some([u32::from_le_bytes(bytes), u32::from_be_bytes(bytes)])
        };
        let (a, b) = (seconds(&one)?, seconds(&two)?);
        let mut pairs = a.into_iter().zip(b);
        pairs
            .any(|(a, b)| is_at(self.clock, a.into()) && is_at(other.clock, b.into()))
            .then_some(Axis::Clock)
    }

    /// Returns true if each text has the time of its own build, written in one way.
    fn is_clock(&self, other: &Self, first: &str, second: &str) -> bool {
        let (Some(one), Some(two)) = (self.clock, other.clock) else {
            return false;
        };
        let decimal = |text: &str, clock| {
            let mut numbers = text.split(|c: char| !c.is_ascii_digit());
            numbers.any(|number| {
                number
                    .parse()
                    .is_ok_and(|seconds| is_at(Some(clock), seconds))
            })
        };
        if decimal(first, one) && decimal(second, two) {
            return true;
        }
        let has = |text: &str, clock: i64, form: &str| {
            // In any zone it is the day before, the same, or the one behind.
            [-1, 0, 1].into_iter().any(|days: i64| {
                let day = Timestamp::from_second(clock.saturating_add(days * 86_400));
                day.is_ok_and(|day| {
                    let day = day.to_zoned(TimeZone::UTC).strftime(form).to_string();
                    text.contains(&day)
                })
            })
        };
        one.abs_diff(two) > 3 * 86_400
            && DATES
                .iter()
                .any(|form| has(first, one, form) && has(second, two, form))
    }
}

fn is_at(clock: Option<i64>, seconds: i64) -> bool {
    clock.is_some_and(|clock| (clock - 60..=clock.saturating_add(LONGEST)).contains(&seconds))
}

/// Returns a text with one word for another; `None` if it does not have it. Words of few letters
/// count only where they stand alone.
fn replaced(text: &str, from: &str, to: &str) -> Option<String> {
    const FEW: usize = 4;
    if from.is_empty() || !text.contains(from) {
        return None;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut result = String::with_capacity(text.len());
    let (mut end, mut any) = (0, false);
    for (at, _) in text.match_indices(from) {
        let behind = at + from.len();
        let is_alone = !text[..at].ends_with(is_part) && !text[behind..].starts_with(is_part);
        if from.len() >= FEW || is_alone {
            result.push_str(&text[end..at]);
            result.push_str(to);
            end = behind;
            any = true;
        }
    }
    result.push_str(&text[end..]);
    any.then_some(result)
}

/// Returns the bytes of a run that is shown in full.
fn whole(excerpt: &Excerpt) -> Option<Vec<u8>> {
    let bytes = hex::decode(&excerpt.hex).ok()?;
    (bytes.len() as u64 == excerpt.bytes).then_some(bytes)
}

/// Returns true if two runs are all in which two values differ, with zeros behind the shorter one.
fn is_run(one: &[u8], two: &[u8], a: &[u8], b: &[u8]) -> bool {
    let length = a.len().max(b.len());
    let padded = |value: &[u8]| {
        let mut value = value.to_vec();
        value.resize(length, 0);
        value
    };
    let (a, b) = (padded(a), padded(b));
    let differs = |at: &usize| a[*at] != b[*at];
    let (Some(from), Some(to)) = ((0..length).find(differs), (0..length).rev().find(differs))
    else {
        return false;
    };
    one == &a[from..=to] && two == &b[from..=to]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variation::Cpus;

    fn of(attempt: u32, clock: i64) -> Surroundings {
        let variation = match attempt {
            0 => Variation::reference(),
            _ => Variation::of(attempt, Cpus::One, &Axis::all()),
        };
        let path = format!("/build/{}", variation.build_path);
        let text = format!(
            "kmatrix-probe 1\nbuild-path {path}\nclock {clock}\nkernel 6.1.0\nkmatrix-probe end\n"
        );
        Surroundings::of(&variation, &Reached::read(text.as_bytes()))
    }

    #[test]
    fn texts_that_only_the_surroundings_tell_apart_name_their_axes() {
        // 2026-11-21 and 2028-01-31.
        let (one, two) = (of(0, 1_795_219_200), of(1, 1_832_976_000));
        let path = "/build/rebuild-1/a/longer/path/to/the-same.source";
        for (first, second, expected) in [
            ("by reference", "by rebuild-1", vec![Axis::HostName]),
            (
                "/build/module/main.c",
                &format!("{path}/main.c"),
                vec![Axis::BuildPath],
            ),
            ("uid=1000", "uid=20001", vec![Axis::User]),
            (
                "build@reference:/build/module",
                &format!("rebuilder1@rebuild-1:{path}"),
                vec![Axis::BuildPath, Axis::HostName, Axis::User],
            ),
            ("Nov 21 2026", "Jan 31 2028", vec![Axis::Clock]),
            ("at 1795219203", "at 1832976003", vec![Axis::Clock]),
            ("Nov 21 2026", "Jan 31 2027", vec![]),
            ("by reference", "by another", vec![]),
            ("the same", "the same too", vec![]),
        ] {
            assert_eq!(one.tell_apart(&two, first, second), expected, "{first}");
        }
    }

    #[test]
    fn runs_of_bytes_are_held_against_strings_numbers_and_clocks() {
        let (one, two) = (of(0, 1_795_219_200), of(1, 1_832_976_000));
        for (first, second, expected) in [
            (&[0xe8, 0x03][..], &[0x21, 0x4e][..], Some(Axis::User)),
            (b"ference", b"build-1", Some(Axis::HostName)),
            (
                &1_795_219_201_u32.to_le_bytes(),
                &1_832_976_001_u32.to_le_bytes(),
                Some(Axis::Clock),
            ),
            (&[1, 2, 3, 4], &[5, 6, 7, 8], None),
        ] {
            let found = one.tell_runs_apart(&two, &Excerpt::of(first), &Excerpt::of(second));
            assert_eq!(found, expected, "{first:?}");
        }
    }
}

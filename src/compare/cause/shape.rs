//! What two texts look like that differ: paths, dates, names and random words.

use std::sync::LazyLock;

use regex::Regex;

use super::{Cause, Confidence};

/// Returns what two texts of one place look like to differ in; nothing if it could be anything.
pub(super) fn look(section: &str, first: &str, second: &str) -> Vec<(Cause, Confidence)> {
    let sure = |cause, confidence| vec![(cause, confidence)];
    if let Some(cause) = paths(section, first, second) {
        let is_debug = cause == Cause::BuildPathDebug;
        return sure(
            cause,
            if is_debug {
                Confidence::Certain
            } else {
                Confidence::Likely
            },
        );
    }
    if REPOSITORY.is_match(first) || REPOSITORY.is_match(second) {
        return sure(Cause::RepositoryState, Confidence::Likely);
    }
    let times = times(first, second);
    if !times.is_empty() {
        return times;
    }
    let (one, two) = word_apart(first, second);
    if one.contains('@') && two.contains('@') {
        let parts = |word: &str| {
            let (user, host) = word.split_once('@').unwrap_or_default();
            (user.to_owned(), host.to_owned())
        };
        let ((user, host), (other_user, other_host)) = (parts(one), parts(two));
        let mut found = Vec::new();
        if host != other_host {
            found.push((Cause::HostName, Confidence::Likely));
        }
        if user != other_user {
            found.push((Cause::User, Confidence::Likely));
        }
        return found;
    }
    if UUID.is_match(one) && UUID.is_match(two) {
        return sure(Cause::RandomBytes, Confidence::Likely);
    }
    let is_quoted = |text: &str| text.contains(['‘', '’', '“', '”', '«', '»']);
    if is_quoted(first) != is_quoted(second) {
        return sure(Cause::Locale, Confidence::Likely);
    }
    let is_name = |word: &str| NAME.is_match(word);
    let before = common(first, second).to_lowercase();
    if is_name(one) && is_name(two) {
        if before.contains("host") {
            return sure(Cause::HostName, Confidence::Likely);
        }
        if before.contains("user") || before.contains("built by") || before.contains("builder") {
            return sure(Cause::User, Confidence::Likely);
        }
    }
    let is_token = |word: &str| TOKEN.is_match(word);
    if one.len() == two.len() && is_token(one) && is_token(two) {
        return sure(Cause::RandomBytes, Confidence::Likely);
    }
    Vec::new()
}

/// Returns true if two texts are one file below two directories.
pub(super) fn are_one_file(first: &str, second: &str) -> bool {
    let is_path = |text: &str| text.starts_with('/');
    let name = |text: &'_ str| text.rsplit('/').next().unwrap_or_default().to_owned();
    is_path(first) && is_path(second) && first != second && name(first) == name(second)
}

/// Returns the cause if an absolute path tells two texts apart.
fn paths(section: &str, first: &str, second: &str) -> Option<Cause> {
    let (one, two) = word_apart(first, second);
    let is_path = |word: &str| word.starts_with('/') && word[1..].contains('/');
    if !is_path(one) || !is_path(two) {
        return None;
    }
    let is_header = |word: &str| {
        [
            "/linux-headers-",
            "/lib/modules/",
            "/kernels/",
            "/include/linux/",
        ]
        .iter()
        .any(|part| word.contains(part))
            || word.contains("/usr/src/linux")
    };
    Some(if section.starts_with(".debug") {
        Cause::BuildPathDebug
    } else if is_header(one) && is_header(two) {
        Cause::HeaderPath
    } else if [one, two].iter().all(|word| is_source(word)) {
        Cause::BuildPathCode
    } else {
        Cause::BuildPathGenerated
    })
}

/// Returns true if a word is the name of a file that a compiler reads.
pub(super) fn is_source(word: &str) -> bool {
    [".c", ".h", ".S", ".inc"]
        .iter()
        .any(|end| word.ends_with(end))
}

/// Returns the causes if times tell two texts apart, written in one way.
fn times(first: &str, second: &str) -> Vec<(Cause, Confidence)> {
    let (one, two) = (moments(first), moments(second));
    if one.is_empty() || one.len() != two.len() || one == two {
        return Vec::new();
    }
    let masked = |text: &str| {
        let text = MOMENT.replace_all(text, "\u{1}");
        ZONE.replace_all(&text, "\u{2}").into_owned()
    };
    if masked(first) != masked(second) {
        return Vec::new();
    }
    let zones = |text: &str| -> Vec<String> {
        let found = ZONE.find_iter(text);
        found.map(|zone| zone.as_str().to_owned()).collect()
    };
    if zones(first) != zones(second) {
        return vec![(Cause::TimeZone, Confidence::Likely)];
    }
    let cause = if one.iter().chain(&two).all(|found| is_macro(found)) {
        Cause::ClockCode
    } else {
        Cause::ClockGenerated
    };
    vec![(cause, Confidence::Likely)]
}

/// Returns true if a text has a time as the compiler writes it for `__DATE__` or `__TIME__` (C11,
/// 6.10.8.1).
pub(super) fn is_macro(text: &str) -> bool {
    MACRO.is_match(text)
}

fn moments(text: &str) -> Vec<String> {
    let found = MOMENT.find_iter(text);
    found.map(|moment| moment.as_str().to_owned()).collect()
}

/// Returns the words in which two texts differ: from the first character that differs to the last,
/// and what belongs to them.
pub(super) fn word_apart<'t>(first: &'t str, second: &'t str) -> (&'t str, &'t str) {
    let before: usize = first
        .chars()
        .zip(second.chars())
        .take_while(|(a, b)| a == b)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let behind: usize = first[before..]
        .chars()
        .rev()
        .zip(second[before..].chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let is_border = |c: char| c.is_whitespace() || "\"'`<>()[]{},;|=".contains(c);
    let from = first[..before].rfind(is_border).map_or(0, |at| {
        let border = first[at..].chars().next();
        at + border.map_or(1, char::len_utf8)
    });
    fn until(text: &str, end: usize, is_border: impl Fn(char) -> bool) -> usize {
        text[end..]
            .find(is_border)
            .map_or(text.len(), |at| end + at)
    }
    let one = until(first, first.len() - behind, is_border);
    let two = until(second, second.len() - behind, is_border);
    (&first[from..one], &second[from..two])
}

/// Returns what stands before the first character that differs.
fn common(first: &str, second: &str) -> String {
    let pairs = first.chars().zip(second.chars());
    pairs.take_while(|(a, b)| a == b).map(|(c, _)| c).collect()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own")
}

/// What `git describe` writes, a mark of changes, or a whole commit.
static REPOSITORY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"-g[0-9a-f]{7,40}\b|-dirty\b|^[0-9a-f]{40}$|\bcommit:? [0-9a-f]{7,40}\b")
});
static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}[.:]?$"));
/// Eight hexadecimal digits or sixteen of base 64, with a digit among them.
static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:0[xX])?[0-9a-fA-F]{8,}$|^[A-Za-z0-9+/_-]{16,}={0,2}$"));
static MACRO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9][0-9] [0-9]{4}\b|^[0-9]{2}:[0-9]{2}:[0-9]{2}$",
    )
});
/// A date, a time of the day, or seconds of the Unix epoch since 2014.
static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)
        (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+)?
        (?:
            (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+[0-9]{1,2},?(?:\s+[0-9]{4}\b)?
          | [0-9]{1,2}[\x20-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[\x20-][0-9]{4}
        )
        | \b(?:19|20)[0-9]{2}[-/.][01][0-9][-/.][0-3][0-9]
        | \b20[0-9]{2}[01][0-9][0-3][0-9](?:[0-2][0-9][0-5][0-9](?:[0-5][0-9])?)?\b
        | [0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?
        | \b1[4-9][0-9]{8}\b
        ",
    )
});
static ZONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[ T0-9][+-](?:0[0-9]|1[0-4]):?[0-5][0-9]\b|\b(?:UTC|GMT|CES?T|EES?T|WES?T|BST|[ECMP][SD]T|JST|KST|IST|MSK|AES?T|KMX)\b",
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_what_they_look_like() {
        for (section, first, second, expected) in [
            (
                ".rodata.str1.1",
                "/home/a/m/main.c",
                "/srv/x/y/m/main.c",
                vec![Cause::BuildPathCode],
            ),
            (
                ".debug_line_str",
                "/home/a/m",
                "/srv/x/y/m",
                vec![Cause::BuildPathDebug],
            ),
            (
                ".rodata.str1.1",
                "in /home/a/m now",
                "in /srv/b/m now",
                vec![Cause::BuildPathGenerated],
            ),
            (
                ".rodata.str1.1",
                "/usr/src/linux-headers-6.1.0-1/include/linux/a.h",
                "/opt/usr/src/linux-headers-6.1.0-1/include/linux/a.h",
                vec![Cause::HeaderPath],
            ),
            (
                ".rodata",
                "Nov 21 2026",
                "Nov  2 2027",
                vec![Cause::ClockCode],
            ),
            (".rodata", "07:47:57", "07:48:10", vec![Cause::ClockCode]),
            (
                ".rodata",
                "built 2026-11-21T07:00:00Z",
                "built 2027-01-02T08:00:00Z",
                vec![Cause::ClockGenerated],
            ),
            (
                ".rodata",
                "1763711000",
                "1763711900",
                vec![Cause::ClockGenerated],
            ),
            (
                ".rodata",
                "2026-11-21 07:00 +0000",
                "2026-11-21 09:00 +0200",
                vec![Cause::TimeZone],
            ),
            (".rodata", "root@alpha", "root@beta", vec![Cause::HostName]),
            (
                ".rodata",
                "ann@alpha",
                "bob@beta",
                vec![Cause::HostName, Cause::User],
            ),
            (
                ".rodata",
                "host: alpha",
                "host: beta-2",
                vec![Cause::HostName],
            ),
            (".rodata", "built by ann", "built by bob", vec![Cause::User]),
            (
                ".rodata",
                "v1.2-3-g0123abc",
                "v1.2-4-g4567def",
                vec![Cause::RepositoryState],
            ),
            (
                ".rodata",
                "v1.2",
                "v1.2-dirty",
                vec![Cause::RepositoryState],
            ),
            (
                ".rodata",
                "6b1f0fb0-5a0b-4f6e-8f0e-0a1b2c3d4e5f",
                "12345678-5a0b-4f6e-8f0e-0a1b2c3d4e5f",
                vec![Cause::RandomBytes],
            ),
            (
                ".rodata",
                "seed 0x1a2b3c4d",
                "seed 0x5e6f7a8b",
                vec![Cause::RandomBytes],
            ),
            (".rodata", "can’t open", "can't open", vec![Cause::Locale]),
            (".rodata", "hello", "goodbye", vec![]),
            (".rodata", "version 1.2", "version 1.3", vec![]),
        ] {
            let found: Vec<Cause> = look(section, first, second)
                .into_iter()
                .map(|(cause, _)| cause)
                .collect();
            assert_eq!(found, expected, "{first} | {second}");
            let turned: Vec<Cause> = look(section, second, first)
                .into_iter()
                .map(|(cause, _)| cause)
                .collect();
            assert_eq!(turned, expected, "{second} | {first}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_does_harm(first in ".{0,60}", second in ".{0,60}") {
            let _ = look(".rodata", &first, &second);
            let (one, two) = word_apart(&first, &second);
            proptest::prop_assert!(first.contains(one) && second.contains(two));
        }
    }
}

//! Which of two package versions is newer: every family of packages has its own rule.

use std::cmp::Ordering;

use debversion::Version;

use super::format::ArchiveFormat;
use crate::name::PackageVersion;

/// The rule by which a family of packages orders versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionOrder {
    /// dpkg's (Debian Policy, section 5.6.12).
    Deb,
    /// rpm's (`rpm-version(7)`), epochs and releases included; pacman's is the same but for `~`
    /// and `^`, which no version of its packages has.
    Rpm,
    /// apk's (`apk-package(5)`, "pkgver").
    Apk,
}

impl VersionOrder {
    /// Returns the order of an archive's packages.
    pub fn of(format: ArchiveFormat) -> Self {
        match format {
            ArchiveFormat::Apt => Self::Deb,
            ArchiveFormat::RpmMd | ArchiveFormat::Pacman | ArchiveFormat::Source => Self::Rpm,
            ArchiveFormat::Apk => Self::Apk,
        }
    }

    /// Returns true if a version is one to the family, so that comparing it means something.
    pub fn knows(self, version: &PackageVersion) -> bool {
        match self {
            Self::Deb => version.as_str().parse::<Version>().is_ok(),
            // To these, every string is a version.
            Self::Rpm | Self::Apk => true,
        }
    }

    /// Compares two versions. Versions that differ as strings may be equal to the family.
    pub fn compare(self, left: &PackageVersion, right: &PackageVersion) -> Ordering {
        match self {
            Self::Deb => compare_deb(left, right),
            Self::Rpm => compare_rpm(left.as_str(), right.as_str()),
            Self::Apk => compare_apk(left.as_str(), right.as_str()),
        }
    }
}

fn compare_deb(left: &PackageVersion, right: &PackageVersion) -> Ordering {
    let parse = |version: &PackageVersion| version.as_str().parse::<Version>();
    match (parse(left), parse(right)) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        // What dpkg would refuse is older than everything else, and ordered among itself.
        (Ok(_), Err(_)) => Ordering::Greater,
        (Err(_), Ok(_)) => Ordering::Less,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// Compares `[epoch:]version[-release]`. A release counts only if both have one, so that a
/// dependency on a version admits all of its releases.
fn compare_rpm(left: &str, right: &str) -> Ordering {
    let (left, right) = (split_evr(left), split_evr(right));
    left.0
        .cmp(&right.0)
        .then_with(|| compare_segments(left.1, right.1))
        .then_with(|| match (left.2, right.2) {
            (Some(left), Some(right)) => compare_segments(left, right),
            (None, _) | (_, None) => Ordering::Equal,
        })
}

fn split_evr(text: &str) -> (u64, &str, Option<&str>) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Compares what lies between separators piece by piece: digits by their value, letters as strings,
/// digits after letters; `~` is older than the end and `^` newer than it but older than more.
fn compare_segments(left: &str, right: &str) -> Ordering {
    let separators = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    let (mut left, mut right) = (left, right);
    loop {
        left = left.trim_start_matches(separators);
        right = right.trim_start_matches(separators);
        match (left.strip_prefix('~'), right.strip_prefix('~')) {
            (Some(l), Some(r)) => {
                (left, right) = (l, r);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (left.strip_prefix('^'), right.strip_prefix('^')) {
            (Some(l), Some(r)) => {
                (left, right) = (l, r);
                continue;
            }
            (Some(_), None) if right.is_empty() => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) if left.is_empty() => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (left.chars().next(), right.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) if l.is_ascii_digit() != r.is_ascii_digit() => {
                return l.is_ascii_digit().cmp(&r.is_ascii_digit());
            }
            (Some(l), Some(_)) => {
                let digits = l.is_ascii_digit();
                let (l, rest_left) = split_run(left, digits);
                let (r, rest_right) = split_run(right, digits);
                let order = if digits {
                    compare_numbers(l, r)
                } else {
                    l.cmp(r)
                };
                if order.is_ne() {
                    return order;
                }
                (left, right) = (rest_left, rest_right);
            }
        }
    }
}

/// Splits off the digits or the letters that the text begins with.
fn split_run(text: &str, digits: bool) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() || c.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Compares digits by their value, however many there are.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Compares `1.2.3b_rc1-r4`: numbers, a letter, suffixes of which those before a release are older
/// than none, and the build number.
fn compare_apk(left: &str, right: &str) -> Ordering {
    let (left, right) = (split_apk(left), split_apk(right));
    compare_apk_numbers(left.0, right.0)
        .then_with(|| left.1.cmp(&right.1))
        .then_with(|| compare_apk_suffixes(left.2, right.2))
        .then_with(|| compare_numbers(left.3, right.3))
}

/// Splits into numbers, letter, suffixes and build number.
fn split_apk(text: &str) -> (&str, Option<char>, &str, &str) {
    let (text, build) = match text.rsplit_once("-r") {
        Some((rest, build)) if build.bytes().all(|b| b.is_ascii_digit()) => (rest, build),
        Some(_) | None => (text, ""),
    };
    let (base, suffixes) = text.split_once('_').unwrap_or((text, ""));
    match base.chars().next_back() {
        Some(letter) if letter.is_ascii_lowercase() => {
            (&base[..base.len() - 1], Some(letter), suffixes, build)
        }
        Some(_) | None => (base, None, suffixes, build),
    }
}

/// The first number counts by its value; a later one that begins with a zero counts as a fraction.
fn compare_apk_numbers(left: &str, right: &str) -> Ordering {
    let (mut lefts, mut rights) = (left.split('.'), right.split('.'));
    let mut first = true;
    loop {
        let order = match (lefts.next(), rights.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(l), Some(r)) if !first && (l.starts_with('0') || r.starts_with('0')) => l.cmp(r),
            (Some(l), Some(r)) => compare_numbers(l, r),
        };
        if order.is_ne() {
            return order;
        }
        first = false;
    }
}

fn compare_apk_suffixes(left: &str, right: &str) -> Ordering {
    /// The place of a suffix among others; having none at all stands between `rc` and `cvs`.
    fn place(name: &str) -> u8 {
        match name {
            "alpha" => 0,
            "beta" => 1,
            "pre" => 2,
            "rc" => 3,
            "" => 4,
            "cvs" => 5,
            "svn" => 6,
            "git" => 7,
            "hg" => 8,
            "p" => 9,
            _ => 10,
        }
    }
    let (mut lefts, mut rights) = (left.split('_'), right.split('_'));
    loop {
        let (l, r) = match (lefts.next(), rights.next()) {
            (None, None) => return Ordering::Equal,
            (l, r) => (l.unwrap_or(""), r.unwrap_or("")),
        };
        let (l_name, l_number) =
            l.split_at(l.find(|c: char| c.is_ascii_digit()).unwrap_or(l.len()));
        let (r_name, r_number) =
            r.split_at(r.find(|c: char| c.is_ascii_digit()).unwrap_or(r.len()));
        let order = place(l_name)
            .cmp(&place(r_name))
            .then_with(|| compare_numbers(l_number, r_number));
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(order: VersionOrder, versions: &[&str]) {
        for (i, left) in versions.iter().enumerate() {
            for (j, right) in versions.iter().enumerate() {
                let answer =
                    order.compare(&left.parse().expect(left), &right.parse().expect(right));
                assert_eq!(answer, i.cmp(&j), "{order:?}: {left} {right}");
            }
        }
    }

    #[test]
    fn debian_versions_are_ordered_as_dpkg_does() {
        ordered(
            VersionOrder::Deb,
            &["6.1.27-1", "6.1.192-2~deb12u1", "6.1.192-2", "1:1.0-1"],
        );
    }

    #[test]
    fn rpm_versions_are_ordered_as_rpm_does() {
        ordered(
            VersionOrder::Rpm,
            &[
                "5.14.0-70.el9",
                "5.14.0-427.13.1.el9_4",
                "5.14.0-427.13.2.el9_4",
                "5.14.0-503.el9",
                "6.0~rc1-1",
                "6.0-1.fc37",
                "6.0-2",
                "6.0.1-1",
                "6.0.10-1",
                "1:1.0-1",
            ],
        );
        let equal = |left: &str, right: &str| {
            let compare =
                VersionOrder::Rpm.compare(&left.parse().expect(left), &right.parse().expect(right));
            assert_eq!(compare, Ordering::Equal, "{left} {right}");
        };
        equal("6.4.0", "6.4.0-150600.23.25.1");
        equal("0:1.0-1", "1.0-1");
        equal("1.05-1", "1.5-1");
    }

    #[test]
    fn letters_are_older_than_digits_and_tilde_and_caret_stand_about_the_end() {
        let cases = [
            ("1.0a", "1.0.1", Ordering::Less),
            ("1.0~rc1", "1.0", Ordering::Less),
            ("1.0^git1", "1.0", Ordering::Greater),
            ("1.0^git1", "1.0.1", Ordering::Less),
            ("1.0^git1~pre", "1.0^git1", Ordering::Less),
            ("xyz.4", "8", Ordering::Less),
        ];
        for (left, right, order) in cases {
            assert_eq!(compare_segments(left, right), order, "{left} {right}");
            assert_eq!(
                compare_segments(right, left),
                order.reverse(),
                "{right} {left}"
            );
        }
    }

    #[test]
    fn apk_versions_are_ordered_as_apk_does() {
        ordered(
            VersionOrder::Apk,
            &[
                "6.6.9-r0",
                "6.6.56-r0",
                "6.6.56-r1",
                "6.6.56-r10",
                "6.12_alpha1-r0",
                "6.12_rc2-r0",
                "6.12-r0",
                "6.12_git20240101-r0",
                "6.12_p1-r0",
                "6.12b-r0",
                "6.12.1-r0",
            ],
        );
    }
}

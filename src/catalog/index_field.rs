//! What fields of indexes hold, whatever the index is called and however it is written.

use std::str::FromStr;

use jiff::Timestamp;

use super::dependency::{Dependency, DependencyError, parse_requirement};
use super::indexed_package::Provided;
use super::kernels::KernelPatterns;
use crate::name::ParseNameError;

/// Reads a number that is digits and nothing else.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Reads seconds since 1970.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(number(text)?).ok()
}

/// Returns true if an architecture is one word, as `x86_64` and `noarch` are.
pub(super) fn is_architecture(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads the requirements, such as `linux-lts-gcc>=13`, that are followed.
pub(super) fn followed<'a>(
    requirements: impl IntoIterator<Item = &'a str>,
    patterns: &KernelPatterns,
) -> Result<Vec<Dependency>, DependencyError> {
    requirements
        .into_iter()
        .filter_map(|text| parse_requirement(text, |name| patterns.follows(name)).transpose())
        .collect()
}

/// Reads the capabilities, such as `name` and `name=version`, that facts ask for.
pub(super) fn wanted<'a>(
    capabilities: impl IntoIterator<Item = &'a str>,
    patterns: &KernelPatterns,
) -> Result<Vec<Provided>, ParseNameError> {
    capabilities
        .into_iter()
        .map(|text| match text.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        })
        .filter(|(name, _)| patterns.wants_capability(name))
        .map(|(name, version)| {
            Ok(Provided {
                name: name.to_owned(),
                version: version.map(str::parse).transpose()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("0x1", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(number::<u64>(text), expected, "{text}");
        }
        assert_eq!(moment("1"), Timestamp::from_second(1).ok());
        assert_eq!(moment("99999999999999"), None);
    }

    #[test]
    fn an_architecture_is_one_word() {
        for text in ["x86_64", "noarch", "any", "aarch64"] {
            assert!(is_architecture(text), "{text}");
        }
        let long = "a".repeat(33);
        for text in ["", "x86 64", "x86-64", "x86/64", "..", long.as_str()] {
            assert!(!is_architecture(text), "{text}");
        }
    }
}

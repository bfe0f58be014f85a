//! Lists of digests as `sha256sum` prints them and kernel.org signs them (GNU coreutils manual,
//! "md5sum invocation": 64 hex digits, a space, a space or `*`, the name).

use crate::digest::Sha256Digest;

/// The most lines of a list; kernel.org's longest has 7,000.
const MOST_LINES: usize = 100_000;
const MOST_NAME_BYTES: usize = 256;

/// Says why a text is no list of digests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumsError {
    #[error("line {line} is not a digest and a name")]
    Line { line: usize },
    #[error("`{name}` stands twice")]
    Twice { name: String },
    #[error("it has more than {MOST_LINES} lines")]
    TooLong,
}

/// Reads a whole list: names with their digests, ordered by name.
///
/// # Errors
///
/// A line that is none of the list's, also one that nobody would need: a list is understood as a
/// whole or not at all. A name that stands twice would be decided by the order of the reading.
pub fn read(text: &str) -> Result<Vec<(&str, Sha256Digest)>, SumsError> {
    let mut sums = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if index == MOST_LINES {
            return Err(SumsError::TooLong);
        }
        if !line.is_empty() {
            sums.push(entry(line).ok_or(SumsError::Line { line: index + 1 })?);
        }
    }
    sums.sort_unstable();
    match sums.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(SumsError::Twice {
            name: pair[0].0.to_owned(),
        }),
        None => Ok(sums),
    }
}

fn entry(line: &str) -> Option<(&str, Sha256Digest)> {
    let (digits, name) = line.split_once(' ')?;
    let name = name.strip_prefix([' ', '*'])?;
    let plain = !name.is_empty()
        && name.len() <= MOST_NAME_BYTES
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let digest = Sha256Digest::from_hex(digits).ok()?;
    plain.then_some((name, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_list_is_read_in_both_modes_of_sha256sum() {
        let text = format!("{DIGITS}  linux-6.12.tar.xz\n{DIGITS} *ChangeLog-6.12\n\n");
        let digest = Sha256Digest::of(b"");
        let expected = vec![("ChangeLog-6.12", digest), ("linux-6.12.tar.xz", digest)];
        assert_eq!(read(&text), Ok(expected));
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_list_is_refused_as_a_whole() {
        let good = format!("{DIGITS}  a\n");
        for bad in [
            format!("{DIGITS} a"),
            format!("{}  a", &DIGITS[1..]),
            format!("{DIGITS}0  a"),
            format!("{DIGITS}  "),
            format!("{DIGITS}  a b"),
            format!("{DIGITS}  a\\nb"),
            format!("\\{DIGITS}  a"),
            format!("{DIGITS}  \u{e9}"),
            format!("{DIGITS}  {}", "a".repeat(300)),
            "<html>".to_owned(),
        ] {
            let text = format!("{good}{bad}\n");
            assert_eq!(read(&text), Err(SumsError::Line { line: 2 }), "{bad}");
        }
        let twice = format!("{good}{good}");
        assert!(matches!(read(&twice), Err(SumsError::Twice { .. })));
        let long = "\n".repeat(MOST_LINES + 1);
        assert_eq!(read(&long), Err(SumsError::TooLong));
    }
}

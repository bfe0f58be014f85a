//! Blocks of PEM (RFC 7468), one of which is looked for among others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Returns the label and the bytes of the first block whose label is wanted. Every copy that is made on
/// the way is overwritten.
///
/// # Errors
///
/// There is none (`what` says what was looked for), or it has no end, or is not base64.
pub(super) fn block<'a>(
    text: &'a [u8],
    what: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(&'a str, Zeroizing<Vec<u8>>), String> {
    let none = || format!("there is no {what} in PEM in it");
    let text = std::str::from_utf8(text).map_err(|_| none())?;
    let mut lines = text.lines().map(str::trim);
    let label = lines
        .by_ref()
        .filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .find(|label| is_wanted(label))
        .ok_or_else(none)?;
    let end = format!("-----END {label}-----");
    let mut body = Zeroizing::new(String::with_capacity(text.len()));
    for line in lines {
        if line == end {
            let bytes = STANDARD
                .decode(body.as_bytes())
                .map_err(|error| format!("its `{label}` is not base64 ({error})"))?;
            return Ok((label, Zeroizing::new(bytes)));
        }
        body.push_str(line);
    }
    Err(format!("its `{label}` has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_that_is_wanted_is_found_wherever_it_stands() {
        let block_of = |label: &str, body: &str| {
            format!("-----BEGIN {label}-----\r\n{body}\n-----END {label}-----\n")
        };
        let text = format!(
            "a word before\n{}{}{}",
            block_of("A", "AAAA"),
            block_of("B", "AQ\nID"),
            block_of("B", "BAUG")
        );
        let find = |label: &str| block(text.as_bytes(), "thing", |found| found == label);
        assert_eq!(find("A").expect("there").1.as_slice(), [0, 0, 0]);
        let (label, bytes) = find("B").expect("there");
        assert_eq!((label, bytes.as_slice()), ("B", &[1, 2, 3][..]));
        assert_eq!(
            find("C").expect_err("none"),
            "there is no thing in PEM in it"
        );
    }

    #[test]
    fn a_block_without_an_end_or_with_other_letters_is_refused() {
        for (text, why) in [
            ("-----BEGIN A-----\nAAAA\n", "its `A` has no end"),
            (
                "-----BEGIN A-----\nAAAA\n-----END B-----\n",
                "its `A` has no end",
            ),
        ] {
            assert_eq!(
                block(text.as_bytes(), "thing", |_| true).expect_err(why),
                why
            );
        }
        let letters = b"-----BEGIN A-----\n!\n-----END A-----\n";
        let error = block(letters, "thing", |_| true).expect_err("no base64");
        assert!(error.starts_with("its `A` is not base64"), "{error}");
        assert!(block(b"\xff", "thing", |_| true).is_err());
    }
}

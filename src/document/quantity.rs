//! Amounts as people write them: `2GiB`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use serde::{Deserialize, Serialize};

/// A number of bytes, written with a binary unit (IEC 80000-13) such as `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(u64);

/// Says why a string is no number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size such as `512MiB` or `2GiB` (B, KiB, MiB, GiB, TiB)")]
pub struct ParseByteSizeError(String);

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl ByteSize {
    /// Counts in mebibytes.
    pub const fn mebibytes(count: u32) -> Self {
        Self((count as u64) << 20)
    }

    /// Returns the number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseByteSizeError(text.chars().take(40).collect());
        let (digits, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
            .ok_or_else(refuse)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let count: u64 = digits.parse().map_err(|_| refuse())?;
        count.checked_mul(1 << shift).map(Self).ok_or_else(refuse)
    }
}

/// Prints the largest unit that leaves no fraction.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) = UNITS
            .into_iter()
            .find(|(_, shift)| self.0 != 0 && self.0.trailing_zeros() >= *shift)
            .unwrap_or(("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// Parses a duration of a fixed length; a day has 24 hours.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_print_as_inverses() {
        for (text, bytes) in [
            ("0B", 0),
            ("1B", 1),
            ("1025B", 1025),
            ("1KiB", 1024),
            ("512MiB", 512 << 20),
            ("2GiB", 2 << 30),
            ("3TiB", 3 << 40),
        ] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.bytes(), size.to_string()), (bytes, text.to_owned()));
        }
        assert_eq!(ByteSize::mebibytes(2048).to_string(), "2GiB");
    }

    #[test]
    fn sizes_without_a_binary_unit_are_refused() {
        for text in [
            "",
            "2",
            "2GB",
            "2G",
            "-1MiB",
            "+1MiB",
            "1.5GiB",
            "GiB",
            "99999999999TiB",
            "1 GiB",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit_and_a_fixed_length() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("12h", 12 * 3600),
            ("30d", 30 * 86400),
            ("4w", 28 * 86400),
            ("1h 30m", 5400),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["", "30", "1mo", "1y", "-1d", "1d ago", "soon"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}

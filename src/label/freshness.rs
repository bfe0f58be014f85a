//! How old the build environment was when it built. A qualifier, not a tier: it says nothing about
//! the bits.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The age of a builder image's archive state at build time, held against the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Freshness {
    /// Within the limit.
    #[serde(rename_all = "camelCase")]
    Fresh { age_days: i64, limit_days: i64 },
    /// Older than the limit.
    #[serde(rename_all = "camelCase")]
    Stale { age_days: i64, limit_days: i64 },
    /// Nobody could look, which is never fresh.
    Unknown,
}

impl Freshness {
    /// Returns the word that is put behind the tier, or `None` if there is nothing to say.
    pub fn qualifier(self) -> Option<&'static str> {
        match self {
            Self::Fresh { .. } => None,
            Self::Stale { .. } => Some("stale"),
            Self::Unknown => Some("unknown-age"),
        }
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh {
                age_days,
                limit_days,
            } => write!(f, "fresh: {age_days} days old (limit {limit_days})"),
            Self::Stale {
                age_days,
                limit_days,
            } => write!(f, "stale: {age_days} days old (limit {limit_days})"),
            Self::Unknown => f.write_str("unknown: no date of the image's archive is recorded"),
        }
    }
}

/// Grades an image by the date of the archive state that it was made from, as it was at the time of
/// the build.
pub fn freshness(
    archive_date: Option<Timestamp>,
    built: Timestamp,
    limit: SignedDuration,
) -> Freshness {
    let Some(date) = archive_date else {
        return Freshness::Unknown;
    };
    let age = built.duration_since(date);
    let (age_days, limit_days) = (age.as_hours() / 24, limit.as_hours() / 24);
    if age > limit {
        Freshness::Stale {
            age_days,
            limit_days,
        }
    } else {
        Freshness::Fresh {
            age_days: age_days.max(0),
            limit_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_and_young_image_is_fresh() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let limit = SignedDuration::from_hours(30 * 24);
        let built = at("2026-03-31T00:00:00Z");
        let of = |date: Option<&str>| freshness(date.map(at), built, limit).qualifier();
        assert_eq!(of(Some("2026-03-01T00:00:00Z")), None);
        assert_eq!(of(Some("2026-02-28T23:59:59Z")), Some("stale"));
        assert_eq!(of(None), Some("unknown-age"));
    }
}

//! How old the build environment was when it built. A qualifier, not a tier: it says nothing about
//! the bits.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The age of a builder image's archive state at build time, held against the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Freshness {
    /// Within the limits.
    #[serde(rename_all = "camelCase")]
    Fresh { age_days: i64, limit_days: i64 },
    /// Older than the policy warns at, and not stale yet.
    #[serde(rename_all = "camelCase")]
    Ageing { age_days: i64, limit_days: i64 },
    /// Older than the limit.
    #[serde(rename_all = "camelCase")]
    Stale { age_days: i64, limit_days: i64 },
    /// Nobody could look, which is never fresh.
    Unknown,
}

/// The ages from which an image is ageing and stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeLimits {
    /// `None` if nothing is said before it is stale.
    pub warn_after: Option<SignedDuration>,
    pub stale_after: SignedDuration,
}

impl Freshness {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh { .. } => "fresh",
            Self::Ageing { .. } => "ageing",
            Self::Stale { .. } => "stale",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the word that is put behind the tier, or `None` if there is nothing to say.
    pub fn qualifier(self) -> Option<&'static str> {
        match self {
            Self::Fresh { .. } => None,
            Self::Ageing { .. } | Self::Stale { .. } | Self::Unknown => Some(self.as_str()),
        }
    }

    /// Returns true if it is too old, or if nobody knows that it is not.
    pub fn is_stale_or_unknown(self) -> bool {
        match self {
            Self::Fresh { .. } | Self::Ageing { .. } => false,
            Self::Stale { .. } | Self::Unknown => true,
        }
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh {
                age_days,
                limit_days,
            }
            | Self::Ageing {
                age_days,
                limit_days,
            }
            | Self::Stale {
                age_days,
                limit_days,
            } => write!(
                f,
                "{}: {age_days} days old (limit {limit_days})",
                self.as_str()
            ),
            Self::Unknown => f.write_str("unknown: no date of the image's archive is recorded"),
        }
    }
}

/// Grades an image by the date of the archive state that it was made from, as it was at the time of
/// the build.
pub fn freshness(
    archive_date: Option<Timestamp>,
    built: Timestamp,
    limits: AgeLimits,
) -> Freshness {
    let Some(date) = archive_date else {
        return Freshness::Unknown;
    };
    let age = built.duration_since(date);
    let (age_days, limit_days) = (
        (age.as_hours() / 24).max(0),
        limits.stale_after.as_hours() / 24,
    );
    if age > limits.stale_after {
        Freshness::Stale {
            age_days,
            limit_days,
        }
    } else if limits.warn_after.is_some_and(|warn| age > warn) {
        Freshness::Ageing {
            age_days,
            limit_days,
        }
    } else {
        Freshness::Fresh {
            age_days,
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
        let days = |days: i64| SignedDuration::from_hours(days * 24);
        let built = at("2026-03-31T00:00:00Z");
        let of = |date: Option<&str>, warn_after| {
            let limits = AgeLimits {
                warn_after,
                stale_after: days(30),
            };
            let found = freshness(date.map(at), built, limits);
            (found.as_str(), found.is_stale_or_unknown())
        };
        let warn = Some(days(14));
        assert_eq!(of(Some("2026-03-17T00:00:00Z"), warn), ("fresh", false));
        assert_eq!(of(Some("2026-03-16T23:59:59Z"), warn), ("ageing", false));
        assert_eq!(of(Some("2026-03-16T23:59:59Z"), None), ("fresh", false));
        assert_eq!(of(Some("2026-03-01T00:00:00Z"), warn), ("ageing", false));
        assert_eq!(of(Some("2026-02-28T23:59:59Z"), warn), ("stale", true));
        assert_eq!(of(None, warn), ("unknown", true));
        assert_eq!(of(Some("2026-04-02T00:00:00Z"), warn), ("fresh", false));
    }

    #[test]
    fn a_fresh_image_is_not_worth_a_word() {
        let old = Freshness::Ageing {
            age_days: 20,
            limit_days: 30,
        };
        assert_eq!(old.qualifier(), Some("ageing"));
        assert_eq!(Freshness::Unknown.qualifier(), Some("unknown"));
        let young = Freshness::Fresh {
            age_days: 1,
            limit_days: 30,
        };
        assert_eq!(young.qualifier(), None);
    }
}

//! When: ages by verified times, and the age of the builder image.

use jiff::SignedDuration;

use super::case::Case;
use super::claim::Signed;
use super::found::Found;

/// How far two clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn maximum_age(signed: &Signed<'_, '_>) -> Found {
    let limit = signed.maximum_age;
    let mut missing = None;
    let mut oldest = SignedDuration::ZERO;
    for claim in signed.claims {
        let word = claim.word();
        let times = claim.attestation.times();
        if times.is_empty() && limit.is_some() {
            missing.get_or_insert_with(|| {
                Found::missing(format!("when the {word} was signed is not verified"))
            });
        }
        for time in times {
            let age = signed.at.duration_since(time.at);
            if age < -SKEW {
                return Found::fails(format!("the {word} was signed at {}, after now", time.at));
            }
            oldest = oldest.max(age);
            if let Some(limit) = limit
                && age.unsigned_abs() > limit
                && age.is_positive()
            {
                let days = limit.as_secs() / 86400;
                return Found::fails(format!(
                    "the {word} was signed at {}, more than {days} days ago",
                    time.at
                ));
            }
        }
    }
    missing.unwrap_or_else(|| match limit {
        Some(_) => Found::holds(format!(
            "nothing is older than {} days",
            oldest.as_hours() / 24
        )),
        None => Found::holds("any age is accepted"),
    })
}

pub(super) fn image_freshness(case: &Case<'_>) -> Found {
    if !case.requirement().fresh_image {
        return Found::holds("the image may be of any age");
    }
    let mut found = None;
    for (claim, comparison, _) in case.comparisons() {
        if claim.signer.is_none() {
            continue;
        }
        let freshness = comparison.label.freshness;
        if freshness.is_stale_or_unknown() {
            return Found::fails(format!("the builder image was {freshness}"));
        }
        found = Some(freshness);
    }
    match found {
        Some(freshness) => Found::holds(format!("the builder image was {freshness}")),
        None => Found::missing("no comparison says how old the builder image was"),
    }
}

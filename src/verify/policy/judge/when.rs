//! When: ages by verified times, the age of the builder image, and what was verified before.

use jiff::SignedDuration;

use super::case::Case;
use super::found::Found;

/// How far two clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn maximum_age(case: &Case<'_>) -> Found {
    let limit = case.requirement().maximum_age;
    let mut missing = None;
    let mut oldest = SignedDuration::ZERO;
    for claim in &case.claims {
        let word = claim.word();
        let times = claim.attestation.times();
        if times.is_empty() && limit.is_some() {
            missing.get_or_insert_with(|| {
                Found::missing(format!("when the {word} was signed is not verified"))
            });
        }
        for time in times {
            let age = case.at.duration_since(time.at);
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

pub(super) fn not_older(case: &Case<'_>) -> Found {
    let Some(cell) = case.cell() else {
        return Found::missing("no provenance says which cell it is of");
    };
    let Some(known) = case.expectation.known.get(cell) else {
        return Found::holds("no build of this cell was verified here before");
    };
    match case.as_known() {
        Some(own) if own.payload == known.payload => {
            Found::holds("this very module was verified here before")
        }
        Some(own) if own.finished >= known.finished => Found::holds(format!(
            "one of {} was verified here before",
            known.finished
        )),
        Some(own) => Found::fails(format!(
            "it was built at {}, and one of {} was verified here before",
            own.finished, known.finished
        )),
        None => Found::missing("no provenance says when it was built"),
    }
}

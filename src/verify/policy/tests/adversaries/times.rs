//! When.

use super::Row;
use crate::attest::PredicateType as Kind;
use crate::label::Freshness;
use crate::verify::policy::tests::world::at;

pub(super) const ROWS: &[Row] = &[
    (
        "it_was_signed_too_long_ago_fail",
        |w| {
            w.require = "max-age = '30d'".to_owned();
            w.at = at("2026-07-02T12:00:00Z");
            None
        },
        &["maximum-age"],
    ),
    (
        "an_age_is_wanted_and_no_time_is_verified_fail",
        |w| {
            w.require = "max-age = '30d'".to_owned();
            w.signed
                .get_mut(&Kind::Summary)
                .expect("signed")
                .times
                .clear();
            None
        },
        &["maximum-age"],
    ),
    (
        "it_was_signed_after_now_fail",
        |w| {
            w.at = at("2026-06-01T11:00:00Z");
            None
        },
        &["maximum-age"],
    ),
    (
        "the_image_was_stale_fail",
        |w| {
            w.require = "fresh-image = true".to_owned();
            w.comparison.label.freshness = Freshness::Stale {
                age_days: 90,
                limit_days: 30,
            };
            None
        },
        &["image-freshness"],
    ),
    (
        "the_images_age_is_unknown_fail",
        |w| {
            w.require = "fresh-image = true".to_owned();
            w.comparison.label.freshness = Freshness::Unknown;
            None
        },
        &["image-freshness"],
    ),
];

//! Who signed.

use serde_json::json;

use super::Row;
use crate::attest::PredicateType as Kind;
use crate::verify::policy::tests::world::{Signed, at, identity, key};

pub(super) const ROWS: &[Row] = &[
    (
        "a_key_that_the_policy_does_not_name_signed_something_else_fail",
        |w| {
            w.add(Kind::Scai, key("nobody"), json!({}));
            None
        },
        &["signer"],
    ),
    (
        "a_key_that_the_policy_does_not_name_signed_everything_fail",
        |w| {
            for signed in w.signed.values_mut() {
                signed.by = key("nobody");
            }
            None
        },
        &[
            "signer",
            "provenance",
            "comparison",
            "minimum-tier",
            "summary",
        ],
    ),
    (
        "an_identity_that_begins_like_the_policys_fail",
        |w| {
            w.add(Kind::Scai, identity("ci@vendor.example", "idp"), json!({}));
            None
        },
        &["signer"],
    ),
    (
        "the_identity_of_another_issuer_fail",
        |w| {
            w.add(Kind::Scai, identity("ci@vendor", "another"), json!({}));
            None
        },
        &["signer"],
    ),
    (
        "the_identity_in_other_letters_fail",
        |w| {
            w.add(Kind::Scai, identity("CI@vendor", "idp"), json!({}));
            None
        },
        &["signer"],
    ),
    (
        "a_key_whose_name_is_that_of_an_identity_fail",
        |w| {
            w.add(Kind::Scai, key("ci@vendor"), json!({}));
            None
        },
        &["signer"],
    ),
    (
        "a_signer_of_comparisons_signs_provenance_fail",
        |w| {
            w.signed.insert(Kind::Provenance, Signed::by(key("second")));
            Some(w.with_signer("second", "statements = ['comparison']"))
        },
        &["signer-statements"],
    ),
    (
        "signed_before_the_signers_window_fail",
        |w| Some(w.with_signer("vendor", "not-before = 2026-06-02")),
        &["signer-window"],
    ),
    (
        "signed_after_the_signers_window_fail",
        |w| Some(w.with_signer("vendor", "not-after = 2026-05-31")),
        &["signer-window"],
    ),
    (
        "a_window_and_no_verified_time_fail",
        |w| {
            for signed in w.signed.values_mut() {
                signed.times.clear();
            }
            Some(w.with_signer("vendor", "not-before = 2026-01-01"))
        },
        &["signer-window"],
    ),
    (
        "one_of_two_times_is_outside_the_window_fail",
        |w| {
            let signed = w.signed.get_mut(&Kind::Summary).expect("signed");
            let mut late = signed.times[0].clone();
            late.at = at("2026-07-01T00:00:00Z");
            signed.times.push(late);
            w.at = at("2026-07-02T00:00:00Z");
            Some(w.with_signer("vendor", "not-after = 2026-06-30"))
        },
        &["signer-window"],
    ),
    (
        "the_tier_is_better_than_its_signer_is_believed_fail",
        |w| {
            w.require = "tier = 'partial'".to_owned();
            Some(w.with_signer("vendor", "most-tier = 'partial'"))
        },
        &["signer-level"],
    ),
    (
        "a_tier_that_its_signer_is_not_believed_does_not_count_fail",
        |w| Some(w.with_signer("vendor", "most-tier = 'partial'")),
        &["signer-level", "minimum-tier"],
    ),
    (
        "a_slsa_level_that_its_signer_is_not_believed_fail",
        |w| {
            w.summary
                .verified_levels
                .push("SLSA_BUILD_LEVEL_3".to_owned());
            None
        },
        &["signer-level"],
    ),
    (
        "a_slsa_level_of_another_track_fail",
        |w| {
            w.summary
                .verified_levels
                .push("SLSA_SOURCE_LEVEL_2".to_owned());
            None
        },
        &["signer-level"],
    ),
    (
        "a_slsa_level_that_is_none_fail",
        |w| {
            w.summary
                .verified_levels
                .push("SLSA_BUILD_LEVEL_x".to_owned());
            None
        },
        &["signer-level"],
    ),
];

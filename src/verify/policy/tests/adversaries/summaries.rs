//! Summaries.

use jiff::ToSpan;
use serde_json::json;

use super::Row;
use super::makers::set_summary;
use crate::attest::{PredicateType as Kind, VerificationResult};
use crate::digest::Sha256Digest;
use crate::label::Tier;
use crate::verify::policy::tests::world::{key, value};

pub(super) const ROWS: &[Row] = &[
    (
        "there_is_no_summary_fail",
        |w| {
            w.left_out.insert(Kind::Summary);
            None
        },
        &["summary"],
    ),
    (
        "the_summary_says_failed_fail",
        |w| {
            w.summary.verification_result = VerificationResult::Failed;
            w.summary.verified_levels = vec!["FAILED".to_owned()];
            None
        },
        &["summary"],
    ),
    (
        "an_older_summary_passed_and_the_newest_failed_fail",
        |w| {
            let mut newer = w.summary.clone();
            newer.time_verified = newer
                .time_verified
                .saturating_add(1.hour())
                .expect("a time");
            newer.verification_result = VerificationResult::Failed;
            newer.verified_levels = vec!["FAILED".to_owned()];
            w.add(Kind::Summary, key("vendor"), value(&newer));
            None
        },
        &["summary", "summary-inputs"],
    ),
    (
        "the_summary_is_none_fail",
        |w| {
            w.add(
                Kind::Summary,
                key("vendor"),
                json!({ "verificationResult": "PASSED" }),
            );
            None
        },
        &["summary"],
    ),
    (
        "the_summary_lists_a_level_of_a_better_tier_fail",
        |w| {
            w.summary
                .verified_levels
                .insert(0, "KMATRIX_FULL".to_owned());
            None
        },
        &["summary-levels"],
    ),
    (
        "the_summary_leaves_an_implied_level_out_fail",
        |w| {
            w.summary
                .verified_levels
                .retain(|level| level != "KMATRIX_PARTIAL");
            None
        },
        &["summary-levels"],
    ),
    (
        "the_summary_failed_and_lists_levels_fail",
        |w| {
            w.summary.verification_result = VerificationResult::Failed;
            None
        },
        &["summary", "summary-levels"],
    ),
    (
        "the_summary_is_of_a_better_tier_than_is_shown_fail",
        |w| {
            set_summary(w, Tier::Full);
            None
        },
        &["summary-levels"],
    ),
    (
        "the_summarys_word_is_another_than_its_tier_fail",
        |w| {
            w.summary.label.word = "full".to_owned();
            None
        },
        &["summary-levels"],
    ),
    (
        "the_summary_rests_on_another_comparison_fail",
        |w| {
            let provenance = w.attestations()[0].payload();
            w.inputs = Some(vec![provenance, Sha256Digest::of(b"other")]);
            None
        },
        &["summary-inputs"],
    ),
    (
        "the_summary_rests_on_nothing_fail",
        |w| {
            w.inputs = Some(Vec::new());
            None
        },
        &["summary-inputs"],
    ),
];

//! How much is proven.

use serde_json::json;

use super::Row;
use super::makers::{set_grade, set_summary};
use crate::attest::PredicateType as Kind;
use crate::digest::Sha256Digest;
use crate::label::{Axis as LabelAxis, Grade, Tier};
use crate::verify::policy::tests::world::{CELL, key, value};

pub(super) const ROWS: &[Row] = &[
    (
        "the_comparison_is_withheld_fail",
        |w| {
            w.left_out.insert(Kind::RebuildComparison);
            None
        },
        &["comparison", "minimum-tier"],
    ),
    (
        "the_reference_made_another_module_fail",
        |w| {
            let other = Sha256Digest::of(b"other");
            w.comparison.reference.modules[0].sha256 = other;
            for rebuild in &mut w.comparison.rebuilds {
                rebuild.modules[0].sha256 = other;
            }
            None
        },
        &["comparison"],
    ),
    (
        "the_comparison_is_none_fail",
        |w| {
            w.add(
                Kind::RebuildComparison,
                key("vendor"),
                json!({ "cell": CELL }),
            );
            None
        },
        &["comparison"],
    ),
    (
        "the_tier_does_not_follow_from_the_vector_fail",
        |w| {
            w.comparison.label.tier = Tier::Full;
            None
        },
        &["label"],
    ),
    (
        "the_vector_is_better_than_its_reasons_fail",
        |w| {
            w.comparison.label.vector.source = Grade::Archived;
            None
        },
        &["label"],
    ),
    (
        "a_label_has_no_reasons_fail",
        |w| {
            w.comparison.label.reasons.clear();
            None
        },
        &["label"],
    ),
    (
        "an_axis_has_a_grade_of_another_fail",
        |w| {
            // `committed` ranks above every grade of this axis.
            set_grade(w, LabelAxis::Toolchain, Grade::Committed);
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "a_rebuild_differs_and_says_that_it_is_the_same_fail",
        |w| {
            w.comparison.rebuilds[1].modules[0].sha256 = Sha256Digest::of(b"other");
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "a_rebuild_made_one_module_more_fail",
        |w| {
            let more = w.comparison.rebuilds[0].modules[0].clone();
            w.comparison.rebuilds[0].modules.push(more);
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "no_rebuild_was_made_fail",
        |w| {
            w.comparison.rebuilds.clear();
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "one_rebuild_is_counted_three_times_fail",
        |w| {
            let one = w.comparison.rebuilds[0].clone();
            w.comparison.rebuilds = vec![one.clone(), one.clone(), one];
            None
        },
        // It says that three were made, and two of them are not there.
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "the_reference_is_its_own_rebuild_fail",
        |w| {
            let mut own = w.comparison.reference.clone();
            own.number = 1;
            (own.varied, own.reached) =
                (crate::variation::Axis::all(), crate::variation::Axis::all());
            w.comparison.rebuilds = vec![own];
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "rebuilds_varied_nothing_fail",
        |w| {
            for rebuild in &mut w.comparison.rebuilds {
                rebuild.reached.clear();
            }
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "the_provenance_of_rebuilds_differs_fail",
        |w| {
            w.comparison.rebuilds[2].metadata_equal = false;
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "a_rebuild_failed_and_is_not_told_fail",
        |w| {
            w.comparison.rebuilds[2].outcome = "compile".to_owned();
            w.comparison.rebuilds[2].modules.clear();
            w.comparison.rebuilds[2].same = false;
            None
        },
        &["label", "minimum-tier", "summary-levels"],
    ),
    (
        "a_rebuild_is_of_a_platform_that_is_not_named_fail",
        |w| {
            w.comparison.rebuilds[2].platform = "platform-2".to_owned();
            None
        },
        &["label"],
    ),
    (
        "the_policy_needs_a_better_tier_fail",
        |w| {
            w.require = "tier = 'full'".to_owned();
            None
        },
        &["minimum-tier"],
    ),
    (
        "the_modules_class_needs_a_better_tier_fail",
        |w| {
            w.policy = "[[class]]\nname = 'core'\nmodules = ['m']\ntier = 'full'".to_owned();
            None
        },
        &["minimum-tier"],
    ),
    (
        "the_name_for_the_kernel_is_in_a_class_too_fail",
        |w| {
            w.policy = "[[class]]\nname = 'core'\nmodules = ['x']\ntier = 'full'".to_owned();
            None
        },
        &["minimum-tier"],
    ),
    (
        "another_signer_saw_a_difference_fail",
        |w| {
            let mut other = w.comparison.clone();
            other.rebuilds[0].modules[0].sha256 = Sha256Digest::of(b"other");
            other.rebuilds[0].same = false;
            other.label.tier = Tier::Irreproducible;
            other.label.vector.reproducibility = Grade::Differs;
            other.label.reasons[0].grade = Grade::Differs;
            w.add(Kind::RebuildComparison, key("auditor"), value(&other));
            None
        },
        &["minimum-tier"],
    ),
    (
        "the_summary_is_of_a_lower_tier_fail",
        |w| {
            set_summary(w, Tier::Partial);
            None
        },
        &["minimum-tier"],
    ),
    (
        "two_rebuilds_by_one_signer_are_called_independent_fail",
        |w| {
            set_grade(w, LabelAxis::Reproducibility, Grade::Independent);
            None
        },
        &["independence"],
    ),
    (
        "two_signers_of_one_operator_are_called_independent_fail",
        |w| {
            set_grade(w, LabelAxis::Reproducibility, Grade::Independent);
            w.add_comparison_by(key("second"));
            None
        },
        &["independence"],
    ),
    (
        "a_summary_says_reproduced_by_itself_fail",
        |w| {
            w.summary
                .verified_levels
                .push("SLSA_BUILD_REPRODUCED".to_owned());
            None
        },
        &["independence"],
    ),
    (
        "nobody_else_rebuilt_it_fail",
        |w| {
            w.require = "independent-rebuilders = 1".to_owned();
            None
        },
        &["independent-rebuilders"],
    ),
    (
        "the_auditor_signed_the_vendors_own_comparison_fail",
        |w| {
            w.require = "independent-rebuilders = 1".to_owned();
            let own = value(&w.comparison);
            w.add(Kind::RebuildComparison, key("auditor"), own);
            None
        },
        &["independent-rebuilders"],
    ),
    (
        "the_auditor_rebuilt_another_module_fail",
        |w| {
            w.require = "independent-rebuilders = 1".to_owned();
            let mut other = w.comparison.clone();
            for attempt in std::iter::once(&mut other.reference).chain(&mut other.rebuilds) {
                attempt.modules[0].sha256 = Sha256Digest::of(b"other");
            }
            w.add(Kind::RebuildComparison, key("auditor"), value(&other));
            None
        },
        &["comparison", "independent-rebuilders"],
    ),
    (
        "the_auditor_made_no_rebuild_fail",
        |w| {
            w.require = "independent-rebuilders = 1".to_owned();
            let mut other = w.comparison.clone();
            other.rebuilds.clear();
            w.add(Kind::RebuildComparison, key("auditor"), value(&other));
            None
        },
        &["label", "independent-rebuilders"],
    ),
    (
        "one_auditor_with_two_keys_is_two_fail",
        |w| {
            w.require = "independent-rebuilders = 2".to_owned();
            w.add_comparison_by(key("auditor"));
            w.comparison.inputs = Sha256Digest::of(b"others");
            w.add_comparison_by(key("auditor"));
            None
        },
        &["independent-rebuilders"],
    ),
];

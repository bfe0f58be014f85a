//! The statements beside provenance, comparison and summary.

use serde_json::json;

use super::Row;
use super::makers::{report, sbom_of, set_grade, want};
use crate::attest::PredicateType as Kind;
use crate::digest::Sha256Digest;
use crate::label::{Axis as LabelAxis, Grade};
use crate::verify::policy::tests::world::{OTHER_CELL, cell, key, scope, value};

pub(super) const ROWS: &[Row] = &[
    (
        "a_report_is_wanted_and_there_is_none_fail",
        |w| {
            want(w, "scai");
            None
        },
        &["scai"],
    ),
    (
        "a_report_is_wanted_and_it_is_a_strangers_fail",
        |w| {
            want(w, "scai");
            let report = report(w);
            w.add(Kind::Scai, key("nobody"), report);
            None
        },
        &["signer", "scai"],
    ),
    (
        "a_report_is_wanted_and_it_is_none_fail",
        |w| {
            want(w, "scai");
            w.add(Kind::Scai, key("vendor"), json!({ "attribute": "x" }));
            None
        },
        &["scai"],
    ),
    (
        "a_report_names_no_attribute_fail",
        |w| {
            w.add(Kind::Scai, key("vendor"), json!({ "attributes": [] }));
            None
        },
        &["scai"],
    ),
    (
        "a_report_says_more_than_the_comparison_fail",
        |w| {
            let report = report(w);
            w.add(Kind::Scai, key("vendor"), report);
            set_grade(w, LabelAxis::Reproducibility, Grade::Normalised);
            w.require = "tier = 'unverified'".to_owned();
            w.comparison.label.tier = crate::label::Tier::Partial;
            w.left_out.insert(Kind::Summary);
            w.require += "\nstatements = ['provenance', 'comparison']";
            None
        },
        &["scai"],
    ),
    (
        "a_scope_is_wanted_and_there_is_none_fail",
        |w| {
            want(w, "scope");
            None
        },
        &["scope"],
    ),
    (
        "a_scope_is_wanted_and_it_lists_another_module_fail",
        |w| {
            want(w, "scope");
            let scope = scope("nightly", Sha256Digest::of(b"other"));
            w.add(Kind::Scope, key("vendor"), value(&scope));
            None
        },
        &["scope"],
    ),
    (
        "a_scope_is_wanted_and_it_lists_another_cell_fail",
        |w| {
            want(w, "scope");
            let mut scope = scope("nightly", w.payload());
            scope.cells[0].cell = cell(OTHER_CELL);
            w.add(Kind::Scope, key("vendor"), value(&scope));
            None
        },
        &["scope"],
    ),
    (
        "a_scope_is_wanted_and_it_names_another_provenance_fail",
        |w| {
            want(w, "scope");
            let mut scope = scope("nightly", w.payload());
            let named = &mut scope.cells[0].attestations;
            named.insert("provenance".to_owned(), Sha256Digest::of(b"other"));
            w.add(Kind::Scope, key("vendor"), value(&scope));
            None
        },
        &["scope"],
    ),
    (
        "a_scope_is_wanted_and_it_is_a_strangers_fail",
        |w| {
            want(w, "scope");
            let scope = scope("nightly", w.payload());
            w.add(Kind::Scope, key("nobody"), value(&scope));
            None
        },
        &["signer", "scope"],
    ),
    (
        "a_scope_is_none_fail",
        |w| {
            w.add(Kind::Scope, key("vendor"), json!({ "release": "nightly" }));
            None
        },
        &["scope"],
    ),
    (
        "an_image_is_to_be_told_and_is_not_fail",
        |w| {
            want(w, "sbom");
            None
        },
        &["sbom"],
    ),
    (
        "an_image_is_to_be_told_and_another_is_fail",
        |w| {
            want(w, "sbom");
            w.others.push(sbom_of("another image", "vendor"));
            None
        },
        &["sbom"],
    ),
    (
        "an_image_is_to_be_told_and_a_stranger_does_fail",
        |w| {
            want(w, "sbom");
            w.others.push(sbom_of("image", "nobody"));
            None
        },
        &["signer", "sbom"],
    ),
    (
        "an_image_is_to_be_told_and_no_image_is_named_fail",
        |w| {
            want(w, "sbom");
            w.others.push(sbom_of("image", "vendor"));
            let dependencies = &mut w.provenance.build_definition.resolved_dependencies;
            dependencies.truncate(1);
            None
        },
        &["sbom"],
    ),
    (
        "what_tells_of_the_image_is_no_list_fail",
        |w| {
            let mut list = sbom_of("image", "vendor");
            list.statement.predicate = json!({ "spdxVersion": "SPDX-2.3" });
            w.others.push(list);
            None
        },
        &["sbom"],
    ),
];

//! The table of what is wrong: each row changes one thing, and names every rule that must not hold.

use std::collections::BTreeSet;

use jiff::ToSpan;
use serde_json::json;

use super::world::{
    BUILDER, CELL, COMMIT, OTHER_CELL, Signed, World, at, authenticated, broken, cell, identity,
    key, scope, summary, value,
};
use crate::attest::{PredicateType as Kind, Subject, SubjectForm, VerificationResult, levels};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::ko::testing::{Form, pieces};
use crate::label::{Axis as LabelAxis, Freshness, Grade, Tier};
use crate::verify::policy::{Known, Rule};
use crate::verify::{Outcome, Refused, SignedBy, Why};

/// What is wrong, what is done for that, and the rules that do not hold then.
type Row = (
    &'static str,
    fn(&mut World) -> Option<String>,
    &'static [&'static str],
);

/// The policy's signers are the vendor with two keys and an identity, and an auditor. A change may give
/// back another policy.
const ROWS: &[Row] = &[
    // What was handed in.
    (
        "one_attestation_was_refused_fail",
        |w| {
            w.refused
                .push(Refused::new(Why::Signature, "it does not hold"));
            None
        },
        &["readable"],
    ),
    (
        "nothing_was_handed_in_fail",
        |w| {
            w.left_out = [Kind::Provenance, Kind::RebuildComparison, Kind::Summary].into();
            None
        },
        &[
            "signer",
            "provenance",
            "payload",
            "same-cell",
            "builder",
            "build-type",
            "parameters",
            "inputs",
            "source",
            "expected-kernel",
            "expected-arch",
            "vermagic",
            "comparison",
            "minimum-tier",
            "summary",
            "not-older",
        ],
    ),
    // Who signed.
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
    // What is denied.
    (
        "the_key_is_denied_fail",
        |w| {
            w.policy = deny(&format!("key = '{}'", spki("vendor")));
            None
        },
        &["denied-key"],
    ),
    (
        "the_key_is_denied_at_that_time_fail",
        |w| {
            let window = "not-before = 2026-06-01\nnot-after = 2026-06-01";
            w.policy = deny(&format!("key = '{}'\n{window}", spki("vendor")));
            None
        },
        &["denied-key"],
    ),
    (
        "the_key_is_denied_at_a_time_and_no_time_is_verified_fail",
        |w| {
            w.signed
                .get_mut(&Kind::Provenance)
                .expect("signed")
                .times
                .clear();
            w.policy = deny(&format!(
                "key = '{}'\nnot-before = 2026-08-01",
                spki("vendor")
            ));
            None
        },
        &["denied-key"],
    ),
    (
        "the_identity_is_denied_fail",
        |w| {
            for signed in w.signed.values_mut() {
                signed.by = identity("ci@vendor", "idp");
            }
            w.policy = deny("identity = 'ci@vendor'\nissuer = 'idp'");
            None
        },
        &["denied-identity"],
    ),
    (
        "the_identity_is_denied_of_every_issuer_and_in_a_window_fail",
        |w| {
            w.signed
                .insert(Kind::Summary, Signed::by(identity("ci@vendor", "idp")));
            w.policy =
                deny("identity = 'ci@vendor'\nnot-before = 2026-06-01\nnot-after = 2026-06-01");
            None
        },
        &["denied-identity"],
    ),
    (
        "the_file_is_denied_fail",
        |w| {
            w.policy = deny(&format!("artifact = '{}'", Sha256Digest::of(&w.file)));
            None
        },
        &["denied-artifact"],
    ),
    (
        "the_module_in_the_file_is_denied_fail",
        |w| {
            w.policy = deny(&format!("artifact = '{}'", w.payload()));
            ship(w);
            None
        },
        &["denied-artifact"],
    ),
    (
        "a_statement_is_denied_fail",
        |w| {
            let payload = w.attestations()[0].payload();
            w.policy = deny(&format!("statement = '{payload}'"));
            None
        },
        &["denied-statement"],
    ),
    (
        "everything_of_that_day_is_denied_fail",
        |w| {
            w.policy = deny("not-before = 2026-06-01\nnot-after = 2026-06-01");
            None
        },
        &["denied-window"],
    ),
    (
        "a_day_is_denied_and_no_time_is_verified_fail",
        |w| {
            w.signed
                .get_mut(&Kind::Summary)
                .expect("signed")
                .times
                .clear();
            w.policy = deny("not-after = 2026-01-01");
            None
        },
        &["denied-window"],
    ),
    // What was built from what.
    (
        "a_second_provenance_that_is_none_fail",
        |w| {
            w.add(
                Kind::Provenance,
                key("vendor"),
                json!({ "buildDefinition": {} }),
            );
            None
        },
        &["provenance"],
    ),
    (
        "the_statements_of_another_version_fail",
        |w| {
            let mut all = pieces(Form::AMD64);
            all[0].data.push(1);
            w.file = Form::AMD64.file(&all);
            None
        },
        &[
            "signer",
            "provenance",
            "payload",
            "same-cell",
            "builder",
            "build-type",
            "parameters",
            "inputs",
            "source",
            "expected-kernel",
            "expected-arch",
            "vermagic",
            "comparison",
            "minimum-tier",
            "summary",
            "not-older",
        ],
    ),
    (
        "the_shipped_file_has_another_module_in_it_fail",
        |w| {
            let mut all = pieces(Form::AMD64);
            all[0].data.push(1);
            w.file = Form::AMD64.file(&all);
            // Both are subjects of one statement, and of one module.
            let shipped = Sha256Digest::of(&w.file);
            w.subjects.push(Subject::module(
                "m.ko.xz",
                shipped,
                SubjectForm::Shipped,
                "m.ko",
            ));
            w.comparison.reference.modules[0].sha256 = shipped;
            for rebuild in &mut w.comparison.rebuilds {
                rebuild.modules[0].sha256 = shipped;
            }
            None
        },
        &["payload"],
    ),
    (
        "the_shipped_file_is_said_to_be_another_module_of_the_cell_fail",
        |w| {
            ship(w);
            w.subjects[1]
                .annotations
                .insert("module".to_owned(), "other.ko".to_owned());
            None
        },
        &["payload"],
    ),
    (
        "the_file_is_no_module_fail",
        |w| {
            w.file = b"#!/bin/sh\n".to_vec();
            let digest = Sha256Digest::of(&w.file);
            w.subjects = vec![Subject::module(
                "m.ko",
                digest,
                SubjectForm::Payload,
                "m.ko",
            )];
            w.comparison.reference.modules[0].sha256 = digest;
            for rebuild in &mut w.comparison.rebuilds {
                rebuild.modules[0].sha256 = digest;
            }
            None
        },
        &["payload", "vermagic", "comparison"],
    ),
    (
        "the_comparison_is_of_another_cell_fail",
        |w| {
            w.comparison.cell = cell(OTHER_CELL);
            None
        },
        &["same-cell"],
    ),
    (
        "the_summary_is_of_another_cell_fail",
        |w| {
            w.summary.resource_uri = format!("urn:kmatrix:cell:{OTHER_CELL}");
            None
        },
        &["same-cell"],
    ),
    (
        "the_summary_is_of_no_cell_fail",
        |w| {
            w.summary.resource_uri = "pkg:generic/m".to_owned();
            None
        },
        &["same-cell"],
    ),
    (
        "the_provenance_is_of_another_cell_fail",
        |w| {
            w.provenance.build_definition.external_parameters["cell"] = json!(OTHER_CELL);
            None
        },
        &["same-cell", "expected-kernel", "vermagic"],
    ),
    (
        "the_builder_is_another_fail",
        |w| {
            w.provenance.run_details.builder.id = "https://builder.example".to_owned();
            None
        },
        &["builder"],
    ),
    (
        "the_builder_is_that_of_another_signer_fail",
        |w| {
            w.provenance.run_details.builder.id = "b2".to_owned();
            Some(w.policy_text().replacen(
                &format!(
                    "name = 'second'\noperator = 'vendor'\nkey = '{}'\nbuilders = ['{BUILDER}']",
                    spki("second")
                ),
                &format!(
                    "name = 'second'\noperator = 'vendor'\nkey = '{}'\nbuilders = ['b2']",
                    spki("second")
                ),
                1,
            ))
        },
        &["builder"],
    ),
    (
        "the_build_type_is_another_fail",
        |w| {
            w.provenance.build_definition.build_type =
                "https://slsa.dev/container-based-build/v0.1".to_owned();
            None
        },
        &["build-type"],
    ),
    (
        "a_parameter_that_nobody_knows_fail",
        |w| {
            let parameters = &mut w.provenance.build_definition.external_parameters;
            parameters.insert("patch".to_owned(), json!("evil.patch"));
            None
        },
        &["parameters"],
    ),
    (
        "a_parameter_with_a_value_that_is_not_allowed_fail",
        |w| {
            w.policy = "[[parameter]]\nname = 'module.make'\nvalues = ['CONFIG_M=m']".to_owned();
            None
        },
        &["parameters"],
    ),
    (
        "one_of_two_values_is_not_allowed_fail",
        |w| {
            let parameters = &mut w.provenance.build_definition.external_parameters;
            parameters["module"]["make"] = json!(["CONFIG_M=y", "KCFLAGS=-w"]);
            w.policy = "[[parameter]]\nname = 'module.make'\nvalues = ['CONFIG_*']".to_owned();
            None
        },
        &["parameters"],
    ),
    (
        "an_input_without_a_digest_fail",
        |w| {
            w.provenance.build_definition.resolved_dependencies[1]
                .digest
                .clear();
            None
        },
        &["inputs"],
    ),
    (
        "no_input_is_named_fail",
        |w| {
            w.provenance.build_definition.resolved_dependencies.clear();
            None
        },
        &["inputs", "source"],
    ),
    (
        "the_source_is_of_another_place_fail",
        |w| {
            Some(
                w.policy_text()
                    .replace("uri = '**'", "uri = 'git+https://src.example/other'"),
            )
        },
        &["source"],
    ),
    (
        "the_source_only_begins_like_the_policys_fail",
        |w| {
            Some(
                w.policy_text()
                    .replace("uri = '**'", "uri = 'git+https://src.example/*/m'"),
            )
        },
        &["source"],
    ),
    (
        "the_commit_is_not_pinned_fail",
        |w| {
            let other = "f".repeat(40);
            Some(
                w.policy_text()
                    .replace("uri = '**'", &format!("uri = '**'\ncommits = ['{other}']")),
            )
        },
        &["source"],
    ),
    (
        "the_tree_is_not_pinned_fail",
        |w| {
            let other = Sha256Digest::of(b"other tree");
            Some(
                w.policy_text()
                    .replace("uri = '**'", &format!("trees = ['{other}']")),
            )
        },
        &["source"],
    ),
    (
        "two_inputs_say_that_they_are_the_source_fail",
        |w| {
            let dependencies = &mut w.provenance.build_definition.resolved_dependencies;
            dependencies[1]
                .annotations
                .insert("role".to_owned(), json!("source"));
            None
        },
        &["source"],
    ),
    // What the caller expects.
    (
        "the_caller_does_not_say_which_kernel_fail",
        |w| {
            w.expectation.kernel = None;
            None
        },
        &["expectations"],
    ),
    (
        "the_caller_does_not_say_what_the_policy_wants_fail",
        |w| {
            w.require = "expect = ['source']".to_owned();
            None
        },
        &["expectations"],
    ),
    (
        "the_caller_expects_another_source_fail",
        |w| {
            w.expectation.source = Some("https://src.example/other".to_owned());
            None
        },
        &["expected-source"],
    ),
    (
        "the_caller_expects_a_longer_source_fail",
        |w| {
            w.expectation.source = Some("https://src.example".to_owned());
            None
        },
        &["expected-source"],
    ),
    (
        "the_caller_expects_another_commit_fail",
        |w| {
            w.expectation.commit = Some("f".repeat(40));
            None
        },
        &["expected-commit"],
    ),
    (
        "the_caller_expects_a_shorter_commit_fail",
        |w| {
            w.expectation.commit = Some(COMMIT[..12].to_owned());
            None
        },
        &["expected-commit"],
    ),
    (
        "the_caller_has_another_kernel_fail",
        |w| {
            w.expectation.kernel = Some("6.12.2-x".parse().expect("a release"));
            None
        },
        &["expected-kernel"],
    ),
    (
        "the_caller_has_another_architecture_fail",
        |w| {
            w.expectation.arch = Some("arm64".parse().expect("an architecture"));
            None
        },
        &["expected-arch"],
    ),
    (
        "the_caller_expects_another_module_fail",
        |w| {
            w.expectation.module = Some("wireguard".parse().expect("a name"));
            None
        },
        &["expected-module"],
    ),
    (
        "no_scope_statement_lists_it_fail",
        |w| {
            w.expectation.release = Some("nightly".to_owned());
            None
        },
        &["expected-release"],
    ),
    (
        "it_is_listed_in_another_release_fail",
        |w| {
            w.expectation.release = Some("nightly".to_owned());
            let scope = value(&scope("old", w.payload()));
            w.add(Kind::Scope, key("vendor"), scope);
            None
        },
        &["expected-release"],
    ),
    (
        "the_release_lists_another_module_fail",
        |w| {
            w.expectation.release = Some("nightly".to_owned());
            let scope = value(&scope("nightly", Sha256Digest::of(b"other")));
            w.add(Kind::Scope, key("vendor"), scope);
            None
        },
        &["expected-release"],
    ),
    (
        "the_release_lists_it_with_another_provenance_fail",
        |w| {
            w.expectation.release = Some("nightly".to_owned());
            let mut scope = scope("nightly", w.payload());
            let other = Sha256Digest::of(b"other");
            scope.cells[0]
                .attestations
                .insert("provenance".to_owned(), other);
            w.add(Kind::Scope, key("vendor"), value(&scope));
            None
        },
        &["expected-release"],
    ),
    (
        "the_release_lists_it_for_another_cell_fail",
        |w| {
            w.expectation.release = Some("nightly".to_owned());
            let mut scope = scope("nightly", w.payload());
            scope.cells[0].cell = cell(OTHER_CELL);
            w.add(Kind::Scope, key("vendor"), value(&scope));
            None
        },
        &["expected-release"],
    ),
    (
        "the_vermagic_is_that_of_another_kernel_fail",
        |w| {
            replace_module(w, b"license=GPL\0vermagic=6.12.9-y SMP \0", Form::AMD64);
            None
        },
        &["vermagic"],
    ),
    (
        "there_is_no_vermagic_fail",
        |w| {
            replace_module(w, b"license=GPL\0", Form::AMD64);
            None
        },
        &["vermagic"],
    ),
    (
        "the_machine_is_another_fail",
        |w| {
            let form = Form {
                machine: 183,
                ..Form::AMD64
            };
            replace_module(w, b"license=GPL\0vermagic=6.12.1-x SMP \0", form);
            None
        },
        &["vermagic"],
    ),
    // How much is proven.
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
    // Summaries.
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
    // When.
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
    (
        "an_older_build_of_a_cell_that_was_verified_before_fail",
        |w| {
            let known = Known {
                finished: at("2026-06-01T10:02:00Z"),
                payload: Sha256Digest::of(b"newer"),
            };
            w.expectation.known.insert(cell(CELL), known);
            None
        },
        &["not-older"],
    ),
    // Exceptions.
    (
        "an_exception_has_run_out_fail",
        |w| {
            w.require = "tier = 'full'".to_owned();
            w.policy = exception("minimum-tier", &format!("cells = '{CELL}'"), "2026-06-01");
            None
        },
        &["minimum-tier"],
    ),
    (
        "an_exception_is_for_another_cell_fail",
        |w| {
            w.require = "tier = 'full'".to_owned();
            w.policy = exception("minimum-tier", "cells = 'debian-12/**'", "2026-12-31");
            None
        },
        &["minimum-tier"],
    ),
    (
        "an_exception_is_for_another_rule_fail",
        |w| {
            w.require = "tier = 'full'".to_owned();
            w.policy = exception("label", &format!("cells = '{CELL}'"), "2026-12-31");
            None
        },
        &["minimum-tier"],
    ),
    (
        "an_exception_for_the_comparison_gives_no_tier_fail",
        |w| {
            w.left_out.insert(Kind::RebuildComparison);
            w.policy = exception("comparison", &format!("cells = '{CELL}'"), "2026-12-31");
            None
        },
        &["minimum-tier"],
    ),
];

fn deny(what: &str) -> String {
    format!("[[deny]]\nreason = 'r'\n{what}\n")
}

fn exception(rule: &str, of: &str, until: &str) -> String {
    format!("[[exception]]\nrule = '{rule}'\n{of}\nreason = 'r'\nuntil = {until}\n")
}

fn spki(name: &str) -> Sha256Digest {
    let SignedBy::Key { spki } = key(name) else {
        panic!("it is a key");
    };
    spki
}

/// Hands out the module compressed, with the shipped form as a subject too.
fn ship(w: &mut World) {
    w.file = zstd::encode_all(&w.file[..], 3).expect("memory");
    let shipped = Sha256Digest::of(&w.file);
    w.subjects.push(Subject::module(
        "m.ko.zst",
        shipped,
        SubjectForm::Shipped,
        "m.ko",
    ));
}

/// Puts another module in the place of the sound one, everywhere.
fn replace_module(w: &mut World, modinfo: &[u8], form: Form) {
    let mut all = pieces(form);
    let own = all.iter_mut().find(|piece| piece.name == ".modinfo");
    own.expect("it is there").data = modinfo.to_vec();
    w.file = form.file(&all);
    let digest = Sha256Digest::of(&w.file);
    w.subjects = vec![Subject::module(
        "m.ko",
        digest,
        SubjectForm::Payload,
        "m.ko",
    )];
    w.comparison.reference.modules[0].sha256 = digest;
    for rebuild in &mut w.comparison.rebuilds {
        rebuild.modules[0].sha256 = digest;
    }
}

/// Sets a grade with its reason.
fn set_grade(w: &mut World, axis: LabelAxis, grade: Grade) {
    let label = &mut w.comparison.label;
    label.vector.set(axis, grade);
    let reason = label.reasons.iter_mut().find(|reason| reason.axis == axis);
    reason.expect("it has one").grade = grade;
}

/// Makes a summary that is sound in itself, of another tier.
fn set_summary(w: &mut World, tier: Tier) {
    let mut label = w.comparison.label.clone();
    label.tier = tier;
    w.summary = summary(&label);
    assert_eq!(w.summary.verified_levels.len(), levels(tier).len() + 1);
}

#[test]
fn what_is_sound_holds_in_every_rule() {
    let world = World::sound();
    let verdict = world.verdict();
    assert_eq!(broken(&verdict), Vec::<&str>::new(), "{verdict:#?}");
    assert_eq!(
        (verdict.exit(), verdict.tier),
        (Exit::Success, Some(Tier::Constrained))
    );
    assert_eq!(verdict.cell, Some(cell(CELL)));
    assert!(verdict.passes());
    let ids: Vec<&str> = verdict
        .rules
        .iter()
        .map(|rule| rule.rule.as_str())
        .collect();
    let all: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids, all, "no rule is left out");
}

#[test]
fn whatever_is_wrong_fails_by_the_rules_that_are_there_for_it() {
    let mut names = BTreeSet::new();
    let mut others = Vec::new();
    for (name, change, expected) in ROWS {
        assert!(names.insert(*name), "{name} stands twice");
        let mut world = World::sound();
        let policy = change(&mut world).unwrap_or_else(|| world.policy_text());
        let verdict = world.verdict_by(&policy);
        let of = |rule: &str| {
            verdict
                .rules
                .iter()
                .find(|r| r.rule == rule)
                .map(|r| &r.because)
        };
        let because: Vec<_> = broken(&verdict)
            .into_iter()
            .map(|rule| (rule, of(rule)))
            .collect();
        if broken(&verdict) != *expected {
            others.push(format!("{name}: {because:#?}, and not {expected:?}"));
        }
        assert!(!verdict.holds() && !verdict.passes(), "{name}");
        assert_ne!(verdict.exit(), Exit::Success, "{name}");
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    println!("{} adversaries of the policy", ROWS.len());
    assert!(ROWS.len() >= 100, "{}", ROWS.len());
}

#[test]
fn every_rule_has_a_row_in_which_it_alone_fails() {
    for rule in Rule::ALL {
        let alone = ROWS.iter().any(|(_, _, broken)| *broken == [rule.id()]);
        // Rego needs a file beside the policy, and has tests of its own.
        assert!(alone || *rule == Rule::Rego, "{rule}");
    }
}

#[test]
fn what_is_missing_and_what_fails_have_their_own_status() {
    let mut world = World::sound();
    world.left_out.insert(Kind::Summary);
    assert_eq!(world.verdict().exit(), Exit::EvidenceMissing);
    world.refused.push(Refused::new(Why::Malformed, "no JSON"));
    assert_eq!(world.verdict().exit(), Exit::VerificationFailed);
}

#[test]
fn rotation_accepts_both_signers_while_their_windows_overlap() {
    for (vendor, second, day, expected) in [
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-06-15",
            &[][..],
        ),
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-05-31",
            &["signer-window"],
        ),
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-07-01",
            &["signer-window"],
        ),
    ] {
        let mut world = World::sound();
        world.at = at("2026-07-02T00:00:00Z");
        world
            .signed
            .insert(Kind::Summary, Signed::by(key("second")));
        for signed in world.signed.values_mut() {
            signed.times[0].at = at(&format!("{day}T12:00:00Z"));
        }
        let policy = world.with_signer("vendor", vendor);
        let head = "name = 'second'\n";
        let policy = policy.replace(head, &format!("{head}{second}\n"));
        assert_eq!(broken(&world.verdict_by(&policy)), expected, "{day}");
    }
}

#[test]
fn a_key_that_is_denied_for_a_window_still_counts_outside_of_it() {
    let mut world = World::sound();
    let window = "not-before = 2026-06-02\nnot-after = 2026-06-30";
    world.policy = deny(&format!("key = '{}'\n{window}", spki("vendor")));
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn another_operators_own_rebuild_makes_it_independent() {
    let mut world = World::sound();
    world.require = "independent-rebuilders = 1".to_owned();
    set_grade(&mut world, LabelAxis::Reproducibility, Grade::Independent);
    world.add_comparison_by(key("auditor"));
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn a_signed_and_packed_module_is_the_one_that_was_built() {
    let mut world = World::sound();
    ship(&mut world);
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
    // Packed by somebody else, it is still the module that a kernel runs.
    world.file = zstd::encode_all(
        &crate::ko::expand(&world.file).expect("whole").bytes[..],
        19,
    )
    .expect("memory");
    world.subjects.pop();
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn an_exception_lets_a_failure_pass_and_says_so() {
    let mut world = World::sound();
    world.require = "tier = 'full'".to_owned();
    world.policy = exception("minimum-tier", &format!("cells = '{CELL}'"), "2026-06-02")
        + &exception(
            "image-freshness",
            &format!("artifact = '{}'", world.payload()),
            "2026-12-31",
        )
        + &exception("label", "cells = 'x/**'", "2026-12-31")
        + &exception("inputs", &format!("cells = '{CELL}'"), "2026-06-01");
    let verdict = world.verdict();
    assert!(verdict.passes(), "{verdict:#?}");
    let rule = verdict
        .rules
        .iter()
        .find(|rule| rule.rule == "minimum-tier")
        .expect("asked");
    assert_eq!(rule.outcome, Outcome::Excepted);
    assert!(rule.because.ends_with(": r"), "{}", rule.because);
    use crate::verify::policy::ExceptionState::{Elsewhere, RunOut, Unneeded, Used};
    let states: Vec<_> = verdict.exceptions.iter().map(|one| one.state).collect();
    assert_eq!(states, [Used, Unneeded, Elsewhere, RunOut]);
}

#[test]
fn a_policy_that_only_watches_calls_nothing_passed() {
    let world = World::sound();
    let policy = world
        .policy_text()
        .replace("schema = 1", "schema = 1\nmode = 'audit'");
    let verdict = world.verdict_by(&policy);
    assert!(verdict.holds() && !verdict.passes());
}

#[test]
fn what_is_expected_is_found_in_each_of_its_forms() {
    let mut world = World::sound();
    world.require =
        "expect = ['source', 'commit', 'kernel', 'arch', 'module', 'release']".to_owned();
    let scope = value(&scope("nightly", world.payload()));
    world.add(Kind::Scope, key("vendor"), scope);
    world.expectation.commit = Some(COMMIT.to_owned());
    world.expectation.release = Some("nightly".to_owned());
    let with_commit = format!("git+https://src.example/m@{COMMIT}");
    let tree = Sha256Digest::of(b"tree").to_string();
    for source in [
        "git+https://src.example/m",
        "https://src.example/m",
        &with_commit,
        &tree,
    ] {
        for module in ["m", "x"] {
            world.expectation.source = Some(source.to_owned());
            world.expectation.module = Some(module.parse().expect("a name"));
            assert_eq!(
                broken(&world.verdict()),
                Vec::<&str>::new(),
                "{source} {module}"
            );
        }
    }
}

#[test]
fn a_class_may_ask_for_less() {
    let mut world = World::sound();
    world.require = "tier = 'full'".to_owned();
    world.policy = "[[class]]\nname = 'toys'\nmodules = ['m*']\ntier = 'partial'".to_owned();
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn rego_of_the_policy_can_only_deny() {
    for (rules, statements, expected) in [
        ("default allow = true", "['provenance']", Outcome::Holds),
        ("default allow = false", "['provenance']", Outcome::Fails),
        (
            "allow { input.predicate.runDetails.builder.id == \"urn:kmatrix:builder:local-container:v1\" }",
            "['provenance']",
            Outcome::Holds,
        ),
        (
            "allow { input.predicate.runDetails.builder.id == \"x\" }",
            "['provenance']",
            Outcome::Fails,
        ),
        (
            "default allow = true\ndeny[m] { input.subject[_].name == \"m.ko\"; m := \"not m.ko\" }",
            "['summary']",
            Outcome::Fails,
        ),
        (
            "allow { count([1 | a := numbers.range(1, 9999)[_]; b := numbers.range(1, 9999)[_]; a + b < 0]) == 0 }",
            "['summary']",
            Outcome::Fails,
        ),
        ("default allow = true", "['sbom']", Outcome::Missing),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let text = format!("package signature\n{rules}\n");
        std::fs::write(folder.path().join("site.rego"), text).expect("written");
        let mut world = World::sound();
        world.policy = format!("[[rego]]\nfile = 'site.rego'\nstatements = {statements}\n");
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, world.policy_text()).expect("written");
        let policy = crate::verify::policy::Policy::read(&path).expect("valid");
        let verdict = world.verdict_of(&policy);
        let wrong: &[&str] = if expected == Outcome::Holds {
            &[]
        } else {
            &["rego"]
        };
        assert_eq!(broken(&verdict), wrong, "{rules}");
        // Whatever it allows, it makes nothing hold that does not.
        world.require = "tier = 'full'".to_owned();
        std::fs::write(&path, world.policy_text()).expect("written");
        let policy = crate::verify::policy::Policy::read(&path).expect("valid");
        assert!(
            broken(&world.verdict_of(&policy)).contains(&"minimum-tier"),
            "{rules}"
        );
    }
}

#[test]
fn statements_of_others_do_not_count() {
    let mut world = World::sound();
    let other = Sha256Digest::of(b"other module");
    let subjects = vec![Subject::module("o.ko", other, SubjectForm::Payload, "o.ko")];
    let foreign = authenticated(
        Kind::Summary,
        subjects,
        json!({}),
        &Signed::by(key("nobody")),
    );
    world.others.push(foreign);
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn two_cells_with_the_very_same_module_do_not_get_in_each_others_way() {
    let mut world = World::sound();
    let mut other = World::sound();
    let id = CELL.replace("=6.12.1-1", "=6.12.1-2");
    other.provenance.build_definition.external_parameters["cell"] = json!(id);
    other.provenance.run_details.metadata.finished_on = at("2026-06-01T10:30:00Z");
    other.comparison.cell = cell(&id);
    other.summary.resource_uri = format!("urn:kmatrix:cell:{id}");
    world.others = other.attestations();
    let verdict = world.verdict();
    assert_eq!(broken(&verdict), Vec::<&str>::new());
    assert_eq!(verdict.cell, Some(cell(&id)), "the one that was built last");
    // A statement of a cell that has no provenance belongs to nothing.
    world.others.remove(0);
    assert_eq!(broken(&world.verdict()), ["same-cell", "summary-inputs"]);
}

#[test]
fn a_summary_says_passed_only_where_everything_holds_and_is_enforced() {
    use crate::verify::policy::{Artifact, Policy, summary};
    let world = World::sound();
    let of = |change: fn(&mut World), mode: &str, is_enforced: bool| {
        let mut world = World::sound();
        change(&mut world);
        let text = world
            .policy_text()
            .replace("schema = 1", &format!("schema = 1\nmode = '{mode}'"));
        let policy = Policy::parse("p.toml", text.as_bytes()).expect("valid");
        let verdict = world.verdict_of(&policy);
        let artifact = Artifact::read(&world.file);
        summary("m.ko", &artifact, &verdict, &policy, world.at, is_enforced).expect("it has a cell")
    };
    let passed = of(|_| {}, "enforce", true);
    assert_eq!(
        passed.predicate.verification_result,
        VerificationResult::Passed
    );
    assert_eq!(passed.predicate.verified_levels, levels(Tier::Constrained));
    assert_eq!(passed.predicate.input_attestations.len(), 3);
    assert_eq!(passed.subject[0].digest["sha256"], world.payload().to_hex());
    let failing: fn(&mut World) = |w| w.require = "tier = 'full'".to_owned();
    for failed in [
        of(|_| {}, "audit", true),
        of(|_| {}, "enforce", false),
        of(failing, "enforce", true),
    ] {
        assert_eq!(
            failed.predicate.verification_result,
            VerificationResult::Failed
        );
        assert_eq!(failed.predicate.verified_levels, ["FAILED"]);
    }
}

/// Makes a comparison as an audit does: the vendor's attempt as the reference, and one of its own, from the
/// same spec.
fn audited(w: &World) -> crate::attest::RebuildComparison {
    let mut audited = w.comparison.clone();
    let mut own = audited.reference.clone();
    own.number = 1;
    own.platform = "audit".to_owned();
    let platform = audited.platforms["platform-1"].clone();
    audited.platforms.insert("audit".to_owned(), platform);
    audited.rebuilds = vec![own];
    let claimed = audited.label.rebuilds.as_mut().expect("it was rebuilt");
    claimed.made = 1;
    audited.label.vector.reproducibility = Grade::Independent;
    audited.label.reasons[0].grade = Grade::Independent;
    audited
}

#[test]
fn what_an_audit_says_counts_for_as_much_as_its_signature() {
    // Beside the vendor's own comparison, and without it.
    for left_out in [None, Some(Kind::RebuildComparison)] {
        let mut world = World::sound();
        world.require = "independent-rebuilders = 1".to_owned();
        world.left_out.extend(left_out);
        let comparison = value(&audited(&world));
        world.add(Kind::RebuildComparison, key("auditor"), comparison);
        assert_eq!(broken(&world.verdict()), Vec::<&str>::new(), "{left_out:?}");
    }
    // The same words, signed by the vendor's second key, show nothing that was varied.
    let mut world = World::sound();
    world.left_out.insert(Kind::RebuildComparison);
    let comparison = value(&audited(&world));
    world.add(Kind::RebuildComparison, key("second"), comparison);
    let verdict = world.verdict();
    assert_eq!(
        broken(&verdict),
        ["minimum-tier", "independence", "summary-levels"]
    );
    assert_eq!(verdict.tier, Some(Tier::Partial));
    // An audit that differs is told, whatever it calls itself.
    let mut world = World::sound();
    let mut differing = audited(&world);
    differing.rebuilds[0].modules[0].sha256 = Sha256Digest::of(b"other");
    world.add(Kind::RebuildComparison, key("auditor"), value(&differing));
    assert_eq!(
        broken(&world.verdict()),
        ["label", "minimum-tier", "independence"]
    );
}

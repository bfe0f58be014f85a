//! What was built from what.

use serde_json::json;

use super::Row;
use super::makers::{ship, spki};
use crate::attest::{PredicateType as Kind, Subject, SubjectForm};
use crate::digest::Sha256Digest;
use crate::ko::testing::{Form, pieces};
use crate::verify::policy::tests::world::{BUILDER, OTHER_CELL, cell, key};

pub(super) const ROWS: &[Row] = &[
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
];

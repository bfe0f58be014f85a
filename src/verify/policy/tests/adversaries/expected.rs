//! What the caller expects.

use super::Row;
use super::makers::{packaged, replace_module, version};
use crate::attest::PredicateType as Kind;
use crate::digest::Sha256Digest;
use crate::ko::testing::Form;
use crate::verify::policy::tests::world::{CELL, COMMIT, OTHER_CELL, cell, key, scope, value};

pub(super) const ROWS: &[Row] = &[
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
        "it_lies_where_another_upload_of_its_kernel_does_fail",
        |w| {
            w.expectation.cell = Some(cell(&CELL.replace("=6.12.1-1", "=6.12.1-2")));
            None
        },
        &["expected-cell"],
    ),
    (
        "it_lies_where_another_distributions_does_fail",
        |w| {
            w.expectation.cell = Some(cell(&CELL.replace("debian-13", "debian-12")));
            None
        },
        &["expected-cell"],
    ),
    (
        "the_caller_has_another_version_of_the_kernels_package_fail",
        |w| {
            w.expectation.kernel_version = Some("6.12.1-2".parse().expect("a version"));
            None
        },
        &["expected-kernel-version"],
    ),
    (
        "the_caller_expects_another_version_fail",
        |w| {
            version(w, "1.0");
            packaged(w, "1.0-1");
            w.expectation.version = Some("1.0-2".to_owned());
            None
        },
        &["expected-version"],
    ),
    (
        "the_caller_expects_a_version_and_nothing_says_one_fail",
        |w| {
            w.expectation.version = Some("1.0".to_owned());
            None
        },
        &["expected-version"],
    ),
    (
        "the_caller_does_not_say_which_version_fail",
        |w| {
            w.require = "expect = ['version']".to_owned();
            None
        },
        &["expectations"],
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
];

//! What is denied.

use super::Row;
use super::makers::{deny, ship, spki};
use crate::attest::PredicateType as Kind;
use crate::digest::Sha256Digest;
use crate::verify::policy::tests::world::{Signed, identity};

pub(super) const ROWS: &[Row] = &[
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
];

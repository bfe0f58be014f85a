//! What is older than what was verified before, or than the policy accepts.

use super::Row;
use super::makers::{known, packaged, verified_before, version};
use crate::attest::PredicateType as Kind;
use crate::verify::policy::Known;
use crate::verify::policy::tests::world::{CELL, at};

pub(super) const ROWS: &[Row] = &[
    (
        "an_older_build_by_its_own_claim_fail",
        |w| {
            let newer = Known {
                finished: at("2026-06-01T10:02:00Z"),
                ..known("newer")
            };
            verified_before(w, newer);
            None
        },
        &["not-older"],
    ),
    (
        "a_build_that_was_signed_earlier_fail",
        |w| {
            // Whatever it claims of itself.
            let metadata = &mut w.provenance.run_details.metadata;
            metadata.finished_on = at("2026-12-31T00:00:00Z");
            let newer = Known {
                verified: Some(at("2026-06-01T12:00:01Z")),
                ..known("newer")
            };
            verified_before(w, newer);
            None
        },
        &["not-older"],
    ),
    (
        "the_time_of_a_build_was_taken_away_fail",
        |w| {
            let signed = w.signed.get_mut(&Kind::Provenance).expect("signed");
            signed.times.clear();
            let older = Known {
                verified: Some(at("2026-05-01T12:00:00Z")),
                ..known("older")
            };
            verified_before(w, older);
            None
        },
        &["not-older"],
    ),
    (
        "an_older_version_that_was_built_later_fail",
        |w| {
            version(w, "1.9.2");
            let newer = Known {
                version: Some("1.10.0".to_owned()),
                ..known("newer")
            };
            verified_before(w, newer);
            None
        },
        &["not-older"],
    ),
    (
        "one_of_two_builds_before_was_newer_fail",
        |w| {
            packaged(w, "1.0-2");
            for version in ["1.0-1", "1.0-3", "0.9-1"] {
                let before = Known {
                    version: Some(version.to_owned()),
                    ..known(version)
                };
                verified_before(w, before);
            }
            None
        },
        &["not-older"],
    ),
    (
        "what_was_verified_before_must_be_known_and_is_not_fail",
        |w| {
            w.require = "history = true".to_owned();
            w.expectation.known = None;
            None
        },
        &["not-older"],
    ),
    (
        "the_kernel_is_older_than_the_policy_accepts_fail",
        |w| {
            w.policy = least(CELL, "kernel = '6.12.1-2'");
            None
        },
        &["least-version"],
    ),
    (
        "the_module_is_older_than_the_policy_accepts_fail",
        |w| {
            version(w, "v1.9");
            w.policy = least("debian-13/**/m", "module = '1.10'");
            None
        },
        &["least-version"],
    ),
    (
        "the_package_of_the_source_is_older_than_the_policy_accepts_fail",
        |w| {
            version(w, "2.0");
            packaged(w, "1.10~rc1-1");
            w.policy = least("debian-13/**", "module = '1.10'");
            None
        },
        &["least-version"],
    ),
    (
        "a_least_version_is_wanted_and_nothing_says_one_fail",
        |w| {
            w.policy = least("**", "module = '1.0'");
            None
        },
        &["least-version"],
    ),
    (
        "a_version_that_is_none_fail",
        |w| {
            version(w, "latest and best");
            w.policy = least("**", "module = '1.0'");
            None
        },
        &["least-version"],
    ),
];

fn least(cells: &str, version: &str) -> String {
    format!("[[least-version]]\ncells = '{cells}'\n{version}\n")
}

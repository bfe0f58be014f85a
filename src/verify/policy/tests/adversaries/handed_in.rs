//! What was handed in.

use super::Row;
use crate::attest::PredicateType as Kind;
use crate::verify::{Refused, Why};

pub(super) const ROWS: &[Row] = &[
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
];

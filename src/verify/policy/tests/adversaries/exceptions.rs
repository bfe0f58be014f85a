//! Exceptions.

use super::Row;
use super::makers::exception;
use crate::attest::PredicateType as Kind;
use crate::verify::policy::tests::world::CELL;

pub(super) const ROWS: &[Row] = &[
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

//! A build that was made here held against one that somebody else recorded.

use crate::compare::cause::{Context, Lines, Surroundings};
use crate::compare::{self, Comparison};
use crate::engine::Observed;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::outcome::{BuiltModule, Outcome};
use crate::run::commands::{commands_apart, signs_of};
use crate::run::made::differences;
use crate::run::metadata::is_metadata_equal;
use crate::store::{Store, StoreError};

/// Compares the modules of two attempts of one cell; the store has the bytes of both. `None` if one of
/// them made no module.
pub fn compare_beside(
    store: &Store,
    cell: &CellRecord,
    theirs: &AttemptRecord,
    ours: &AttemptRecord,
) -> Result<Option<Comparison>, StoreError> {
    let (Some(of_theirs), Some(of_ours)) = (modules(theirs), modules(ours)) else {
        return Ok(None);
    };
    let sealed = |attempt: &AttemptRecord| attempt.observed.as_ref().map(Observed::is_sealed);
    let surroundings =
        [theirs, ours].map(|attempt| Surroundings::of(&attempt.variation, &attempt.reached));
    let context = Context {
        surroundings: Some((&surroundings[0], &surroundings[1])),
        lines: Lines {
            source: &cell.source.suspicions,
            given: &cell.inputs.given(),
        },
        commands: &commands_apart(store, theirs, ours)?,
        signs: [signs_of(theirs), signs_of(ours)],
        same_source: true,
        open: sealed(theirs) != Some(true) || sealed(ours) != Some(true),
        answer: None,
    };
    let base = ours.toolchain.btf_base.or(theirs.toolchain.btf_base);
    let differences = differences(store, (of_theirs, of_ours), base, &context)?;
    let agreed = compare::as_agreed(of_theirs, of_ours, &differences);
    let (first, second) = ((theirs, of_theirs), (ours, &agreed[..]));
    Ok(Some(Comparison {
        metadata_equal: is_metadata_equal(store, cell, first, second),
        differences,
    }))
}

fn modules(attempt: &AttemptRecord) -> Option<&[BuiltModule]> {
    match &attempt.outcome {
        Outcome::Built { modules } => Some(modules),
        Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
    }
}

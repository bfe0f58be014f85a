//! Whether two attempts were made of the same, and made the same: by the bytes that their provenance has
//! in common.

use crate::definition::BuildDefinition;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::outcome::BuiltModule;
use crate::recipe::{BuildSpec, MAX_SPEC};
use crate::store::Store;

/// Holds the deterministic part of two attempts' provenance against each other, byte for byte. The
/// modules of the rebuild are given as they agree with the reference's.
///
/// An attempt whose spec the store has no longer is not known to be the same. Preparations of the kernel
/// are the cell's, and the tree that an attempt was built against stands in its spec.
pub(super) fn is_metadata_equal(
    store: &Store,
    cell: &CellRecord,
    reference: (&AttemptRecord, &[BuiltModule]),
    rebuild: (&AttemptRecord, &[BuiltModule]),
) -> bool {
    let deterministic = |(attempt, modules): (&AttemptRecord, &[BuiltModule])| {
        let spec = spec(store, attempt)?;
        let definition = BuildDefinition::of(cell, attempt, &spec, &[]);
        Some(definition.deterministic(modules))
    };
    match (deterministic(reference), deterministic(rebuild)) {
        (Some(reference), Some(rebuild)) => reference == rebuild,
        (None, _) | (_, None) => false,
    }
}

fn spec(store: &Store, attempt: &AttemptRecord) -> Option<BuildSpec> {
    let bytes = store.read_blob(&attempt.spec, MAX_SPEC).ok()?;
    serde_json::from_slice(&bytes).ok()
}

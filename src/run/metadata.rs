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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;
    use crate::ledger::testing::{attempt_of, cell, spec_of};

    #[test]
    fn attempts_are_equal_if_their_recorded_specs_and_containers_are() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a store");
        let cell = cell();
        let keep = |number: u32, change: fn(&mut BuildSpec)| {
            let mut spec = spec_of(&cell, number);
            change(&mut spec);
            let bytes = serde_json::to_vec(&spec).expect("plain values serialise");
            store.put(&bytes).expect("room");
            attempt_of(&cell, number, &spec)
        };
        let equal = |reference: &AttemptRecord, rebuild: &AttemptRecord| {
            is_metadata_equal(&store, &cell, (reference, &[]), (rebuild, &[]))
        };
        let reference = keep(0, |_| {});
        let rebuild = keep(1, |_| {});
        assert!(equal(&reference, &rebuild));
        let longer = keep(1, |spec| spec.limits.seconds += 1);
        assert!(!equal(&reference, &longer));
        let other = keep(1, |spec| spec.inputs[0].tree = Sha256Digest::of(b"other"));
        assert!(!equal(&reference, &other));
        let mut open = rebuild.clone();
        open.observed.as_mut().expect("observed").no_network = false;
        assert!(!equal(&reference, &open));
        let mut lost = rebuild;
        lost.spec = Sha256Digest::of(b"a spec that the store has lost");
        assert!(!equal(&reference, &lost));
    }
}

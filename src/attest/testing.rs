//! A small record of a cell, as a ledger has it, for tests.

use std::collections::BTreeMap;

use crate::attest::{Attester, CellMaterial, LOCAL_BUILDER, Shipped};
use crate::compare::{Comparison, Layers};
use crate::digest::Sha256Digest;
use crate::label::{Grade, Signing};
use crate::ledger::testing::{attempt_of, spec_of};
use crate::ledger::{AttemptRecord, CellRecord};
use crate::recipe::BuildSpec;
use crate::run::{Assessment, assess};

pub(crate) use crate::ledger::testing::{cell, with_bits};

/// Everything that [`CellMaterial`] borrows.
pub struct Recorded {
    pub assessment: Assessment,
    pub specs: BTreeMap<Sha256Digest, BuildSpec>,
    pub layers: BTreeMap<Sha256Digest, Layers>,
    pub shipped: BTreeMap<Sha256Digest, Shipped>,
}

impl Recorded {
    /// Returns a cell with a reference and one rebuild that made the same; `change` has its way with
    /// the attempts and what came of comparing them before they are assessed.
    pub fn with(
        cell: CellRecord,
        change: impl FnOnce(&mut Vec<AttemptRecord>, &mut Vec<(u32, Comparison)>),
    ) -> Self {
        let specs: Vec<BuildSpec> = [0, 1].map(|number| spec_of(&cell, number)).into();
        let mut attempts: Vec<AttemptRecord> = (0..)
            .zip(&specs)
            .map(|(number, spec)| attempt_of(&cell, number, spec))
            .collect();
        let mut comparisons = vec![(1, same())];
        change(&mut attempts, &mut comparisons);
        let signing = Signing {
            grade: Grade::External,
            by: "key:0123".to_owned(),
        };
        Self {
            assessment: assess(cell, attempts, comparisons, Vec::new(), Some(signing)),
            specs: specs
                .into_iter()
                .map(|spec| (spec.digest(), spec))
                .collect(),
            layers: BTreeMap::from([(module(), layers())]),
            shipped: BTreeMap::new(),
        }
    }

    /// Returns one that nothing is wrong with.
    pub fn sound() -> Self {
        Self::with(cell(), |_, _| {})
    }

    pub fn material(&self) -> CellMaterial<'_> {
        CellMaterial {
            assessment: &self.assessment,
            specs: &self.specs,
            layers: &self.layers,
            shipped: &self.shipped,
        }
    }
}

pub fn attester() -> Attester {
    Attester {
        builder: LOCAL_BUILDER.to_owned(),
        operator: "the tests".to_owned(),
        version: "0.1.0".to_owned(),
        at: "2026-11-21T12:00:00Z".parse().expect("a time"),
    }
}

/// Returns the digest of the module that the reference made.
pub fn module() -> Sha256Digest {
    Sha256Digest::of(b"module")
}

/// Returns the comparison of what is the same.
pub fn same() -> Comparison {
    Comparison {
        differences: Vec::new(),
        metadata_equal: true,
    }
}

fn layers() -> Layers {
    Layers {
        file: module(),
        decompressed: module(),
        unsigned: module(),
        sections: Sha256Digest::of(b"sections"),
        normalised: Sha256Digest::of(b"normalised"),
    }
}

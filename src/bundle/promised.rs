//! The lock of an archive: which cells were promised, and what each was to be built from.

use std::collections::BTreeMap;

use crate::bundle::contents::LOCK;
use crate::bundle::held::{Contradiction, Members, Unheld, digest_of, read};
use crate::bundle::index::Index;
#[cfg(test)]
use crate::digest::Sha256Digest;
use crate::ledger::CellRecord;
use crate::lock::{self, Lock};
use crate::name::CellId;

/// The most bytes of a lock.
const MOST_OF_A_LOCK: u64 = 256 << 20;

/// What was promised: every cell by its name, with the number of its target.
pub(super) struct Promised {
    lock: Lock,
    cells: BTreeMap<CellId, usize>,
}

impl Promised {
    /// Reads the lock, which has to be the one that the release names, of the plan that it names.
    pub(super) fn read(members: &impl Members, index: &Index) -> Result<Self, Unheld> {
        let refuse = |why: String| Contradiction::Member {
            member: LOCK.to_owned(),
            why,
        };
        let digest = digest_of(index, LOCK)?;
        if digest != index.release.lock {
            return Err(refuse("it is not the lock that the release names".to_owned()).into());
        }
        let bytes = read(members, &digest, MOST_OF_A_LOCK)?;
        let lock: Lock =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if lock.schema_version != lock::SCHEMA {
            let found = lock.schema_version;
            let known = lock::SCHEMA;
            return Err(refuse(format!(
                "it has schema {found}, and this program knows {known}"
            ))
            .into());
        }
        if lock.plan != index.release.plan {
            return Err(refuse("it is the lock of another plan".to_owned()).into());
        }
        let cells = lock.cells.iter().map(|cell| (cell.id.clone(), cell.target));
        Ok(Self {
            cells: cells.collect(),
            lock,
        })
    }

    /// Returns a lock of nothing.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            lock: Lock {
                schema_version: lock::SCHEMA,
                plan: Sha256Digest::of(b"plan"),
                facts: BTreeMap::new(),
                sources: BTreeMap::new(),
                images: BTreeMap::new(),
                suites: Vec::new(),
                targets: Vec::new(),
                cells: Vec::new(),
                let_go: Vec::new(),
            },
            cells: BTreeMap::new(),
        }
    }

    /// Refuses a cell that was not promised, or that is said to be built from something else.
    pub(super) fn hold(&self, cell: &CellRecord) -> Result<(), String> {
        let locked = self
            .cells
            .get(&cell.id)
            .map(|at| self.lock.targets.get(*at));
        let Some(Some(target)) = locked else {
            return Err(format!("the lock does not have the cell {}", cell.id));
        };
        let inputs = &cell.inputs;
        let packages = target.packages.iter();
        let packages = packages.map(|package| (&package.name, &package.sha256));
        let source = self.lock.sources.get(&cell.id.module);
        let image = self.lock.images.get(&target.image);
        let is_locked = cell.id == CellId::new(&target.target, &cell.id.module)
            && inputs.target == target.target
            && inputs.module == cell.id.module
            && source.is_some_and(|source| source.tree == inputs.source_tree)
            && image.is_some_and(|image| image.id == inputs.image)
            && packages.eq(inputs.packages.iter().map(|(name, digest)| (name, digest)));
        if !is_locked {
            return Err(format!(
                "the cell {} is built from something else than the lock says",
                cell.id
            ));
        }
        let packages = cell.packages.iter();
        let packages = packages.map(|package| (&package.name, &package.sha256));
        let is_one = cell.source.tree == inputs.source_tree
            && cell.image.id == inputs.image
            && packages.eq(inputs.packages.iter().map(|(name, digest)| (name, digest)));
        if is_one {
            return Ok(());
        }
        Err(format!(
            "the record of the cell {} contradicts its own inputs",
            cell.id
        ))
    }

    /// Returns the first cell that was promised and that `has` does not know.
    pub(super) fn missing(&self, has: impl Fn(&CellId) -> bool) -> Option<&CellId> {
        self.cells.keys().find(|cell| !has(cell))
    }
}

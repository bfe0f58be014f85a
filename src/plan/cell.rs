//! The plan itself.

use std::sync::Arc;

use jiff::civil::Date;

use crate::digest::Sha256Digest;
use crate::document::Place;
use crate::name::{CellId, Target};

/// The cells to build, and those that are left out on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Ordered by id, numbers in names by their value; no id stands twice.
    pub cells: Vec<PlannedCell>,
    /// Ordered by id, then by what the exclude says.
    pub exclusions: Vec<Exclusion>,
    /// The digest of the canonical JSON of cells and exclusions, places in the matrix file left out.
    pub digest: Sha256Digest,
}

/// One cell to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCell {
    pub id: CellId,
    /// Shared by the cells of all modules.
    pub target: Arc<Target>,
}

/// One cell that an exclude takes away; a cell that two excludes take away has two of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub id: CellId,
    pub reason: Arc<str>,
    pub ticket: Option<Arc<str>>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Where the exclude stands in the matrix file.
    pub place: Place,
}

//! From what is asked for and what there is to the ordered list of cells. Pure: no clock, no I/O.
//!
//! [`plan`] takes a matrix, the kernels of every distribution release and today's date. The same cells
//! come out in the same order with the same digest, however the matrix and the catalogs were ordered.
//!
//! Rules that a matrix can rely on:
//!
//! - Every value that is written in a target must select at least one kernel; nothing asked for is
//!   left out without a word.
//! - Cells that several targets or includes name are one cell. That is no mistake: targets may overlap.
//! - A kernel release that an archive holds in two package versions is two kernels. Where a matrix
//!   asks for the newest (`latest`), releases are counted, and the newest upload of each stands for it.
//! - Excludes take away what targets name and never what an include names; each of them must take
//!   away something.

mod cell;
mod document;
mod exclude;
mod expand;
mod grid;
mod kernels;
mod newest;
mod order;
mod pick;
mod problem;
mod refusal;
#[cfg(test)]
mod sample;
mod select;
#[cfg(test)]
mod tests;

pub use cell::{Exclusion, Plan, PlannedCell};
pub use document::PlanDocument;
pub use expand::plan;
pub use newest::{IncomparableVersion, newest};
pub use order::natural;
pub use problem::{PlanError, PlanProblem, PlanProblemCode};

//! Evidence archives: everything that a release proves itself with, in one file that anybody can check
//! and build again.
//!
//! ```text
//! run --(export)--> archive --(read, authenticate)--> import --> foreign records, blobs
//!                                                       \--> audit: sample --> rebuild --> bound
//! ```
//!
//! # Security
//!
//! An archive is somebody's word. What is imported keeps who signed it, is filed apart from what was
//! observed here, and counts for no label.

mod attested;
mod audit;
mod authority;
mod bound;
mod cell_inputs;
mod checks;
mod claim;
mod contents;
mod filed;
mod format;
mod gathered;
mod held;
mod import;
mod index;
mod known;
mod lines;
mod promised;
mod read;
mod release;
mod released;
mod row;
mod sample;
mod seal;
#[cfg(test)]
mod tests;
mod tree_lists;
mod write;

pub use audit::{
    AUDIT_TYPE, Again, Audit, Audited, Circumstances, Finding, Stratified, comparison_statement,
};
pub use authority::{Authority, Signature};
pub use bound::{Bound, Draw, bound};
pub use claim::{Claim, Claims, claim, claimed_preparations, claims};
pub use contents::{Request, gather};
pub use format::{Limits, MemberPath};
pub use gathered::{Contents, ExportError, Extra};
pub use held::Contradiction;
pub use import::{Checked, ImportError, Imported, check, import, open};
pub use index::{Index, InputKind, Kind, Member, Release, SCHEMA};
pub use read::{ArchiveReader, Damage, ReadError};
pub use release::{ReleaseFolder, ReleaseMember, for_each_cell, statements_of_release};
pub use row::Row;
pub use sample::{Drawn, SampleError, SampleSize, Seed, Stratum, draw};
pub use seal::{ARCHIVE_TYPE, Trusting, signer_name, statement};
pub use write::{ArchiveWriter, IndexSignature, WriteError};

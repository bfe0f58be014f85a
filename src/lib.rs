//! `kmatrix` builds a kernel module for every kernel, rebuilds each result in a clean environment,
//! compares the bytes, and says how much of that result is proven.
//!
//! The pipeline is the architecture. Each stage is a function from one value to the next, and the
//! folders stand in the order of the data:
//!
//! ```text
//!  matrix/*.toml   kernels/*.toml   images/*.toml
//!         \              |              /
//!        plan  -->  lock  -->  run  -->  ledger
//!                               |           |
//!                            engine      compare  -->  label  -->  report
//! ```

pub mod catalog;
pub mod digest;
pub mod document;
pub mod image;
pub mod matrix;
pub mod name;
pub mod plan;
pub mod tree;

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

// Tests share files with the program's, which know this library by its name.
#[cfg(test)]
extern crate self as kmatrix;

pub mod attest;
pub mod bundle;
pub mod catalog;
pub mod cli;
pub mod compare;
pub mod definition;
pub mod digest;
pub mod document;
pub mod engine;
pub mod exit;
pub mod export;
pub mod gate;
pub mod git;
pub mod image;
pub mod ko;
pub mod label;
pub mod ledger;
pub mod lock;
pub mod matrix;
pub mod name;
pub mod oci;
pub mod outcome;
pub mod package;
pub mod plan;
pub mod publish;
pub mod recipe;
pub mod report;
pub mod retention;
pub mod run;
pub mod sign;
pub mod source;
pub mod state;
pub mod store;
pub mod tree;
pub mod variation;
pub mod verify;

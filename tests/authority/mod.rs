//! Everybody that attestations of the tests are signed, logged and stamped by.
//!
//! Made anew in each test, so nothing here is ever trusted outside of it.

pub mod bundles;
pub mod certificates;
mod der;
pub mod instance;
pub mod keys;
pub mod repository;

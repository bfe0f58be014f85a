//! The real program against the real container engine and real Debian kernels.
//!
//! The tests share one builder image, one list of kernels and one store, which the first of them
//! prepares in `target/test-state`; each has a state directory of its own. Nothing is skipped: an
//! engine that does not answer fails the tests with a hint.

mod answers;
mod attesting;
mod bad_input;
mod collecting;
mod commands;
mod common;
mod corpus;
mod dkms_packages;
mod dockerfiles;
mod engines;
mod evidence;
mod failures;
mod families;
#[allow(dead_code)]
#[path = "../family/mod.rs"]
mod family;
mod fixtures;
mod freshness;
mod images;
mod init;
mod interrupt;
mod isolation;
mod kernels;
mod keys;
mod labels;
mod linking;
mod matrices;
mod prepared;
mod recipes;
mod registries;
mod reports;
mod resume;
mod shipped;
mod sources;
mod tools;
mod variation;
mod verifying;

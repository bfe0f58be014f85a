//! The judge, held against a sound module and everything that could be wrong with what is shown of it.

mod adversaries;
mod holding;
mod releases;
#[path = "../../../../tests/statements/mod.rs"]
mod statements;
mod world;

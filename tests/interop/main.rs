//! Attestations of ours before the independent tools, theirs before us, and a registry between them.
//!
//! Every tool has to accept what is genuine and to refuse what was changed, or the check is none.

mod attested;
#[allow(dead_code, unused_imports)]
#[path = "../end_to_end/common/mod.rs"]
mod common;
mod forms;
mod genuine;
mod judge;
mod keyless;
mod registry;
#[allow(dead_code)]
#[path = "../keyless/sigstore.rs"]
mod sigstore;
mod statements;
mod summary_rules;
mod theirs;
mod tools;
mod vendor;

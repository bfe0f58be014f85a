//! Signing without a key, against a real Fulcio, Rekor and timestamp authority on the loopback, which
//! `ci/sigstore/build` builds from Debian's sources and `ci/sigstore/serve` serves.
//!
//! What they made once is in `tests/sigstore`, and is verified offline by other tests too.

mod ci_jobs;
mod command_line;
#[allow(dead_code, unused_imports)]
#[path = "../end_to_end/common/mod.rs"]
mod common;
mod signer;
mod sigstore;

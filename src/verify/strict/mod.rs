//! Reading attestations as narrowly as their formats allow, before anything else looks at them.
//!
//! JSON has many ways to say two things at once: a key twice, a key in another case, two kinds of
//! content, base64 that decodes to the same bytes from other characters. Every reader resolves them in its
//! own way, and an attack lives in the gap between two readers. Here such bytes are refused.
//!
//! Nothing in this folder knows keys, certificates or clocks.

mod bundle;
mod fields;
mod json;
mod limits;
mod log_entry;
mod statement;

pub(super) use bundle::{Material, ReadAttestation, Vouchers, read_attestation};
pub(super) use fields::named_digest;
pub(super) use json::quoted;
pub use json::strict_json;
pub use limits::Limits;
pub(super) use log_entry::LogEntry;
pub use statement::read_statement;

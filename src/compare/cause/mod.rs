//! Causes: why two modules differ, by name, with what shows it and what helps. Pure.
//!
//! What a difference looks like is read from its bytes ([`find`]), held against the surroundings of
//! the two builds where these are known, and against the answer of an inquiry where there was one
//! ([`blame`]). What only follows from something else is no cause; what nothing accounts for is
//! [`Cause::Unexplained`], and is shown and never guessed at.

mod blame;
mod catalogue;
mod commands;
mod find;
mod kind;
mod lines;
mod named;
mod open;
mod order;
mod shape;
mod surroundings;
#[cfg(test)]
mod tests;
mod texts;

pub use blame::{OfRebuild, blame, blame_each};
pub use catalogue::{CATALOGUE, Entry, Tried};
pub use find::{Context, causes};
pub use kind::Cause;
pub use lines::Lines;
pub use named::{Confidence, Evidence, Named, together};
pub use surroundings::Surroundings;

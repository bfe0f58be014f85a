//! Which kernels a set of packages holds, and what each is built against (pure).

mod candidate;
mod discovery;
mod header_pattern;
mod needs;
mod patterns;

pub use candidate::Offer;
pub use discovery::{Discovery, discover};
pub use patterns::{KernelPatterns, PatternError};

#[cfg(test)]
mod tests;

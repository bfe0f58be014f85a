//! Builder images: how they are made, what is in them, and how old they are.

pub mod archive;
pub mod definition;

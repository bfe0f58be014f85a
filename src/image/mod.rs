//! Builder images: how they are made, what is in them, and how old they are.

pub mod definition;
mod definition_file;

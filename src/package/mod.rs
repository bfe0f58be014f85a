//! Opening the packages that kernels come in: each format in a file of its own, over one safe way
//! to unpack.
//!
//! # Security
//!
//! A package is untrusted even when its digest is the one an archive signed. Every size, count,
//! depth and ratio has a limit that holds before memory or disk is used ([`Limits`]), and what is
//! not understood is refused, never skipped. Nothing that a package names is ever followed: a name
//! is created new below directories that this code created itself, or not at all.

mod ar;
mod control;
mod deb;
mod error;
mod inflate;
mod limits;
mod name;
mod tar_entries;
mod unpack;

pub use control::PackageIdentity;
pub use deb::{Unpacked, deb_identity, unpack_deb};
pub use error::PackageError;
pub use limits::Limits;

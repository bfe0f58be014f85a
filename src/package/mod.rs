//! Opening the packages that kernels come in: each format in a file of its own, over one safe way
//! to unpack.
//!
//! # Security
//!
//! A package is untrusted even when its digest is the one an archive signed. Every size, count,
//! depth and ratio has a limit that holds before memory or disk is used ([`Limits`]), and what is
//! not understood is refused, never skipped. Nothing that a package names is ever followed: a name
//! is created new below directories that this code created itself, or not at all.

mod apk;
mod ar;
mod control;
mod cpio;
mod deb;
mod entry;
mod error;
mod format;
mod identity;
mod inflate;
mod limits;
mod metadata;
mod name;
mod pacman;
mod pkginfo;
mod read_ahead;
mod rpm;
mod rpm_header;
mod source;
mod tar_entries;
mod tarball;
mod unpack;

pub use apk::{ApkSignature, ApkSignatureKind, ApkSigned, apk_signed};
pub use deb::{deb_identity, unpack_deb};
pub use error::PackageError;
pub use format::{PackageFormat, ParseFormatError, Unpacked, unpack};
pub use identity::PackageIdentity;
pub use limits::Limits;
pub(crate) use read_ahead::read_ahead;
pub use rpm::{RpmSigned, rpm_signed};
pub use tarball::{Strip, expanded_tarball, unpack_tarball};

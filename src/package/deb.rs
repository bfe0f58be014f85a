//! Debian packages (deb(5)): an ar archive of `debian-binary`, `control.tar*` and `data.tar*`, in
//! this order and with nothing else.
//!
//! deb(5) lets readers ignore members behind `data.tar` and those whose names begin with `_`. They
//! are refused here: what one reader ignores another may unpack.

use std::io::{self, Read};
use std::path::Path;

use super::ar::Ar;
use super::control::{self, PackageIdentity};
use super::error::{PackageError, recover, shown};
use super::inflate::Inflated;
use super::limits::Limits;
use super::tar_entries::{Kind, for_each_entry};
use super::unpack::unpack_tar;
use crate::tree::Entries;

const VERSION: &str = "debian-binary";
const CONTROL: &str = "control.tar";
const DATA: &str = "data.tar";

/// What a package is and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    pub identity: PackageIdentity,
    pub entries: Entries,
}

/// Unpacks a package's files below the existing, empty directory `into`, in one pass that ends at
/// the package's last byte; a file's digest is that of the bytes as they were written.
///
/// Symbolic links with absolute targets are taken: they mean the package's own root, so nothing may
/// follow them in `into` itself. After an error `into` holds some part of the package.
pub fn unpack_deb(deb: impl Read, into: &Path, limits: &Limits) -> Result<Unpacked, PackageError> {
    let mut ar = Ar::open(deb)?;
    let identity = read_identity(&mut ar, limits)?;
    let member = expect(&mut ar, DATA)?;
    let entries = unpack_tar(Inflated::open(&member, &mut ar, limits)?, into, limits)?;
    match ar.next_member()? {
        None => Ok(Unpacked { identity, entries }),
        Some(member) => Err(unexpected(member)),
    }
}

/// Reads what a package says it is, and nothing behind that.
pub fn deb_identity(deb: impl Read, limits: &Limits) -> Result<PackageIdentity, PackageError> {
    read_identity(&mut Ar::open(deb)?, limits)
}

fn read_identity<R: Read>(
    ar: &mut Ar<R>,
    limits: &Limits,
) -> Result<PackageIdentity, PackageError> {
    let member = ar.next_member()?;
    if member.as_deref() != Some(VERSION) {
        return Err(PackageError::MissingMember { member: VERSION });
    }
    let version = read_all(ar, 64)?.unwrap_or_default();
    if !version.starts_with(b"2.") || !version.ends_with(b"\n") {
        return Err(PackageError::FormatVersion {
            found: shown(version.trim_ascii_end()),
        });
    }
    let member = expect(ar, CONTROL)?;
    let mut control = None;
    for_each_entry(
        Inflated::open(&member, ar, limits)?,
        limits,
        |entry, mut bytes| {
            let Kind::File { bytes: size, .. } = entry.kind else {
                return Ok(());
            };
            if entry.name != "control" {
                return Ok(());
            }
            let read = read_all(&mut bytes, limits.control_bytes)?;
            let read = read.ok_or(PackageError::FileTooLarge {
                name: entry.name.clone(),
                bytes: size,
                limit: limits.control_bytes,
            })?;
            if read.len() as u64 != size {
                return Err(PackageError::Truncated {
                    part: format!("`{}`", entry.name),
                });
            }
            match control.replace(read) {
                None => Ok(()),
                Some(_) => Err(PackageError::Duplicate { name: entry.name }),
            }
        },
    )?;
    let control = control.ok_or_else(|| PackageError::Control {
        why: format!("`{member}` has none"),
    })?;
    control::parse(&control)
}

/// Goes on to the next member, which must be `wanted` with or without a compression's ending.
fn expect<R: Read>(ar: &mut Ar<R>, wanted: &'static str) -> Result<String, PackageError> {
    match ar.next_member()? {
        Some(member) if member.starts_with(wanted) => Ok(member),
        None => Err(PackageError::MissingMember { member: wanted }),
        Some(member) if member.starts_with(DATA) => {
            Err(PackageError::MissingMember { member: wanted })
        }
        Some(member) => Err(unexpected(member)),
    }
}

fn unexpected(member: String) -> PackageError {
    if member == VERSION || member.starts_with(CONTROL) || member.starts_with(DATA) {
        PackageError::DuplicateMember { member }
    } else {
        PackageError::UnexpectedMember { member }
    }
}

/// Reads to the end, or returns `None` if there are more bytes than `limit`.
fn read_all(bytes: &mut dyn Read, limit: u64) -> Result<Option<Vec<u8>>, PackageError> {
    let mut read = Vec::new();
    bytes
        .take(limit + 1)
        .read_to_end(&mut read)
        .map_err(|error: io::Error| recover(error, |source| PackageError::Read { source }))?;
    Ok((read.len() as u64 <= limit).then_some(read))
}

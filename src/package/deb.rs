//! Debian packages (deb(5)): an ar archive of `debian-binary`, `control.tar*` and `data.tar*`, in
//! this order and with nothing else.
//!
//! deb(5) lets readers ignore members behind `data.tar` and those whose names begin with `_`. They
//! are refused here: what one reader ignores another may unpack.

use std::io::Read;
use std::path::Path;

use super::ar::Ar;
use super::control;
use super::entry::Kind;
use super::error::{PackageError, shown};
use super::format::Unpacked;
use super::identity::PackageIdentity;
use super::inflate::{Behind, Compression, Inflated};
use super::limits::Limits;
use super::metadata::{read_at_most, read_metadata};
use super::tar_entries::{End, for_each_entry};
use super::unpack::{Links, Unpacking};

const VERSION: &str = "debian-binary";
const CONTROL: &str = "control.tar";
const DATA: &str = "data.tar";

/// Unpacks a package's files below the existing, empty directory `into`, in one pass that ends at
/// the package's last byte; a file's digest is that of the bytes as they were written.
///
/// Symbolic links with absolute targets are taken: they mean the package's own root, so nothing may
/// follow them in `into` itself. After an error `into` holds some part of the package.
pub fn unpack_deb(
    deb: impl Read + Send,
    into: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    let mut ar = Ar::open(deb)?;
    let identity = read_identity(&mut ar, limits)?;
    let member = expect(&mut ar, DATA)?;
    let mut tree = Unpacking::open(into, Links::Package, limits)?;
    let data = expand(&member, &mut ar, limits)?;
    for_each_entry(data, End::Marked, limits, |entry, bytes| {
        tree.write(entry, bytes)
    })?;
    match ar.next_member()? {
        None => Ok(Unpacked {
            identity,
            entries: tree.finish(),
        }),
        Some(member) => Err(unexpected(member)),
    }
}

/// Reads what a package says it is, and nothing behind that.
pub fn deb_identity(
    deb: impl Read + Send,
    limits: &Limits,
) -> Result<PackageIdentity, PackageError> {
    read_identity(&mut Ar::open(deb)?, limits)
}

fn read_identity<R: Read + Send>(
    ar: &mut Ar<R>,
    limits: &Limits,
) -> Result<PackageIdentity, PackageError> {
    let member = ar.next_member()?;
    if member.as_deref() != Some(VERSION) {
        return Err(PackageError::MissingMember { member: VERSION });
    }
    let version = read_at_most(ar, 64)?.unwrap_or_default();
    if !version.starts_with(b"2.") || !version.ends_with(b"\n") {
        return Err(PackageError::FormatVersion {
            found: shown(version.trim_ascii_end()),
        });
    }
    let member = expect(ar, CONTROL)?;
    let mut control = None;
    for_each_entry(
        expand(&member, ar, limits)?,
        End::Marked,
        limits,
        |entry, bytes| {
            let Kind::File { bytes: size, .. } = entry.kind else {
                return Ok(());
            };
            if entry.name != "control" {
                return Ok(());
            }
            let read = read_metadata(&entry.name, size, bytes, limits)?;
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

/// Expands a member by the ending that follows `.tar` in its name. deb(5) has bzip2 and lzma too,
/// which nothing makes any more.
fn expand<'a, R: Read>(
    member: &str,
    ar: &'a mut Ar<R>,
    limits: &Limits,
) -> Result<Inflated<&'a mut Ar<R>>, PackageError> {
    let compression = match member.rsplit_once(".tar").map(|(_, ending)| ending) {
        Some("") => Compression::None,
        Some(".gz") => Compression::Gzip,
        Some(".xz") => Compression::Xz,
        Some(".zst") => Compression::Zstd,
        Some(_) | None => {
            return Err(PackageError::UnknownCompression {
                member: member.to_owned(),
            });
        }
    };
    Inflated::open(member, compression, ar, Behind::Nothing, limits)
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

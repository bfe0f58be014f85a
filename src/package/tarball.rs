//! Source tarballs: a tar archive, compressed or not, that is no package.

use std::io::Read;
use std::path::Path;

use super::entry::{ArchiveEntry, Kind};
use super::error::PackageError;
use super::inflate::{Behind, Compression, Inflated};
use super::limits::Limits;
use super::source::{Peeked, peek};
use super::tar_entries::{End, for_each_entry};
use super::unpack::{Links, Unpacking};
use crate::tree::Entries;

const ARCHIVE: &str = "tarball";

/// Where POSIX has the magic of a tar archive, and the magic (ustar, `magic`).
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// What is taken off the names of a tarball.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    Nothing,
    /// The one directory that everything stands in, such as `linux-6.12/`.
    TopDirectory,
}

/// Unpacks a tarball below the existing, empty directory `into`, in one pass that ends at its last
/// byte. Its compression (gzip, bzip2, xz, zstd or none) is told by its first bytes.
///
/// # Errors
///
/// Symbolic links may lead to anywhere in the tree, but not out of it, and so not to absolute paths:
/// the tree has no place of its own. Where the top directory is to be taken off, everything must
/// stand in one. After an error `into` holds some part of the tarball.
pub fn unpack_tarball(
    tarball: impl Read + Send,
    strip: Strip,
    into: &Path,
    limits: &Limits,
) -> Result<Entries, PackageError> {
    let archive = inflated(tarball, limits)?;
    let mut tree = Unpacking::open(into, Links::Tree, limits)?;
    let mut top = None;
    for_each_entry(archive, End::Marked, limits, |entry, bytes| match strip {
        Strip::Nothing => tree.write(entry, bytes),
        Strip::TopDirectory if entry.name.is_empty() => Ok(()),
        Strip::TopDirectory => tree.write(stripped(entry, &mut top)?, bytes),
    })?;
    match (strip, top) {
        (Strip::TopDirectory, None) => Err(PackageError::NoTopDirectory {
            name: String::new(),
        }),
        (Strip::TopDirectory, Some(_)) | (Strip::Nothing, _) => Ok(tree.finish()),
    }
}

/// Returns the tar archive of a tarball, which is what some sign: the archive before its compression.
///
/// # Errors
///
/// A compression that is not known. What goes beyond the limits ends the reading with an error.
pub fn expanded_tarball<R: Read + Send + Sync>(
    tarball: R,
    limits: &Limits,
) -> Result<impl Read + Send + Sync + use<R>, PackageError> {
    inflated(tarball, limits)
}

fn inflated<R: Read>(tarball: R, limits: &Limits) -> Result<Inflated<Peeked<R>>, PackageError> {
    let (at, magic) = TAR_MAGIC;
    let (first, source) = peek(tarball, at + magic.len())?;
    let plain = first.get(at..).is_some_and(|found| found == magic);
    let compression = if plain {
        Compression::None
    } else {
        Compression::of_magic(&first).ok_or_else(|| PackageError::UnknownCompression {
            member: ARCHIVE.to_owned(),
        })?
    };
    Inflated::open(ARCHIVE, compression, source, Behind::Nothing, limits)
}

/// Takes the top directory off an entry's names; the first entry says what it is called.
fn stripped(entry: ArchiveEntry, top: &mut Option<String>) -> Result<ArchiveEntry, PackageError> {
    let ArchiveEntry { name, kind } = entry;
    let first = name.split('/').next().unwrap_or_default();
    let top = top.get_or_insert_with(|| first.to_owned());
    let below = |name: &str| {
        let rest = name.strip_prefix(top.as_str());
        let rest = rest.and_then(|rest| rest.strip_prefix('/'));
        rest.map(str::to_owned)
            .ok_or_else(|| PackageError::NoTopDirectory {
                name: name.to_owned(),
            })
    };
    let kind = match kind {
        Kind::Directory if name == *top => {
            return Ok(ArchiveEntry {
                name: String::new(),
                kind: Kind::Directory,
            });
        }
        Kind::HardLink { target } => Kind::HardLink {
            target: below(&target)?,
        },
        kind @ (Kind::Directory | Kind::File { .. } | Kind::Symlink { .. }) => kind,
    };
    Ok(ArchiveEntry {
        name: below(&name)?,
        kind,
    })
}

//! pacman's packages (makepkg(8), PKGBUILD(5)): one compressed tar archive of files, and of metadata
//! whose names begin with a dot.
//!
//! pacman does not install any name at the root that begins with a dot. Those that makepkg makes are
//! known here, and others are refused: what one reader ignores another may unpack. Signatures stand
//! in files of their own.

use std::io::Read;
use std::path::Path;

use super::entry::Kind;
use super::error::PackageError;
use super::format::Unpacked;
use super::inflate::{Behind, Compression, Inflated};
use super::limits::Limits;
use super::metadata::read_metadata;
use super::pkginfo::{PkgInfo, refuse};
use super::source::peek;
use super::tar_entries::{End, for_each_entry};
use super::unpack::{Links, Unpacking};

const ARCHIVE: &str = ".pkg.tar";
const PKGINFO: &str = ".PKGINFO";

/// Metadata that is not written.
const METADATA: [&str; 5] = [PKGINFO, ".MTREE", ".BUILDINFO", ".INSTALL", ".CHANGELOG"];

/// Unpacks a package as `unpack` says.
pub(super) fn unpack_pacman(
    package: impl Read + Send,
    into: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    let (magic, source) = peek(package, Compression::MAGIC_BYTES)?;
    let compression =
        Compression::of_magic(&magic).ok_or_else(|| PackageError::UnknownCompression {
            member: ARCHIVE.to_owned(),
        })?;
    let archive = Inflated::open(ARCHIVE, compression, source, Behind::Nothing, limits)?;
    let mut tree = Unpacking::open(into, Links::Package, limits)?;
    let mut listed: Vec<&str> = Vec::new();
    let mut info = None;
    for_each_entry(archive, End::Marked, limits, |entry, bytes| {
        if !entry.name.starts_with('.') {
            return tree.write(entry, bytes);
        }
        let known = METADATA.into_iter().find(|name| *name == entry.name);
        let (Some(name), Kind::File { bytes: size, .. }) = (known, &entry.kind) else {
            return Err(PackageError::UnexpectedMember { member: entry.name });
        };
        if listed.contains(&name) {
            return Err(PackageError::Duplicate { name: entry.name });
        }
        listed.push(name);
        // The others are read too: their sizes count, and their ends must be there.
        let read = read_metadata(name, *size, bytes, limits)?;
        if name == PKGINFO {
            info = Some(read);
        }
        Ok(())
    })?;
    let info = info.ok_or_else(|| refuse("the package has none"))?;
    Ok(Unpacked {
        identity: PkgInfo::parse(&info)?.identity()?,
        entries: tree.finish(),
    })
}

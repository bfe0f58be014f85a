//! The entries of a tar archive, each checked on its own (POSIX.1-1988 ustar, GNU and pax).
//!
//! The `tar` crate reads the headers. It is used in its raw mode, because otherwise it reads long
//! names and extended headers of any size into memory, and takes an archive that merely stops for
//! one that has ended.

use std::io::{self, BufRead, Read};

use tar::{EntryType, PaxExtensions};

use super::entry::{ArchiveEntry, Kind};
use super::error::{PackageError, recover, shown};
use super::inflate::Inflated;
use super::limits::Limits;
use super::name;
use super::read_ahead::read_ahead;

/// Extension headers that may stand before one entry: a long name, a long link, and two of pax.
const EXTENSIONS: usize = 4;

/// How a tar archive ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With blocks of zeros, as POSIX has it.
    Marked,
    /// With its last entry, or with blocks of zeros: a part of a longer archive.
    Open,
}

/// Calls `visit` with every entry and its bytes, and then reads the archive to its end, behind
/// which only zeros may follow.
pub(super) fn for_each_entry<S: BufRead + Send>(
    archive: Inflated<S>,
    end: End,
    limits: &Limits,
    visit: impl FnMut(ArchiveEntry, &mut dyn Read) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let member = archive.member().to_owned();
    read_ahead(archive, |archive| {
        visit_entries(&member, archive, end, limits, visit)
    })
}

fn visit_entries(
    member: &str,
    archive: &mut dyn Read,
    end: End,
    limits: &Limits,
    mut visit: impl FnMut(ArchiveEntry, &mut dyn Read) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let malformed = |error: io::Error| {
        recover(error, |error| PackageError::Tar {
            member: member.to_owned(),
            why: shown(error.to_string().as_bytes()),
        })
    };
    let refuse = |why: &str| malformed(io::Error::other(why));
    let mut archive = tar::Archive::new(Ending {
        inner: archive,
        ended: false,
    });
    let mut count = 0;
    let mut ahead = Ahead::default();
    for entry in archive.entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        if ahead.take_extension(&mut entry, limits, &refuse, &malformed)? {
            continue;
        }
        if count == limits.entries {
            return Err(PackageError::TooManyEntries {
                limit: limits.entries,
            });
        }
        count += 1;
        let checked = check(&entry, std::mem::take(&mut ahead), limits, &malformed)?;
        visit(checked, &mut entry)?;
    }
    if ahead.extensions > 0 {
        return Err(refuse("it ends with an extended header of no entry"));
    }
    let mut rest = archive.into_inner();
    match end {
        End::Open if rest.ended => return Ok(()),
        End::Marked if rest.ended => return Err(refuse("it stops without an end")),
        End::Open | End::Marked => {}
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) if buffer[..count].iter().all(|b| *b == 0) => {}
            Ok(_) => {
                return Err(PackageError::TrailingBytes {
                    member: member.to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(malformed(error)),
        }
    }
}

/// Remembers whether the archive's bytes ran out.
struct Ending<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => {
                    self.ended = true;
                    return Ok(0);
                }
                result => return result,
            }
        }
    }
}

/// What extension headers say about the entry that follows them.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    extensions: usize,
}

impl Ahead {
    /// Reads an entry that is an extension header; returns false if it is none.
    fn take_extension<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        limits: &Limits,
        refuse: &impl Fn(&str) -> PackageError,
        malformed: &impl Fn(io::Error) -> PackageError,
    ) -> Result<bool, PackageError> {
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName | EntryType::GNULongLink => {
                let limit = limits.path_bytes;
                let bytes = read_bounded(entry, limit as u64 + 1)
                    .map_err(malformed)?
                    .ok_or_else(|| PackageError::TooLong {
                        name: shown(&entry.path_bytes()),
                        limit,
                    })?;
                let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
                if bytes[end..].iter().any(|b| *b != 0) {
                    return Err(refuse("a long name goes on after its end"));
                }
                let place = if kind == EntryType::GNULongName {
                    &mut self.name
                } else {
                    &mut self.link
                };
                set(place, &bytes[..end], refuse)?;
            }
            EntryType::XHeader | EntryType::XGlobalHeader => {
                let bytes = read_bounded(entry, limits.extension_bytes)
                    .map_err(malformed)?
                    .ok_or_else(|| PackageError::ExtensionTooLarge {
                        bytes: entry.size(),
                        limit: limits.extension_bytes,
                    })?;
                self.take_pax(&bytes, kind == EntryType::XGlobalHeader, refuse, malformed)?;
            }
            _ => return Ok(false),
        }
        self.extensions += 1;
        if self.extensions > EXTENSIONS {
            return Err(refuse("an entry has too many extended headers"));
        }
        Ok(true)
    }

    /// Reads pax records (POSIX.1-2001, pax, "Extended Header"). Those that change what a file is
    /// are used or refused; times, owners and comments are left alone.
    fn take_pax(
        &mut self,
        bytes: &[u8],
        global: bool,
        refuse: &impl Fn(&str) -> PackageError,
        malformed: &impl Fn(io::Error) -> PackageError,
    ) -> Result<(), PackageError> {
        // The crate stops at an empty line without a word, and what follows would be read by others.
        if !bytes.ends_with(b"\n")
            || bytes.starts_with(b"\n")
            || bytes.windows(2).any(|w| w == b"\n\n")
        {
            return Err(refuse("an extended header is malformed"));
        }
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(malformed)?;
            match record.key_bytes() {
                b"comment" => {}
                _ if global => {
                    return Err(refuse("a global extended header is more than a comment"));
                }
                b"path" => set(&mut self.name, record.value_bytes(), refuse)?,
                b"linkpath" => set(&mut self.link, record.value_bytes(), refuse)?,
                b"size" => return Err(refuse("an extended header changes a file's size")),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(PackageError::Sparse {
                        name: shown(self.name.as_deref().unwrap_or_default()),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn set(
    place: &mut Option<Vec<u8>>,
    value: &[u8],
    refuse: &impl Fn(&str) -> PackageError,
) -> Result<(), PackageError> {
    if place.replace(value.to_vec()).is_some() {
        return Err(refuse("an entry has two long names"));
    }
    Ok(())
}

/// Reads an entry's bytes, or returns `None` without reading if there are more than `limit`.
fn read_bounded<R: Read>(entry: &mut tar::Entry<'_, R>, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if entry.size() > limit {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if bytes.len() as u64 != entry.size() {
        return Err(io::Error::other("it stops in the middle of a long name"));
    }
    Ok(Some(bytes))
}

fn check<R: Read>(
    entry: &tar::Entry<'_, R>,
    ahead: Ahead,
    limits: &Limits,
    malformed: &impl Fn(io::Error) -> PackageError,
) -> Result<ArchiveEntry, PackageError> {
    let header = entry.header();
    let raw = ahead
        .name
        .unwrap_or_else(|| entry.path_bytes().into_owned());
    let link = || {
        let short = || entry.link_name_bytes().unwrap_or_default().into_owned();
        ahead.link.unwrap_or_else(short)
    };
    let name = name::relative(&raw, limits)?;
    let shown_name = || shown(&raw);
    let mode = header.mode().map_err(malformed)?;
    let special = |kind| PackageError::Special {
        name: shown_name(),
        kind,
    };
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Regular if name.is_empty() || raw.ends_with(b"/") => {
            return Err(PackageError::NotPlain { name: shown_name() });
        }
        EntryType::Regular => Kind::File {
            bytes: entry.size(),
            executable: mode & 0o111 != 0,
        },
        EntryType::Symlink => Kind::Symlink { target: link() },
        EntryType::Link => Kind::HardLink {
            target: name::relative(&link(), limits)?,
        },
        EntryType::GNUSparse => return Err(PackageError::Sparse { name: shown_name() }),
        EntryType::Char => return Err(special("character device")),
        EntryType::Block => return Err(special("block device")),
        EntryType::Fifo => return Err(special("fifo")),
        other => {
            return Err(PackageError::UnknownKind {
                name: shown_name(),
                flag: shown(&[other.as_byte()]),
            });
        }
    };
    match kind {
        Kind::Directory | Kind::Symlink { .. } | Kind::HardLink { .. } if entry.size() > 0 => {
            return Err(PackageError::HasBytes { name: shown_name() });
        }
        Kind::Symlink { .. } | Kind::HardLink { .. } if name.is_empty() || raw.ends_with(b"/") => {
            return Err(PackageError::NotPlain { name: shown_name() });
        }
        Kind::Directory | Kind::File { .. } | Kind::Symlink { .. } | Kind::HardLink { .. } => {}
    }
    if mode & 0o6000 != 0 {
        return Err(PackageError::SetId { name: shown_name() });
    }
    Ok(ArchiveEntry { name, kind })
}

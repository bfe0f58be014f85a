//! The entries of a cpio archive in the form that RPM has (cpio(5), "New ASCII Format"), each checked
//! on its own.
//!
//! The `cpio` crate is not used here: it takes numbers with signs, and gives memory for a name of
//! any length that a header asks for.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use super::entry::{ArchiveEntry, Kind};
use super::error::{PackageError, recover, shown};
use super::inflate::Inflated;
use super::limits::Limits;
use super::name;
use super::read_ahead::read_ahead;

const MAGIC: &[u8] = b"070701";
/// RPM's own form for files of 4 GiB and more, whose names stand in the package's header only.
const STRIPPED_MAGIC: &[u8] = b"07070X";
const HEADER_BYTES: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";

/// The device and the number that an archive gives a file.
type Inode = (u32, u32, u32);

/// The names of one file that has more than one. RPM writes the bytes with the last of them.
struct HardLinks {
    /// The name that the bytes were written to.
    written: Option<String>,
    /// Names that stood before the bytes.
    waiting: Vec<String>,
    executable: bool,
}

/// Calls `visit` with every entry and its bytes, and then reads the archive to its end, behind
/// which only zeros may follow. Of a file with several names the first that `visit` sees has the
/// bytes, and the others are links to it.
pub(super) fn for_each_cpio_entry<S: BufRead + Send>(
    archive: Inflated<S>,
    limits: &Limits,
    visit: impl FnMut(ArchiveEntry, &mut dyn Read) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    read_ahead(archive, |archive| visit_entries(archive, limits, visit))
}

fn visit_entries(
    archive: &mut dyn Read,
    limits: &Limits,
    mut visit: impl FnMut(ArchiveEntry, &mut dyn Read) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let mut links: BTreeMap<Inode, HardLinks> = BTreeMap::new();
    let mut count = 0;
    loop {
        let (header, raw) = read_header(archive, limits)?;
        if raw == TRAILER {
            if header.size != 0 {
                return Err(malformed("its trailer has bytes"));
            }
            break;
        }
        if count == limits.entries {
            return Err(PackageError::TooManyEntries {
                limit: limits.entries,
            });
        }
        count += 1;
        let mut bytes = (&mut *archive).take(header.size.into());
        let entry = check(&header, &raw, &mut bytes, limits)?;
        match entry.kind {
            Kind::File { executable, .. } if header.links > 1 => {
                let set = links.entry(header.inode).or_insert(HardLinks {
                    written: None,
                    waiting: Vec::new(),
                    executable,
                });
                if set.executable != executable {
                    return Err(malformed("names of one file have different modes"));
                }
                match (&set.written, header.size) {
                    (None, 0) => set.waiting.push(entry.name),
                    (None, _) => {
                        let name = entry.name.clone();
                        visit(entry, &mut bytes)?;
                        link(set, name, &mut visit)?;
                    }
                    (Some(target), 0) => visit(hard_link(entry.name, target), &mut io::empty())?,
                    (Some(_), _) => {
                        return Err(malformed("two names of one file have bytes"));
                    }
                }
            }
            Kind::Directory | Kind::File { .. } | Kind::Symlink { .. } | Kind::HardLink { .. } => {
                visit(entry, &mut bytes)?;
            }
        }
        if bytes.limit() > 0 {
            return Err(malformed("an entry was not read to its end"));
        }
        skip_padding(archive, u64::from(header.size))?;
    }
    for set in links.values_mut().filter(|set| set.written.is_none()) {
        let first = set.waiting.remove(0);
        let empty = ArchiveEntry {
            name: first.clone(),
            kind: Kind::File {
                bytes: 0,
                executable: set.executable,
            },
        };
        visit(empty, &mut io::empty())?;
        link(set, first, &mut visit)?;
    }
    read_rest(archive)
}

/// Makes the names that waited for a file's bytes.
fn link(
    set: &mut HardLinks,
    written: String,
    visit: &mut impl FnMut(ArchiveEntry, &mut dyn Read) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    for name in set.waiting.drain(..) {
        visit(hard_link(name, &written), &mut io::empty())?;
    }
    set.written = Some(written);
    Ok(())
}

fn hard_link(name: String, target: &str) -> ArchiveEntry {
    ArchiveEntry {
        name,
        kind: Kind::HardLink {
            target: target.to_owned(),
        },
    }
}

struct Header {
    inode: Inode,
    mode: u32,
    links: u32,
    size: u32,
}

/// Reads a header and the name behind it.
fn read_header(archive: &mut dyn Read, limits: &Limits) -> Result<(Header, Vec<u8>), PackageError> {
    let mut header = [0; HEADER_BYTES];
    fill(archive, &mut header, "a cpio header")?;
    match &header[..MAGIC.len()] {
        MAGIC => {}
        STRIPPED_MAGIC => {
            return Err(PackageError::Unsupported {
                what: "stripped cpio (`07070X`), which packages of files of 4 GiB and more have",
            });
        }
        _ => return Err(malformed("an entry has no magic")),
    }
    let field = |index: usize| {
        let at = MAGIC.len() + 8 * index;
        let digits = &header[at..at + 8];
        let hex = digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| hex);
        text.and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or_else(|| malformed("a header has a field that is no number"))
    };
    let name_bytes = field(11)? as usize;
    if name_bytes > limits.path_bytes.saturating_add(1) {
        return Err(PackageError::TooLong {
            name: format!("a cpio name of {name_bytes} bytes"),
            limit: limits.path_bytes,
        });
    }
    let mut name = vec![0; name_bytes];
    fill(archive, &mut name, "a cpio name")?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(malformed("a name does not end with a zero"));
    }
    skip_padding(archive, (HEADER_BYTES + name_bytes) as u64)?;
    let header = Header {
        inode: (field(7)?, field(8)?, field(0)?),
        mode: field(1)?,
        links: field(4)?,
        size: field(6)?,
    };
    Ok((header, name))
}

fn check(
    header: &Header,
    raw: &[u8],
    bytes: &mut dyn Read,
    limits: &Limits,
) -> Result<ArchiveEntry, PackageError> {
    let name = name::relative(raw, limits)?;
    let special = |kind| PackageError::Special {
        name: shown(raw),
        kind,
    };
    let kind = match header.mode & 0o170_000 {
        0o040_000 if header.size > 0 => return Err(PackageError::HasBytes { name: shown(raw) }),
        0o040_000 => Kind::Directory,
        0o100_000 => Kind::File {
            bytes: header.size.into(),
            executable: header.mode & 0o111 != 0,
        },
        0o120_000 => Kind::Symlink {
            target: read_target(header, raw, bytes, limits)?,
        },
        0o020_000 => return Err(special("character device")),
        0o060_000 => return Err(special("block device")),
        0o010_000 => return Err(special("fifo")),
        0o140_000 => return Err(special("socket")),
        _ => return Err(special("kind of file that there is not")),
    };
    match kind {
        Kind::File { .. } | Kind::Symlink { .. } if name.is_empty() || raw.ends_with(b"/") => {
            return Err(PackageError::NotPlain { name: shown(raw) });
        }
        Kind::Directory | Kind::File { .. } | Kind::Symlink { .. } | Kind::HardLink { .. } => {}
    }
    if header.mode & 0o6000 != 0 {
        return Err(PackageError::SetId { name: shown(raw) });
    }
    Ok(ArchiveEntry { name, kind })
}

fn read_target(
    header: &Header,
    raw: &[u8],
    bytes: &mut dyn Read,
    limits: &Limits,
) -> Result<Vec<u8>, PackageError> {
    if header.size as usize > limits.path_bytes {
        return Err(PackageError::TooLong {
            name: shown(raw),
            limit: limits.path_bytes,
        });
    }
    let mut target = vec![0; header.size as usize];
    fill(bytes, &mut target, "a cpio link")?;
    Ok(target)
}

/// Reads the zeros that fill up to a multiple of four.
fn skip_padding(archive: &mut dyn Read, behind: u64) -> Result<(), PackageError> {
    let mut padding = [0; 3];
    let padding = &mut padding[..(behind.wrapping_neg() % 4) as usize];
    fill(archive, padding, "cpio padding")?;
    if padding.iter().any(|b| *b != 0) {
        return Err(malformed("padding is not zero"));
    }
    Ok(())
}

fn read_rest(archive: &mut dyn Read) -> Result<(), PackageError> {
    let mut buffer = vec![0; 4096];
    loop {
        match archive.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) if buffer[..count].iter().all(|b| *b == 0) => {}
            Ok(_) => return Err(malformed("it goes on after its trailer")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(recover(error, |source| PackageError::Read { source })),
        }
    }
}

fn fill(
    reader: &mut (impl Read + ?Sized),
    buffer: &mut [u8],
    part: &str,
) -> Result<(), PackageError> {
    reader.read_exact(buffer).map_err(|error| {
        let ended = error.kind() == io::ErrorKind::UnexpectedEof;
        recover(error, |source| {
            if ended {
                PackageError::Truncated {
                    part: part.to_owned(),
                }
            } else {
                PackageError::Read { source }
            }
        })
    })
}

fn malformed(why: &'static str) -> PackageError {
    PackageError::Cpio { why }
}

//! The files of an index that is a tar archive (POSIX.1-1988 ustar), each within bounds.

use std::io::{self, Read};

use tar::EntryType;

/// Bounds on an index that is a tar archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct TarLimits {
    pub(super) entries: usize,
    /// The most bytes of one file.
    pub(super) file_bytes: u64,
}

/// How an archive ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TarEnd {
    /// With blocks of zeros; one that merely stops is cut off.
    Marked,
    /// It just stops, as apk's signatures do, which another archive follows.
    Cut,
}

/// Says why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexTarError {
    #[error("it cannot be read as a tar archive")]
    Read(#[from] io::Error),
    #[error("it has more than {0} entries")]
    TooManyEntries(usize),
    #[error("`{name}` has {bytes} bytes, more than {limit}")]
    TooLarge {
        name: String,
        bytes: u64,
        limit: u64,
    },
    #[error("it has a name that is not UTF-8")]
    NotUtf8,
    #[error("`{0}` is neither a file nor a directory")]
    Kind(String),
    #[error("it stops in the middle")]
    Truncated,
    #[error("something follows its end")]
    Trailing,
}

/// Calls `visit` with the name and the content of every file; directories are passed over.
///
/// Extended headers that say nothing of names and sizes (times, owners) are passed over as well, and
/// all others are refused.
pub(super) fn for_each_file<E: From<IndexTarError>>(
    reader: impl Read,
    limits: TarLimits,
    end: TarEnd,
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = tar::Archive::new(Ending {
        inner: reader,
        ended: false,
    });
    let mut content = Vec::new();
    let failed = |error: io::Error| E::from(IndexTarError::Read(error));
    for (count, entry) in archive.entries().map_err(failed)?.raw(true).enumerate() {
        if count == limits.entries {
            return Err(IndexTarError::TooManyEntries(limits.entries).into());
        }
        let mut entry = entry.map_err(failed)?;
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8(name).map_err(|_| IndexTarError::NotUtf8)?;
        let shown: String = name.chars().take(80).collect();
        let bytes = entry.size();
        if bytes > limits.file_bytes {
            return Err(IndexTarError::TooLarge {
                name: shown,
                bytes,
                limit: limits.file_bytes,
            }
            .into());
        }
        content.clear();
        entry.read_to_end(&mut content).map_err(failed)?;
        if content.len() as u64 != bytes {
            return Err(IndexTarError::Truncated.into());
        }
        match entry.header().entry_type() {
            EntryType::Regular => visit(&name, &content)?,
            EntryType::Directory => {}
            EntryType::XHeader | EntryType::XGlobalHeader if is_harmless(&content) => {}
            _ => return Err(IndexTarError::Kind(shown).into()),
        }
    }
    let mut rest = archive.into_inner();
    match (rest.ended, end) {
        (true, TarEnd::Marked) => return Err(IndexTarError::Truncated.into()),
        (true, TarEnd::Cut) => return Ok(()),
        (false, TarEnd::Marked | TarEnd::Cut) => {}
    }
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer).map_err(failed)? {
            0 => return Ok(()),
            count if buffer[..count].iter().all(|byte| *byte == 0) => {}
            _ => return Err(IndexTarError::Trailing.into()),
        }
    }
}

/// Returns true if an extended header changes neither a name nor a size.
fn is_harmless(records: &[u8]) -> bool {
    tar::PaxExtensions::new(records).all(|record| {
        record.is_ok_and(|record| {
            let key = record.key_bytes();
            matches!(
                key,
                b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" | b"uname" | b"gname" | b"comment"
            ) || key.starts_with(b"LIBARCHIVE.")
                || key.starts_with(b"APK-TOOLS.")
        })
    })
}

/// Remembers whether the archive's bytes ran out.
struct Ending<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

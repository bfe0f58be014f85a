//! The common `ar` container, read once from front to back (ar(5), and the subset in deb(5)).
//!
//! The `ar` crate is not used here: on hostile input it panics (a GNU name index past the table)
//! and allocates what the input asks for (up to 10 GB of name table).

use std::io::{self, BufRead, BufReader, Read};

use super::error::{PackageError, carry, recover, shown};

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

/// An ar archive whose bytes are those of the member that was opened last.
pub(super) struct Ar<R> {
    source: BufReader<R>,
    member: String,
    /// What is being read, for messages: a member or something between members.
    part: String,
    remaining: u64,
    padded: bool,
}

impl<R: Read> Ar<R> {
    /// Reads the magic.
    pub(super) fn open(source: R) -> Result<Self, PackageError> {
        let mut ar = Self {
            source: BufReader::with_capacity(64 * 1024, source),
            member: String::new(),
            part: "its ar magic".to_owned(),
            remaining: MAGIC.len() as u64,
            padded: false,
        };
        let mut magic = [0; MAGIC.len()];
        ar.fill(&mut magic)?;
        if magic != MAGIC {
            return Err(PackageError::NotAr);
        }
        Ok(ar)
    }

    /// Goes on to the next member, whose name is returned without padding; `None` is the end of the
    /// package. The member before must have been read to its end.
    pub(super) fn next_member(&mut self) -> Result<Option<String>, PackageError> {
        if self.remaining > 0 {
            return Err(PackageError::TrailingBytes {
                member: self.member.clone(),
            });
        }
        if self.padded {
            let mut padding = [0];
            self.remaining = 1;
            self.fill(&mut padding)?;
            if padding != *b"\n" {
                return Err(PackageError::Ar {
                    why: "a member of odd size is not padded with a new line",
                });
            }
        }
        if self.at_end()? {
            return Ok(None);
        }
        let mut header = [0; HEADER_BYTES];
        self.part = if self.member.is_empty() {
            "its first ar header".to_owned()
        } else {
            format!("the ar header behind `{}`", self.member)
        };
        self.remaining = HEADER_BYTES as u64;
        self.fill(&mut header)?;
        if header[58..] != *b"`\n" {
            return Err(PackageError::Ar {
                why: "a member's header does not end as headers do",
            });
        }
        let name = header[..16].trim_ascii_end();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        self.member = shown(name);
        self.part = format!("`{}`", self.member);
        self.remaining = size(&header[48..58])?;
        self.padded = self.remaining % 2 == 1;
        Ok(Some(self.member.clone()))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), PackageError> {
        self.read_exact(buffer)
            .map_err(|error| recover(error, |source| PackageError::Read { source }))
    }

    fn at_end(&mut self) -> Result<bool, PackageError> {
        loop {
            match self.source.fill_buf() {
                Ok(bytes) => return Ok(bytes.is_empty()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(PackageError::Read { source }),
            }
        }
    }
}

impl<R: Read> BufRead for Ar<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        let bytes = self
            .source
            .fill_buf()
            .map_err(|error| carry(error, |source| PackageError::Read { source }))?;
        if bytes.is_empty() {
            return Err(io::Error::other(PackageError::Truncated {
                part: self.part.clone(),
            }));
        }
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.remaining = self.remaining.saturating_sub(count as u64);
    }
}

impl<R: Read> Read for Ar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let count = bytes.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Parses a size: decimal digits, then spaces.
fn size(field: &[u8]) -> Result<u64, PackageError> {
    let digits = field.trim_ascii_end();
    std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(PackageError::Ar {
            why: "a member's size is not a number",
        })
}

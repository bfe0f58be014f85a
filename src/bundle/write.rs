//! Writing an archive: the index first, then the members as they come, none of them held in memory.

use std::io::{self, Read, Write};

use crate::bundle::checks::Checks;
use crate::bundle::format::{AT_ONCE, BUNDLE, CHECKS, END, ENVELOPE, INDEX, header, padding};
use crate::bundle::index::{Index, Member};
use crate::digest::{Hashing, Sha256Digest};
use crate::package::read_ahead;

/// The signature of an index, in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSignature {
    /// Raw DSSE.
    pub envelope: Vec<u8>,
    /// A Sigstore bundle.
    pub bundle: Vec<u8>,
}

/// Says why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    #[error("cannot read what `{path}` is made of")]
    Read { path: String, source: io::Error },
    #[error(
        "what `{path}` is made of has {found} ({found_bytes} bytes), not {expected} ({bytes} bytes)"
    )]
    Other {
        path: String,
        expected: Sha256Digest,
        bytes: u64,
        found: Sha256Digest,
        found_bytes: u64,
    },
}

impl WriteError {
    /// Returns true if the disk or the user's quota is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Write(error) => matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Read { .. } | Self::Other { .. } => false,
        }
    }
}

/// An archive that is being written.
pub struct ArchiveWriter<W> {
    out: W,
    checks: Checks,
    buffer: Vec<u8>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes the index, and its signature if it has one.
    pub fn new(
        out: W,
        index: &Index,
        signature: Option<&IndexSignature>,
    ) -> Result<Self, WriteError> {
        let mut writer = Self {
            out,
            checks: Checks::default(),
            buffer: vec![0; AT_ONCE],
        };
        writer.whole(INDEX, &index.to_bytes())?;
        if let Some(signature) = signature {
            writer.whole(ENVELOPE, &signature.envelope)?;
            writer.whole(BUNDLE, &signature.bundle)?;
        }
        Ok(writer)
    }

    /// Writes one member, in the order of the index; what is read must be what the index says.
    ///
    /// It is read and hashed on a thread of its own, while this one makes checks of it and writes it.
    pub fn add(&mut self, member: &Member, from: impl Read + Send) -> Result<(), WriteError> {
        let path = member.path.as_str();
        self.begin(path, member.bytes)?;
        // One byte more than there may be is enough to see that there are more.
        let mut from = Hashing::new(from.take(member.bytes + 1));
        read_ahead(&mut from, |from| self.copy(path, from))?;
        let (_, found, found_bytes) = from.finish();
        if (found, found_bytes) != (member.sha256, member.bytes) {
            return Err(WriteError::Other {
                path: path.to_owned(),
                expected: member.sha256,
                bytes: member.bytes,
                found,
                found_bytes,
            });
        }
        self.end(member.bytes)
    }

    fn copy(&mut self, path: &str, from: &mut dyn Read) -> Result<(), WriteError> {
        loop {
            let count = match from.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let path = path.to_owned();
                    return Err(WriteError::Read { path, source });
                }
            };
            self.checks.update(&self.buffer[..count]);
            self.out
                .write_all(&self.buffer[..count])
                .map_err(WriteError::Write)?;
        }
    }

    /// Writes the checks and the end, and returns what was written to.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let checks = self.checks.to_bytes();
        self.whole(CHECKS, &checks)?;
        self.zeros(END)?;
        self.out.flush().map_err(WriteError::Write)?;
        Ok(self.out)
    }

    fn whole(&mut self, path: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.begin(path, bytes.len() as u64)?;
        self.checks.update(bytes);
        self.out.write_all(bytes).map_err(WriteError::Write)?;
        self.end(bytes.len() as u64)
    }

    fn begin(&mut self, path: &str, bytes: u64) -> Result<(), WriteError> {
        let header = header(path, bytes).ok_or_else(|| {
            WriteError::Write(io::Error::other(format!("`{path}` is too large for a tar")))
        })?;
        self.out.write_all(&header).map_err(WriteError::Write)
    }

    fn end(&mut self, bytes: u64) -> Result<(), WriteError> {
        self.checks.end_member();
        self.zeros(padding(bytes))
    }

    fn zeros(&mut self, count: usize) -> Result<(), WriteError> {
        self.out
            .write_all(&[0; END][..count])
            .map_err(WriteError::Write)
    }
}

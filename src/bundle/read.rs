//! Reading an archive: nothing is taken on trust, and the first byte that is wrong is named.
//!
//! The index is read first, within limits, in its one form. From then on every byte is known: headers
//! are held against those that the index makes, contents against their digests, the rest against zeros.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::bundle::checks::{BLOCK, Checks, single_byte};
use crate::bundle::format::{
    AT_ONCE, BUNDLE, CHECKS, END, ENVELOPE, INDEX, Limits, RECORD, header, padding,
};
use crate::bundle::index::{Index, Member, first_difference};
use crate::bundle::write::IndexSignature;
use crate::digest::{Hashing, Sha256Digest};

/// How far from its end an archive is searched for its checks when something is wrong.
const MOST_CHECKS: u64 = 1 << 30;

/// The first thing that is wrong in an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Damage {
    /// The member that it is in.
    pub member: String,
    /// Where the contents of that member begin, in bytes of the archive.
    pub begins: u64,
    /// The first byte of the archive that is wrong, or may be.
    pub from: u64,
    /// Behind the last that may be the first wrong one; one more than `from` if it is known.
    pub to: u64,
    pub why: String,
}

impl Damage {
    fn exact(member: &str, begins: u64, at: u64, why: impl Into<String>) -> Self {
        Self {
            member: member.to_owned(),
            begins,
            from: at,
            to: at + 1,
            why: why.into(),
        }
    }

    fn within(member: &str, begins: u64, bytes: u64, why: impl Into<String>) -> Self {
        Self {
            member: member.to_owned(),
            begins,
            from: begins,
            to: begins + bytes.max(1),
            why: why.into(),
        }
    }

    /// Something wrong in the index, which begins at `at`: at one place, or all of it.
    pub(super) fn index(at: u64, position: usize, bytes: usize, why: String) -> Self {
        if position == 0 {
            Self::within(INDEX, at, bytes as u64, why)
        } else {
            Self::exact(INDEX, at, at + position as u64, why)
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member,
            begins,
            from,
            to,
            why,
        } = self;
        if *to == from + 1 {
            write!(f, "byte {from} is wrong, ")?;
            match from.checked_sub(*begins) {
                Some(inside) => write!(f, "which is byte {inside} of `{member}`: {why}"),
                None => write!(f, "in the header of `{member}`: {why}"),
            }
        } else {
            let last = to - 1;
            write!(
                f,
                "the first wrong byte is one of {from} to {last}, in `{member}`: {why}"
            )
        }
    }
}

/// Says why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not begin like an archive at all.
    #[error("it is no evidence archive")]
    Foreign,
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    #[error("cannot write what is in the archive")]
    Write(#[source] io::Error),
}

/// Where the contents of a member that was read are.
#[derive(Debug, Clone)]
struct Span {
    member: String,
    begins: u64,
    bytes: u64,
}

/// An archive that is being read.
pub struct ArchiveReader<R> {
    source: R,
    position: u64,
    index: Index,
    digest: Sha256Digest,
    signature: Option<IndexSignature>,
    next: usize,
    checks: Checks,
    spans: Vec<Span>,
    buffer: Vec<u8>,
}

impl<R: Read + Seek> ArchiveReader<R> {
    /// Reads the index, and the signature that follows it. Whether that holds is for the caller to find
    /// out, before anything else is read.
    pub fn open(source: R, limits: &Limits) -> Result<Self, ReadError> {
        let mut reader = Opening {
            source,
            position: 0,
            checks: Checks::default(),
            spans: Vec::new(),
        };
        let bytes = reader.whole(INDEX, limits.index)?;
        let begins = RECORD as u64;
        let index =
            Index::read(&bytes, begins, limits).map_err(|damage| match reader.locate() {
                Some(located) => Damage {
                    why: damage.why,
                    ..located
                },
                None => damage,
            })?;
        let signature = if index.signed {
            Some(IndexSignature {
                envelope: reader.whole(ENVELOPE, limits.signature)?,
                bundle: reader.whole(BUNDLE, limits.signature)?,
            })
        } else {
            None
        };
        Ok(Self {
            source: reader.source,
            position: reader.position,
            digest: Sha256Digest::of(&bytes),
            index,
            signature,
            next: 0,
            checks: reader.checks,
            spans: reader.spans,
            buffer: vec![0; AT_ONCE],
        })
    }

    /// Returns what the archive holds.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the digest of the index: the identity of the archive, and what is signed.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Returns the signature; `None` if the index says that there is none.
    pub fn signature(&self) -> Option<&IndexSignature> {
        self.signature.as_ref()
    }

    /// Returns where the index or its signature is damaged, as far as the checks tell: for when the
    /// signature does not hold.
    pub fn damage(&mut self) -> Option<Damage> {
        let found = locate(&mut self.source, &self.checks, &self.spans);
        // A reader that cannot go back reads nothing good any more, which then shows.
        let _ = self.source.seek(SeekFrom::Start(self.position));
        found
    }

    /// Returns the member that comes next; `None` after the last.
    pub fn upcoming(&self) -> Option<&Member> {
        self.index.members.get(self.next)
    }

    /// Copies the contents of the member that comes next. They are good only if this succeeds.
    pub fn copy_to(&mut self, to: &mut dyn Write) -> Result<(), ReadError> {
        let Some(member) = self.upcoming().cloned() else {
            return Ok(());
        };
        let path = member.path.as_str();
        self.header(path, member.bytes)?;
        let begins = self.position;
        self.spans.push(Span {
            member: path.to_owned(),
            begins,
            bytes: member.bytes,
        });
        let mut to = Hashing::new(to);
        let mut left = member.bytes;
        while left > 0 {
            let wanted = self
                .buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = fill(&mut self.source, &mut self.buffer[..wanted])?;
            self.position += count as u64;
            left -= count as u64;
            self.checks.update(&self.buffer[..count]);
            to.write_all(&self.buffer[..count])
                .map_err(ReadError::Write)?;
            if count < wanted {
                let damage = Damage::exact(path, begins, self.position, ENDS);
                return Err(self.first(damage).into());
            }
        }
        self.checks.end_member();
        let (_, found, _) = to.finish();
        if found != member.sha256 {
            let why = format!("it has {found}, and the index says {}", member.sha256);
            let damage = Damage::within(path, begins, member.bytes, why);
            return Err(self.first(damage).into());
        }
        self.zeros(path, begins, padding(member.bytes))?;
        self.next += 1;
        Ok(())
    }

    /// Reads what follows the last member, behind which nothing may come.
    pub fn finish(mut self) -> Result<Index, ReadError> {
        let bytes = self.checks.len();
        self.header(CHECKS, bytes)?;
        let begins = self.position;
        let mut written = Vec::new();
        (&mut self.source)
            .take(bytes)
            .read_to_end(&mut written)
            .map_err(ReadError::Read)?;
        self.position += written.len() as u64;
        if let Some(at) = self.checks.difference(&written) {
            return Err(self.wrong_check(&written, begins, at).into());
        }
        self.zeros(CHECKS, begins, padding(bytes) + END)?;
        let mut more = [0];
        if fill(&mut self.source, &mut more)? > 0 {
            let damage = Damage::exact(CHECKS, begins, self.position, "the archive has ended");
            return Err(damage.into());
        }
        Ok(self.index)
    }

    /// Says what is wrong if a check is not that of what was read: the check, or the index or its
    /// signature, which have no digest in the index. A byte of these changes its check as a whole.
    fn wrong_check(&self, written: &[u8], begins: u64, at: usize) -> Damage {
        let ends = at == written.len();
        let changed = self
            .checks
            .first_wrong(written)
            .map(|(number, found, was)| {
                let bytes = (found ^ was).to_le_bytes();
                let is_byte = bytes.iter().filter(|byte| **byte != 0).count() == 1;
                (number, found, was, is_byte)
            });
        if let Some((number, found, was, false)) = changed
            && !ends
            && let Some(damage) = place(&self.spans, number, found, was)
            && [INDEX, ENVELOPE, BUNDLE].contains(&damage.member.as_str())
        {
            return damage;
        }
        let why = if ends {
            ENDS
        } else {
            "what it is the check of is good"
        };
        Damage::exact(CHECKS, begins, begins + at as u64, why)
    }

    /// Reads a header, which must be the only one that the member can have.
    fn header(&mut self, path: &str, bytes: u64) -> Result<(), ReadError> {
        let at = self.position;
        let begins = at + RECORD as u64;
        let mut found = [0; RECORD];
        let count = fill(&mut self.source, &mut found)?;
        self.position += count as u64;
        let expected = header(path, bytes).unwrap_or([0; RECORD]);
        if let Some(place) = first_difference(&found[..count], &expected) {
            let why = if place == count {
                ENDS
            } else {
                "it is not the header that the index makes"
            };
            let damage = Damage::exact(path, begins, at + place as u64, why);
            return Err(self.first(damage).into());
        }
        Ok(())
    }

    fn zeros(&mut self, path: &str, begins: u64, count: usize) -> Result<(), ReadError> {
        let at = self.position;
        self.position += count as u64;
        zeros(&mut self.source, at, path, begins, count)
    }

    /// Returns what the checks find wrong before what was found, or that.
    fn first(&mut self, found: Damage) -> Damage {
        match locate(&mut self.source, &self.checks, &self.spans) {
            Some(mut located) if located.from <= found.to => {
                located.why = if located.member == found.member {
                    found.why
                } else {
                    format!("{}; it shows in `{}`", located.why, found.member)
                };
                located
            }
            Some(_) | None => found,
        }
    }
}

const ENDS: &str = "the archive ends there";

/// Returns true if bytes have nothing of the beginning of an archive: neither the name of the index, as
/// far as they go, nor what marks a tar. One wrong byte leaves one of the two.
fn is_foreign(found: &[u8]) -> bool {
    let named = found.iter().zip(INDEX.as_bytes()).all(|(a, b)| a == b);
    let marked = found.get(257..262) == Some(b"ustar");
    !named && !marked
}

/// An archive of which the index has not been read.
struct Opening<R> {
    source: R,
    position: u64,
    checks: Checks,
    spans: Vec<Span>,
}

impl<R: Read + Seek> Opening<R> {
    /// Reads a member whose size only its header knows.
    fn whole(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
        let at = self.position;
        let begins = at + RECORD as u64;
        let mut found = [0; RECORD];
        let count = fill(&mut self.source, &mut found)?;
        if path == INDEX && is_foreign(&found[..count]) {
            return Err(ReadError::Foreign);
        }
        if count < RECORD {
            return Err(Damage::exact(path, begins, at + count as u64, ENDS).into());
        }
        let wrong = |why: String| {
            let mut damage = Damage::within(path, at, RECORD as u64, why);
            damage.begins = begins;
            damage
        };
        let size = tar::Header::from_byte_slice(&found).size();
        let bytes = size.map_err(|_| wrong("its header has no size".to_owned()))?;
        if header(path, bytes).is_none_or(|expected| expected != found) {
            let damage = wrong("it is not the header of this part of an evidence archive".into());
            return Err(self.locate().unwrap_or(damage).into());
        }
        if bytes > limit {
            return Err(wrong(format!("it has {bytes} bytes, and {limit} are read")).into());
        }
        let mut contents = Vec::new();
        (&mut self.source)
            .take(bytes)
            .read_to_end(&mut contents)
            .map_err(ReadError::Read)?;
        let end = begins + contents.len() as u64;
        if (contents.len() as u64) < bytes {
            return Err(Damage::exact(path, begins, end, ENDS).into());
        }
        self.checks.update(&contents);
        self.checks.end_member();
        self.spans.push(Span {
            member: path.to_owned(),
            begins,
            bytes,
        });
        zeros(&mut self.source, end, path, begins, padding(bytes))?;
        self.position = end + padding(bytes) as u64;
        Ok(contents)
    }

    fn locate(&mut self) -> Option<Damage> {
        locate(&mut self.source, &self.checks, &self.spans)
    }
}

/// Reads until the buffer is full or there is no more.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReadError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Read(error)),
        }
    }
    Ok(filled)
}

fn zeros(
    source: &mut impl Read,
    at: u64,
    path: &str,
    begins: u64,
    count: usize,
) -> Result<(), ReadError> {
    let mut found = [0; 3 * RECORD];
    let filled = fill(source, &mut found[..count])?;
    let wrong = found[..filled].iter().position(|byte| *byte != 0);
    let (place, why) = match wrong {
        Some(place) => (place, "only zeros may be there"),
        None if filled < count => (filled, ENDS),
        None => return Ok(()),
    };
    Err(Damage::exact(path, begins, at + place as u64, why).into())
}

/// Finds the first block of what was read that is not as its check says. Nothing is found where the
/// checks cannot be, or agree with what was read.
fn locate<R: Read + Seek>(source: &mut R, checks: &Checks, spans: &[Span]) -> Option<Damage> {
    let written = find_checks(source)?;
    let (number, found, was) = checks.first_wrong(&written)?;
    place(spans, number, found, was)
}

/// Returns where the block of a number is, and the byte in it that must be another if it is one.
fn place(spans: &[Span], number: usize, found: u32, was: u32) -> Option<Damage> {
    let mut left = number as u64;
    for span in spans {
        let blocks = span.bytes.div_ceil(BLOCK as u64);
        if left >= blocks {
            left -= blocks;
            continue;
        }
        let at = left * BLOCK as u64;
        let size = (span.bytes - at).min(BLOCK as u64);
        let (from, count) = match single_byte(size as usize, found, was) {
            Some(place) => (span.begins + at + place as u64, 1),
            None => (span.begins + at, size),
        };
        return Some(Damage {
            member: span.member.clone(),
            begins: span.begins,
            from,
            to: from + count,
            why: "it is not what was written".to_owned(),
        });
    }
    None
}

/// Finds the checks from the archive's end, because the index may be what is wrong.
fn find_checks<R: Read + Seek>(source: &mut R) -> Option<Vec<u8>> {
    let end = source.seek(SeekFrom::End(0)).ok()?;
    let (record, tail) = (RECORD as u64, END as u64);
    let mut at = end.checked_sub(tail + record)?;
    let first = end.saturating_sub(MOST_CHECKS);
    if !end.is_multiple_of(record) {
        return None;
    }
    loop {
        source.seek(SeekFrom::Start(at)).ok()?;
        let bytes = end - tail - record - at;
        let mut found = [0; RECORD];
        if fill(source, &mut found).ok()? < RECORD {
            return None;
        }
        let size = tar::Header::from_byte_slice(&found).size();
        let is_it = size.is_ok_and(|size| {
            size.next_multiple_of(record) == bytes && header(CHECKS, size) == Some(found)
        });
        if is_it {
            let mut checks = Vec::new();
            source.take(bytes).read_to_end(&mut checks).ok()?;
            return Some(checks);
        }
        at = at.checked_sub(record).filter(|at| *at >= first)?;
    }
}

//! SHA-256 digests: the only identity that bytes have here.
//!
//! Bytes are hashed once, as they pass. The record carries the digest from then on, and nothing
//! reads a path a second time to find out what it holds.

mod many;
mod open;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use many::{HashedFile, hash_files};
pub use open::OpenFile;

/// How much of a file is read at once: so much that calls cost little, and so little that it stays in a
/// processor's cache until it is hashed.
const READ_AT_ONCE: usize = 64 << 10;

/// A SHA-256 digest (FIPS 180-4), written `sha256:<64 lower-case hex digits>` as OCI does
/// (image-spec, descriptor.md, "Digests").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest([u8; 32]);

/// Says why a string is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest of the form `sha256:` and 64 lower-case hex digits")]
pub struct ParseDigestError(String);

impl Sha256Digest {
    /// Hashes bytes that are already in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Parses the 64 bare hex digits that package indexes carry.
    pub fn from_hex(digits: &str) -> Result<Self, ParseDigestError> {
        let lower = digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut bytes = [0; 32];
        if !lower || hex::decode_to_slice(digits, &mut bytes).is_err() {
            return Err(ParseDigestError(digits.to_owned()));
        }
        Ok(Self(bytes))
    }

    /// Returns the 32 bytes, for checking a signature over them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 hex digits without the algorithm.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the first 12 hex digits, for people; never for look-ups.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("sha256:")
            .and_then(|digits| Self::from_hex(digits).ok())
            .ok_or_else(|| ParseDigestError(text.to_owned()))
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> Self {
        digest.to_string()
    }
}

/// Passes bytes on to a reader's or writer's user and hashes and counts them on the way.
pub struct Hashing<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    /// Starts at the current position of `inner`.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Returns the number of bytes that have passed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns what was wrapped. Bytes that are read or written there are not hashed.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns what was wrapped, the digest, and the number of bytes that passed.
    pub fn finish(self) -> (T, Sha256Digest, u64) {
        (
            self.inner,
            Sha256Digest(self.hash.finalize().into()),
            self.bytes,
        )
    }
}

impl<R: Read> Hashing<R> {
    /// Reads to the end. `expected` is about how many bytes there are, which decides how many are read
    /// at once and nothing else.
    pub fn read_rest(&mut self, expected: u64) -> io::Result<()> {
        let size = usize::try_from(expected).unwrap_or(READ_AT_ONCE);
        // One more, so that the end is seen with the last bytes.
        let mut buffer = vec![0; size.saturating_add(1).clamp(512, READ_AT_ONCE)];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads to the end and returns the digest and the number of bytes.
pub fn hash_reader(reader: impl Read) -> io::Result<(Sha256Digest, u64)> {
    let mut hashing = Hashing::new(reader);
    hashing.read_rest(u64::MAX)?;
    let (_, digest, bytes) = hashing.finish();
    Ok((digest, bytes))
}

/// Hashes a file's bytes and returns the digest and the size.
pub fn hash_file(path: &Path) -> io::Result<(Sha256Digest, u64)> {
    hash_reader(File::open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn parse_and_display_are_inverses() {
        let digest: Sha256Digest = EMPTY.parse().expect("a digest");
        assert_eq!(digest, Sha256Digest::of(b""));
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "sha256:",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
            "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(text.parse::<Sha256Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn hashing_on_the_way_agrees_with_hashing_at_once() {
        let bytes = vec![7_u8; 300_000];
        assert_eq!(
            hash_reader(&bytes[..]).expect("memory reads"),
            (Sha256Digest::of(&bytes), 300_000)
        );
        let mut sink = Hashing::new(io::sink());
        io::copy(&mut &bytes[..], &mut sink).expect("sink writes");
        assert_eq!(sink.finish().1, Sha256Digest::of(&bytes));
    }
}

//! Where a package's compressed bytes come from: peeked at, and watched as they pass.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::error::PackageError;

const BUFFER_BYTES: usize = 64 * 1024;

/// A reader whose first bytes were looked at.
pub(super) type Peeked<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Looks at the first `count` bytes of a reader, or at fewer if it ends before.
pub(super) fn peek<R: Read>(
    mut reader: R,
    count: usize,
) -> Result<(Vec<u8>, Peeked<R>), PackageError> {
    let mut first = Vec::with_capacity(count);
    (&mut reader)
        .take(count as u64)
        .read_to_end(&mut first)
        .map_err(|source| PackageError::Read { source })?;
    let whole = Cursor::new(first.clone()).chain(reader);
    Ok((first, BufReader::with_capacity(BUFFER_BYTES, whole)))
}

/// Shows the bytes that are used up, and only those, to `see`.
pub(super) struct Watched<S, F> {
    inner: S,
    see: F,
}

impl<S: BufRead, F: FnMut(&[u8])> Watched<S, F> {
    pub(super) fn new(inner: S, see: F) -> Self {
        Self { inner, see }
    }
}

impl<S: BufRead, F: FnMut(&[u8])> BufRead for Watched<S, F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        // What is used up was filled in before, so that this reads nothing and cannot fail.
        if let Ok(bytes) = self.inner.fill_buf() {
            (self.see)(&bytes[..count.min(bytes.len())]);
        }
        self.inner.consume(count);
    }
}

impl<S: BufRead, F: FnMut(&[u8])> Read for Watched<S, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_what_is_used_up() {
        let (first, peeked) = peek(&b"0123456789"[..], 4).expect("memory reads");
        assert_eq!(first, b"0123");
        let mut seen = Vec::new();
        let mut watched = Watched::new(peeked, |bytes: &[u8]| seen.extend_from_slice(bytes));
        let mut read = [0; 3];
        watched.read_exact(&mut read).expect("memory reads");
        watched.fill_buf().expect("memory reads");
        watched.consume(1);
        watched.read_exact(&mut read).expect("memory reads");
        assert_eq!(seen, b"0123456");
    }

    #[test]
    fn a_short_source_is_peeked_to_its_end() {
        let (first, mut peeked) = peek(&b"01"[..], 4).expect("memory reads");
        assert_eq!(first, b"01");
        let mut read = Vec::new();
        peeked.read_to_end(&mut read).expect("memory reads");
        assert_eq!(read, b"01");
    }
}

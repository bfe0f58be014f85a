//! Unpacking of index files: how they are packed is told by their names or by their first bytes, and
//! nothing unpacks to more than it may.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

const XZ_MEMORY: u64 = 256 << 20;
/// The largest window of zstd that is admitted, as a power of two; `zstd --ultra -22` needs 27.
const ZSTD_WINDOW_LOG: u32 = 27;
const PIECE: usize = 64 * 1024;

/// How an index is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Xz,
    Gzip,
    Zstd,
    None,
}

impl Compression {
    /// Those that apt's archives offer one index in, the best first.
    pub(super) const OF_APT: [Self; 4] = [Self::Xz, Self::Zstd, Self::Gzip, Self::None];

    /// Returns how the names of files end that are packed so.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::None => "",
        }
    }

    /// Tells it by the bytes that a file begins with (RFC 1952, RFC 8878, the xz file format).
    fn of_magic(first: &[u8]) -> Self {
        if first.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if first.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Self::Xz
        } else if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// Unpacks what is packed in a known way, to at most `most` bytes.
pub(super) fn unpack(
    packed: impl Read + Send + 'static,
    compression: Compression,
    most: u64,
) -> io::Result<impl Read> {
    unpack_buffered(BufReader::with_capacity(PIECE, packed), compression, most)
}

/// Unpacks what says by its first bytes how it is packed, to at most `most` bytes.
pub(super) fn unpack_by_magic(
    packed: impl Read + Send + 'static,
    most: u64,
) -> io::Result<impl Read> {
    let mut packed = BufReader::with_capacity(PIECE, packed);
    let compression = Compression::of_magic(packed.fill_buf()?);
    unpack_buffered(packed, compression, most)
}

fn unpack_buffered(
    packed: impl BufRead + Send + 'static,
    compression: Compression,
    most: u64,
) -> io::Result<Bounded<Box<dyn Read>>> {
    let inner: Box<dyn Read> = match compression {
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            Box::new(XzDecoder::new_stream(packed, stream))
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::None => Box::new(packed),
    };
    Ok(Bounded { inner, left: most })
}

/// Fails once more comes than may, so that a small file cannot unpack without end.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more bytes than announced"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const INDEX: &[u8] = b"Package: a\n";

    fn unpacked(packed: Vec<u8>, compression: Compression, most: u64) -> io::Result<Vec<u8>> {
        let mut by_name = Vec::new();
        unpack(io::Cursor::new(packed.clone()), compression, most)?.read_to_end(&mut by_name)?;
        let mut by_magic = Vec::new();
        unpack_by_magic(io::Cursor::new(packed), most)?.read_to_end(&mut by_magic)?;
        assert_eq!(by_name, by_magic, "{compression:?}");
        Ok(by_name)
    }

    fn packed(compression: Compression) -> Vec<u8> {
        let mut bytes = Vec::new();
        match compression {
            Compression::Xz => liblzma::read::XzEncoder::new(INDEX, 1).read_to_end(&mut bytes),
            Compression::Gzip => flate2::read::GzEncoder::new(INDEX, flate2::Compression::fast())
                .read_to_end(&mut bytes),
            Compression::Zstd => zstd::encode_all(INDEX, 1).map(|packed| {
                bytes = packed;
                0
            }),
            Compression::None => bytes.write(INDEX),
        }
        .expect("memory");
        bytes
    }

    #[test]
    fn indexes_are_unpacked_whichever_way_they_are_packed() {
        for compression in Compression::OF_APT {
            let size = INDEX.len() as u64;
            let bytes = unpacked(packed(compression), compression, size).expect("an index");
            assert_eq!(bytes, INDEX, "{compression:?}");
            for end in 0..packed(compression).len() {
                let cut = packed(compression)[..end].to_vec();
                assert_ne!(
                    unpacked(cut, compression, size).ok().as_deref(),
                    Some(INDEX),
                    "{compression:?} cut at {end}"
                );
            }
        }
    }

    #[test]
    fn an_index_that_unpacks_to_more_than_announced_is_refused() {
        for compression in Compression::OF_APT {
            let most = INDEX.len() as u64 - 1;
            let error = unpacked(packed(compression), compression, most).expect_err("too much");
            assert!(error.to_string().contains("announced"), "{error}");
        }
    }

    #[test]
    fn a_bomb_is_cut_off_before_it_unpacks() {
        let zeros = vec![0; 64 << 20];
        let bomb = zstd::encode_all(&zeros[..], 1).expect("memory");
        assert!(bomb.len() < 1 << 16);
        let mut reader = unpack_by_magic(io::Cursor::new(bomb), 1 << 20).expect("a reader");
        let mut taken = 0;
        let mut buffer = [0; PIECE];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(count) => taken += count,
                Err(error) => break error,
            }
        };
        assert!(taken <= 1 << 20, "{taken}");
        assert!(error.to_string().contains("announced"), "{error}");
    }
}

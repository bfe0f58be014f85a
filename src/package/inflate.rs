//! Decompression of one member of a package, with every bound that a bomb would break.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::error::{PackageError, carry};
use super::limits::Limits;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
    /// The format before xz, which has no magic and no check sum.
    Lzma,
    Xz,
    Zstd,
}

/// What may stand behind a compressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The source's end.
    Nothing,
    /// Another part of the package, which is for others to read.
    Parts,
}

/// The expanded bytes of a compressed archive.
///
/// One stream is read. Where its end must be the member's end, a second stream behind it, which
/// some readers would see and some not, is refused.
pub(super) struct Inflated<S: BufRead> {
    member: String,
    decoder: Decoder<S>,
    behind: Behind,
    expanded: u64,
    limits: Limits,
}

enum Decoder<S: BufRead> {
    Plain(Counted<S>),
    Gzip(GzDecoder<Counted<S>>),
    Bzip2(BzDecoder<Counted<S>>),
    Xz(XzDecoder<Counted<S>>),
    Zstd(zstd::Decoder<'static, Counted<S>>),
}

struct Counted<S> {
    inner: S,
    bytes: u64,
}

impl Compression {
    /// How many bytes [`Compression::of_magic`] looks at.
    pub(super) const MAGIC_BYTES: usize = 6;

    /// Reads a name as RPM's headers have it (`PAYLOADCOMPRESSOR`).
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "bzip2" => Some(Self::Bzip2),
            "lzma" => Some(Self::Lzma),
            "xz" => Some(Self::Xz),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Reads the magic that a compressed stream begins with; `None` is none of those known.
    pub(super) fn of_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl<S: BufRead> Inflated<S> {
    /// Starts to expand what `source` holds; `member` is its name in messages.
    pub(super) fn open(
        member: &str,
        compression: Compression,
        source: S,
        behind: Behind,
        limits: &Limits,
    ) -> Result<Self, PackageError> {
        let source = Counted {
            inner: source,
            bytes: 0,
        };
        let unusable = |error: io::Error| PackageError::Decompress {
            member: member.to_owned(),
            source: error,
        };
        let xz = |stream: Result<Stream, liblzma::stream::Error>| {
            stream.map_err(|error| unusable(error.into()))
        };
        let decoder = match compression {
            Compression::None => Decoder::Plain(source),
            Compression::Gzip => Decoder::Gzip(GzDecoder::new(source)),
            Compression::Bzip2 => Decoder::Bzip2(BzDecoder::new(source)),
            Compression::Lzma => {
                let stream = xz(Stream::new_lzma_decoder(limits.decoder_bytes))?;
                Decoder::Xz(XzDecoder::new_stream(source, stream))
            }
            Compression::Xz => {
                let stream = xz(Stream::new_stream_decoder(limits.decoder_bytes, 0))?;
                Decoder::Xz(XzDecoder::new_stream(source, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source).map_err(unusable)?;
                decoder
                    .window_log_max(limits.decoder_bytes.max(1024).ilog2())
                    .map_err(unusable)?;
                Decoder::Zstd(decoder.single_frame())
            }
        };
        Ok(Self {
            member: member.to_owned(),
            decoder,
            behind,
            expanded: 0,
            limits: *limits,
        })
    }

    /// Returns the member's name.
    pub(super) fn member(&self) -> &str {
        &self.member
    }

    fn check(&mut self, count: usize) -> Result<(), PackageError> {
        self.expanded += count as u64;
        let taken = self.decoder.source().bytes;
        if self.expanded > self.limits.archive_bytes() {
            return Err(PackageError::TotalTooLarge {
                limit: self.limits.total_bytes,
            });
        }
        if self.expanded > self.limits.ratio_floor
            && self.expanded > taken.saturating_mul(self.limits.ratio)
        {
            return Err(PackageError::Ratio {
                member: self.member.clone(),
                ratio: self.limits.ratio,
            });
        }
        Ok(())
    }
}

impl<S: BufRead> Read for Inflated<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let refuse = |source| PackageError::Decompress {
            member: self.member.clone(),
            source,
        };
        let count = self
            .decoder
            .read(buffer)
            .map_err(|error| carry(error, refuse))?;
        if count == 0 {
            match self.behind {
                Behind::Parts => {}
                Behind::Nothing if self.decoder.source().fill_buf()?.is_empty() => {}
                Behind::Nothing => {
                    return Err(io::Error::other(PackageError::TrailingBytes {
                        member: self.member.clone(),
                    }));
                }
            }
        }
        self.check(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl<S: BufRead> Decoder<S> {
    fn source(&mut self) -> &mut Counted<S> {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Bzip2(decoder) => decoder.get_mut(),
            Self::Xz(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

impl<S: BufRead> Read for Decoder<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl<S: BufRead> Read for Counted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<S: BufRead> BufRead for Counted<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.bytes += count as u64;
    }
}

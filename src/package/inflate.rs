//! Decompression of one member of a package, with every bound that a bomb would break.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use super::error::{PackageError, carry};
use super::limits::Limits;

/// The expanded bytes of a compressed archive.
///
/// One stream is read and its end is the member's end: a second stream behind it, which some
/// readers would see and some not, is refused.
pub(super) struct Inflated<R: Read> {
    member: String,
    decoder: Decoder<R>,
    expanded: u64,
    limits: Limits,
}

type Source<R> = BufReader<Counted<R>>;

enum Decoder<R: Read> {
    Plain(Source<R>),
    Gzip(GzDecoder<Source<R>>),
    Xz(XzDecoder<Source<R>>),
    Zstd(zstd::Decoder<'static, Source<R>>),
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Inflated<R> {
    /// Chooses the decompressor by the ending that follows `.tar` in the member's name.
    pub(super) fn open(member: &str, source: R, limits: &Limits) -> Result<Self, PackageError> {
        let source = BufReader::with_capacity(
            64 * 1024,
            Counted {
                inner: source,
                bytes: 0,
            },
        );
        let unusable = |error: io::Error| PackageError::Decompress {
            member: member.to_owned(),
            source: error,
        };
        let decoder = match member.rsplit_once(".tar").map(|(_, ending)| ending) {
            Some("") => Decoder::Plain(source),
            Some(".gz") => Decoder::Gzip(GzDecoder::new(source)),
            Some(".xz") => {
                let stream = liblzma::stream::Stream::new_stream_decoder(limits.decoder_bytes, 0)
                    .map_err(|error| unusable(error.into()))?;
                Decoder::Xz(XzDecoder::new_stream(source, stream))
            }
            Some(".zst") => {
                let mut decoder = zstd::Decoder::with_buffer(source).map_err(unusable)?;
                decoder
                    .window_log_max(limits.decoder_bytes.max(1024).ilog2())
                    .map_err(unusable)?;
                Decoder::Zstd(decoder.single_frame())
            }
            Some(_) | None => {
                return Err(PackageError::UnknownCompression {
                    member: member.to_owned(),
                });
            }
        };
        Ok(Self {
            member: member.to_owned(),
            decoder,
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
        let taken = self.decoder.source().get_ref().bytes;
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

impl<R: Read> Read for Inflated<R> {
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
        if count == 0 && !self.decoder.source().fill_buf()?.is_empty() {
            return Err(io::Error::other(PackageError::TrailingBytes {
                member: self.member.clone(),
            }));
        }
        self.check(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl<R: Read> Decoder<R> {
    fn source(&mut self) -> &mut Source<R> {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Xz(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

//! Modules as distributions install them: `.ko.gz`, `.ko.xz` and `.ko.zst`, which `make
//! modules_install` writes (Linux, `scripts/Makefile.modinst`).

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use serde::{Deserialize, Serialize};

use super::{MAX_BYTES, ModuleError};

/// The most memory that a decoder may take: what `xz -9e` and `zstd --ultra` need.
pub(super) const MAX_DECODER: u64 = 128 << 20;
/// How many times its size a module may unpack to, once it is larger than [`RATIO_FLOOR`].
const MAX_RATIO: u64 = 200;
const RATIO_FLOOR: u64 = 16 << 20;
const BUFFER: usize = 64 << 10;

/// How a module is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// Reads the magic that compressed bytes begin with.
    pub fn of_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// A module's bytes without compression.
#[derive(Debug, Clone)]
pub struct Expanded<'a> {
    /// `None` if there was none.
    pub compression: Option<Compression>,
    pub bytes: Cow<'a, [u8]>,
}

/// Unpacks a module, if it is compressed.
///
/// # Security
///
/// The bytes are not trusted: what they unpack to is bounded by [`MAX_BYTES`] and by a ratio, and the
/// decoders' memory too. One stream is read, and nothing may stand behind it.
pub fn expand(bytes: &[u8]) -> Result<Expanded<'_>, ModuleError> {
    let Some(compression) = Compression::of_magic(bytes) else {
        return Ok(Expanded {
            compression: None,
            bytes: Cow::Borrowed(bytes),
        });
    };
    let bad = |error: io::Error| ModuleError::Compressed {
        compression,
        reason: error.to_string(),
    };
    let mut left = bytes;
    let mut expanded = Vec::new();
    match compression {
        Compression::Gzip => {
            let mut decoder = GzDecoder::new(&mut left);
            read(&mut decoder, bytes.len(), MAX_BYTES, &mut expanded)
        }
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(MAX_DECODER, 0);
            let stream = stream.map_err(|error| bad(error.into()))?;
            let mut decoder = XzDecoder::new_stream(&mut left, stream);
            read(&mut decoder, bytes.len(), MAX_BYTES, &mut expanded)
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(&mut left).map_err(bad)?;
            let window = MAX_DECODER.ilog2();
            decoder.window_log_max(window).map_err(bad)?;
            let mut decoder = decoder.single_frame();
            read(&mut decoder, bytes.len(), MAX_BYTES, &mut expanded)
        }
    }
    .map_err(|end| match end {
        End::Broken(error) => bad(error),
        End::TooLarge => ModuleError::TooLarge { limit: MAX_BYTES },
        End::Bomb => ModuleError::Bomb { ratio: MAX_RATIO },
    })?;
    if !left.is_empty() {
        return Err(ModuleError::Compressed {
            compression,
            reason: "something stands behind it".to_owned(),
        });
    }
    Ok(Expanded {
        compression: Some(compression),
        bytes: Cow::Owned(expanded),
    })
}

/// Why nothing more is read.
pub(super) enum End {
    Broken(io::Error),
    TooLarge,
    Bomb,
}

/// Unpacks up to `limit` bytes of what has so many when it is packed.
pub(super) fn read(
    from: &mut impl Read,
    packed: usize,
    limit: u64,
    into: &mut Vec<u8>,
) -> Result<(), End> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(End::Broken(error)),
        };
        into.extend_from_slice(&buffer[..count]);
        let length = into.len() as u64;
        if length > limit {
            return Err(End::TooLarge);
        }
        if length > RATIO_FLOOR && length > (packed as u64).saturating_mul(MAX_RATIO) {
            return Err(End::Bomb);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::testing::{Form, module};
    use super::*;

    fn packed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Compression::Zstd => zstd::encode_all(bytes, 3).expect("memory"),
        }
    }

    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

    #[test]
    fn every_form_unpacks_to_the_module() {
        let bytes = module(Form::AMD64);
        for compression in ALL {
            let packed = packed(compression, &bytes);
            let found = expand(&packed).expect("whole");
            assert_eq!(found.compression, Some(compression));
            assert_eq!(found.bytes, bytes, "{compression}");
            for end in 0..packed.len() {
                if let Ok(found) = expand(&packed[..end]) {
                    assert_eq!(found.compression, None, "{compression} cut at {end}");
                }
            }
            let behind = [&packed[..], b"x"].concat();
            assert!(expand(&behind).is_err(), "{compression}");
        }
        assert_eq!(expand(&bytes).expect("as it is").compression, None);
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = vec![0; 64 << 20];
        for compression in ALL {
            assert_eq!(
                expand(&packed(compression, &zeros)).map(drop),
                Err(ModuleError::Bomb { ratio: MAX_RATIO }),
                "{compression}"
            );
        }
    }
}

//! Sections that are compressed by themselves, as compilers write debug information (System V ABI,
//! "Section Compression"): a header with the form and the size, and then the packed bytes.

use flate2::bufread::ZlibDecoder;

use super::compressed::{End, MAX_DECODER, read};
use super::{Module, Part, Width};

const ZLIB: u32 = 1;
const ZSTD: u32 = 2;

/// Says why a compressed section cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    #[error("its header is cut")]
    NoHeader,
    #[error("its form {0} is none that is known")]
    OtherForm(u32),
    #[error("it is to have {size} bytes, more than {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("it unpacks to so many times its size that it is no section")]
    Bomb,
    #[error("{0}")]
    Broken(String),
    #[error("it has not the size that its header says")]
    OtherSize,
}

/// Unpacks a section that is compressed.
///
/// # Security
///
/// The bytes are not trusted: nothing is unpacked beyond `limit`, beyond the size that the header says,
/// or beyond a ratio.
pub fn expand_section(
    module: &Module<'_>,
    part: &Part<'_>,
    limit: u64,
) -> Result<Vec<u8>, SectionError> {
    let (order, data) = (module.order, part.data);
    let form = order.u32_at(data, 0);
    let (size, header) = match module.width {
        Width::Bits64 => (order.u64_at(data, 8), 24),
        Width::Bits32 => (order.u32_at(data, 4).map(u64::from), 12),
    };
    let (Some(form), Some(size), Some(mut packed)) = (form, size, data.get(header..)) else {
        return Err(SectionError::NoHeader);
    };
    if size > limit {
        return Err(SectionError::TooLarge { size, limit });
    }
    let broken = |error: std::io::Error| SectionError::Broken(error.to_string());
    let (count, mut bytes) = (packed.len(), Vec::new());
    let result = match form {
        ZLIB => read(&mut ZlibDecoder::new(&mut packed), count, size, &mut bytes),
        ZSTD => {
            let mut decoder = zstd::Decoder::with_buffer(&mut packed).map_err(broken)?;
            decoder
                .window_log_max(MAX_DECODER.ilog2())
                .map_err(broken)?;
            read(&mut decoder.single_frame(), count, size, &mut bytes)
        }
        other => return Err(SectionError::OtherForm(other)),
    };
    match result {
        Ok(()) if bytes.len() as u64 == size => Ok(bytes),
        Ok(()) | Err(End::TooLarge) => Err(SectionError::OtherSize),
        Err(End::Bomb) => Err(SectionError::Bomb),
        Err(End::Broken(error)) => Err(broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::testing::{Form, Piece};
    use super::super::{MAX_BYTES, SHF_COMPRESSED};
    use super::*;

    fn packed(form: Form, kind: u32, size: u32, bytes: &[u8]) -> Vec<u8> {
        let mut data = form.word(kind);
        if form.wide {
            data.extend(form.word(0));
        }
        data.extend(form.long(size));
        data.extend(form.long(1));
        match kind {
            ZLIB => {
                let mut encoder = flate2::write::ZlibEncoder::new(data, Default::default());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            _ => {
                data.extend(zstd::encode_all(bytes, 3).expect("memory"));
                data
            }
        }
    }

    fn expanded(form: Form, data: Vec<u8>, limit: u64) -> Result<Vec<u8>, SectionError> {
        let file = form.file(&[Piece::plain(".debug_str", data).flags(SHF_COMPRESSED)]);
        let module = Module::parse(&file).expect("a module");
        let part = module.part(".debug_str").expect("it is there");
        expand_section(&module, part, limit)
    }

    #[test]
    fn both_forms_unpack_in_every_width_and_order() {
        for form in Form::ALL {
            for kind in [ZLIB, ZSTD] {
                let data = packed(form, kind, 5, b"hello");
                assert_eq!(expanded(form, data, MAX_BYTES), Ok(b"hello".to_vec()));
            }
        }
    }

    #[test]
    fn what_is_not_as_its_header_says_is_refused() {
        let form = Form::AMD64;
        let whole = packed(form, ZLIB, 5, b"hello");
        let bomb = vec![0; 64 << 20];
        let size = u32::try_from(bomb.len()).expect("small");
        for (data, limit, expected) in [
            (whole[..20].to_vec(), 100, SectionError::NoHeader),
            (
                packed(form, 9, 5, b"hello"),
                100,
                SectionError::OtherForm(9),
            ),
            (
                whole.clone(),
                4,
                SectionError::TooLarge { size: 5, limit: 4 },
            ),
            (
                packed(form, ZLIB, 4, b"hello"),
                100,
                SectionError::OtherSize,
            ),
            (
                packed(form, ZSTD, 6, b"hello"),
                100,
                SectionError::OtherSize,
            ),
            (
                packed(form, ZLIB, size, &bomb),
                MAX_BYTES,
                SectionError::Bomb,
            ),
            (
                packed(form, ZSTD, size, &bomb),
                MAX_BYTES,
                SectionError::Bomb,
            ),
        ] {
            assert_eq!(expanded(form, data, limit), Err(expected));
        }
        for end in 24..whole.len() {
            assert!(expanded(form, whole[..end].to_vec(), 100).is_err(), "{end}");
        }
    }
}

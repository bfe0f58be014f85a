//! The form in which a module is shipped: signed for the kernel, compressed as `make modules_install`
//! does it, or both. The same module, key and settings give the same bytes.

use std::io::{self, Write};

use flate2::{Compression as Level, GzBuilder};
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

use crate::ko::Compression;
use crate::sign::{ModuleSigner, SigningError};

/// What is done to a module after it was compared.
#[derive(Debug, Default)]
pub struct Shipping {
    pub signer: Option<ModuleSigner>,
    pub compression: Option<Compression>,
}

impl Shipping {
    /// Returns true if modules are shipped as they were built.
    pub fn is_plain(&self) -> bool {
        self.signer.is_none() && self.compression.is_none()
    }

    /// Returns what is written behind a module's name, such as `.xz`.
    pub fn ending(&self) -> &'static str {
        match self.compression {
            None => "",
            Some(Compression::Gzip) => ".gz",
            Some(Compression::Xz) => ".xz",
            Some(Compression::Zstd) => ".zst",
        }
    }
}

/// Returns a module's shipped form.
///
/// # Errors
///
/// It cannot be signed or compressed.
pub async fn ship(payload: &[u8], shipping: &Shipping) -> Result<Vec<u8>, SigningError> {
    let signed = match &shipping.signer {
        Some(signer) => signer.sign(payload).await?,
        None => payload.to_vec(),
    };
    match shipping.compression {
        None => Ok(signed),
        Some(compression) => {
            compress(&signed, compression).map_err(|source| SigningError::Compression {
                compression,
                source,
            })
        }
    }
}

/// Compresses as `scripts/Makefile.modinst` of the kernel has it: `gzip -n`, `xz --check=crc32
/// --lzma2=dict=1MiB`, `zstd`. The kernel's own decompressors take no other check and little memory.
fn compress(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            // No name and no time; Unix, as gzip writes it.
            let mut encoder = GzBuilder::new()
                .operating_system(3)
                .write(Vec::new(), Level::default());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Xz => {
            let mut options = LzmaOptions::new_preset(6).map_err(io::Error::from)?;
            options.dict_size(1 << 20);
            let mut filters = Filters::new();
            filters.lzma2(&options);
            let stream =
                Stream::new_stream_encoder(&filters, Check::Crc32).map_err(io::Error::from)?;
            let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 0)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ko::{cut_signature, expand};
    use crate::sign::testing::{fixture, private};
    use crate::sign::{DigestAlgorithm, ModuleCertificate, ModuleKey};

    fn signer() -> ModuleSigner {
        let certificate = ModuleCertificate::read(&fixture("rsa-2048.crt")).expect("read");
        let key = ModuleKey::Key(private("rsa-2048.pem"));
        ModuleSigner::new(key, certificate, DigestAlgorithm::Sha512).expect("a signer")
    }

    #[tokio::test]
    async fn every_form_is_made_twice_alike_and_gives_the_payload_again() {
        let payload: Vec<u8> = (0..200_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect();
        for compression in [
            None,
            Some(Compression::Gzip),
            Some(Compression::Xz),
            Some(Compression::Zstd),
        ] {
            for signed in [false, true] {
                let shipping = Shipping {
                    signer: signed.then(signer),
                    compression,
                };
                assert_eq!(shipping.is_plain(), !signed && compression.is_none());
                let shipped = ship(&payload, &shipping).await.expect("shipped");
                assert_eq!(shipped, ship(&payload, &shipping).await.expect("shipped"));
                let expanded = expand(&shipped).expect("whole");
                assert_eq!(expanded.compression, compression);
                let cut = cut_signature(&expanded.bytes).expect("whole");
                assert_eq!(cut.signature.is_some(), signed);
                assert!(cut.module == payload);
            }
        }
    }
}

//! What a kernel exports.
//!
//! Format: `Module.symvers`, a line per symbol with fields divided by tabs: CRC, name, where it is,
//! how it is exported, and its namespace (Linux, `Documentation/kbuild/modules.rst`,
//! "Module.symvers").

use std::collections::BTreeMap;

use crate::digest::Sha256Digest;

/// The most bytes of the file; a distribution's has two million.
const MAX_BYTES: usize = 64 << 20;
const MAX_SYMBOLS: usize = 1_000_000;

/// The symbols that a kernel exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symvers {
    /// The digest of the file.
    pub digest: Sha256Digest,
    exports: BTreeMap<String, Export>,
    /// True if any symbol has a CRC: without `CONFIG_MODVERSIONS` all are zero.
    pub has_crcs: bool,
}

/// How a symbol is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub crc: u32,
    /// True if only modules under the GPL may use it.
    pub gpl_only: bool,
    pub namespace: Option<String>,
}

/// Says why a list of exports cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymversError {
    #[error("it has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    #[error("it has more than {MAX_SYMBOLS} symbols")]
    TooMany,
    #[error("its line {0} is no CRC, name, place and kind of export")]
    BadLine(usize),
}

impl Symvers {
    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SymversError> {
        if bytes.len() > MAX_BYTES {
            return Err(SymversError::TooLarge(bytes.len()));
        }
        let mut exports = BTreeMap::new();
        for (index, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            if exports.len() == MAX_SYMBOLS {
                return Err(SymversError::TooMany);
            }
            let bad = || SymversError::BadLine(index + 1);
            let mut fields = line.split('\t');
            let mut next = || fields.next().ok_or_else(bad);
            let (crc, name, _, kind) = (next()?, next()?, next()?, next()?);
            let digits = crc.strip_prefix("0x").ok_or_else(bad)?;
            let export = Export {
                crc: u32::from_str_radix(digits, 16).map_err(|_| bad())?,
                gpl_only: kind.ends_with("_GPL"),
                namespace: fields
                    .next()
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned),
            };
            exports.insert(name.to_owned(), export);
        }
        Ok(Self {
            digest: Sha256Digest::of(bytes),
            has_crcs: exports.values().any(|export| export.crc != 0),
            exports,
        })
    }

    /// Returns how a symbol is exported.
    pub fn get(&self, name: &str) -> Option<&Export> {
        self.exports.get(name)
    }
}

//! Why bytes are no kernel module.

use super::elf::{MAX_RELOCATIONS, MAX_SECTIONS, MAX_SYMBOLS};
use super::modinfo::MAX_MODINFO;

/// Says why bytes are no kernel module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    #[error("it is not an ELF file: {0}")]
    NotElf(String),
    #[error("it is an ELF file but not a relocatable one")]
    NotRelocatable,
    #[error("it has {0} sections, more than {MAX_SECTIONS}")]
    TooManySections(usize),
    #[error("it has {0} symbols, more than {MAX_SYMBOLS}")]
    TooManySymbols(usize),
    #[error("it has {0} relocations, more than {MAX_RELOCATIONS}")]
    TooManyRelocations(usize),
    #[error("its section {index} cannot be read: {reason}")]
    BadSection { index: usize, reason: String },
    #[error("its symbol {index} cannot be read: {reason}")]
    BadSymbol { index: usize, reason: String },
    #[error("its sections lie over each other")]
    Overlapping,
    #[error("it has no `.modinfo` section")]
    NoModinfo,
    #[error("its `.modinfo` section has {0} bytes, more than {MAX_MODINFO}")]
    LargeModinfo(usize),
    #[error("its symbol versions cannot be read: {0}")]
    BadVersions(&'static str),
    #[error("its signature cannot be cut: {0}")]
    BadSignature(&'static str),
    #[error("it cannot be unpacked from {compression}: {reason}")]
    Compressed {
        compression: super::Compression,
        reason: String,
    },
    #[error("it unpacks to more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("it unpacks to more than {ratio} times its size")]
    Bomb { ratio: u64 },
}

//! Reading a kernel module: a relocatable ELF file, possibly signed and compressed. Pure, and with
//! a limit on everything that is counted or sized by the bytes themselves.
//!
//! Formats: ELF (System V ABI, "Object Files"), 32 and 64 bits, both byte orders; what Linux adds to
//! it is named in the file that reads it.

mod btf;
mod build_id;
mod byte_order;
mod canonical;
mod compressed;
mod compressed_section;
mod elf;
mod error;
mod facts;
mod modinfo;
mod part;
mod relocation;
mod signature;
mod symbol;
#[cfg(test)]
pub(crate) mod testing;
mod versions;

pub use btf::{Btf, BtfBase, BtfError, BtfType, btf_base_of_kernel};
pub use build_id::build_id;
pub use byte_order::{ByteOrder, Width};
pub use canonical::canonical_btf;
pub use compressed::{Compression, Expanded, expand};
pub use compressed_section::{SectionError, expand_section};
pub use elf::Module;
pub(crate) use elf::shown;
pub use error::ModuleError;
pub use facts::{ModuleFacts, Section, facts, sections};
pub use modinfo::{comments, modinfo};
pub use part::{
    Part, SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR, SHF_LINK_ORDER, SHF_STRINGS, SHF_WRITE,
};
pub use relocation::{Group, Relocation};
pub use signature::{AppendedSignature, SIGNATURE_MAGIC, Signed, Signer, cut_signature};
pub use symbol::{Symbol, SymbolPlace};
pub use versions::{SymbolVersion, versions};

/// The most bytes that a module may have, unpacked, before it is not even opened.
pub const MAX_BYTES: u64 = 256 << 20;

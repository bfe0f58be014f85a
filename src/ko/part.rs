//! One section of a module.

// System V ABI, "Sections", `sh_type` and `sh_flags`.
pub const SHF_WRITE: u64 = 1;
pub const SHF_ALLOC: u64 = 2;
pub const SHF_EXECINSTR: u64 = 4;
pub const SHF_STRINGS: u64 = 0x20;
pub const SHF_LINK_ORDER: u64 = 0x80;
pub const SHF_COMPRESSED: u64 = 0x800;
pub(super) const SHT_SYMTAB: u32 = 2;
pub(super) const SHT_STRTAB: u32 = 3;
pub(super) const SHT_RELA: u32 = 4;
pub(super) const SHT_NOBITS: u32 = 8;
pub(super) const SHT_REL: u32 = 9;
pub(super) const SHT_GROUP: u32 = 17;
pub(super) const SHT_SYMTAB_SHNDX: u32 = 18;

/// One section.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// Its number in the file; the first has 1.
    pub index: usize,
    /// The name, followed by `#n` for the n-th section of that name after the first.
    pub name: String,
    /// The name's place among the names.
    pub name_at: u32,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    pub alignment: u64,
    pub entry_bytes: u64,
    /// `sh_addr`, which is zero before a module is loaded.
    pub address: u64,
    /// `sh_link` and `sh_info`, as they are.
    pub link: u32,
    pub info: u32,
    /// What it has in memory; the file has none of a section without bits.
    pub bytes: u64,
    /// The place in the file.
    pub at: u64,
    pub data: &'a [u8],
}

impl Part<'_> {
    pub fn is_relocations(&self) -> bool {
        matches!(self.kind, SHT_REL | SHT_RELA)
    }

    pub fn is_symbols(&self) -> bool {
        self.kind == SHT_SYMTAB
    }

    pub fn is_group(&self) -> bool {
        self.kind == SHT_GROUP
    }

    /// Returns true if it only says where the symbols of a very large file are.
    pub fn is_symbol_places(&self) -> bool {
        self.kind == SHT_SYMTAB_SHNDX
    }

    pub fn is_strings(&self) -> bool {
        self.kind == SHT_STRTAB
    }

    /// Returns true if the file has no bytes of it.
    pub fn is_empty_in_file(&self) -> bool {
        self.kind == SHT_NOBITS
    }

    /// Returns true if it is for debuggers: `.debug_*` and its relocations.
    pub fn is_debug(&self) -> bool {
        let name = self.name.as_str();
        let of = name
            .strip_prefix(".rela")
            .or_else(|| name.strip_prefix(".rel"))
            .filter(|_| self.is_relocations())
            .unwrap_or(name);
        self.flags & SHF_ALLOC == 0 && (of.starts_with(".debug_") || of.starts_with(".zdebug_"))
    }
}

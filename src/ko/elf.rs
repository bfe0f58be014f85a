//! The parts of a relocatable ELF file: sections, symbols, relocations, groups.

use std::collections::BTreeMap;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, Rel, Rela, SectionHeader, Sym};

use super::ModuleError;

pub(super) const MAX_SECTIONS: usize = 20_000;
pub(super) const MAX_SYMBOLS: usize = 2_000_000;
pub(super) const MAX_RELOCATIONS: usize = 8_000_000;
/// The longest name of a section or symbol. Rust's are the longest in use, with some hundred bytes.
const MAX_NAME: usize = 16 << 10;

// System V ABI, "Sections", `sh_type` and `sh_flags`.
pub const SHF_WRITE: u64 = 1;
pub const SHF_ALLOC: u64 = 2;
pub const SHF_EXECINSTR: u64 = 4;
pub const SHF_STRINGS: u64 = 0x20;
pub const SHF_LINK_ORDER: u64 = 0x80;
pub const SHF_COMPRESSED: u64 = 0x800;
const SHT_SYMTAB: u32 = 2;
const SHT_STRTAB: u32 = 3;
const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
const SHT_REL: u32 = 9;
const SHT_GROUP: u32 = 17;
const SHT_SYMTAB_SHNDX: u32 = 18;
const SHN_ABS: u16 = 0xfff1;
const SHN_COMMON: u16 = 0xfff2;
const SHN_XINDEX: u16 = 0xffff;

/// How wide addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Width {
    #[serde(rename = "32")]
    Bits32,
    #[serde(rename = "64")]
    Bits64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByteOrder {
    LittleEndian,
    BigEndian,
}

impl ByteOrder {
    /// Reads 32 bits at a place; `None` beyond the end.
    pub fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::LittleEndian => u32::from_le_bytes(word),
            Self::BigEndian => u32::from_be_bytes(word),
        })
    }

    /// Reads 64 bits at a place; `None` beyond the end.
    pub fn u64_at(self, bytes: &[u8], at: usize) -> Option<u64> {
        let word: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(match self {
            Self::LittleEndian => u64::from_le_bytes(word),
            Self::BigEndian => u64::from_be_bytes(word),
        })
    }
}

/// A module taken apart. It borrows the bytes.
#[derive(Debug, Clone)]
pub struct Module<'a> {
    pub bytes: &'a [u8],
    pub width: Width,
    pub order: ByteOrder,
    /// ELF's `e_machine`.
    pub machine: u16,
    /// ELF's `e_flags`.
    pub flags: u32,
    /// `EI_OSABI` and `EI_ABIVERSION`.
    pub abi: (u8, u8),
    /// In the file's order, without the null section.
    pub parts: Vec<Part<'a>>,
    /// In the table's order, without the null symbol.
    pub symbols: Vec<Symbol<'a>>,
    by_name: BTreeMap<String, usize>,
    /// The numbers of the table of symbols that was read, and of their names.
    symbol_table: Option<usize>,
    symbol_names: Option<usize>,
    section_names: usize,
}

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

/// One symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its number in the table; the first has 1.
    pub index: u32,
    pub name: &'a [u8],
    /// The name's place among the names.
    pub name_at: u32,
    pub value: u64,
    pub bytes: u64,
    /// `STB_*`.
    pub binding: u8,
    /// `STT_*`.
    pub kind: u8,
    /// `st_other`.
    pub other: u8,
    pub place: SymbolPlace,
}

/// Where a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolPlace {
    Undefined,
    Absolute,
    Common,
    /// The number of a section.
    In(usize),
    /// A number that means something to one architecture alone.
    Reserved(u16),
}

/// A place that is filled when the module is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    pub at: u64,
    /// `r_type`.
    pub kind: u32,
    /// The symbol's number; 0 is none.
    pub symbol: u32,
    /// `None` if the addend stands at the place itself.
    pub addend: Option<i64>,
}

/// A group of sections that are kept or dropped together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub flags: u32,
    /// The numbers of its sections.
    pub members: Vec<u32>,
}

impl Symbol<'_> {
    pub const UNNAMED_SECTION: u8 = 3;
    pub const WEAK: u8 = 2;
    pub const LOCAL: u8 = 0;

    /// Returns true if it stands for a section as a whole.
    pub fn is_section(&self) -> bool {
        self.kind == Self::UNNAMED_SECTION
    }

    /// Returns the name for people.
    pub fn shown(&self) -> String {
        shown(self.name)
    }
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

impl<'a> Module<'a> {
    /// Takes a module apart.
    ///
    /// # Security
    ///
    /// The bytes are not trusted. The sections may have no more bytes together than the file, so
    /// that whoever looks at each of them looks at each byte about once.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ModuleError> {
        let not_elf = |e: object::Error| ModuleError::NotElf(e.to_string());
        match object::FileKind::parse(bytes).map_err(not_elf)? {
            object::FileKind::Elf32 => parse::<FileHeader32<Endianness>>(bytes, Width::Bits32),
            object::FileKind::Elf64 => parse::<FileHeader64<Endianness>>(bytes, Width::Bits64),
            other => Err(ModuleError::NotElf(format!("it is {other:?}"))),
        }
    }

    /// Returns the first section of a name.
    pub fn part(&self, name: &str) -> Option<&Part<'a>> {
        self.by_name.get(name).map(|at| &self.parts[*at])
    }

    /// Returns a section by its number.
    pub fn part_at(&self, index: usize) -> Option<&Part<'a>> {
        self.parts.get(index.checked_sub(1)?)
    }

    /// Returns a symbol by its number.
    pub fn symbol_at(&self, index: u32) -> Option<&Symbol<'a>> {
        self.symbols.get((index as usize).checked_sub(1)?)
    }

    /// Returns the table that the symbols were read from. There is no second in any module.
    pub fn symbol_table(&self) -> Option<&Part<'a>> {
        self.symbol_table.and_then(|index| self.part_at(index))
    }

    /// Returns the bytes of the headers that no field of this type stands for: of the file's header
    /// what does not say where the table of the sections is, and the entries of the null section and
    /// the null symbol.
    pub fn headers(&self) -> Vec<u8> {
        // `e_shoff`, and `e_shnum` with `e_shstrndx` (System V ABI, "ELF Header").
        let (length, table, numbers, symbol) = match self.width {
            Width::Bits32 => (52, 32..36, 48..52, 16),
            Width::Bits64 => (64, 40..48, 60..64, 24),
        };
        let mut bytes = self.bytes[..length.min(self.bytes.len())].to_vec();
        for range in [table, numbers] {
            if let Some(field) = bytes.get_mut(range) {
                field.fill(0);
            }
        }
        let (at, entry) = self.section_table();
        let (at, entry) = (at as usize, entry as usize);
        let end = at.saturating_add(entry);
        bytes.extend(self.bytes.get(at..end).unwrap_or_default());
        let table = self.symbol_table().map_or(&[][..], |part| part.data);
        bytes.extend(&table[..symbol.min(table.len())]);
        bytes
    }

    /// Returns the table of the symbols' names.
    pub fn symbol_names(&self) -> Option<&Part<'a>> {
        self.symbol_names.and_then(|index| self.part_at(index))
    }

    /// Returns the table of the sections' names.
    pub fn section_names(&self) -> Option<&Part<'a>> {
        self.part_at(self.section_names)
    }

    /// Reads what a section of relocations holds; nothing of any other section.
    pub fn relocations(&self, part: &Part<'_>) -> Result<Vec<Relocation>, ModuleError> {
        let wide = self.width == Width::Bits64;
        let (has_addend, entry) = match (part.kind, wide) {
            (SHT_RELA, true) => (true, 24),
            (SHT_RELA, false) => (true, 12),
            (SHT_REL, true) => (false, 16),
            (SHT_REL, false) => (false, 8),
            _ => return Ok(Vec::new()),
        };
        let bad = |reason: &str| ModuleError::BadSection {
            index: part.index,
            reason: reason.to_owned(),
        };
        if !part.data.len().is_multiple_of(entry) {
            return Err(bad("it ends inside a relocation"));
        }
        let count = part.data.len() / entry;
        if count > MAX_RELOCATIONS {
            return Err(ModuleError::TooManyRelocations(count));
        }
        let order = match self.order {
            ByteOrder::LittleEndian => Endianness::Little,
            ByteOrder::BigEndian => Endianness::Big,
        };
        let read = |n: Option<Vec<Relocation>>| n.ok_or_else(|| bad("it is not aligned"));
        let rela = |at: u64, kind: u32, symbol: u32, addend: i64| Relocation {
            at,
            kind,
            symbol,
            addend: Some(addend),
        };
        // MIPS puts these fields in an order of its own; they are compared as they stand.
        read(match (has_addend, wide) {
            (true, true) => entries::<object::elf::Rela64<Endianness>>(part.data, |r| {
                let (kind, symbol) = (r.r_type(order, false).0, r.r_sym(order, false));
                rela(r.r_offset(order), kind, symbol, r.r_addend(order))
            }),
            (true, false) => entries::<object::elf::Rela32<Endianness>>(part.data, |r| {
                let (kind, symbol) = (r.r_type(order).0, r.r_sym(order));
                let addend = i64::from(r.r_addend(order));
                rela(u64::from(r.r_offset(order)), kind, symbol, addend)
            }),
            (false, true) => entries::<object::elf::Rel64<Endianness>>(part.data, |r| Relocation {
                at: r.r_offset(order),
                kind: r.r_type(order).0,
                symbol: r.r_sym(order),
                addend: None,
            }),
            (false, false) => {
                entries::<object::elf::Rel32<Endianness>>(part.data, |r| Relocation {
                    at: u64::from(r.r_offset(order)),
                    kind: r.r_type(order).0,
                    symbol: r.r_sym(order),
                    addend: None,
                })
            }
        })
    }

    /// Reads a group; `None` of any other section, or if it is cut.
    pub fn group(&self, part: &Part<'_>) -> Option<Group> {
        if !part.is_group() || !part.data.len().is_multiple_of(4) {
            return None;
        }
        let mut words =
            (0..part.data.len() / 4).filter_map(|n| self.order.u32_at(part.data, n * 4));
        Some(Group {
            flags: words.next()?,
            members: words.collect(),
        })
    }

    /// Returns the bytes of the file that belong to no section and not to the headers, zeros left
    /// out: there are none in what a linker writes.
    pub fn between(&self) -> Vec<u8> {
        let header = match self.width {
            Width::Bits32 => 52,
            Width::Bits64 => 64,
        };
        let (table, entry) = self.section_table();
        let mut taken: Vec<(u64, u64)> = self
            .parts
            .iter()
            .filter(|part| !part.is_empty_in_file())
            .map(|part| (part.at, part.at + part.data.len() as u64))
            .collect();
        taken.push((0, header));
        taken.push((table, table + entry * (self.parts.len() as u64 + 1)));
        taken.sort_unstable();
        let mut end = 0;
        let mut found = Vec::new();
        let length = self.bytes.len() as u64;
        for (from, to) in taken.into_iter().chain([(length, length)]) {
            if let Some(gap) = self.bytes.get(end as usize..from.min(length) as usize) {
                found.extend(gap.iter().filter(|byte| **byte != 0));
            }
            end = end.max(to);
        }
        found
    }

    /// Returns where the table of the sections is, and how long one entry.
    fn section_table(&self) -> (u64, u64) {
        match self.width {
            Width::Bits32 => (self.order.u32_at(self.bytes, 32).map_or(0, u64::from), 40),
            Width::Bits64 => (self.order.u64_at(self.bytes, 40).unwrap_or(0), 64),
        }
    }
}

/// Returns a section of an ELF file of any kind.
pub(super) fn section_of_any<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    use object::{Object, ObjectSection};
    let file = object::File::parse(bytes).ok()?;
    file.section_by_name_bytes(name)?.data().ok()
}

/// Returns bytes as text for people; what is no UTF-8 is replaced.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn entries<T: object::pod::Pod>(
    data: &[u8],
    read: impl Fn(&T) -> Relocation,
) -> Option<Vec<Relocation>> {
    let all = object::pod::slice_from_all_bytes::<T>(data).ok()?;
    Some(all.iter().map(read).collect())
}

fn parse<'a, H: FileHeader<Endian = Endianness>>(
    bytes: &'a [u8],
    width: Width,
) -> Result<Module<'a>, ModuleError> {
    let not_elf = |e: object::Error| ModuleError::NotElf(e.to_string());
    let header = H::parse(bytes).map_err(not_elf)?;
    let endian = header.endian().map_err(not_elf)?;
    if header.e_type(endian) != object::elf::ET_REL {
        return Err(ModuleError::NotRelocatable);
    }
    let table = header.sections(endian, bytes).map_err(not_elf)?;
    if table.len() > MAX_SECTIONS {
        return Err(ModuleError::TooManySections(table.len()));
    }
    let section_names = header.shstrndx(endian, bytes).map_err(not_elf)? as usize;
    let mut left = bytes.len() as u64;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut by_name = BTreeMap::new();
    let mut parts: Vec<Part<'a>> = Vec::with_capacity(table.len());
    let names = match table.section(object::SectionIndex(section_names)) {
        Ok(section) => section.data(endian, bytes).map_err(not_elf)?,
        Err(_) => &[],
    };
    for (index, section) in table.enumerate().skip(1) {
        let index = index.0;
        let bad = |reason: String| ModuleError::BadSection { index, reason };
        let name_at = section.sh_name(endian);
        let name = string_at(names, name_at).map_err(|e| bad(e.to_owned()))?;
        let name = shown(name);
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        let name = match count {
            1 => name,
            n => format!("{name}#{n}"),
        };
        let data: &[u8] = section
            .data(endian, bytes)
            .map_err(|e| bad(e.to_string()))?;
        left = left
            .checked_sub(data.len() as u64)
            .ok_or(ModuleError::Overlapping)?;
        by_name.entry(name.clone()).or_insert(parts.len());
        parts.push(Part {
            index,
            name,
            name_at,
            kind: section.sh_type(endian).0,
            flags: flags_of::<H>(section, endian),
            alignment: section.sh_addralign(endian).into(),
            entry_bytes: section.sh_entsize(endian).into(),
            address: section.sh_addr(endian).into(),
            link: section.sh_link(endian),
            info: section.sh_info(endian),
            bytes: section.sh_size(endian).into(),
            at: section.sh_offset(endian).into(),
            data,
        });
    }
    let ident = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let mut module = Module {
        bytes,
        width,
        order: if header.is_little_endian() {
            ByteOrder::LittleEndian
        } else {
            ByteOrder::BigEndian
        },
        machine: header.e_machine(endian).0,
        flags: header.e_flags(endian).0,
        abi: (ident(7), ident(8)),
        parts,
        symbols: Vec::new(),
        by_name,
        symbol_table: None,
        symbol_names: None,
        section_names,
    };
    module.read_symbols::<H>(endian)?;
    Ok(module)
}

fn flags_of<H: FileHeader<Endian = Endianness>>(
    section: &H::SectionHeader,
    endian: Endianness,
) -> u64 {
    section.sh_flags(endian).0
}

impl<'a> Module<'a> {
    fn read_symbols<H: FileHeader<Endian = Endianness>>(
        &mut self,
        endian: Endianness,
    ) -> Result<(), ModuleError> {
        let Some(part) = self.parts.iter().find(|part| part.is_symbols()) else {
            return Ok(());
        };
        let bad_section = |reason: &str| ModuleError::BadSection {
            index: part.index,
            reason: reason.to_owned(),
        };
        let entries = object::pod::slice_from_all_bytes::<H::Sym>(part.data)
            .map_err(|()| bad_section("it ends inside a symbol"))?;
        if entries.len() > MAX_SYMBOLS {
            return Err(ModuleError::TooManySymbols(entries.len()));
        }
        let strings = self
            .part_at(part.link as usize)
            .ok_or_else(|| bad_section("its names are in no section"))?;
        // The places of symbols in sections with numbers that do not fit (`SHT_SYMTAB_SHNDX`).
        let far = self
            .parts
            .iter()
            .find(|other| other.is_symbol_places() && other.link as usize == part.index);
        let mut symbols = Vec::with_capacity(entries.len());
        for (index, symbol) in entries.iter().enumerate().skip(1) {
            let bad = |reason: &str| ModuleError::BadSymbol {
                index,
                reason: reason.to_owned(),
            };
            let name_at = symbol.st_name(endian);
            let name = string_at(strings.data, name_at).map_err(bad)?;
            let place = match symbol.st_shndx(endian).0 {
                0 => SymbolPlace::Undefined,
                SHN_ABS => SymbolPlace::Absolute,
                SHN_COMMON => SymbolPlace::Common,
                SHN_XINDEX => {
                    let number = far.and_then(|far| self.order.u32_at(far.data, index * 4));
                    SymbolPlace::In(number.ok_or_else(|| bad("its section is not given"))? as usize)
                }
                number if number >= 0xff00 => SymbolPlace::Reserved(number),
                number => SymbolPlace::In(number.into()),
            };
            if let SymbolPlace::In(number) = place
                && self.part_at(number).is_none()
            {
                return Err(bad("it is in a section that is not there"));
            }
            symbols.push(Symbol {
                index: index as u32,
                name,
                name_at,
                value: symbol.st_value(endian).into(),
                bytes: symbol.st_size(endian).into(),
                binding: symbol.st_bind().0,
                kind: symbol.st_type().0,
                other: symbol.st_other().0,
                place,
            });
        }
        let tables = (part.index, strings.index);
        self.symbol_table = Some(tables.0);
        self.symbol_names = Some(tables.1);
        self.symbols = symbols;
        Ok(())
    }
}

/// Returns the string that begins at a place of a table.
fn string_at(table: &[u8], at: u32) -> Result<&[u8], &'static str> {
    if at == 0 {
        return Ok(&[]);
    }
    let rest = table
        .get(at as usize..)
        .ok_or("its name is outside of the names")?;
    let near = &rest[..rest.len().min(MAX_NAME + 1)];
    match memchr::memchr(0, near) {
        Some(end) => Ok(&near[..end]),
        None if rest.len() > MAX_NAME => Err("its name is too long"),
        None => Err("its name does not end"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Form, module};
    use super::*;

    #[test]
    fn sections_that_lie_over_each_other_are_refused() {
        let mut bytes = Form::AMD64.relocatable(&[("a", &[1; 600]), ("b", &[2; 600])]);
        assert_eq!(Module::parse(&bytes).map(|m| m.parts.len()), Ok(3));
        // Every section begins at 64 and has what the file has.
        let table = Module::parse(&bytes).expect("a module").section_table().0 as usize;
        let size = (bytes.len() as u64 - 64).to_le_bytes();
        for n in 1..3 {
            let at = table + n * 64;
            bytes[at + 24..at + 32].copy_from_slice(&64_u64.to_le_bytes());
            bytes[at + 32..at + 40].copy_from_slice(&size);
        }
        assert_eq!(
            Module::parse(&bytes).map(drop),
            Err(ModuleError::Overlapping)
        );
    }

    #[test]
    fn symbols_and_relocations_are_read_in_every_form() {
        for form in Form::ALL {
            let bytes = module(form);
            let module = Module::parse(&bytes).unwrap_or_else(|e| panic!("{form:?}: {e}"));
            let names: Vec<String> = module.symbols.iter().map(Symbol::shown).collect();
            assert_eq!(names, ["", "start", "printk"], "{form:?}");
            assert_eq!(module.symbols[2].place, SymbolPlace::Undefined);
            let text = module.part(".text").expect("code");
            assert_eq!(module.symbols[1].place, SymbolPlace::In(text.index));
            let part = module
                .parts
                .iter()
                .find(|part| part.is_relocations())
                .expect("relocations");
            let relocations = module.relocations(part).expect("they are whole");
            assert_eq!(relocations.len(), 1, "{form:?}");
            assert_eq!(
                (relocations[0].at, relocations[0].symbol),
                (4, 3),
                "{form:?}"
            );
            assert_eq!(module.between(), b"", "{form:?}");
        }
    }

    #[test]
    fn bytes_between_sections_are_found() {
        let mut bytes = module(Form::AMD64);
        bytes.extend(b"\0hidden\0");
        let module = Module::parse(&bytes).expect("a module");
        assert_eq!(module.between(), b"hidden");
    }
}

//! A relocatable ELF file, taken apart.

use std::collections::BTreeMap;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};

use super::{ByteOrder, ModuleError, Part, Symbol, Width};

pub(super) const MAX_SECTIONS: usize = 20_000;
pub(super) const MAX_SYMBOLS: usize = 2_000_000;
pub(super) const MAX_RELOCATIONS: usize = 8_000_000;
/// The longest name of a section or symbol. Rust's are the longest in use, with some hundred bytes.
const MAX_NAME: usize = 16 << 10;

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
    pub(super) symbol_table: Option<usize>,
    pub(super) symbol_names: Option<usize>,
    section_names: usize,
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

/// Returns the string that begins at a place of a table.
pub(super) fn string_at(table: &[u8], at: u32) -> Result<&[u8], &'static str> {
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
    use super::super::SymbolPlace;
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

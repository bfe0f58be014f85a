//! The symbols of a module.

use object::Endianness;
use object::read::elf::{FileHeader, Sym};

use super::elf::{MAX_SYMBOLS, shown, string_at};
use super::{Module, ModuleError};

// System V ABI, "Sections", special section indexes.
const SHN_ABS: u16 = 0xfff1;
const SHN_COMMON: u16 = 0xfff2;
const SHN_XINDEX: u16 = 0xffff;

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

impl<'a> Module<'a> {
    /// Reads the table of symbols, if there is one.
    pub(super) fn read_symbols<H: FileHeader<Endian = Endianness>>(
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

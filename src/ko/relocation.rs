//! The relocations and the groups of a module.

use object::Endianness;
use object::read::elf::{Rel, Rela};

use super::elf::MAX_RELOCATIONS;
use super::part::{SHT_REL, SHT_RELA};
use super::{ByteOrder, Module, ModuleError, Part, Width};

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

impl Module<'_> {
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
}

fn entries<T: object::pod::Pod>(
    data: &[u8],
    read: impl Fn(&T) -> Relocation,
) -> Option<Vec<Relocation>> {
    let all = object::pod::slice_from_all_bytes::<T>(data).ok()?;
    Some(all.iter().map(read).collect())
}

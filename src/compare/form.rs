//! A module after every normalisation: one digest per section, of what is left of it.
//!
//! What tables number (sections, symbols) stands in the form by what it is, because numbers shift with
//! what was left out. Bytes that no table speaks of stay in it, so that nothing can hide there.

use std::collections::BTreeSet;

use super::normalisation::Normalisation;
use crate::digest::Sha256Digest;
use crate::ko::{
    Btf, BtfBase, ByteOrder, Module, ModuleError, Part, SHF_LINK_ORDER, SymbolPlace, Width,
    build_id, canonical_btf,
};

const BTF: &str = ".BTF";
const BTF_IDS: &str = ".BTF_ids";
const BUILD_ID: &str = ".note.gnu.build-id";

/// A module after every normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// What is left of each section, by name, in their order; first what belongs to none.
    pub pieces: Vec<(String, Sha256Digest)>,
    /// What was taken away, as it was.
    build_id: Option<Sha256Digest>,
    btf: Option<Sha256Digest>,
    debug: Vec<(String, Sha256Digest)>,
    tables: Vec<(String, Sha256Digest)>,
}

impl Form {
    pub fn digest(&self) -> Sha256Digest {
        let mut bytes = Vec::new();
        for (name, digest) in &self.pieces {
            text(&mut bytes, name.as_bytes());
            text(&mut bytes, digest.to_string().as_bytes());
        }
        Sha256Digest::of(&bytes)
    }

    /// Returns what had to be taken away of two modules with equal forms.
    pub fn needed(&self, other: &Self) -> BTreeSet<Normalisation> {
        [
            (Normalisation::BuildId, self.build_id != other.build_id),
            (Normalisation::BtfOrder, self.btf != other.btf),
            (Normalisation::Debug, self.debug != other.debug),
            (Normalisation::Tables, self.tables != other.tables),
        ]
        .into_iter()
        .filter_map(|(normalisation, is_needed)| is_needed.then_some(normalisation))
        .collect()
    }

    /// Returns what is left of a section.
    pub fn piece(&self, name: &str) -> Option<Sha256Digest> {
        let found = self.pieces.iter().find(|(piece, _)| piece == name);
        found.map(|(_, digest)| *digest)
    }
}

/// Returns the digest of the header and of every section with its attributes, in order, and of what
/// stands between them.
pub(super) fn sections(module: &Module<'_>, digests: &[Sha256Digest]) -> Sha256Digest {
    let mut bytes = header(module);
    text(&mut bytes, &module.headers());
    text(&mut bytes, &module.between());
    for (part, digest) in module.parts.iter().zip(digests) {
        attributes(&mut bytes, part);
        number(&mut bytes, part.link.into());
        number(&mut bytes, part.info.into());
        number(&mut bytes, part.bytes);
        text(&mut bytes, digest.to_string().as_bytes());
    }
    Sha256Digest::of(&bytes)
}

/// Puts a module into its form.
pub(super) fn form(
    module: &Module<'_>,
    digests: &[Sha256Digest],
    base: Option<BtfBase>,
) -> Result<Form, ModuleError> {
    let mut form = Form {
        pieces: Vec::new(),
        build_id: None,
        btf: None,
        debug: Vec::new(),
        tables: Vec::new(),
    };
    let mut whole = header(module);
    text(&mut whole, &module.headers());
    text(&mut whole, &module.between());
    text(&mut whole, &unnamed(module));
    form.pieces.push((String::new(), Sha256Digest::of(&whole)));
    for (part, digest) in module.parts.iter().zip(digests) {
        let named = || (part.name.clone(), *digest);
        if part.is_debug() {
            form.debug.push(named());
            continue;
        }
        if part.name == BUILD_ID && build_id(module.order, part).is_some() {
            form.build_id = Some(*digest);
            continue;
        }
        let mut bytes = Vec::new();
        attributes(&mut bytes, part);
        let is_table = |part: &Part<'_>| {
            let table = module.symbol_table();
            table.is_some_and(|table| table.index == part.index)
        };
        let has_table = module.part_at(part.link as usize).is_some_and(is_table);
        if is_table(part) {
            form.tables.push(named());
            symbols(&mut bytes, module);
        } else if part.is_relocations() && has_table {
            form.tables.push(named());
            relocations(&mut bytes, module, part)?;
        } else if let Some(group) = module.group(part).filter(|_| has_table) {
            form.tables.push(named());
            number(&mut bytes, group.flags.into());
            symbol(&mut bytes, module, part.info);
            for member in group.members {
                match module.part_at(member as usize) {
                    Some(member) if member.is_debug() => {}
                    Some(member) => text(&mut bytes, member.name.as_bytes()),
                    None => number(&mut bytes, member.into()),
                }
            }
        } else if is_name_table(module, part) || (part.is_symbol_places() && has_table) {
            // The names stand where they are used, and places with the symbols.
            form.tables.push(named());
        } else {
            number(&mut bytes, part.bytes);
            references(&mut bytes, module, part);
            match types(module, part, base) {
                Some(types) => {
                    form.btf = Some(*digest);
                    // The form may be longer or shorter than what it is made of.
                    text(&mut bytes, Sha256Digest::of(&types).to_string().as_bytes());
                }
                None => text(&mut bytes, digest.to_string().as_bytes()),
            }
        }
        form.pieces
            .push((part.name.clone(), Sha256Digest::of(&bytes)));
    }
    Ok(form)
}

/// Returns the canonical form of a module's types; `None` if they are compared as written.
///
/// `.BTF_ids` refers to types by number, so where there is one, numbers are more than an order.
fn types(module: &Module<'_>, part: &Part<'_>, base: Option<BtfBase>) -> Option<Vec<u8>> {
    let has_ids = module.part(BTF_IDS).is_some_and(|ids| !ids.data.is_empty());
    if part.name != BTF || has_ids {
        return None;
    }
    let btf = Btf::parse(part.data).ok()?;
    canonical_btf(&btf, base?).ok()
}

fn is_name_table(module: &Module<'_>, part: &Part<'_>) -> bool {
    [module.symbol_names(), module.section_names()]
        .into_iter()
        .flatten()
        .any(|table| table.index == part.index)
}

/// Returns the bytes of the tables of names that no symbol and no section names.
fn unnamed(module: &Module<'_>) -> Vec<u8> {
    let symbols = module
        .symbols
        .iter()
        .map(|symbol| (symbol.name_at as usize, symbol.name.len()));
    let sections = module.parts.iter().map(|part| {
        // What counts repeated names is ours.
        let own = part
            .name
            .split_once('#')
            .map_or(&*part.name, |(own, _)| own);
        (part.name_at as usize, own.len())
    });
    let mut found = Vec::new();
    let tables = (module.symbol_names(), module.section_names());
    let is_one = matches!(tables, (Some(a), Some(b)) if a.index == b.index);
    let all: Vec<(usize, usize)> = symbols.collect();
    let named: Vec<(usize, usize)> = sections.collect();
    let lists = if is_one {
        vec![(tables.0, [all, named].concat())]
    } else {
        vec![(tables.0, all), (tables.1, named)]
    };
    for (table, mut names) in lists {
        let Some(table) = table else { continue };
        names.sort_unstable();
        let mut end = 0;
        for (at, length) in names.into_iter().chain([(table.data.len(), 0)]) {
            if let Some(gap) = table.data.get(end..at) {
                found.extend(gap.iter().filter(|byte| **byte != 0));
            }
            end = end.max(at + length);
        }
        found.push(0);
    }
    found
}

fn header(module: &Module<'_>) -> Vec<u8> {
    let mut bytes = vec![
        match module.width {
            Width::Bits32 => 32,
            Width::Bits64 => 64,
        },
        match module.order {
            ByteOrder::LittleEndian => 0,
            ByteOrder::BigEndian => 1,
        },
        module.abi.0,
        module.abi.1,
    ];
    number(&mut bytes, module.machine.into());
    number(&mut bytes, module.flags.into());
    bytes
}

fn attributes(bytes: &mut Vec<u8>, part: &Part<'_>) {
    text(bytes, part.name.as_bytes());
    number(bytes, part.kind.into());
    number(bytes, part.flags);
    number(bytes, part.alignment);
    number(bytes, part.entry_bytes);
    number(bytes, part.address);
}

/// Writes what a section's header refers to: by name where it is a section, and as it is otherwise.
fn references(bytes: &mut Vec<u8>, module: &Module<'_>, part: &Part<'_>) {
    /// `SHF_INFO_LINK` (System V ABI, "Sections").
    const SHF_INFO_LINK: u64 = 0x40;
    let mut reference = |is_section: bool, value: u32| match module.part_at(value as usize) {
        Some(other) if is_section => text(bytes, other.name.as_bytes()),
        Some(_) | None => number(bytes, value.into()),
    };
    reference(part.flags & SHF_LINK_ORDER != 0, part.link);
    reference(part.flags & SHF_INFO_LINK != 0, part.info);
}

fn symbols(bytes: &mut Vec<u8>, module: &Module<'_>) {
    for each in &module.symbols {
        let is_dropped = match each.place {
            SymbolPlace::In(index) => module.part_at(index).is_some_and(Part::is_debug),
            SymbolPlace::Undefined
            | SymbolPlace::Absolute
            | SymbolPlace::Common
            | SymbolPlace::Reserved(_) => false,
        };
        // The build id's section may be missing in the other, and has a symbol of its own.
        let is_dropped = is_dropped || (each.is_section() && is_build_id(module, each.place));
        if !is_dropped {
            symbol(bytes, module, each.index);
        }
    }
}

fn is_build_id(module: &Module<'_>, place: SymbolPlace) -> bool {
    match place {
        SymbolPlace::In(index) => module
            .part_at(index)
            .is_some_and(|part| part.name == BUILD_ID && build_id(module.order, part).is_some()),
        SymbolPlace::Undefined
        | SymbolPlace::Absolute
        | SymbolPlace::Common
        | SymbolPlace::Reserved(_) => false,
    }
}

/// Writes what a symbol is.
fn symbol(bytes: &mut Vec<u8>, module: &Module<'_>, index: u32) {
    let Some(symbol) = module.symbol_at(index) else {
        return number(bytes, index.into());
    };
    text(bytes, symbol.name);
    number(bytes, symbol.value);
    number(bytes, symbol.bytes);
    bytes.extend([symbol.binding, symbol.kind, symbol.other]);
    match symbol.place {
        SymbolPlace::Undefined => text(bytes, b"undefined"),
        SymbolPlace::Absolute => text(bytes, b"absolute"),
        SymbolPlace::Common => text(bytes, b"common"),
        SymbolPlace::Reserved(value) => number(bytes, value.into()),
        SymbolPlace::In(index) => {
            let part = module.part_at(index).map_or("", |part| part.name.as_str());
            text(bytes, part.as_bytes());
        }
    }
}

fn relocations(
    bytes: &mut Vec<u8>,
    module: &Module<'_>,
    part: &Part<'_>,
) -> Result<(), ModuleError> {
    let of = module.part_at(part.info as usize);
    text(bytes, of.map_or("", |of| of.name.as_str()).as_bytes());
    // A symbol that is named often is written once per section.
    let mut known: std::collections::BTreeMap<u32, Sha256Digest> = Default::default();
    for relocation in module.relocations(part)? {
        number(bytes, relocation.at);
        number(bytes, relocation.kind.into());
        match relocation.addend {
            Some(addend) => number(bytes, addend.cast_unsigned()),
            None => bytes.push(0),
        }
        let what = known.entry(relocation.symbol).or_insert_with(|| {
            let mut what = Vec::new();
            symbol(&mut what, module, relocation.symbol);
            Sha256Digest::of(&what)
        });
        bytes.extend(what.as_bytes());
    }
    Ok(())
}

fn number(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend(value.to_le_bytes());
}

fn text(bytes: &mut Vec<u8>, value: &[u8]) {
    number(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

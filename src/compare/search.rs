//! Searching two modules for the places in which they differ.

use std::collections::BTreeMap;

use super::differences::{
    Difference, Differences, Excerpt, ModuleView, SectionDifference, SectionFacts,
};
use super::layers::{Apart, Basis, Opened, agreement};
use super::places::{Places, named_places};
use super::{bytes, layers};
use crate::digest::Sha256Digest;
use crate::ko::{
    self, AppendedSignature, Btf, Module, ModuleError, ModuleFacts, Part, Relocation, Symbol,
    SymbolPlace,
};

/// Holds two modules against each other. Each may be compressed and signed.
pub fn differences(
    first: &[u8],
    second: &[u8],
    basis: Basis,
) -> Result<Differences, (Which, ModuleError)> {
    let open = |bytes, which| Opened::open(bytes).map_err(|error| (which, error));
    let (a, b) = (open(first, Which::First)?, open(second, Which::Second)?);
    let a = a.apart(basis).map_err(|error| (Which::First, error))?;
    let b = b.apart(basis).map_err(|error| (Which::Second, error))?;
    let agreement = agreement(&a, &b);
    let is_same = agreement
        .as_ref()
        .is_some_and(|found| found.layer <= layers::Layer::Unsigned);
    let mut found = Places::default();
    let mut sections = Vec::new();
    if !is_same {
        search(&a, &b, &mut sections, &mut found);
    }
    Ok(Differences {
        first: view(&a, first.len(), basis),
        second: view(&b, second.len(), basis),
        agreement,
        sections,
        left_out: found.left_out,
        places: found.places,
    })
}

/// Which of two modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    First,
    Second,
}

fn view(apart: &Apart<'_>, bytes: usize, basis: Basis) -> ModuleView {
    let module = &apart.module;
    let btf = module
        .part(".BTF")
        .and_then(|part| Btf::parse(part.data).ok());
    let facts = |part: &Part<'_>, digest: &Sha256Digest| SectionFacts {
        name: part.name.clone(),
        kind: part.kind,
        flags: part.flags,
        alignment: part.alignment,
        bytes: part.bytes,
        digest: *digest,
    };
    ModuleView {
        bytes: bytes as u64,
        layers: apart.layers.clone(),
        compression: apart.compression,
        signature: apart.signed.signature.map(AppendedSignature::read),
        width: module.width,
        byte_order: module.order,
        facts: ModuleFacts::of(module).ok(),
        build_id: module
            .part(".note.gnu.build-id")
            .and_then(|part| ko::build_id(module.order, part))
            .map(hex::encode),
        btf_types: btf.as_ref().map(|btf| btf.types.len() as u64),
        btf_base: btf.and_then(|_| layers::base(module, basis)),
        latent_entropy: module.symbols.iter().any(|symbol| {
            symbol.place == SymbolPlace::Undefined && symbol.name == b"latent_entropy"
        }),
        sections: module
            .parts
            .iter()
            .zip(&apart.digests)
            .map(|(part, digest)| facts(part, digest))
            .collect(),
    }
}

fn search(a: &Apart<'_>, b: &Apart<'_>, sections: &mut Vec<SectionDifference>, found: &mut Places) {
    header(&a.module, &b.module, found);
    let mut names: Vec<&str> = Vec::new();
    let in_second: BTreeMap<&str, usize> = positions(&b.module);
    let in_first: BTreeMap<&str, usize> = positions(&a.module);
    names.extend(a.module.parts.iter().map(|part| part.name.as_str()));
    names.extend(
        b.module
            .parts
            .iter()
            .map(|part| part.name.as_str())
            .filter(|name| !in_first.contains_key(name)),
    );
    let symbols = (named_places(&a.module), named_places(&b.module));
    for name in names {
        let one = in_first
            .get(name)
            .map(|at| (&a.module.parts[*at], a.digests[*at]));
        let two = in_second
            .get(name)
            .map(|at| (&b.module.parts[*at], b.digests[*at]));
        let shape = |side: Option<(&Part<'_>, Sha256Digest)>| {
            side.map(|(part, digest)| SectionFacts {
                name: name.to_owned(),
                kind: part.kind,
                flags: part.flags,
                alignment: part.alignment,
                bytes: part.bytes,
                digest,
            })
        };
        let (Some((part_a, digest_a)), Some((part_b, digest_b))) = (one, two) else {
            sections.push(SectionDifference {
                name: name.to_owned(),
                reference_bytes: one.map(|(part, _)| part.bytes),
                rebuild_bytes: two.map(|(part, _)| part.bytes),
                normalised: is_left_out(one.or(two).map(|(part, _)| part), a, b),
            });
            found.add(
                name,
                Difference::Section {
                    name: name.to_owned(),
                    first: shape(one),
                    second: shape(two),
                },
            );
            // A string that got longer may stand in another section of strings.
            let strings = |side: Option<(&'_ Part<'_>, Sha256Digest)>| {
                side.is_some_and(|(part, _)| part.flags & ko::SHF_STRINGS != 0 && !part.is_debug())
            };
            if strings(one.or(two)) {
                let data = |side: Option<(&Part<'_>, Sha256Digest)>| match side {
                    Some((part, _)) => part.data.to_vec(),
                    None => Vec::new(),
                };
                bytes::texts(name, &data(one), &data(two), found);
            }
            continue;
        };
        let attributes =
            |part: &Part<'_>| (part.kind, part.flags, part.alignment, part.entry_bytes);
        let is_shaped_alike =
            attributes(part_a) == attributes(part_b) && part_a.bytes == part_b.bytes;
        if digest_a == digest_b && is_shaped_alike {
            continue;
        }
        sections.push(SectionDifference {
            name: name.to_owned(),
            reference_bytes: Some(part_a.bytes),
            rebuild_bytes: Some(part_b.bytes),
            normalised: a.form.piece(name) == b.form.piece(name),
        });
        if attributes(part_a) != attributes(part_b)
            || (part_a.bytes != part_b.bytes && part_a.is_empty_in_file())
        {
            let (first, second) = (shape(one), shape(two));
            let name_of = name.to_owned();
            found.add(
                name,
                Difference::Section {
                    name: name_of,
                    first,
                    second,
                },
            );
        }
        if digest_a != digest_b {
            contents((a, part_a), (b, part_b), (&symbols.0, &symbols.1), found);
        }
    }
}

/// Returns true if the form leaves a section out that only one module has.
fn is_left_out(part: Option<&Part<'_>>, a: &Apart<'_>, b: &Apart<'_>) -> bool {
    part.is_some_and(|part| a.form.piece(&part.name) == b.form.piece(&part.name))
}

fn positions<'m>(module: &'m Module<'_>) -> BTreeMap<&'m str, usize> {
    let names = module.parts.iter().map(|part| part.name.as_str());
    names.zip(0..).collect()
}

fn header(a: &Module<'_>, b: &Module<'_>, found: &mut Places) {
    let fields = |module: &Module<'_>| {
        [
            ("class", format!("{:?}", module.width)),
            ("byte order", format!("{:?}", module.order)),
            ("machine", module.machine.to_string()),
            ("flags", format!("{:#x}", module.flags)),
            ("ABI", format!("{}.{}", module.abi.0, module.abi.1)),
        ]
    };
    for ((field, first), (_, second)) in fields(a).into_iter().zip(fields(b)) {
        if first != second {
            found.add(
                "",
                Difference::Header {
                    field: field.to_owned(),
                    first,
                    second,
                },
            );
        }
    }
    for (field, first, second) in [
        ("bytes of the headers", a.headers(), b.headers()),
        ("bytes between sections", a.between(), b.between()),
    ] {
        if first != second {
            found.add(
                "",
                Difference::Header {
                    field: field.to_owned(),
                    first: Excerpt::of(&first).hex,
                    second: Excerpt::of(&second).hex,
                },
            );
        }
    }
}

/// Finds the differences in the contents of a section that both have.
fn contents(
    (a, part_a): (&Apart<'_>, &Part<'_>),
    (b, part_b): (&Apart<'_>, &Part<'_>),
    symbols: (&super::places::NamedPlaces, &super::places::NamedPlaces),
    found: &mut Places,
) {
    let name = part_a.name.as_str();
    if part_a.is_symbols() && part_b.is_symbols() {
        return symbol_tables(&a.module, &b.module, found);
    }
    let is_table = |apart: &Apart<'_>, part: &Part<'_>| {
        [apart.module.symbol_names(), apart.module.section_names()]
            .into_iter()
            .flatten()
            .any(|table| table.index == part.index)
    };
    // What debuggers are told to fill in follows from what they are told, which has places of its own.
    if part_a.is_debug() && part_a.is_relocations() {
        return;
    }
    // Types that are the same have no places.
    if name == ".BTF" && a.form.piece(name) == b.form.piece(name) {
        return;
    }
    if is_table(a, part_a) && is_table(b, part_b) {
        // Names are told with what they name, and by themselves where they name nothing.
        symbol_tables(&a.module, &b.module, found);
        if a.form.piece("") != b.form.piece("") {
            bytes::texts(name, part_a.data, part_b.data, found);
        }
        return;
    }
    if part_a.is_relocations() && part_b.is_relocations() {
        let read = (a.module.relocations(part_a), b.module.relocations(part_b));
        if let (Ok(first), Ok(second)) = read {
            return relocations((a, part_a, &first), (b, part_b, &second), symbols, found);
        }
    }
    let structured = match name {
        ".modinfo" => modinfo(&a.module, &b.module, found),
        "__versions" | "__version_ext_crcs" | "__version_ext_names" => {
            versions(&a.module, &b.module, found)
        }
        _ => false,
    };
    if structured {
        return;
    }
    if part_a.flags & part_b.flags & ko::SHF_STRINGS != 0 {
        return bytes::texts(name, part_a.data, part_b.data, found);
    }
    if name == ".BTF"
        && let (Ok(first), Ok(second)) = (Btf::parse(part_a.data), Btf::parse(part_b.data))
    {
        bytes::texts(name, first.strings(), second.strings(), found);
    }
    bytes::runs(
        name,
        part_a.data,
        part_b.data,
        |at| symbols.0.at(part_a.index, at),
        found,
    );
}

/// Returns false if the fields are not what differs.
fn modinfo(a: &Module<'_>, b: &Module<'_>, found: &mut Places) -> bool {
    let fields = |module| {
        let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in ko::modinfo(module).unwrap_or_default() {
            let values = by_key.entry(key.to_owned()).or_default();
            values.push(value.to_owned());
        }
        by_key
    };
    let (first, second) = (fields(a), fields(b));
    each_that_differs(&first, &second, |key, first, second| {
        found.add(
            ".modinfo",
            Difference::Modinfo {
                key: key.clone(),
                first: first.cloned().unwrap_or_default(),
                second: second.cloned().unwrap_or_default(),
            },
        );
    })
}

/// Returns false if the versions are not what differs.
fn versions(a: &Module<'_>, b: &Module<'_>, found: &mut Places) -> bool {
    let crcs = |module| {
        let all = ko::versions(module).unwrap_or_default();
        let all = all.into_iter().map(|v| (ko::shown(v.name), v.crc));
        all.collect::<BTreeMap<String, u32>>()
    };
    let (first, second) = (crcs(a), crcs(b));
    each_that_differs(&first, &second, |symbol, first, second| {
        found.add_once(
            "__versions",
            Difference::Version {
                symbol: symbol.clone(),
                first: first.copied(),
                second: second.copied(),
            },
        );
    })
}

/// Calls for every key whose values differ, and returns whether there was one.
fn each_that_differs<K: Ord + Clone, V: PartialEq>(
    first: &BTreeMap<K, V>,
    second: &BTreeMap<K, V>,
    mut call: impl FnMut(&K, Option<&V>, Option<&V>),
) -> bool {
    let only_second = second.keys().filter(|key| !first.contains_key(key));
    let mut any = false;
    for key in first.keys().chain(only_second) {
        let (one, two) = (first.get(key), second.get(key));
        if one != two {
            any = true;
            call(key, one, two);
        }
    }
    any
}

fn symbol_tables(a: &Module<'_>, b: &Module<'_>, found: &mut Places) {
    let all = |module: &Module<'_>| {
        // Several local symbols may have one name: they are numbered in their order.
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut by_name: BTreeMap<(String, u32), String> = BTreeMap::new();
        for symbol in &module.symbols {
            let name = symbol_name(module, symbol);
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            by_name.insert((name, *count), symbol_shown(module, symbol));
        }
        by_name
    };
    let (first, second) = (all(a), all(b));
    each_that_differs(&first, &second, |(name, _), first, second| {
        found.add_once(
            ".symtab",
            Difference::Symbol {
                name: name.clone(),
                first: first.cloned(),
                second: second.cloned(),
            },
        );
    });
}

/// Returns a symbol's name, or that of the section that it stands for.
fn symbol_name(module: &Module<'_>, symbol: &Symbol<'_>) -> String {
    match symbol.place {
        SymbolPlace::In(index) if symbol.is_section() => module
            .part_at(index)
            .map_or_else(String::new, |part| part.name.clone()),
        SymbolPlace::In(_)
        | SymbolPlace::Undefined
        | SymbolPlace::Absolute
        | SymbolPlace::Common
        | SymbolPlace::Reserved(_) => symbol.shown(),
    }
}

fn symbol_shown(module: &Module<'_>, symbol: &Symbol<'_>) -> String {
    let place = match symbol.place {
        SymbolPlace::Undefined => "undefined".to_owned(),
        SymbolPlace::Absolute => format!("absolute {:#x}", symbol.value),
        SymbolPlace::Common => format!("common {:#x}", symbol.value),
        SymbolPlace::Reserved(index) => format!("section {index:#x}+{:#x}", symbol.value),
        SymbolPlace::In(index) => {
            let part = module.part_at(index).map_or("", |part| &part.name);
            format!("{part}+{:#x}", symbol.value)
        }
    };
    let (binding, kind, other) = (symbol.binding, symbol.kind, symbol.other);
    format!(
        "{place}, {} bytes, binding {binding}, type {kind}, other {other}",
        symbol.bytes
    )
}

fn relocations(
    (a, part_a, first): (&Apart<'_>, &Part<'_>, &[Relocation]),
    (b, part_b, second): (&Apart<'_>, &Part<'_>, &[Relocation]),
    symbols: (&super::places::NamedPlaces, &super::places::NamedPlaces),
    found: &mut Places,
) {
    let shown = |module: &Module<'_>, relocation: &Relocation| {
        let name = module
            .symbol_at(relocation.symbol)
            .map_or_else(String::new, |symbol| symbol_name(module, symbol));
        let addend = relocation.addend.map_or_else(String::new, |addend| {
            let sign = if addend < 0 { '-' } else { '+' };
            format!("{sign}{:#x}", addend.unsigned_abs())
        });
        format!("type {} {name}{addend}", relocation.kind)
    };
    let section = |apart: &Apart<'_>, part: &Part<'_>| {
        let of = apart.module.part_at(part.info as usize);
        of.map_or_else(|| part.name.clone(), |of| of.name.clone())
    };
    let name = section(a, part_a);
    let mut add = |at: u64, one: Option<&Relocation>, two: Option<&Relocation>| {
        let (module_a, module_b) = (&a.module, &b.module);
        let (first, second) = (
            one.map(|one| shown(module_a, one)),
            two.map(|two| shown(module_b, two)),
        );
        if first == second {
            return;
        }
        let symbol = match one {
            Some(_) => symbols.0.at(part_a.info as usize, at),
            None => symbols.1.at(part_b.info as usize, at),
        };
        found.add(
            &part_a.name,
            Difference::Relocation {
                section: name.clone(),
                offset: at,
                symbol,
                first,
                second,
            },
        );
    };
    // Linkers write them in the order of their places; where not, that is what is shown.
    let (mut i, mut j) = (0, 0);
    loop {
        match (first.get(i), second.get(j)) {
            (Some(one), Some(two)) if one.at == two.at => {
                add(one.at, Some(one), Some(two));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), Some(two)) if one.at < two.at => {
                add(one.at, Some(one), None);
                i += 1;
            }
            (_, Some(two)) => {
                add(two.at, None, Some(two));
                j += 1;
            }
            (Some(one), None) => {
                add(one.at, Some(one), None);
                i += 1;
            }
            (None, None) => return,
        }
    }
}

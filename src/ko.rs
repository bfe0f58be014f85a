//! Opening a kernel module: what an ELF relocatable says about itself.
//!
//! Formats: ELF (System V ABI, "Object Files"); `.modinfo`, a sequence of NUL-terminated
//! `key=value` strings (Linux, `include/linux/moduleparam.h` and `kernel/module/main.c`,
//! `get_next_modinfo`).

use std::collections::BTreeMap;

use object::{Object, ObjectSection};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// The most bytes that a module may have before it is not even opened.
pub const MAX_BYTES: u64 = 256 << 20;
const MAX_SECTIONS: usize = 20_000;
const MAX_MODINFO: usize = 1 << 20;

/// What a module says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleFacts {
    /// ELF's `e_machine`.
    pub machine: u16,
    /// The `vermagic` field, whose first word is the kernel release.
    pub vermagic: Option<String>,
    /// The `srcversion` field: a digest that modpost makes of the sources, whatever their path.
    pub srcversion: Option<String>,
    /// The `name` field.
    pub name: Option<String>,
    /// The `license` field.
    pub license: Option<String>,
    /// The `depends` field: modules that must be loaded first.
    pub depends: Option<String>,
    /// The compiler's own identification lines, from `.comment`, each once, in order.
    pub compilers: Vec<String>,
}

/// One ELF section by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// The name, followed by `#n` for the n-th section of that name after the first.
    pub name: String,
    pub bytes: u64,
    pub digest: Sha256Digest,
}

/// Says why bytes are no kernel module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    #[error("it is not an ELF file: {0}")]
    NotElf(String),
    #[error("it is an ELF file but not a relocatable one")]
    NotRelocatable,
    #[error("it has {0} sections, more than {MAX_SECTIONS}")]
    TooManySections(usize),
    #[error("its section {index} cannot be read: {reason}")]
    BadSection { index: usize, reason: String },
    #[error("it has no `.modinfo` section")]
    NoModinfo,
    #[error("its `.modinfo` section has {0} bytes, more than {MAX_MODINFO}")]
    LargeModinfo(usize),
}

/// Reads what a module says about itself.
pub fn facts(bytes: &[u8]) -> Result<ModuleFacts, ModuleError> {
    let file = open(bytes)?;
    let modinfo = file
        .section_by_name_bytes(b".modinfo")
        .ok_or(ModuleError::NoModinfo)?;
    let data = modinfo.data().map_err(|e| ModuleError::BadSection {
        index: modinfo.index().0,
        reason: e.to_string(),
    })?;
    if data.len() > MAX_MODINFO {
        return Err(ModuleError::LargeModinfo(data.len()));
    }
    let field = |key: &str| {
        strings(data).find_map(|text| {
            text.strip_prefix(key)
                .and_then(|rest| rest.strip_prefix('='))
                .map(str::to_owned)
        })
    };
    let mut compilers: Vec<String> = Vec::new();
    if let Some(comment) = file.section_by_name_bytes(b".comment")
        && let Ok(data) = comment.data()
    {
        for text in strings(data) {
            if compilers.len() < 64 && !compilers.iter().any(|known| known == text) {
                compilers.push(text.to_owned());
            }
        }
    }
    Ok(ModuleFacts {
        machine: machine(bytes),
        vermagic: field("vermagic"),
        srcversion: field("srcversion"),
        name: field("name"),
        license: field("license"),
        depends: field("depends"),
        compilers,
    })
}

/// Hashes every section, in the file's order.
pub fn sections(bytes: &[u8]) -> Result<Vec<Section>, ModuleError> {
    let file = open(bytes)?;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    file.sections()
        .map(|section| {
            let bad = |e: object::Error| ModuleError::BadSection {
                index: section.index().0,
                reason: e.to_string(),
            };
            let name = String::from_utf8_lossy(section.name_bytes().map_err(bad)?).into_owned();
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            let name = match count {
                1 => name,
                n => format!("{name}#{n}"),
            };
            let data = section.data().map_err(bad)?;
            Ok(Section {
                name,
                bytes: section.size(),
                digest: Sha256Digest::of(data),
            })
        })
        .collect()
}

fn open(bytes: &[u8]) -> Result<object::File<'_>, ModuleError> {
    let not_elf = |e: object::Error| ModuleError::NotElf(e.to_string());
    match object::FileKind::parse(bytes).map_err(not_elf)? {
        object::FileKind::Elf32 | object::FileKind::Elf64 => {}
        other => return Err(ModuleError::NotElf(format!("it is {other:?}"))),
    }
    let file = object::File::parse(bytes).map_err(not_elf)?;
    if file.kind() != object::ObjectKind::Relocatable {
        return Err(ModuleError::NotRelocatable);
    }
    let count = file.sections().count();
    if count > MAX_SECTIONS {
        return Err(ModuleError::TooManySections(count));
    }
    Ok(file)
}

/// Reads `e_machine` at its place in the header, in the byte order that the header names.
fn machine(bytes: &[u8]) -> u16 {
    match (bytes.get(5), bytes.get(18..20)) {
        (Some(2), Some(field)) => u16::from_be_bytes([field[0], field[1]]),
        (_, Some(field)) => u16::from_le_bytes([field[0], field[1]]),
        (_, None) => 0,
    }
}

fn strings(data: &[u8]) -> impl Iterator<Item = &str> {
    data.split(|b| *b == 0)
        .filter(|part| !part.is_empty())
        .filter_map(|part| std::str::from_utf8(part).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_no_modules() {
        assert!(matches!(facts(b""), Err(ModuleError::NotElf(_))));
        assert!(matches!(
            facts(b"#!/bin/sh\nexit 0\n"),
            Err(ModuleError::NotElf(_))
        ));
        let own = std::fs::read("/proc/self/exe").expect("the test's own program");
        assert_eq!(facts(&own), Err(ModuleError::NotRelocatable));
    }
}

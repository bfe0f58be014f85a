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

    /// How an ELF file of an architecture is written down.
    #[derive(Debug, Clone, Copy)]
    struct Form {
        wide: bool,
        big: bool,
        machine: u16,
    }

    impl Form {
        fn half(self, value: u16) -> Vec<u8> {
            if self.big {
                value.to_be_bytes().to_vec()
            } else {
                value.to_le_bytes().to_vec()
            }
        }

        fn word(self, value: u32) -> Vec<u8> {
            if self.big {
                value.to_be_bytes().to_vec()
            } else {
                value.to_le_bytes().to_vec()
            }
        }

        /// An address, offset or size, which has the width of the class.
        fn long(self, value: u32) -> Vec<u8> {
            match (self.wide, self.big) {
                (true, true) => u64::from(value).to_be_bytes().to_vec(),
                (true, false) => u64::from(value).to_le_bytes().to_vec(),
                (false, _) => self.word(value),
            }
        }

        /// Writes a relocatable with these sections (System V ABI, "ELF Header", "Sections").
        fn relocatable(self, sections: &[(&str, &[u8])]) -> Vec<u8> {
            let (header, entry) = if self.wide { (64, 64) } else { (52, 40) };
            let mut names = vec![0];
            let mut body = Vec::new();
            // Name, type, offset, size.
            let mut table = vec![(0, 0, 0, 0)];
            let number = |n: usize| u32::try_from(n).expect("small");
            for (name, bytes) in sections {
                let at = number(names.len());
                names.extend(name.bytes().chain([0]));
                table.push((at, 1, number(header + body.len()), number(bytes.len())));
                body.extend_from_slice(bytes);
            }
            let at = number(names.len());
            names.extend(b".shstrtab\0");
            table.push((at, 3, number(header + body.len()), number(names.len())));
            body.extend_from_slice(&names);

            let mut file = b"\x7fELF".to_vec();
            file.extend([1 + u8::from(self.wide), 1 + u8::from(self.big), 1]);
            file.resize(16, 0);
            file.extend(self.half(1));
            file.extend(self.half(self.machine));
            file.extend(self.word(1));
            file.extend(self.long(0));
            file.extend(self.long(0));
            file.extend(self.long(number(header + body.len())));
            file.extend(self.word(0));
            let halves = [
                number(header),
                0,
                0,
                entry,
                number(table.len()),
                number(table.len() - 1),
            ];
            for half in halves {
                file.extend(self.half(u16::try_from(half).expect("small")));
            }
            assert_eq!(file.len(), header);
            file.extend_from_slice(&body);
            for (name, kind, offset, size) in table {
                file.extend(self.word(name));
                file.extend(self.word(kind));
                file.extend(self.long(0));
                file.extend(self.long(0));
                file.extend(self.long(offset));
                file.extend(self.long(size));
                file.extend(self.word(0));
                file.extend(self.word(0));
                file.extend(self.long(1));
                file.extend(self.long(0));
            }
            file
        }
    }

    #[test]
    fn modules_of_every_width_and_byte_order_are_read() {
        let modinfo = b"license=GPL\0name=x\0vermagic=6.12.1-x SMP mod_unload \0";
        let comment = b"\0GCC: (Debian 14.2.0-19) 14.2.0\0";
        for arch in crate::name::Arch::ALL {
            let form = Form {
                wide: !matches!(arch, crate::name::Arch::Armhf),
                big: matches!(arch, crate::name::Arch::S390x),
                machine: arch.elf_machine(),
            };
            let bytes = form.relocatable(&[(".modinfo", modinfo), (".comment", comment)]);
            let facts = facts(&bytes).unwrap_or_else(|error| panic!("{arch}: {error}"));
            assert_eq!(facts.machine, arch.elf_machine(), "{arch}");
            assert_eq!(
                facts.vermagic.as_deref(),
                Some("6.12.1-x SMP mod_unload "),
                "{arch}"
            );
            assert_eq!(
                facts.compilers,
                ["GCC: (Debian 14.2.0-19) 14.2.0"],
                "{arch}"
            );
            let sections = sections(&bytes).unwrap_or_else(|error| panic!("{arch}: {error}"));
            let modinfo = sections.iter().find(|section| section.name == ".modinfo");
            assert_eq!(modinfo.map(|section| section.bytes), Some(53), "{arch}");
            // Cut anywhere, it is refused or says less, and never ends the program.
            for length in 0..bytes.len() {
                let _ = super::facts(&bytes[..length]);
                let _ = super::sections(&bytes[..length]);
            }
        }
    }

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

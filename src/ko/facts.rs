//! What a module says about itself, in the form that records keep.

use serde::{Deserialize, Serialize};

use super::{Module, ModuleError, comments, modinfo};
use crate::digest::Sha256Digest;

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

/// Reads what a module says about itself.
pub fn facts(bytes: &[u8]) -> Result<ModuleFacts, ModuleError> {
    ModuleFacts::of(&Module::parse(bytes)?)
}

impl ModuleFacts {
    /// Reads what a module says about itself.
    pub fn of(module: &Module<'_>) -> Result<Self, ModuleError> {
        let fields = modinfo(module)?;
        let field = |key: &str| {
            let found = fields.iter().find(|(name, _)| *name == key);
            found.map(|(_, value)| (*value).to_owned())
        };
        Ok(Self {
            machine: module.machine,
            vermagic: field("vermagic"),
            srcversion: field("srcversion"),
            name: field("name"),
            license: field("license"),
            depends: field("depends"),
            compilers: comments(module),
        })
    }
}

/// Hashes every section, in the file's order.
pub fn sections(bytes: &[u8]) -> Result<Vec<Section>, ModuleError> {
    let module = Module::parse(bytes)?;
    let all = module.parts.iter().map(|part| Section {
        name: part.name.clone(),
        bytes: part.bytes,
        digest: Sha256Digest::of(part.data),
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Form;
    use super::*;

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
        let mut program = Form::AMD64.relocatable(&[]);
        program[16] = 2;
        assert_eq!(facts(&program), Err(ModuleError::NotRelocatable));
    }
}

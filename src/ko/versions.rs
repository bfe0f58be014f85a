//! The versions of the symbols that a module wants: CRCs that modpost takes from `Module.symvers`.
//!
//! Formats: `__versions`, an array of `struct modversion_info`, 64 bytes each: the CRC as an
//! `unsigned long`, and the name (Linux, `include/linux/module.h`); since 6.14 also
//! `__version_ext_crcs`, an array of 32-bit CRCs, and `__version_ext_names`, as many NUL-terminated
//! names (Linux, `kernel/module/version.c`, `modversion_ext_start`).

use super::{Module, ModuleError, Width};

const ENTRY: usize = 64;
const MAX_VERSIONS: usize = 1 << 20;

/// A symbol and the CRC of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SymbolVersion<'a> {
    pub name: &'a [u8],
    pub crc: u32,
}

/// Returns the versions of both forms; a module may have either, both or neither.
pub fn versions<'a>(module: &Module<'a>) -> Result<Vec<SymbolVersion<'a>>, ModuleError> {
    let mut found = Vec::new();
    if let Some(part) = module.part("__versions") {
        if !part.data.len().is_multiple_of(ENTRY) {
            return Err(ModuleError::BadVersions("`__versions` ends inside one"));
        }
        for entry in part.data.chunks_exact(ENTRY) {
            let (crc, name) = match module.width {
                Width::Bits32 => (module.order.u32_at(entry, 0), &entry[4..]),
                // The kernel looks at 32 bits of the word.
                Width::Bits64 => (
                    module.order.u64_at(entry, 0).map(|crc| crc as u32),
                    &entry[8..],
                ),
            };
            let end = memchr::memchr(0, name).unwrap_or(name.len());
            found.push(SymbolVersion {
                name: &name[..end],
                crc: crc.unwrap_or_default(),
            });
        }
    }
    if let Some(crcs) = module.part("__version_ext_crcs") {
        let names = module.part("__version_ext_names");
        let names = names.map_or(&[][..], |part| part.data);
        if !crcs.data.len().is_multiple_of(4) || crcs.data.len() / 4 > MAX_VERSIONS {
            return Err(ModuleError::BadVersions("`__version_ext_crcs` is no list"));
        }
        let count = crcs.data.len() / 4;
        let mut rest = names;
        for n in 0..count {
            let Some(end) = memchr::memchr(0, rest) else {
                return Err(ModuleError::BadVersions("there are more CRCs than names"));
            };
            found.push(SymbolVersion {
                name: &rest[..end],
                crc: module.order.u32_at(crcs.data, n * 4).unwrap_or_default(),
            });
            rest = &rest[end + 1..];
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(ModuleError::BadVersions("there are more names than CRCs"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Form;
    use super::*;

    #[test]
    fn both_forms_are_read_in_every_width_and_order() {
        for form in Form::ALL {
            let mut classic = form.long(0x1234_5678);
            classic.extend(b"printk");
            classic.resize(ENTRY, 0);
            let crcs = [form.word(7), form.word(8)].concat();
            let bytes = form.relocatable(&[
                ("__versions", &classic),
                ("__version_ext_crcs", &crcs),
                ("__version_ext_names", b"a\0b\0"),
            ]);
            let module = Module::parse(&bytes).expect("a module");
            let found = versions(&module).expect("versions");
            let found: Vec<(&[u8], u32)> = found.iter().map(|v| (v.name, v.crc)).collect();
            let expected: [(&[u8], u32); 3] = [(b"printk", 0x1234_5678), (b"a", 7), (b"b", 8)];
            assert_eq!(found, expected, "{form:?}");
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        for (crcs, names) in [
            (&[0; 8][..], &b"a\0"[..]),
            (&[0; 4], b"a\0b\0"),
            (&[0; 5], b"a\0"),
        ] {
            let bytes = Form::AMD64
                .relocatable(&[("__version_ext_crcs", crcs), ("__version_ext_names", names)]);
            let module = Module::parse(&bytes).expect("a module");
            let found = versions(&module).map(drop);
            assert!(
                matches!(found, Err(ModuleError::BadVersions(_))),
                "{names:?}"
            );
        }
    }
}

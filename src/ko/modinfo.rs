//! `.modinfo`, a sequence of NUL-terminated `key=value` strings (Linux,
//! `include/linux/moduleparam.h` and `kernel/module/main.c`, `get_next_modinfo`); `.comment`, in which
//! compilers name themselves.

use super::{Module, ModuleError};

pub(super) const MAX_MODINFO: usize = 1 << 20;
const MAX_COMMENTS: usize = 64;

/// Returns the fields in their order. A key may be there several times (`alias`, `parm`).
pub fn modinfo<'a>(module: &Module<'a>) -> Result<Vec<(&'a str, &'a str)>, ModuleError> {
    let part = module.part(".modinfo").ok_or(ModuleError::NoModinfo)?;
    if part.data.len() > MAX_MODINFO {
        return Err(ModuleError::LargeModinfo(part.data.len()));
    }
    Ok(strings(part.data)
        .filter_map(|text| text.split_once('='))
        .collect())
}

/// Returns the compilers' own identification lines, each once, in order.
pub fn comments(module: &Module<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let data = module.part(".comment").map_or(&[][..], |part| part.data);
    for text in strings(data) {
        if found.len() < MAX_COMMENTS && !found.iter().any(|known| known == text) {
            found.push(text.to_owned());
        }
    }
    found
}

fn strings(data: &[u8]) -> impl Iterator<Item = &str> {
    data.split(|b| *b == 0)
        .filter(|part| !part.is_empty())
        .filter_map(|part| std::str::from_utf8(part).ok())
}

//! The bytes of a module that can be looked through: of sections that are compressed, what they unpack
//! to.

use std::borrow::Cow;

use crate::ko::{self, Module, SHF_COMPRESSED};

/// The bytes of every section that can be read.
pub(super) struct Readable<'a> {
    /// By the names of their sections.
    pub parts: Vec<(&'a str, Cow<'a, [u8]>)>,
    /// Of each that cannot be read, that nobody has looked through it.
    pub unread: Vec<String>,
}

/// Unpacks what is compressed.
///
/// # Security
///
/// What all sections together unpack to is bounded as one module is: what is beyond stays unread, and is
/// said to be.
pub(super) fn readable<'a>(module: &'a Module<'_>) -> Readable<'a> {
    let mut readable = Readable {
        parts: Vec::new(),
        unread: Vec::new(),
    };
    let mut room = ko::MAX_BYTES;
    for part in &module.parts {
        let name = part.name.as_str();
        if part.flags & SHF_COMPRESSED == 0 {
            readable.parts.push((name, Cow::Borrowed(part.data)));
            continue;
        }
        match ko::expand_section(module, part, room) {
            Ok(bytes) => {
                room -= bytes.len() as u64;
                readable.parts.push((name, Cow::Owned(bytes)));
            }
            Err(error) => readable.unread.push(format!(
                "`{name}` is compressed and was not looked through: {error}"
            )),
        }
    }
    readable
}

//! RPM's header structure: an index of tagged values and the bytes that they point into (rpm.org,
//! "RPM V4 Package format", "Header").
//!
//! The `rpm` crate is not used here: it gives memory for up to 4 GiB that a header of 16 bytes asks
//! for, and reads the payload whole. What RPM's own reader checks (`hdrblobVerifyInfo`,
//! `hdrblobVerifyRegion`) is checked here, and more strictly: a header that is signed has nothing
//! besides what the signature covers.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use super::error::PackageError;
use super::limits::Limits;

const MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
const INTRO_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;
/// The most index entries; packages have about a hundred.
const ENTRIES: usize = 4096;

const REGION_SIGNATURES: u32 = 62;
const REGION_IMMUTABLE: u32 = 63;
const REGION_BYTES: usize = 16;

/// The types of values.
const INT32: u32 = 4;
const STRING: u32 = 6;
const BIN: u32 = 7;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// Which of a package's two headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Signatures and digests, which nothing signs. It is filled up to a multiple of eight bytes.
    Signature,
    /// What the package is, which signatures cover as a whole.
    Main,
}

/// A header that was read and whose values all lie in it.
pub(super) struct RpmHeader {
    /// Magic, index and store: what a signature over the header covers.
    bytes: Vec<u8>,
    values: BTreeMap<u32, Value>,
}

/// Where a value stands in a header's bytes.
struct Value {
    kind: u32,
    start: usize,
    end: usize,
    count: usize,
}

impl RpmHeader {
    /// Reads a header from its first byte to its last.
    pub(super) fn read(
        mut source: impl BufRead,
        part: Part,
        limits: &Limits,
    ) -> Result<Self, PackageError> {
        let mut bytes = Vec::new();
        append(&mut source, &mut bytes, INTRO_BYTES, part)?;
        if !bytes.starts_with(MAGIC) {
            return Err(refuse(part, "it does not begin as headers do"));
        }
        let entries = word(&bytes, 8) as usize;
        let store = word(&bytes, 12) as usize;
        if entries == 0 || entries > ENTRIES {
            let why = format!("it has {entries} index entries, and 1 to {ENTRIES} are taken");
            return Err(refuse(part, why));
        }
        let length = INTRO_BYTES + ENTRY_BYTES * entries + store;
        if length as u64 > limits.header_bytes {
            return Err(PackageError::HeaderTooLarge {
                bytes: length as u64,
                limit: limits.header_bytes,
            });
        }
        append(&mut source, &mut bytes, length - INTRO_BYTES, part)?;
        if part == Part::Signature {
            let mut padding = Vec::new();
            let count = (8 - length % 8) % 8;
            append(&mut source, &mut padding, count, part)?;
            if padding.iter().any(|b| *b != 0) {
                return Err(refuse(part, "its padding is not zero"));
            }
        }
        let values = index(&bytes, entries, part)?;
        Ok(Self { bytes, values })
    }

    /// Returns the header's bytes: magic, index and store.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the header's bytes and gives the rest up.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn has(&self, tag: u32) -> bool {
        self.values.contains_key(&tag)
    }

    /// Returns a string, or the first of several.
    pub(super) fn string(&self, tag: u32) -> Result<Option<&str>, PackageError> {
        Ok(self.strings(tag)?.and_then(|mut strings| strings.next()))
    }

    /// Returns strings, which are UTF-8 and without control characters.
    pub(super) fn strings(
        &self,
        tag: u32,
    ) -> Result<Option<impl Iterator<Item = &str>>, PackageError> {
        let Some(bytes) = self.of_kind(tag, &[STRING, STRING_ARRAY, I18N_STRING])? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains(|c: char| c.is_control() && c != '\0'))
            .and_then(|text| text.strip_suffix('\0'))
            .ok_or_else(|| unusable(tag))?;
        Ok(Some(text.split('\0')))
    }

    /// Returns a number, or the first of several.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u32>, PackageError> {
        let bytes = self.of_kind(tag, &[INT32])?;
        Ok(bytes.map(|bytes| word(bytes, 0)))
    }

    /// Returns bytes.
    pub(super) fn binary(&self, tag: u32) -> Result<Option<&[u8]>, PackageError> {
        self.of_kind(tag, &[BIN])
    }

    fn of_kind(&self, tag: u32, kinds: &[u32]) -> Result<Option<&[u8]>, PackageError> {
        let Some(value) = self.values.get(&tag) else {
            return Ok(None);
        };
        if !kinds.contains(&value.kind) || value.count == 0 {
            return Err(unusable(tag));
        }
        Ok(Some(&self.bytes[value.start..value.end]))
    }
}

/// Checks the index and returns where its values stand.
///
/// Values stand in the order of the index and do not overlap, so that looking at all of them costs
/// no more than reading the header.
fn index(bytes: &[u8], entries: usize, part: Part) -> Result<BTreeMap<u32, Value>, PackageError> {
    let store = INTRO_BYTES + ENTRY_BYTES * entries;
    let mut values = BTreeMap::new();
    let mut free = store;
    for number in 0..entries {
        let at = INTRO_BYTES + ENTRY_BYTES * number;
        let [tag, kind, offset, count] = [0, 4, 8, 12].map(|field| word(bytes, at + field));
        let start = store + offset as usize;
        if number == 0 {
            match (part, tag) {
                (Part::Main, REGION_IMMUTABLE) => {
                    check_region(bytes, entries, [kind, count], start)?;
                    continue;
                }
                (Part::Signature, REGION_SIGNATURES) => continue,
                (Part::Main, _) => return Err(refuse(part, "it does not begin with its region")),
                (Part::Signature, _) => {}
            }
        }
        let wrong = |why: &str| refuse(part, format!("the value of tag {tag} {why}"));
        if start < free || start > bytes.len() {
            return Err(wrong("overlaps another or stands outside of it"));
        }
        let length = length(kind, count as usize, &bytes[start..])
            .ok_or_else(|| wrong("has an unknown type or does not fit into it"))?;
        free = start + length;
        let value = Value {
            kind,
            start,
            end: free,
            count: count as usize,
        };
        if values.insert(tag, value).is_some() {
            return Err(refuse(part, format!("it has tag {tag} twice")));
        }
    }
    Ok(values)
}

/// Checks that the region, which is what signatures cover, is the whole header: its trailer stands
/// at the end of the store, and counts all entries of the index.
fn check_region(
    bytes: &[u8],
    entries: usize,
    [kind, count]: [u32; 2],
    start: usize,
) -> Result<(), PackageError> {
    let index_bytes = (ENTRY_BYTES * entries) as u32;
    let wanted = [REGION_IMMUTABLE, BIN, index_bytes.wrapping_neg(), 16];
    let whole = kind == BIN
        && count as usize == REGION_BYTES
        && start.checked_add(REGION_BYTES) == Some(bytes.len())
        && [0, 4, 8, 12].map(|field| word(bytes, start + field)) == wanted;
    if !whole {
        let why = "its region is not the whole of it, so that signatures do not cover it all";
        return Err(refuse(Part::Main, why));
    }
    Ok(())
}

/// Returns how many bytes a value has that begins with `bytes`, or `None` if it goes on after them.
fn length(kind: u32, count: usize, bytes: &[u8]) -> Option<usize> {
    let length = match kind {
        0 => 0,
        1 | 2 | BIN => count,
        3 => count.checked_mul(2)?,
        INT32 => count.checked_mul(4)?,
        5 => count.checked_mul(8)?,
        STRING if count != 1 => return None,
        STRING | STRING_ARRAY | I18N_STRING if count > 0 => {
            memchr::memchr_iter(0, bytes).nth(count - 1)? + 1
        }
        STRING_ARRAY | I18N_STRING => 0,
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

/// Returns the big-endian number at `at`.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// Reads `count` bytes; memory is taken as they come.
fn append(
    source: impl Read,
    bytes: &mut Vec<u8>,
    count: usize,
    part: Part,
) -> Result<(), PackageError> {
    let before = bytes.len();
    source
        .take(count as u64)
        .read_to_end(bytes)
        .map_err(|source| PackageError::Read { source })?;
    if bytes.len() - before < count {
        return Err(PackageError::Truncated {
            part: part.name().to_owned(),
        });
    }
    Ok(())
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "its signature header",
            Self::Main => "its header",
        }
    }
}

fn refuse(part: Part, why: impl std::fmt::Display) -> PackageError {
    PackageError::Rpm {
        why: format!("{}: {why}", part.name()),
    }
}

fn unusable(tag: u32) -> PackageError {
    PackageError::Rpm {
        why: format!("the value of tag {tag} is not what it must be"),
    }
}

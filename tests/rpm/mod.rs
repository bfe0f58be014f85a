//! Makes RPM packages byte by byte, good and hostile ones.

use kmatrix::digest::Sha256Digest;

/// One value of a header: tag, type, count and bytes.
#[derive(Clone)]
pub struct Value(pub u32, pub u32, pub u32, pub Vec<u8>);

pub fn string(tag: u32, text: &str) -> Value {
    Value(tag, 6, 1, format!("{text}\0").into_bytes())
}

pub fn strings(tag: u32, text: &str) -> Value {
    Value(tag, 8, 1, format!("{text}\0").into_bytes())
}

pub fn number(tag: u32, number: u32) -> Value {
    Value(tag, 4, 1, number.to_be_bytes().to_vec())
}

pub fn binary(tag: u32, bytes: &[u8]) -> Value {
    Value(tag, 7, bytes.len() as u32, bytes.to_vec())
}

/// A header with its region, which is the whole of it.
pub fn header(region: u32, values: &[Value]) -> Vec<u8> {
    let entries = values.len() as u32 + 1;
    let mut index = Vec::new();
    let mut store = Vec::new();
    for Value(tag, kind, count, bytes) in values {
        let width = match kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 1,
        };
        store.resize(store.len().next_multiple_of(width), 0);
        for word in [*tag, *kind, store.len() as u32, *count] {
            index.extend(word.to_be_bytes());
        }
        store.extend(bytes);
    }
    let mut header = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    let trailer = store.len() as u32;
    for word in [region, 7, (16 * entries).wrapping_neg(), 16] {
        store.extend(word.to_be_bytes());
    }
    for word in [entries, store.len() as u32, region, 7, trailer, 16] {
        header.extend(word.to_be_bytes());
    }
    header.extend(index);
    header.extend(store);
    header
}

/// What a header says of the package `sample`, whose payload is not compressed.
pub fn said(payload: &[u8]) -> Vec<Value> {
    vec![
        string(1000, "sample"),
        string(1001, "1.0"),
        string(1002, "1"),
        string(1022, "noarch"),
        string(1124, "cpio"),
        strings(5092, &Sha256Digest::of(payload).to_hex()),
        number(5093, 8),
    ]
}

/// A package of these parts.
pub fn package(signature: &[Value], values: &[Value], payload: &[u8]) -> Vec<u8> {
    let mut rpm = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1];
    rpm.resize(96, 0);
    rpm[79] = 5;
    rpm.extend(header(62, signature));
    rpm.resize(rpm.len().next_multiple_of(8), 0);
    rpm.extend(header(63, values));
    rpm.extend(payload);
    rpm
}

/// A package of this payload, not compressed.
pub fn rpm(payload: &[u8]) -> Vec<u8> {
    package(&[number(1000, 1)], &said(payload), payload)
}

/// One entry of a cpio archive, taken as it is.
#[derive(Clone)]
pub struct Item {
    pub name: Vec<u8>,
    pub mode: u32,
    pub inode: u32,
    pub links: u32,
    pub bytes: Vec<u8>,
}

pub fn item(mode: u32, name: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Item {
    Item {
        name: name.as_ref().to_vec(),
        mode,
        inode: 1,
        links: 1,
        bytes: bytes.as_ref().to_vec(),
    }
}

pub fn file(name: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Item {
    item(0o100_644, name, bytes)
}

/// One of several names of a file.
pub fn linked(inode: u32, name: &str, bytes: &str) -> Item {
    Item {
        inode,
        links: 2,
        ..file(name, bytes)
    }
}

/// A cpio archive with its trailer.
pub fn cpio(items: &[Item]) -> Vec<u8> {
    let mut cpio = Vec::new();
    for item in items.iter().chain([&item(0, "TRAILER!!!", "")]) {
        let size = item.bytes.len() as u32;
        let name = item.name.len() as u32 + 1;
        let fields = [
            item.inode, item.mode, 0, 0, item.links, 0, size, 0, 0, 0, 0, name, 0,
        ];
        cpio.extend(b"070701");
        for field in fields {
            cpio.extend(format!("{field:08x}").bytes());
        }
        cpio.extend(&item.name);
        cpio.push(0);
        cpio.resize(cpio.len().next_multiple_of(4), 0);
        cpio.extend(&item.bytes);
        cpio.resize(cpio.len().next_multiple_of(4), 0);
    }
    cpio
}

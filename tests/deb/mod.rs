//! Makes Debian packages byte by byte, good and hostile ones.

use tar::{EntryType, Header};

/// One tar entry, taken as it is: no name is cleaned up or refused on the way in.
#[derive(Clone)]
pub struct Item {
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub kind: EntryType,
    pub mode: u32,
    pub bytes: Vec<u8>,
}

/// A file of mode 0644.
pub fn file(name: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Item {
    Item {
        name: name.as_ref().to_vec(),
        link: Vec::new(),
        kind: EntryType::Regular,
        mode: 0o644,
        bytes: bytes.as_ref().to_vec(),
    }
}

/// A tar archive with its end.
pub fn tar(items: &[Item]) -> Vec<u8> {
    let mut tar = Vec::new();
    for item in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(item.kind);
        header.set_mode(item.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(item.bytes.len() as u64);
        let old = header.as_old_mut();
        old.name[..item.name.len()].copy_from_slice(&item.name);
        old.linkname[..item.link.len()].copy_from_slice(&item.link);
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(&item.bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// An ar archive of these members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        builder.append(&header, *bytes).expect("memory writes");
    }
    builder.into_inner().expect("memory writes")
}

/// The control archive of the package `sample`.
pub fn control() -> Vec<u8> {
    tar(&[file(
        "./control",
        "Package: sample\nVersion: 1.0-1\nArchitecture: all\n",
    )])
}

/// A package of these files, not compressed.
pub fn deb(items: &[Item]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control()),
        ("data.tar", &tar(items)),
    ])
}

//! The digest of a tree, by the messages of the protocol.

use std::collections::BTreeMap;

use prost::Message;

use super::{Entries, Entry};
use crate::digest::Sha256Digest;

/// Returns the digest of the whole tree: that of its root `Directory` message.
pub fn digest(entries: &Entries) -> Sha256Digest {
    let mut root = Node::default();
    for (name, entry) in entries {
        root.insert(name, entry);
    }
    Sha256Digest::of(&root.encode())
}

#[derive(Default)]
struct Node<'a> {
    directories: BTreeMap<&'a str, Node<'a>>,
    leaves: BTreeMap<&'a str, &'a Entry>,
}

impl<'a> Node<'a> {
    fn insert(&mut self, name: &'a str, entry: &'a Entry) {
        let mut node = self;
        let (parents, last) = name.rsplit_once('/').unwrap_or(("", name));
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            node = node.directories.entry(part).or_default();
        }
        match entry {
            Entry::Directory => {
                node.directories.entry(last).or_default();
            }
            Entry::File { .. } | Entry::Symlink { .. } => {
                node.leaves.insert(last, entry);
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut message = wire::Directory::default();
        for (name, node) in &self.directories {
            let bytes = node.encode();
            message.directories.push(wire::DirectoryNode {
                name: (*name).to_owned(),
                digest: Some(wire::Digest {
                    hash: Sha256Digest::of(&bytes).to_hex(),
                    size_bytes: bytes.len() as i64,
                }),
            });
        }
        for (name, entry) in &self.leaves {
            match entry {
                Entry::File {
                    digest,
                    bytes,
                    executable,
                } => message.files.push(wire::FileNode {
                    name: (*name).to_owned(),
                    digest: Some(wire::Digest {
                        hash: digest.to_hex(),
                        size_bytes: *bytes as i64,
                    }),
                    is_executable: *executable,
                }),
                Entry::Symlink { target } => message.symlinks.push(wire::SymlinkNode {
                    name: (*name).to_owned(),
                    target: target.clone(),
                }),
                Entry::Directory => {}
            }
        }
        message.encode_to_vec()
    }
}

/// The messages of `remote_execution.proto` that a tree needs; field numbers are the protocol's.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Digest {
        #[prost(string, tag = "1")]
        pub hash: String,
        #[prost(int64, tag = "2")]
        pub size_bytes: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct FileNode {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(message, optional, tag = "2")]
        pub digest: Option<Digest>,
        #[prost(bool, tag = "4")]
        pub is_executable: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct DirectoryNode {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(message, optional, tag = "2")]
        pub digest: Option<Digest>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct SymlinkNode {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub target: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Directory {
        #[prost(message, repeated, tag = "1")]
        pub files: Vec<FileNode>,
        #[prost(message, repeated, tag = "2")]
        pub directories: Vec<DirectoryNode>,
        #[prost(message, repeated, tag = "3")]
        pub symlinks: Vec<SymlinkNode>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_protocols() {
        // `Directory { files: [FileNode { name: "a", digest: { hash: sha256("x"), size: 1 } }] }`
        // written out by hand: field 1, length 71; name; digest of 68 bytes.
        let hash = Sha256Digest::of(b"x").to_hex();
        let mut digest = vec![0x0a, 64];
        digest.extend(hash.as_bytes());
        digest.extend([0x10, 1]);
        let mut file = vec![0x0a, 1, b'a', 0x12, digest.len() as u8];
        file.extend(&digest);
        let mut directory = vec![0x0a, file.len() as u8];
        directory.extend(&file);

        let entry = Entry::File {
            digest: Sha256Digest::of(b"x"),
            bytes: 1,
            executable: false,
        };
        let entries = Entries::from([("a".to_owned(), entry)]);
        assert_eq!(super::digest(&entries), Sha256Digest::of(&directory));
        assert_eq!(super::digest(&Entries::new()), Sha256Digest::of(b""));
    }
}

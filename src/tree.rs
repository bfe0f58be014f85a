//! Trees of files by content: a merkle tree of SHA-256 digests.
//!
//! The encoding is `Directory` of the Bazel Remote Execution API v2
//! (`build/bazel/remote/execution/v2/remote_execution.proto`, "Directory"), so that one digest names
//! a tree for the local engine and for a remote one. Owners, times and modes other than the
//! executable bit are no part of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use prost::Message;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::digest::{Hashing, Sha256Digest, hash_files};

/// What stands at one path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Entry {
    Directory,
    File {
        digest: Sha256Digest,
        bytes: u64,
        executable: bool,
    },
    /// A symbolic link; its target is kept as it is written and never followed.
    Symlink {
        target: String,
    },
}

/// The entries of a tree by their relative paths (UTF-8, `/` between the parts, never `.`, `..` or
/// empty). The root itself has no entry; parents that are not listed are implied.
pub type Entries = BTreeMap<String, Entry>;

/// Says why a directory cannot be read as a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a file, a directory nor a symbolic link", path.display())]
    Special { path: PathBuf },
    #[error("the name of `{}` is not UTF-8", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("`{}` is a symbolic link to `{target}`, which leaves the tree", path.display())]
    LinkLeaves { path: PathBuf, target: String },
    #[error("the tree has more than {limit} entries")]
    TooMany { limit: usize },
}

/// What a walk of a directory takes.
#[derive(Debug, Clone, Copy)]
pub struct WalkRules<'a> {
    /// The most entries that a tree may have.
    pub limit: usize,
    /// Names that are left out wherever they stand, such as `.git`.
    pub skip: &'a [&'a str],
}

/// Reads a directory: walks it in order, hashes its files on all cores, and refuses what no tree
/// can hold.
///
/// # Security
///
/// A symbolic link is recorded, not followed, and one whose target leaves the tree is refused: what
/// it points at would be an input that the digest does not cover.
pub fn read_directory(root: &Path, rules: WalkRules<'_>) -> Result<Entries, TreeError> {
    let found: Vec<((String, Found), walkdir::DirEntry)> = walk(root, rules)?
        .into_par_iter()
        .map(|entry| Ok((Found::at(root, &entry)?, entry)))
        .collect::<Result<_, TreeError>>()?;
    let mut entries = Entries::new();
    let mut files = Vec::new();
    for ((name, found), entry) in found {
        match found {
            Found::Other(entry) => {
                entries.insert(name, entry);
            }
            Found::File { bytes, executable } => files.push((name, entry, bytes, executable)),
        }
    }
    let paths: Vec<(&Path, u64)> = files
        .iter()
        .map(|(_, entry, bytes, _)| (entry.path(), *bytes))
        .collect();
    let hashed = hash_files(&paths);
    for ((name, entry, _, executable), hashed) in files.into_iter().zip(hashed) {
        let (digest, bytes) = hashed.map_err(unreadable(entry.path()))?;
        let file = Entry::File {
            digest,
            bytes,
            executable,
        };
        entries.insert(name, file);
    }
    Ok(entries)
}

/// Reads a directory like [`read_directory`], and lets `look` see the bytes of every file while
/// they are hashed: each file is read once. What `look` leaves unread is read for the digest.
pub fn read_directory_with<T: Send>(
    root: &Path,
    rules: WalkRules<'_>,
    look: impl Fn(&str, &mut dyn Read) -> io::Result<T> + Sync,
) -> Result<(Entries, BTreeMap<String, T>), TreeError> {
    let read = |entry: walkdir::DirEntry| {
        let path = entry.path();
        let (name, found) = Found::at(root, &entry)?;
        let (bytes, executable) = match found {
            Found::Other(entry) => return Ok((name, entry, None)),
            Found::File { bytes, executable } => (bytes, executable),
        };
        let mut file = Hashing::new(File::open(path).map_err(unreadable(path))?);
        let seen = look(&name, &mut file).map_err(unreadable(path))?;
        file.read_rest(bytes).map_err(unreadable(path))?;
        let (_, digest, bytes) = file.finish();
        let entry = Entry::File {
            digest,
            bytes,
            executable,
        };
        Ok((name, entry, Some(seen)))
    };
    let read: Vec<(String, Entry, Option<T>)> = walk(root, rules)?
        .into_par_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    let mut entries = Entries::new();
    let mut seen = BTreeMap::new();
    for (name, entry, what) in read {
        if let Some(what) = what {
            seen.insert(name.clone(), what);
        }
        entries.insert(name, entry);
    }
    Ok((entries, seen))
}

fn walk(root: &Path, rules: WalkRules<'_>) -> Result<Vec<walkdir::DirEntry>, TreeError> {
    let mut found = Vec::new();
    let walk = WalkDir::new(root).min_depth(1).sort_by_file_name();
    for entry in walk
        .into_iter()
        .filter_entry(|e| !rules.skip.iter().any(|name| e.file_name() == *name))
    {
        let entry = entry.map_err(|error| TreeError::Read {
            path: error.path().unwrap_or(root).to_owned(),
            source: error.into(),
        })?;
        if found.len() == rules.limit {
            return Err(TreeError::TooMany { limit: rules.limit });
        }
        found.push(entry);
    }
    Ok(found)
}

/// What a walk came upon.
enum Found {
    /// A file, which is not read yet.
    File {
        bytes: u64,
        executable: bool,
    },
    Other(Entry),
}

impl Found {
    /// Returns what stands at an entry of the walk, and its name in the tree.
    fn at(root: &Path, entry: &walkdir::DirEntry) -> Result<(String, Self), TreeError> {
        let path = entry.path();
        let not_utf8 = || TreeError::NotUtf8 {
            path: path.to_owned(),
        };
        let name = path
            .strip_prefix(root)
            .ok()
            .and_then(Path::to_str)
            .ok_or_else(not_utf8)?
            .to_owned();
        let kind = entry.file_type();
        let found = if kind.is_dir() {
            Self::Other(Entry::Directory)
        } else if kind.is_file() {
            let found = fs::symlink_metadata(path).map_err(unreadable(path))?;
            Self::File {
                bytes: found.len(),
                executable: found.permissions().mode() & 0o100 != 0,
            }
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(unreadable(path))?;
            let target = target.to_str().ok_or_else(not_utf8)?.to_owned();
            if link_leaves(&name, &target) {
                return Err(TreeError::LinkLeaves {
                    path: path.to_owned(),
                    target,
                });
            }
            Self::Other(Entry::Symlink { target })
        } else {
            return Err(TreeError::Special {
                path: path.to_owned(),
            });
        };
        Ok((name, found))
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> TreeError {
    move |source| TreeError::Read {
        path: path.to_owned(),
        source,
    }
}

/// Returns true if a link at `name` (relative to the root) with this target points out of the tree
/// at any step. Absolute targets always do.
pub fn link_leaves(name: &str, target: &str) -> bool {
    let mut depth = name.split('/').count() as i64 - 1;
    for part in Path::new(target).components() {
        match part {
            Component::Prefix(_) | Component::RootDir => return true,
            Component::CurDir => {}
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Returns the path that a link at `name` points at, where an absolute target starts at the tree's
/// own root; `None` if it leaves the tree. Links on the way are not followed.
pub fn link_target(name: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns the digest of the whole tree: that of its root `Directory` message.
pub fn digest(entries: &Entries) -> Sha256Digest {
    let mut root = Node::default();
    for (name, entry) in entries {
        root.insert(name, entry);
    }
    Sha256Digest::of(&root.encode())
}

/// Returns the bytes of all files of a tree; one that has several names counts for each.
pub fn file_bytes(entries: &Entries) -> u64 {
    entries
        .values()
        .map(|entry| match entry {
            Entry::File { bytes, .. } => *bytes,
            Entry::Directory | Entry::Symlink { .. } => 0,
        })
        .fold(0, u64::saturating_add)
}

/// Returns the digest of the part of a tree below `prefix`, or `None` if nothing stands there.
pub fn digest_below(entries: &Entries, prefix: &str) -> Option<Sha256Digest> {
    let below = below(entries, prefix);
    (!below.is_empty()).then(|| digest(&below))
}

/// Returns the entries below `prefix`, by their paths relative to it.
pub fn below(entries: &Entries, prefix: &str) -> Entries {
    let prefix = format!("{prefix}/");
    entries
        .range(prefix.clone()..)
        .map_while(|(name, entry)| Some((name.strip_prefix(&prefix)?.to_owned(), entry.clone())))
        .collect()
}

/// Returns the one directory that everything of a tree stands in, if there is one.
pub fn top_directory(entries: &Entries) -> Option<&str> {
    let first = entries.keys().next()?.split('/').next()?;
    let inside = |name: &String| {
        name.strip_prefix(first)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_directory = !matches!(
        entries.get(first),
        Some(Entry::File { .. } | Entry::Symlink { .. })
    );
    (is_directory && entries.keys().all(inside)).then_some(first)
}

#[derive(Default)]
struct Node {
    directories: BTreeMap<Vec<u8>, Node>,
    leaves: BTreeMap<Vec<u8>, Entry>,
}

impl Node {
    fn insert(&mut self, name: &str, entry: &Entry) {
        let mut node = self;
        let (parents, last) = match name.rsplit_once('/') {
            Some((parents, last)) => (parents, last),
            None => ("", name),
        };
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            node = node
                .directories
                .entry(part.as_bytes().to_vec())
                .or_default();
        }
        let last = Path::new(last).as_os_str().as_bytes().to_vec();
        match entry {
            Entry::Directory => {
                node.directories.entry(last).or_default();
            }
            Entry::File { .. } | Entry::Symlink { .. } => {
                node.leaves.insert(last, entry.clone());
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut message = wire::Directory::default();
        for (name, node) in &self.directories {
            let bytes = node.encode();
            message.directories.push(wire::DirectoryNode {
                name: text(name),
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
                    name: text(name),
                    digest: Some(wire::Digest {
                        hash: digest.to_hex(),
                        size_bytes: *bytes as i64,
                    }),
                    is_executable: *executable,
                }),
                Entry::Symlink { target } => message.symlinks.push(wire::SymlinkNode {
                    name: text(name),
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

    const RULES: WalkRules<'static> = WalkRules {
        limit: 100,
        skip: &[".git"],
    };

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

    #[test]
    fn a_tree_read_twice_is_one_tree_and_any_change_is_another() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("sub/.git")).expect("directories");
        fs::write(dir.path().join("sub/file"), "one").expect("a file");
        fs::write(dir.path().join("sub/.git/HEAD"), "skipped").expect("a file");
        std::os::unix::fs::symlink("file", dir.path().join("sub/link")).expect("a link");
        let first = read_directory(dir.path(), RULES).expect("a tree");
        assert_eq!(
            first.keys().collect::<Vec<_>>(),
            ["sub", "sub/file", "sub/link"]
        );
        let again = read_directory(dir.path(), RULES).expect("a tree");
        assert_eq!(digest(&first), digest(&again));
        assert_eq!(
            digest_below(&first, "sub"),
            Some(digest(
                &read_directory(&dir.path().join("sub"), RULES).expect("a tree")
            ))
        );
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.path().join("sub/file"), mode).expect("a mode");
        let changed = read_directory(dir.path(), RULES).expect("a tree");
        assert_ne!(digest(&first), digest(&changed));
    }

    #[test]
    fn links_that_leave_the_tree_are_refused() {
        for (name, target, leaves) in [
            ("a", "b", false),
            ("a", "../b", true),
            ("d/a", "../b", false),
            ("d/a", "../../b", true),
            ("d/a", "../d/../../b", true),
            ("a", "/etc/passwd", true),
            ("a", "./b/./c", false),
        ] {
            assert_eq!(link_leaves(name, target), leaves, "{name} -> {target}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("/etc/shadow", dir.path().join("a")).expect("a link");
        assert!(matches!(
            read_directory(dir.path(), RULES),
            Err(TreeError::LinkLeaves { .. })
        ));
    }

    #[test]
    fn links_lead_where_they_say() {
        let build = "usr/lib/modules/6.12-amd64/build";
        for (target, leads) in [
            ("/usr/src/linux-headers", Some("usr/src/linux-headers")),
            ("../../../src/linux-headers", Some("usr/src/linux-headers")),
            ("./x", Some("usr/lib/modules/6.12-amd64/x")),
            ("../../../../../x", None),
        ] {
            assert_eq!(link_target(build, target).as_deref(), leads, "{target}");
        }
    }

    #[test]
    fn the_top_directory_is_the_one_that_holds_everything() {
        let entries = |names: &[&str]| -> Entries {
            let entry = |name: &&str| ((*name).to_owned(), Entry::Directory);
            names.iter().map(entry).collect()
        };
        assert_eq!(top_directory(&entries(&["m", "m/a"])), Some("m"));
        assert_eq!(top_directory(&entries(&["m/a", "m/b"])), Some("m"));
        assert_eq!(top_directory(&entries(&["m", "n"])), None);
        assert_eq!(top_directory(&entries(&["m", "m-1/a"])), None);
        assert_eq!(top_directory(&Entries::new()), None);
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        for n in 0..3 {
            fs::write(dir.path().join(n.to_string()), "").expect("a file");
        }
        let rules = WalkRules {
            limit: 2,
            skip: &[],
        };
        assert!(matches!(
            read_directory(dir.path(), rules),
            Err(TreeError::TooMany { limit: 2 })
        ));
    }
}

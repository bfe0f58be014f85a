//! What is in the store, one thing at a time: how large it is, when it was used, whether it is whole.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use rayon::prelude::*;
use rustix::fs::CWD;
use walkdir::WalkDir;

use super::Store;
use super::error::{StoreError, failed};
use super::manifest::{self, EntriesFile, ManifestFile, TreeFile};
use crate::digest::{Sha256Digest, hash_files};
use crate::tree::{self, Entries, Entry};

/// One blob or one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub kind: ItemKind,
    /// A blob's digest, or the digest that a tree goes by: that of the package, or of the source.
    pub digest: Sha256Digest,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// When it was last used, to a minute.
    pub used: Timestamp,
    pub(super) path: PathBuf,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    Blob,
    /// A tree, with the word for what made it, such as `deb1`.
    Tree(String),
}

/// Prints the item as its name in the store has it.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ItemKind::Blob => write!(f, "blob {}", self.digest),
            ItemKind::Tree(kind) => write!(f, "tree {kind}-{}", self.digest.to_hex()),
        }
    }
}

impl Item {
    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Returns everything in the store, the least recently used first.
    pub fn items(&self) -> Result<Vec<Item>, StoreError> {
        items(&self.root)
    }

    /// Hashes everything again and returns what is not what its name says, each with the reason, in
    /// the order of names.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        let items = self.items()?;
        let count = items.len();
        let (trees, blobs): (Vec<Item>, Vec<Item>) = items
            .into_iter()
            .partition(|item| matches!(item.kind, ItemKind::Tree(_)));
        let mut corrupt = check_blobs(blobs);
        corrupt.par_extend(trees.into_par_iter().filter_map(|item| {
            let found = check_tree(&item).err();
            found.map(|why| (item, why))
        }));
        corrupt.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(Verification { count, corrupt })
    }
}

/// What came of hashing everything again.
#[derive(Debug)]
pub struct Verification {
    /// How many items were looked at.
    pub count: usize,
    pub corrupt: Vec<(Item, String)>,
}

/// Lists the blobs and trees below a store's root. What has no digest for a name is none.
pub(super) fn items(root: &Path) -> Result<Vec<Item>, StoreError> {
    let mut found = Vec::new();
    for shard in entries(&root.join("blobs/sha256"))? {
        for path in entries(&shard)? {
            if let Some(digest) = name(&path).and_then(|name| Sha256Digest::from_hex(name).ok()) {
                found.push((ItemKind::Blob, digest, path));
            }
        }
    }
    for path in entries(&root.join("trees"))? {
        let key = name(&path).and_then(|name| name.rsplit_once('-'));
        if let Some((kind, hex)) = key
            && let Ok(digest) = Sha256Digest::from_hex(hex)
        {
            found.push((ItemKind::Tree(kind.to_owned()), digest, path));
        }
    }
    let mut items: Vec<Item> = found
        .into_par_iter()
        .filter_map(|(kind, digest, path)| measured(kind, digest, path).transpose())
        .collect::<Result<_, _>>()?;
    items.sort_by(|a, b| a.used.cmp(&b.used).then_with(|| a.path.cmp(&b.path)));
    Ok(items)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failing = || failed("read the directory", directory);
    fs::read_dir(directory)
        .map_err(failing())?
        .map(|entry| Ok(entry.map_err(failing())?.path()))
        .collect()
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Returns when something was last used, to a minute.
pub(super) fn last_used(kind: &ItemKind, path: &Path) -> io::Result<SystemTime> {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    match kind {
        ItemKind::Blob => modified(path),
        ItemKind::Tree(_) => match modified(&path.join(TreeFile::NAME)) {
            // A tree without its manifest is of no use to anybody.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_dir() => {
                Ok(SystemTime::UNIX_EPOCH)
            }
            answer => answer,
        },
    }
}

/// Measures an item; `None` if it was removed meanwhile.
fn measured(
    kind: ItemKind,
    digest: Sha256Digest,
    path: PathBuf,
) -> Result<Option<Item>, StoreError> {
    let measured = || -> io::Result<(SystemTime, u64)> {
        let used = last_used(&kind, &path)?;
        let mut bytes = 0;
        for entry in WalkDir::new(&path) {
            // `st_blocks` counts 512 bytes, whatever the file system's block size (stat(2)).
            bytes += entry?.metadata()?.blocks() * 512;
        }
        Ok((used, bytes))
    };
    match measured() {
        Ok((used, bytes)) => Ok(Some(Item {
            kind,
            digest,
            bytes,
            used: Timestamp::try_from(used).unwrap_or(Timestamp::UNIX_EPOCH),
            path,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("look at", &path)(error)),
    }
}

/// Returns the blobs that are not what their names say, each with the reason.
fn check_blobs(blobs: Vec<Item>) -> Vec<(Item, String)> {
    let files: Vec<(&Path, u64)> = blobs
        .iter()
        .map(|item| (item.path.as_path(), item.bytes))
        .collect();
    let hashed = hash_files(CWD, &files);
    let checked = blobs.into_iter().zip(hashed).filter_map(|(item, hashed)| {
        let why = match hashed {
            Err(error) => format!("it cannot be read: {error}"),
            Ok(found) if found.digest != item.digest => {
                format!("its bytes have {}", found.digest)
            }
            Ok(_) => return None,
        };
        Some((item, why))
    });
    checked.collect()
}

/// Holds a tree's files against its own entries, and those against its digest.
fn check_tree(item: &Item) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let missing = || "it was removed".to_owned();
    let file = manifest::read::<TreeFile>(&item.path)
        .map_err(text)?
        .ok_or_else(missing)?;
    let entries = manifest::read::<EntriesFile>(&item.path)
        .map_err(text)?
        .ok_or_else(missing)?
        .entries;
    if tree::digest(&entries) != file.digest {
        return Err("its entries do not have its digest".to_owned());
    }
    let root = item.path.join(super::trees::ROOT);
    let wrong = |name: &str, why: String| format!("`{name}` {why}");
    let mut files = Vec::new();
    for (name, entry) in &entries {
        check_kind(&root.join(name), entry).map_err(|why| wrong(name, why))?;
        if let Entry::File { digest, bytes, .. } = entry {
            files.push((name, *digest, *bytes));
        }
    }
    let paths: Vec<(&Path, u64)> = files
        .iter()
        .map(|(name, _, bytes)| (Path::new(name), *bytes))
        .collect();
    let directory = File::open(&root).map_err(|error| unreadable(&error))?;
    let hashed = hash_files(&directory, &paths);
    for ((name, digest, _), hashed) in files.iter().zip(hashed) {
        match hashed {
            Ok(found) if found.digest == *digest => {}
            Ok(_) => return Err(wrong(name, CHANGED.to_owned())),
            Err(error) => return Err(wrong(name, unreadable(&error))),
        }
    }
    check_for_more(&root, &entries)
}

const CHANGED: &str = "is not what it was";

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

/// Holds what stands at a path against an entry, all but the bytes of a file.
fn check_kind(path: &Path, entry: &Entry) -> Result<(), String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| unreadable(&error))?;
    let is_right = match entry {
        Entry::Directory => metadata.is_dir(),
        Entry::Symlink { target } => {
            metadata.is_symlink()
                && fs::read_link(path).map_err(|error| unreadable(&error))? == Path::new(target)
        }
        Entry::File {
            bytes, executable, ..
        } => {
            metadata.is_file()
                && metadata.len() == *bytes
                && (metadata.mode() & 0o100 != 0) == *executable
        }
    };
    if is_right {
        Ok(())
    } else {
        Err(CHANGED.to_owned())
    }
}

fn check_for_more(root: &Path, entries: &Entries) -> Result<(), String> {
    let mut known: BTreeSet<&Path> = BTreeSet::new();
    for name in entries.keys() {
        // Parents that are not listed are implied.
        known.extend(Path::new(name).ancestors());
    }
    for entry in WalkDir::new(root).min_depth(1) {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if !known.contains(path) {
            return Err(format!("`{}` does not belong to it", path.display()));
        }
    }
    Ok(())
}

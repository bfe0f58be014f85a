//! Source trees: what a directory held when it was read, copied so that it stays that.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

use super::Store;
use super::error::{StoreError, failed};
use super::manifest::TreeFile;
use super::trees::{existing_entries, make_root};
use crate::digest::{Hashing, Sha256Digest};
use crate::tree::{self, Entries, Entry};

/// The version of how source trees are copied.
const SRC: &str = "src1";

/// What a source tree was made from. The number is the version of how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// One commit of a git repository, or a directory of it.
    Commit,
    /// A Debian source package with its patches applied.
    Dsc,
    /// The signature of one tarball, which was found good.
    Signature,
}

impl SourceKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "git1",
            Self::Dsc => "dsc1",
            Self::Signature => "sig1",
        }
    }
}

/// A directory in which a source tree is made; it is removed if it is not kept.
#[derive(Debug)]
pub struct MakingSource {
    making: tempfile::TempDir,
    root: PathBuf,
}

impl MakingSource {
    /// Returns where the files go.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Copies a directory that was read as `entries` to `at` in the tree (empty for its root), hashed
    /// again on the way. What is there already is not replaced, and an error.
    pub fn add(&self, entries: &Entries, from: &Path, at: &str) -> Result<(), StoreError> {
        let to = if at.is_empty() {
            self.root.clone()
        } else {
            check_name(at)?;
            self.root.join(at)
        };
        make_parents(&to)?;
        for (name, entry) in entries {
            check_name(name)?;
            copy_entry(entry, &from.join(name), &to.join(name))?;
        }
        Ok(())
    }

    /// Removes what stands at the top of the tree under a name, if anything does.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        let path = self.root.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(failed("remove", path))
    }
}

impl Store {
    /// Copies a directory that was read as `entries` (by `tree::read_directory`) into the store and
    /// returns the copy's root. A tree that is there already is not copied, and `from` not looked at.
    ///
    /// Files are hashed again on their way; one that is not what `entries` says is an error.
    pub fn source_tree(&self, entries: &Entries, from: &Path) -> Result<PathBuf, StoreError> {
        let digest = tree::digest(entries);
        let place = self.tree_place(SRC, &digest);
        if self.use_tree(&place)?.is_none() {
            let making = self.scratch.directory()?;
            let root = make_root(making.path())?;
            for (name, entry) in entries {
                check_name(name)?;
                copy_entry(entry, &from.join(name), &root.join(name))?;
            }
            let file = TreeFile::new(entries, None);
            self.publish_tree(making, &file, entries.clone(), &place)?;
        }
        Ok(place.join("root"))
    }

    /// Returns the copy of a directory that was read, with its entries, if there is one.
    pub fn kept_source(
        &self,
        tree: &Sha256Digest,
    ) -> Result<Option<(PathBuf, Entries)>, StoreError> {
        let place = self.tree_place(SRC, tree);
        if self.use_tree(&place)?.is_none() {
            return Ok(None);
        }
        let entries = existing_entries(&place, tree)?;
        Ok(Some((place.join("root"), entries)))
    }

    /// Makes a source tree of blobs that the store has.
    pub fn source_of_blobs(&self, entries: &Entries) -> Result<PathBuf, StoreError> {
        let digest = tree::digest(entries);
        let place = self.tree_place(SRC, &digest);
        if self.use_tree(&place)?.is_none() {
            let making = self.scratch.directory()?;
            let root = make_root(making.path())?;
            for (name, entry) in entries {
                check_name(name)?;
                let from = match entry {
                    Entry::File { digest, .. } => self
                        .blob_path(digest)
                        .ok_or(StoreError::NoBlob { digest: *digest })?,
                    Entry::Directory | Entry::Symlink { .. } => PathBuf::new(),
                };
                put_entry(entry, &from, &root.join(name))?;
            }
            let file = TreeFile::new(entries, None);
            self.publish_tree(making, &file, entries.clone(), &place)?;
        }
        Ok(place.join("root"))
    }

    /// Returns the tree that was made from what `key` names, with its digest.
    pub fn made_source(
        &self,
        kind: SourceKind,
        key: &Sha256Digest,
    ) -> Result<Option<(PathBuf, Sha256Digest)>, StoreError> {
        let place = self.tree_place(kind.as_str(), key);
        let file = self.use_tree(&place)?;
        Ok(file.map(|file| (place.join("root"), file.digest)))
    }

    /// Begins a tree.
    pub fn make_source(&self) -> Result<MakingSource, StoreError> {
        let making = self.scratch.directory()?;
        let root = make_root(making.path())?;
        Ok(MakingSource { making, root })
    }

    /// Keeps a tree that was read as `entries`, under what it was made from.
    pub fn keep_source(
        &self,
        kind: SourceKind,
        key: &Sha256Digest,
        made: MakingSource,
        entries: Entries,
    ) -> Result<PathBuf, StoreError> {
        let place = self.tree_place(kind.as_str(), key);
        let file = TreeFile::new(&entries, None);
        self.publish_tree(made.making, &file, entries, &place)?;
        Ok(place.join("root"))
    }

    /// Returns the directory of the git repositories that commits are fetched into. What is in them
    /// is nobody's word: every object is hashed when it is read.
    pub fn git_cache(&self) -> PathBuf {
        self.root.join("git")
    }
}

/// Refuses a name that is no relative path of plain parts.
fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain && !name.is_empty() {
        return Ok(());
    }
    Err(StoreError::BadEntry {
        name: name.to_owned(),
    })
}

/// Copies one entry. Parents come first in the order of names; those that are implied are made.
fn copy_entry(entry: &Entry, from: &Path, to: &Path) -> Result<(), StoreError> {
    match entry {
        Entry::Directory => make_parents(to),
        Entry::File {
            digest,
            bytes,
            executable,
        } => {
            to.parent().map_or(Ok(()), make_parents)?;
            let found = copy_file(from, to, *executable)?;
            unchanged(from, found == (*digest, *bytes, *executable))
        }
        Entry::Symlink { target } => {
            to.parent().map_or(Ok(()), make_parents)?;
            let found = fs::read_link(from);
            unchanged(from, found.is_ok_and(|found| found == Path::new(target)))?;
            std::os::unix::fs::symlink(target, to).map_err(failed("create the link", to))
        }
    }
}

/// Puts one entry in its place, from the blob that has a file's bytes.
fn put_entry(entry: &Entry, from: &Path, to: &Path) -> Result<(), StoreError> {
    match entry {
        Entry::Directory => make_parents(to),
        Entry::File {
            digest,
            bytes,
            executable,
        } => {
            to.parent().map_or(Ok(()), make_parents)?;
            let (found, found_bytes, _) = copy_file(from, to, *executable)?;
            unchanged(from, (found, found_bytes) == (*digest, *bytes))
        }
        Entry::Symlink { target } => {
            to.parent().map_or(Ok(()), make_parents)?;
            std::os::unix::fs::symlink(target, to).map_err(failed("create the link", to))
        }
    }
}

fn unchanged(path: &Path, same: bool) -> Result<(), StoreError> {
    if same {
        return Ok(());
    }
    Err(StoreError::Changed {
        path: path.to_owned(),
    })
}

fn make_parents(path: &Path) -> Result<(), StoreError> {
    // Without following links: a name below a link is no entry of a tree.
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    path.parent().map_or(Ok(()), make_parents)?;
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(failed("create the directory", path))
}

/// Copies a file and returns what it held. A file that has become a link since is not followed, and
/// one that has become a fifo is not waited for.
fn copy_file(
    from: &Path,
    to: &Path,
    executable: bool,
) -> Result<(Sha256Digest, u64, bool), StoreError> {
    let reading = || failed("read", from);
    let writing = || failed("write", to);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let source = match File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(from)
    {
        Ok(source) => source,
        Err(error) => {
            // ELOOP is what a link answers that is not to be followed.
            let link = rustix::io::Errno::LOOP.raw_os_error();
            let gone = error.kind() == io::ErrorKind::NotFound;
            unchanged(from, !gone && error.raw_os_error() != Some(link))?;
            return Err(reading()(error));
        }
    };
    let metadata = source.metadata().map_err(reading())?;
    unchanged(from, metadata.is_file())?;
    let mode = if executable { 0o755 } else { 0o644 };
    let mut copy = File::create_new(to).map_err(writing())?;
    copy.set_permissions(fs::Permissions::from_mode(mode))
        .map_err(writing())?;
    let mut source = Hashing::new(source);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => copy.write_all(&buffer[..count]).map_err(writing())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading()(error)),
        }
    }
    let (_, digest, bytes) = source.finish();
    Ok((digest, bytes, metadata.permissions().mode() & 0o100 != 0))
}

//! The store: blobs and trees by their content, below one root directory.
//!
//! ```text
//! blobs/sha256/<2 hex>/<64 hex>    bytes, named by their digest
//! trees/<key>/root/                an unpacked package (`deb1-<hex>`, `rpm1-`, `pacman1-`, `apk1-`),
//!                                  an unpacked tarball (`tarball1-`, `tarball1-stripped-`), or a
//!                                  source tree: by its own digest (`src1-<hex>`), or by what it was
//!                                  made from (`git1-<hex>`, `dsc1-<hex>`)
//! trees/<key>/tree.json            the tree's digest, and what package it is
//! trees/<key>/entries.json         every entry of the tree
//! git/<sha-1 or sha-256>/          a repository that commits are fetched into
//! tmp/<process>/                   what a running process is still making
//! states/                          who uses the store; written and read by `retention`
//! lock                             held for a moment by a process that opens the store
//! removing                         held for a moment, shared by a process that looks something up or
//!                                  makes it visible, and alone by one that removes something
//! collecting                       held by the one process that may remove something
//! ```
//!
//! What holds at every moment, whatever number of processes use the store and wherever one is
//! killed:
//!
//! 1. What stands in `blobs/` or `trees/` is complete. It was written in `tmp/`, hashed on its way,
//!    flushed to the disk, and then renamed, which is the only step that others can see.
//! 2. Nothing in `blobs/` or `trees/` is changed or replaced by anything else than the same content.
//! 3. A directory in `tmp/` belongs to the process that holds a lock on it. The system lets go of
//!    the lock when the process ends, in whatever way, and the next process that opens the store
//!    removes the directory. No process id or time is looked at for that, so neither a reboot nor a
//!    reused id can make a dead process look alive.
//! 4. A blob's bytes are hashed again whenever they are used. An existing tree is trusted by its
//!    manifest without a walk, so what it is mounted into must not be able to write to it.
//!
//! 5. Something is removed ([`Collection`]) only if it was last used before anybody who has the store
//!    open opened it, which the name of his directory in `tmp/` says. When something was last used is
//!    the time of change of a blob, or of a tree's `tree.json`; it is looked at and written under the
//!    lock `removing`, so that what a process has found or made stays until it closes the store.
//!
//! The file system must have `flock`, times to the nanosecond, and atomic renames across the root
//! directory; a key in `trees/` carries the version of the code that made the tree, so a change to
//! unpacking makes new trees.

mod blobs;
mod disk;
mod error;
mod garbage;
mod items;
mod lease;
mod manifest;
mod scratch;
mod sources;
mod staged;
mod tarballs;
mod trees;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use blobs::unreadable;
pub use blobs::{BlobReader, BlobWriter};
pub use error::StoreError;
pub use garbage::{Choice, Collection, choose};
pub use items::{Item, ItemKind, Verification};
pub use sources::{MakingSource, SourceKind};
pub use staged::Staging;
pub use tarballs::TarballTree;
pub use trees::{PackageTree, TreeRecord};

use scratch::Scratch;

/// An open store. Clones share one scratch directory, which is removed with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    scratch: Arc<Scratch>,
}

impl Store {
    /// Opens the store at `root`, makes it if it is not there, and removes what processes that have
    /// died left half made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        for directory in ["blobs/sha256", "trees", "tmp"] {
            disk::make_directories(&root.join(directory))?;
        }
        Ok(Self {
            root: root.to_owned(),
            scratch: Arc::new(Scratch::claim(root)?),
        })
    }

    /// Returns the directory that the store was opened at.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

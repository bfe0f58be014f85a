//! Trees: unpacked packages, each made once and then opened by its manifest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{StoreError, failed};
use super::manifest::{self, EntriesFile, ManifestFile, TreeFile};
use super::{Store, disk};
use crate::digest::{Hashing, Sha256Digest};
use crate::package::{Limits, PackageError, PackageIdentity, Unpacked, unpack_deb};
use crate::tree::{self, Entries};

/// The version of how Debian packages are unpacked; a change to what is written needs a new one.
const DEB: &str = "deb1";

/// The directory of a tree's files, in the tree's own directory.
pub(super) const ROOT: &str = "root";

/// An unpacked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageTree {
    /// What stands for `/` in the package.
    pub directory: PathBuf,
    pub entries: Entries,
    /// The digest of `entries`.
    pub digest: Sha256Digest,
    pub identity: PackageIdentity,
}

/// An unpacked package without its entries, which costs a small file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRecord {
    /// What stands for `/` in the package.
    pub directory: PathBuf,
    pub digest: Sha256Digest,
    pub identity: PackageIdentity,
}

impl Store {
    /// Returns a package's tree if it was unpacked before, at the cost of reading one small file.
    pub fn package_tree_record(
        &self,
        deb: &Sha256Digest,
    ) -> Result<Option<TreeRecord>, StoreError> {
        let place = self.tree_place(DEB, deb);
        let Some(file) = manifest::read::<TreeFile>(&place)? else {
            return Ok(None);
        };
        disk::mark_used(&place.join(TreeFile::NAME));
        let identity = file.package.ok_or_else(|| StoreError::CorruptTree {
            path: place.clone(),
            why: "its manifest does not say which package it is".to_owned(),
        })?;
        Ok(Some(TreeRecord {
            directory: place.join(ROOT),
            digest: file.digest,
            identity: identity.into(),
        }))
    }

    /// Returns a package's tree, and unpacks the package's blob if that was not done before.
    ///
    /// Of two that unpack one package at once, the first to finish wins and both return its tree.
    pub fn package_tree(
        &self,
        deb: &Sha256Digest,
        limits: &Limits,
    ) -> Result<PackageTree, StoreError> {
        if let Some(tree) = self.existing_package_tree(deb)? {
            return Ok(tree);
        }
        let making = self.scratch.directory()?;
        let root = make_root(making.path())?;
        let unpacked = self.unpack_blob(deb, &root, limits)?;
        let file = TreeFile::new(tree::digest(&unpacked.entries), Some(unpacked.identity));
        self.publish_tree(making, &file, unpacked.entries, &self.tree_place(DEB, deb))?;
        self.existing_package_tree(deb)?
            .ok_or_else(|| StoreError::CorruptTree {
                path: self.tree_place(DEB, deb),
                why: "it was removed while it was made".to_owned(),
            })
    }

    fn existing_package_tree(&self, deb: &Sha256Digest) -> Result<Option<PackageTree>, StoreError> {
        let Some(record) = self.package_tree_record(deb)? else {
            return Ok(None);
        };
        let place = self.tree_place(DEB, deb);
        let corrupt = |why: &str| StoreError::CorruptTree {
            path: place.clone(),
            why: why.to_owned(),
        };
        let file = manifest::read::<EntriesFile>(&place)?
            .ok_or_else(|| corrupt("it was removed while it was read"))?;
        if tree::digest(&file.entries) != record.digest {
            return Err(corrupt("its entries do not have its digest"));
        }
        Ok(Some(PackageTree {
            directory: record.directory,
            entries: file.entries,
            digest: record.digest,
            identity: record.identity,
        }))
    }

    /// Unpacks a blob whose bytes are hashed again as they pass. A blob that is not what its name
    /// says is reported as that, whatever unpacking made of it.
    fn unpack_blob(
        &self,
        deb: &Sha256Digest,
        into: &Path,
        limits: &Limits,
    ) -> Result<Unpacked, StoreError> {
        let path = self
            .blob_path(deb)
            .ok_or(StoreError::NoBlob { digest: *deb })?;
        let file = fs::File::open(&path).map_err(failed("open", &path))?;
        let mut bytes = Hashing::new(file);
        let unpacked = unpack_deb(&mut bytes, into, limits);
        if let Err(source @ PackageError::Write { .. }) = unpacked {
            return Err(StoreError::Package {
                digest: *deb,
                source,
            });
        }
        io::copy(&mut bytes, &mut io::sink()).map_err(failed("read", &path))?;
        let (_, found, _) = bytes.finish();
        if found != *deb {
            return Err(StoreError::CorruptBlob { path, found });
        }
        unpacked.map_err(|source| StoreError::Package {
            digest: *deb,
            source,
        })
    }

    /// Completes a tree's directory with its manifest and makes it visible, unless one of the same
    /// key became visible first.
    pub(super) fn publish_tree(
        &self,
        making: tempfile::TempDir,
        file: &TreeFile,
        entries: Entries,
        place: &Path,
    ) -> Result<(), StoreError> {
        manifest::write(making.path(), &EntriesFile::new(entries))?;
        manifest::write(making.path(), file)?;
        disk::flush_all(making.path())?;
        if disk::publish(making.path(), place)? {
            // The name in `tmp/` is gone with the rename.
            let _ = making.keep();
        }
        Ok(())
    }

    pub(super) fn tree_place(&self, kind: &str, digest: &Sha256Digest) -> PathBuf {
        self.root
            .join("trees")
            .join(format!("{kind}-{}", digest.to_hex()))
    }
}

/// Makes the directory of a tree's files.
pub(super) fn make_root(making: &Path) -> Result<PathBuf, StoreError> {
    let root = making.join(ROOT);
    fs::create_dir(&root).map_err(failed("create the directory", &root))?;
    disk::open_to_all(&root)?;
    Ok(root)
}

//! Trees: unpacked packages, each made once and then opened by its manifest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{StoreError, failed};
use super::manifest::{self, EntriesFile, ManifestFile, TreeFile};
use super::{Store, disk, lease};
use crate::digest::{Hashing, Sha256Digest};
use crate::package::{Limits, PackageError, PackageFormat, PackageIdentity, unpack};
use crate::tree::{self, Entries};

/// The version of how packages of a format are unpacked; a change to what is written needs a new
/// one.
fn kind(format: PackageFormat) -> &'static str {
    match format {
        PackageFormat::Deb => "deb1",
        PackageFormat::Rpm => "rpm1",
        PackageFormat::Pacman => "pacman1",
        PackageFormat::Apk => "apk1",
    }
}

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
        package: &Sha256Digest,
        format: PackageFormat,
    ) -> Result<Option<TreeRecord>, StoreError> {
        let place = self.tree_place(kind(format), package);
        let Some(file) = self.use_tree(&place)? else {
            return Ok(None);
        };
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

    /// Returns how many bytes the files of a package's tree have, at the cost of reading one small
    /// file; `None` if it is not unpacked. A tree that was made before that was written down is read
    /// for it.
    pub fn unpacked_bytes(
        &self,
        package: &Sha256Digest,
        format: PackageFormat,
    ) -> Result<Option<u64>, StoreError> {
        let place = self.tree_place(kind(format), package);
        let Some(file) = manifest::read::<TreeFile>(&place)? else {
            return Ok(None);
        };
        match file.bytes {
            Some(bytes) => Ok(Some(bytes)),
            None => {
                let entries = existing_entries(&place, &file.digest)?;
                Ok(Some(tree::file_bytes(&entries)))
            }
        }
    }

    /// Returns a package's tree, and unpacks the package's blob if that was not done before.
    ///
    /// Of two that unpack one package at once, the first to finish wins and both return its tree.
    pub fn package_tree(
        &self,
        package: &Sha256Digest,
        format: PackageFormat,
        limits: &Limits,
    ) -> Result<PackageTree, StoreError> {
        if let Some(tree) = self.existing_package_tree(package, format)? {
            return Ok(tree);
        }
        let making = self.scratch.directory()?;
        let root = make_root(making.path())?;
        let unpacked = self.read_package(package, |bytes| unpack(format, bytes, &root, limits))?;
        let file = TreeFile::new(&unpacked.entries, Some(unpacked.identity));
        let place = self.tree_place(kind(format), package);
        self.publish_tree(making, &file, unpacked.entries, &place)?;
        self.existing_package_tree(package, format)?
            .ok_or_else(|| StoreError::CorruptTree {
                path: place,
                why: "it was removed while it was made".to_owned(),
            })
    }

    fn existing_package_tree(
        &self,
        package: &Sha256Digest,
        format: PackageFormat,
    ) -> Result<Option<PackageTree>, StoreError> {
        let Some(record) = self.package_tree_record(package, format)? else {
            return Ok(None);
        };
        let place = self.tree_place(kind(format), package);
        Ok(Some(PackageTree {
            directory: record.directory,
            entries: existing_entries(&place, &record.digest)?,
            digest: record.digest,
            identity: record.identity,
        }))
    }

    /// Reads a blob that is a package or a tarball; its bytes are hashed again as they pass. A blob
    /// that is not what its name says is reported as that, whatever `read` made of it.
    pub(super) fn read_package<T>(
        &self,
        package: &Sha256Digest,
        read: impl FnOnce(&mut Hashing<fs::File>) -> Result<T, PackageError>,
    ) -> Result<T, StoreError> {
        let path = self
            .blob_path(package)
            .ok_or(StoreError::NoBlob { digest: *package })?;
        let file = fs::File::open(&path).map_err(failed("open", &path))?;
        let mut bytes = Hashing::new(file);
        let made = read(&mut bytes);
        if let Err(source @ PackageError::Write { .. }) = made {
            return Err(StoreError::Package {
                digest: *package,
                source,
            });
        }
        io::copy(&mut bytes, &mut io::sink()).map_err(failed("read", &path))?;
        let (_, found, _) = bytes.finish();
        if found != *package {
            return Err(StoreError::CorruptBlob { path, found });
        }
        made.map_err(|source| StoreError::Package {
            digest: *package,
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
        let _using = lease::using(&self.root)?;
        if disk::publish(making.path(), place)? {
            // The name in `tmp/` is gone with the rename.
            let _ = making.keep();
        }
        disk::mark_used(&place.join(TreeFile::NAME), self.scratch.opened);
        Ok(())
    }

    /// Reads a tree's manifest if the tree is there, which then stays while the store is open.
    pub(super) fn use_tree(&self, place: &Path) -> Result<Option<TreeFile>, StoreError> {
        let _using = lease::using(&self.root)?;
        let file = manifest::read::<TreeFile>(place)?;
        if file.is_some() {
            disk::mark_used(&place.join(TreeFile::NAME), self.scratch.opened);
        }
        Ok(file)
    }

    pub(super) fn tree_place(&self, kind: &str, digest: &Sha256Digest) -> PathBuf {
        self.root
            .join("trees")
            .join(format!("{kind}-{}", digest.to_hex()))
    }
}

/// Reads the entries of a tree whose manifest has said its digest.
pub(super) fn existing_entries(place: &Path, digest: &Sha256Digest) -> Result<Entries, StoreError> {
    let corrupt = |why: &str| StoreError::CorruptTree {
        path: place.to_owned(),
        why: why.to_owned(),
    };
    let file = manifest::read::<EntriesFile>(place)?
        .ok_or_else(|| corrupt("it was removed while it was read"))?;
    if tree::digest(&file.entries) != *digest {
        return Err(corrupt("its entries do not have its digest"));
    }
    Ok(file.entries)
}

/// Makes the directory of a tree's files.
pub(super) fn make_root(making: &Path) -> Result<PathBuf, StoreError> {
    let root = making.join(ROOT);
    fs::create_dir(&root).map_err(failed("create the directory", &root))?;
    disk::open_to_all(&root)?;
    Ok(root)
}

//! Trees of source tarballs.

use std::path::PathBuf;

use super::Store;
use super::error::StoreError;
use super::manifest::TreeFile;
use super::trees::{ROOT, existing_entries, make_root};
use crate::digest::Sha256Digest;
use crate::package::{Limits, Strip, unpack_tarball};
use crate::tree::Entries;

/// The version of how tarballs are unpacked, with and without their top directory.
fn kind(strip: Strip) -> &'static str {
    match strip {
        Strip::Nothing => "tarball1",
        Strip::TopDirectory => "tarball1-stripped",
    }
}

/// An unpacked tarball.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarballTree {
    pub directory: PathBuf,
    pub entries: Entries,
    /// The digest of `entries`.
    pub digest: Sha256Digest,
}

impl Store {
    /// Returns a tarball's tree, and unpacks the tarball's blob if that was not done before.
    ///
    /// Of two that unpack one tarball at once, the first to finish wins and both return its tree.
    pub fn tarball_tree(
        &self,
        tarball: &Sha256Digest,
        strip: Strip,
        limits: &Limits,
    ) -> Result<TarballTree, StoreError> {
        if let Some(tree) = self.existing_tarball_tree(tarball, strip)? {
            return Ok(tree);
        }
        let making = self.scratch.directory()?;
        let root = make_root(making.path())?;
        let entries =
            self.read_package(tarball, |bytes| unpack_tarball(bytes, strip, &root, limits))?;
        let file = TreeFile::new(&entries, None);
        let place = self.tree_place(kind(strip), tarball);
        self.publish_tree(making, &file, entries, &place)?;
        self.existing_tarball_tree(tarball, strip)?
            .ok_or_else(|| StoreError::CorruptTree {
                path: place,
                why: "it was removed while it was made".to_owned(),
            })
    }

    fn existing_tarball_tree(
        &self,
        tarball: &Sha256Digest,
        strip: Strip,
    ) -> Result<Option<TarballTree>, StoreError> {
        let place = self.tree_place(kind(strip), tarball);
        let Some(file) = self.use_tree(&place)? else {
            return Ok(None);
        };
        Ok(Some(TarballTree {
            directory: place.join(ROOT),
            entries: existing_entries(&place, &file.digest)?,
            digest: file.digest,
        }))
    }
}

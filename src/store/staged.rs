//! Blobs that become visible together once all of them are there, or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::blobs::blob_place;
use super::error::{StoreError, failed};
use super::{Store, disk, lease};
use crate::digest::{Hashing, Sha256Digest};

/// Blobs that nobody sees yet. Dropping it removes them.
#[derive(Debug)]
pub struct Staging {
    store: Store,
    directory: tempfile::TempDir,
    blobs: BTreeMap<Sha256Digest, PathBuf>,
}

impl Store {
    /// Begins to gather blobs.
    pub fn stage(&self) -> Result<Staging, StoreError> {
        Ok(Staging {
            store: self.clone(),
            directory: self.scratch.directory()?,
            blobs: BTreeMap::new(),
        })
    }
}

impl Staging {
    /// Takes in a blob that `write` makes. One that is here or in the store already is not written
    /// again, and `write` is called all the same.
    ///
    /// # Errors
    ///
    /// [`StoreError::Mismatch`] if what was written has another digest or size.
    pub fn add<E: From<StoreError>>(
        &mut self,
        expected: (Sha256Digest, u64),
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let (digest, _) = expected;
        let is_known = self.blobs.contains_key(&digest) || self.store.blob_path(&digest).is_some();
        if is_known {
            let mut nowhere = Hashing::new(io::sink());
            write(&mut nowhere)?;
            let (_, found, bytes) = nowhere.finish();
            return Ok(check(expected, (found, bytes))?);
        }
        let path = self.directory.path().join(digest.to_hex());
        let file = File::create_new(&path).map_err(failed("create", &path))?;
        let mut file = Hashing::new(file);
        write(&mut file)?;
        let (_, found, bytes) = file.finish();
        check(expected, (found, bytes))?;
        self.blobs.insert(digest, path);
        Ok(())
    }

    /// Opens a blob that was taken in, or that the store has. Its bytes are not hashed again.
    pub fn open(&self, digest: &Sha256Digest) -> Result<Box<dyn Read + '_>, StoreError> {
        match self.blobs.get(digest) {
            Some(path) => {
                let file = File::open(path).map_err(failed("open", path))?;
                Ok(Box::new(file))
            }
            None => Ok(Box::new(self.store.open_blob(digest)?)),
        }
    }

    /// Makes everything visible, and returns how many blobs are new.
    pub fn publish(self) -> Result<usize, StoreError> {
        let root = self.store.root().to_owned();
        for path in self.blobs.values() {
            fs::set_permissions(path, fs::Permissions::from_mode(0o444))
                .map_err(failed("set the mode of", path))?;
        }
        // One call for all files before any of them is to be seen, and one for all names after.
        disk::flush_all(self.directory.path())?;
        let _using = lease::using(&root)?;
        for (digest, path) in &self.blobs {
            let place = blob_place(&root, digest);
            place.parent().map_or(Ok(()), disk::make_directories)?;
            rename(path, &place)?;
            disk::mark_used(&place, self.store.scratch.opened);
        }
        disk::flush_all(&root)?;
        Ok(self.blobs.len())
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(failed("rename into place", to))
}

fn check(expected: (Sha256Digest, u64), found: (Sha256Digest, u64)) -> Result<(), StoreError> {
    if expected == found {
        return Ok(());
    }
    Err(StoreError::Mismatch {
        expected: expected.0,
        expected_bytes: expected.1,
        found: found.0,
        found_bytes: found.1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(staging: &mut Staging, expected: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let expected = (Sha256Digest::of(expected), expected.len() as u64);
        staging.add(expected, |to| {
            to.write_all(bytes).expect("written");
            Ok::<_, StoreError>(())
        })
    }

    #[test]
    fn blobs_are_seen_together_or_never() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a store");
        let known = store.put(b"known").expect("stored");
        let mut dropped = store.stage().expect("a staging");
        add(&mut dropped, b"one", b"one").expect("added");
        drop(dropped);
        let mut staging = store.stage().expect("a staging");
        for bytes in [&b"one"[..], b"two", b"one", b"known"] {
            add(&mut staging, bytes, bytes).expect("added");
        }
        let one = Sha256Digest::of(b"one");
        assert!(store.blob_path(&one).is_none());
        let mut text = String::new();
        let mut reader = staging.open(&one).expect("it is there");
        reader.read_to_string(&mut text).expect("read");
        drop(reader);
        assert_eq!(text, "one");
        assert!(staging.open(&known).is_ok());
        assert_eq!(staging.publish().expect("published"), 2);
        assert_eq!(store.read_blob(&one, 9).expect("a blob"), b"one");
    }

    #[test]
    fn other_bytes_are_refused_even_where_the_blob_is_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a store");
        store.put(b"known").expect("stored");
        let mut staging = store.stage().expect("a staging");
        for expected in [&b"known"[..], b"other"] {
            let refused = add(&mut staging, expected, b"wrong");
            assert!(matches!(refused, Err(StoreError::Mismatch { .. })));
        }
        assert_eq!(staging.publish().expect("published"), 0);
    }
}

//! Blobs: bytes under the name of their digest.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::error::{StoreError, failed};
use super::scratch::Scratch;
use super::{Store, disk, lease};
use crate::digest::{Hashing, Sha256Digest};

impl Store {
    /// Returns where a blob is, or `None` if the store has not got it. Whoever reads the file must
    /// hash it again; [`Store::open_blob`] does.
    pub fn blob_path(&self, digest: &Sha256Digest) -> Option<PathBuf> {
        let path = blob_place(&self.root, digest);
        // Without the lock it may be gone the moment after; where there is none, there is no store.
        let _using = lease::using(&self.root).ok()?;
        if !path.is_file() {
            return None;
        }
        disk::mark_used(&path, self.scratch.opened);
        Some(path)
    }

    /// Starts a blob whose bytes come in pieces.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        Ok(BlobWriter {
            root: self.root.clone(),
            file: Hashing::new(self.scratch.file()?),
            scratch: Arc::clone(&self.scratch),
        })
    }

    /// Stores bytes that are in memory.
    pub fn put(&self, bytes: &[u8]) -> Result<Sha256Digest, StoreError> {
        let mut writer = self.blob_writer()?;
        let path = writer.path();
        writer.write_all(bytes).map_err(failed("write", path))?;
        Ok(writer.commit(None)?.0)
    }

    /// Copies a file into the store, which must have this digest, and returns its size. A blob that
    /// is there already is not copied, and the file not looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Mismatch`] if the file has another digest; nothing of it stays then.
    pub fn put_file(&self, path: &Path, expected: &Sha256Digest) -> Result<u64, StoreError> {
        if let Some(known) = self.blob_path(expected) {
            let metadata = fs::metadata(&known).map_err(failed("read", known))?;
            return Ok(metadata.len());
        }
        // A fifo would be waited for.
        let metadata = fs::metadata(path).map_err(failed("read", path))?;
        if !metadata.is_file() {
            let error = io::Error::other("it is no file");
            return Err(failed("read", path)(error));
        }
        let mut file = File::open(path).map_err(failed("open", path))?;
        let mut writer = self.blob_writer()?;
        io::copy(&mut file, &mut writer).map_err(failed("copy", path))?;
        let bytes = Hashing::bytes(&writer.file);
        Ok(writer.commit(Some((*expected, bytes)))?.1)
    }

    /// Returns true if a blob is there, whatever its bytes are.
    pub fn has_blob(&self, digest: &Sha256Digest) -> bool {
        blob_place(&self.root, digest).is_file()
    }

    /// Opens a blob for reading; the reader's end is an error if the bytes were not the digest's.
    pub fn open_blob(&self, digest: &Sha256Digest) -> Result<BlobReader, StoreError> {
        Ok(BlobReader {
            expected: *digest,
            path: blob_place(&self.root, digest),
            state: Some(Hashing::new(self.open_unhashed(digest)?)),
        })
    }

    /// Opens a blob for somebody who hashes what is read.
    pub fn open_unhashed(&self, digest: &Sha256Digest) -> Result<File, StoreError> {
        let path = blob_place(&self.root, digest);
        let _using = lease::using(&self.root)?;
        match File::open(&path) {
            Ok(file) => {
                disk::mark_used(&path, self.scratch.opened);
                Ok(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::NoBlob { digest: *digest })
            }
            Err(error) => Err(failed("open", path)(error)),
        }
    }

    /// Reads a blob of at most `limit` bytes and refuses it if it is corrupt.
    pub fn read_blob(&self, digest: &Sha256Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut reader = self.open_blob(digest)?;
        let path = reader.path.clone();
        let mut bytes = Vec::new();
        (&mut reader)
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(error, path))?;
        if bytes.len() as u64 > limit {
            return Err(StoreError::TooLarge {
                digest: *digest,
                limit,
            });
        }
        Ok(bytes)
    }
}

/// A blob that is being written: nobody sees it before [`BlobWriter::commit`], and dropping it
/// removes it.
pub struct BlobWriter {
    root: PathBuf,
    file: Hashing<NamedTempFile>,
    scratch: Arc<Scratch>,
}

impl BlobWriter {
    /// Returns where the bytes go for now, for messages.
    pub fn path(&self) -> PathBuf {
        self.file.get_ref().path().to_owned()
    }

    /// Makes the blob visible and returns its digest and size, unless another digest or size was
    /// expected; then nothing stays.
    pub fn commit(
        self,
        expected: Option<(Sha256Digest, u64)>,
    ) -> Result<(Sha256Digest, u64), StoreError> {
        let (file, found, found_bytes) = self.file.finish();
        if let Some((expected, expected_bytes)) = expected
            && (expected, expected_bytes) != (found, found_bytes)
        {
            return Err(StoreError::Mismatch {
                expected,
                expected_bytes,
                found,
                found_bytes,
            });
        }
        let place = blob_place(&self.root, &found);
        if let Some(directory) = place.parent() {
            disk::make_directories(directory)?;
        }
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o444))
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed("flush", file.path()))?;
        // A blob that is there already is replaced by the same bytes, which mends a corrupt one.
        let file = file.into_temp_path();
        let _using = lease::using(&self.root)?;
        disk::publish(&file, &place)?;
        disk::mark_used(&place, self.scratch.opened);
        Ok((found, found_bytes))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a blob and checks at its end that the bytes were those of its digest.
pub struct BlobReader {
    expected: Sha256Digest,
    path: PathBuf,
    /// `None` once the end was seen and good.
    state: Option<Hashing<File>>,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(hashing) = &mut self.state else {
            return Ok(0);
        };
        let count = hashing.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.check_end()?;
        }
        Ok(count)
    }
}

impl BlobReader {
    fn check_end(&mut self) -> io::Result<()> {
        let Some(hashing) = self.state.take() else {
            return Ok(());
        };
        let (_, found, _) = hashing.finish();
        if found == self.expected {
            return Ok(());
        }
        Err(io::Error::other(StoreError::CorruptBlob {
            path: self.path.clone(),
            found,
        }))
    }

    /// Returns the blob's file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes the store's own error back out of a [`BlobReader`]'s.
pub(crate) fn unreadable(error: io::Error, path: PathBuf) -> StoreError {
    error
        .downcast::<StoreError>()
        .unwrap_or_else(failed("read", path))
}

pub(super) fn blob_place(root: &Path, digest: &Sha256Digest) -> PathBuf {
    let hex = digest.to_hex();
    root.join("blobs/sha256").join(&hex[..2]).join(hex)
}

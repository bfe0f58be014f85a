//! Content-addressed blobs: a stand-in with the agreed signatures until the real store lands.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Hashing, Sha256Digest};

/// Says why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot use the store at `{path}`")]
    Io { path: PathBuf, source: io::Error },
    #[error("the bytes are {found}, not {expected}")]
    WrongDigest {
        expected: Sha256Digest,
        found: Sha256Digest,
    },
    #[error("the store has no {0}")]
    Missing(Sha256Digest),
    #[error("{digest} has more than {limit} bytes")]
    TooLarge { digest: Sha256Digest, limit: u64 },
}

/// A directory of blobs by digest.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

/// One blob on its way into the store; dropped without a commit, nothing stays.
pub struct BlobWriter {
    root: PathBuf,
    file: Hashing<tempfile::NamedTempFile>,
}

impl Store {
    /// Opens the store, and makes it where it does not exist yet.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(root).map_err(|source| StoreError::Io {
            path: root.to_owned(),
            source,
        })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Returns where a blob is, or `None`.
    pub fn blob_path(&self, digest: &Sha256Digest) -> Option<PathBuf> {
        let path = self.root.join(digest.to_hex());
        path.is_file().then_some(path)
    }

    /// Starts a blob.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        let file =
            tempfile::NamedTempFile::new_in(&self.root).map_err(|source| StoreError::Io {
                path: self.root.clone(),
                source,
            })?;
        Ok(BlobWriter {
            root: self.root.clone(),
            file: Hashing::new(file),
        })
    }

    /// Reads a blob of at most `limit` bytes.
    pub fn read_blob(&self, digest: &Sha256Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest).ok_or(StoreError::Missing(*digest))?;
        let failed = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .map_err(failed)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(StoreError::TooLarge {
                digest: *digest,
                limit,
            });
        }
        Ok(bytes)
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

impl BlobWriter {
    /// Keeps the blob, if it is what was expected.
    pub fn commit(
        self,
        expected: Option<(Sha256Digest, u64)>,
    ) -> Result<(Sha256Digest, u64), StoreError> {
        let (file, found, bytes) = self.file.finish();
        if let Some((expected, _)) = expected.filter(|wanted| *wanted != (found, bytes)) {
            return Err(StoreError::WrongDigest { expected, found });
        }
        let path = self.root.join(found.to_hex());
        file.persist(&path).map_err(|error| StoreError::Io {
            path,
            source: error.error,
        })?;
        Ok((found, bytes))
    }
}

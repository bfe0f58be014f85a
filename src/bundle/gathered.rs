//! What an archive will hold, once it was gathered, and writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::bundle::format::MemberPath;
use crate::bundle::index::{Index, InputKind, Kind, Member, Release, SCHEMA};
use crate::bundle::write::{ArchiveWriter, IndexSignature, WriteError};
use crate::digest::Sha256Digest;
use crate::ledger::LedgerError;
use crate::store::{Store, StoreError};

/// Says why an archive cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("there is no run `{run}`")]
    NoRun { run: String },
    #[error("the run `{run}` promised no cell")]
    NoCells { run: String },
    #[error("{what} is needed as evidence, and the store has no {digest}")]
    Missing { what: String, digest: Sha256Digest },
    #[error("no archive holds a file of the name `{path}`")]
    Path { path: String },
    #[error("two different files would both be `{path}` in the archive")]
    Twice { path: String },
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

/// A file that somebody else made for the archive: the report, a policy, keys.
#[derive(Debug, Clone)]
pub struct Extra {
    /// Where it stands in the archive.
    pub path: String,
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

/// Where a member's bytes are.
#[derive(Debug)]
pub(super) enum From {
    Store,
    Memory(Vec<u8>),
    File(PathBuf),
}

/// Everything that an archive will hold.
#[derive(Debug)]
pub struct Contents {
    pub(super) members: BTreeMap<MemberPath, (Member, From)>,
    pub(super) absent: BTreeSet<Sha256Digest>,
    pub(super) release: Release,
    pub(super) inputs: Vec<InputKind>,
    /// Has the records, until the archive is written.
    pub(super) scratch: tempfile::TempDir,
}

impl Contents {
    /// Returns the index of the archive.
    pub fn index(&self, signed: bool) -> Index {
        Index {
            schema_version: SCHEMA,
            release: self.release.clone(),
            signed,
            inputs: self.inputs.clone(),
            absent: self.absent.iter().copied().collect(),
            members: self.members.values().map(|(one, _)| one.clone()).collect(),
        }
    }

    /// Writes the archive. `index` is this value's own.
    pub fn write<W: Write>(
        &self,
        store: &Store,
        index: &Index,
        signature: Option<&IndexSignature>,
        out: W,
    ) -> Result<W, ExportError> {
        let mut archive = ArchiveWriter::new(out, index, signature)?;
        for (member, from) in self.members.values() {
            match from {
                From::Store => archive.add(member, store.open_blob(&member.sha256)?)?,
                From::Memory(bytes) => archive.add(member, &bytes[..])?,
                From::File(path) => {
                    let file = File::open(path).map_err(|source| ExportError::Io {
                        doing: "open",
                        path: path.clone(),
                        source,
                    })?;
                    archive.add(member, file)?;
                }
            }
        }
        Ok(archive.finish()?)
    }
}

//! What an archive will hold, once it was gathered, and writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use crate::bundle::format::{Limits, MemberPath};
use crate::bundle::held::{Contradiction, Members, Unheld, hold};
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
    /// What was recorded and signed of the run is not of one release.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
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

impl std::convert::From<Unheld> for ExportError {
    fn from(error: Unheld) -> Self {
        match error {
            Unheld::Contradiction(contradiction) => contradiction.into(),
            Unheld::Store(error) => error.into(),
        }
    }
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

    /// Holds everything against each other as whoever takes the archive in does, before anybody signs it.
    /// `index` is this value's own.
    pub fn hold(&self, store: &Store, index: &Index) -> Result<(), ExportError> {
        let members = self.members.values();
        let outgoing = Outgoing {
            store,
            members: members.map(|(one, from)| (one.sha256, from)).collect(),
        };
        hold(&outgoing, index, &Limits::default())?;
        Ok(())
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
                From::Store => archive.add(member, store.open_unhashed(&member.sha256)?)?,
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

/// The members of an archive that is not written yet.
struct Outgoing<'a> {
    store: &'a Store,
    members: BTreeMap<Sha256Digest, &'a From>,
}

impl Members for Outgoing<'_> {
    fn open(&self, digest: &Sha256Digest) -> Result<Box<dyn Read + '_>, StoreError> {
        match self.members.get(digest) {
            Some(From::Memory(bytes)) => Ok(Box::new(&bytes[..])),
            Some(From::File(path)) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(source) => Err(StoreError::Io {
                    doing: "open",
                    path: path.clone(),
                    source,
                }),
            },
            Some(From::Store) | None => Ok(Box::new(self.store.open_blob(digest)?)),
        }
    }
}

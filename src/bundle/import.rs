//! Taking an archive in: all of it, or nothing.
//!
//! Blobs are gathered where nobody sees them, records are read and held against the index, and only
//! then is anything made visible: blobs first, and the records that name them in one transaction.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::bundle::attested::MOST_OF_A_STATEMENT;
use crate::bundle::authority::{Authority, Signature};
use crate::bundle::contents::LEDGER;
use crate::bundle::filed::filed;
use crate::bundle::format::Limits;
use crate::bundle::held::{Contradiction, Unheld, digest_of, hold};
use crate::bundle::index::{Index, Kind, Member};
use crate::bundle::lines::Lines;
use crate::bundle::read::{ArchiveReader, Damage, ReadError};
use crate::digest::Sha256Digest;
use crate::ledger::{
    Added, ArchiveRecord, AttestationRecord, ForeignAttestation, ForeignKind, Ledger, LedgerError,
};
use crate::store::{Staging, Store, StoreError};

/// Says why an archive is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot open the archive `{}`", path.display())]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot make a directory for what is checked")]
    Scratch(#[source] std::io::Error),
    #[error("the archive `{}` cannot be read to its end", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}` is no evidence archive: it does not begin with an index", path.display())]
    Foreign { path: PathBuf },
    #[error("the archive is damaged or was doctored: {0}")]
    Damage(Damage),
    /// Nobody who is trusted signed it, or the signature does not hold.
    #[error("the archive's signature does not hold: {0}")]
    Signature(String),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was read of an archive, and who signed it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub digest: Sha256Digest,
    pub index: Index,
    /// `None` if it was taken unsigned.
    pub signer: Option<String>,
    /// The first time that is vouched for of its signature.
    pub signed: Option<Timestamp>,
}

/// What an import came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    #[serde(flatten)]
    pub checked: Checked,
    /// False if the archive was there already. What was lost of it since is put back, and who signed what
    /// is found out again.
    pub is_new: bool,
    pub records: Added,
    /// Blobs that the store did not have.
    pub blobs: usize,
}

/// Opens an archive and finds out who signed it, and reads nothing else.
pub fn open(
    path: &Path,
    limits: &Limits,
    authority: &impl Authority,
) -> Result<(ArchiveReader<File>, Checked), ImportError> {
    let unopened = |source| ImportError::Open {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unopened)?;
    if file.metadata().map_err(unopened)?.is_dir() {
        return Err(unopened(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut reader =
        ArchiveReader::open(file, limits).map_err(|error| ImportError::of(path, error))?;
    let digest = reader.digest();
    let signature = match authority.of_index(&digest, reader.signature()) {
        Ok(signature) => signature,
        Err(why) => {
            return Err(match reader.damage() {
                Some(damage) => ImportError::Damage(damage),
                None => ImportError::Signature(why),
            });
        }
    };
    let checked = Checked {
        digest,
        index: reader.index().clone(),
        signed: signature.as_ref().and_then(Signature::first_time),
        signer: signature.map(|signature| signature.signer),
    };
    Ok((reader, checked))
}

/// Reads an archive to its end, holds every byte and every record against the others, and keeps
/// nothing.
pub fn check(
    path: &Path,
    limits: &Limits,
    authority: &impl Authority,
) -> Result<Checked, ImportError> {
    let (reader, checked) = open(path, limits, authority)?;
    // What is held against something else; of the rest the digests say all.
    let is_kept = |member: &Member| match member.kind {
        Kind::Ledger | Kind::Lock | Kind::Attestation | Kind::Source => true,
        Kind::Module
        | Kind::Matrix
        | Kind::Policy
        | Kind::Trust
        | Kind::Report
        | Kind::Spec
        | Kind::Log
        | Kind::Signed
        | Kind::Package
        | Kind::Image => false,
    };
    let scratch = tempfile::tempdir().map_err(ImportError::Scratch)?;
    let store = Store::open(scratch.path())?;
    let staging = stage(path, reader, &store, is_kept)?;
    hold(&staging, &checked.index, limits)?;
    Ok(checked)
}

/// Takes an archive in, or nothing of it. One that is known is read all the same: what was lost of it is
/// put back, and what can be told now of who signed it takes the place of what could not.
pub fn import(
    path: &Path,
    limits: &Limits,
    store: &Store,
    ledger: &mut Ledger,
    authority: &impl Authority,
    now: Timestamp,
) -> Result<Imported, ImportError> {
    let (reader, mut checked) = open(path, limits, authority)?;
    let staging = stage(path, reader, store, |_| true)?;
    let lists = hold(&staging, &checked.index, limits)?;
    let ledger_digest = digest_of(&checked.index, LEDGER)?;
    let blobs = staging.publish()?;
    for list in lists {
        store.source_of_blobs(&list.entries)?;
    }
    let known = ledger.archive(&checked.digest)?;
    let found_out = match &known {
        Some(known) => {
            checked.signer = checked.signer.or_else(|| known.signer.clone());
            checked.signed = checked.signed.or(known.signed);
            found_out(ledger, &checked.digest)?
        }
        None => BTreeMap::new(),
    };
    let release = &checked.index.release;
    let archive = ArchiveRecord {
        digest: checked.digest,
        release: release.name.clone(),
        run: release.run.clone(),
        plan: release.plan,
        signer: checked.signer.clone(),
        signed: checked.signed,
        imported: known.as_ref().map_or(now, |known| known.imported),
    };
    // The same bytes as before: the blob is hashed again as it is read.
    let lines = Lines::of(store.open_blob(&ledger_digest)?);
    let rows = lines.map(|line| {
        let (row, _) = line?;
        Ok::<_, ImportError>(filed(row, |record: &AttestationRecord| {
            let bundle = store.read_blob(&record.bundle, MOST_OF_A_STATEMENT).ok()?;
            let signature = authority.of_statement(&record.payload, &bundle);
            signature.or_else(|| found_out.get(&(record.payload, record.bundle)).cloned())
        }))
    });
    let records = ledger.add_archive(&archive, rows)?;
    Ok(Imported {
        checked,
        is_new: known.is_none(),
        records,
        blobs,
    })
}

/// Returns what was found out before of an archive's signatures, by payload and bundle.
fn found_out(
    ledger: &Ledger,
    archive: &Sha256Digest,
) -> Result<BTreeMap<(Sha256Digest, Sha256Digest), Signature>, LedgerError> {
    let records = ledger.foreign_records(archive, ForeignKind::Attestation)?;
    let verified = records.into_iter().filter_map(|(_, one)| {
        let ForeignAttestation {
            record,
            verified_signer,
            verified_times,
        } = one;
        let signature = Signature {
            signer: verified_signer?,
            times: verified_times,
        };
        Some(((record.payload, record.bundle), signature))
    });
    Ok(verified.collect())
}

/// Copies members to where nobody sees them, and reads the archive to its end.
fn stage(
    path: &Path,
    mut reader: ArchiveReader<File>,
    store: &Store,
    is_kept: impl Fn(&Member) -> bool,
) -> Result<Staging, ImportError> {
    let mut staging = store.stage()?;
    while let Some(member) = reader.upcoming() {
        let expected = (member.sha256, member.bytes);
        if !is_kept(member) {
            reader
                .copy_to(&mut std::io::sink())
                .map_err(|error| ImportError::of(path, error))?;
            continue;
        }
        let copied = staging.add(expected, |to| reader.copy_to(to).map_err(Stage::Read));
        copied.map_err(|error| match error {
            Stage::Read(error) => ImportError::of(path, error),
            Stage::Store(error) => error.into(),
        })?;
    }
    reader
        .finish()
        .map_err(|error| ImportError::of(path, error))?;
    Ok(staging)
}

/// Why a member was not copied.
enum Stage {
    Read(ReadError),
    Store(StoreError),
}

impl From<Unheld> for ImportError {
    fn from(error: Unheld) -> Self {
        match error {
            Unheld::Contradiction(contradiction) => contradiction.into(),
            Unheld::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Stage {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ImportError {
    /// Returns true if it is the archive that does not hold.
    pub fn is_of_the_archive(&self) -> bool {
        match self {
            Self::Damage(_) | Self::Signature(_) | Self::Contradiction(_) => true,
            Self::Open { .. }
            | Self::Scratch(_)
            | Self::Read { .. }
            | Self::Foreign { .. }
            | Self::Ledger(_)
            | Self::Store(_) => false,
        }
    }

    pub(super) fn of(path: &Path, error: ReadError) -> Self {
        match error {
            ReadError::Damage(damage) => Self::Damage(damage),
            ReadError::Foreign => Self::Foreign {
                path: path.to_owned(),
            },
            ReadError::Read(source) | ReadError::Write(source) => Self::Read {
                path: path.to_owned(),
                source,
            },
        }
    }
}

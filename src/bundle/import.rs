//! Taking an archive in: all of it, or nothing.
//!
//! Blobs are gathered where nobody sees them, records are read and held against the index, and only
//! then is anything made visible: blobs first, and the records that name them in one transaction.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use crate::attest::Envelope;
use crate::bundle::contents::{LEDGER, LOCK, TREES, TreeList, named};
use crate::bundle::format::Limits;
use crate::bundle::index::{Index, Kind, Member};
use crate::bundle::read::{ArchiveReader, Damage, ReadError};
use crate::bundle::row::Row;
use crate::bundle::write::IndexSignature;
use crate::digest::Sha256Digest;
use crate::ledger::{
    Added, ArchiveRecord, AttestationRecord, ForeignKind, ForeignRow, Ledger, LedgerError,
};
use crate::store::{Staging, Store, StoreError};
use crate::tree;

/// The most bytes of one record, of a signed statement, and of the list of a tree.
const MOST_OF_A_RECORD: u64 = 64 << 20;
const MOST_OF_A_STATEMENT: u64 = 64 << 20;
const MOST_OF_A_LIST: u64 = 256 << 20;

/// Says why an archive is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot open the archive `{}`", path.display())]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the archive `{}` cannot be read to its end", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the archive is damaged or was doctored: {0}")]
    Damage(Damage),
    /// Nobody who is trusted signed it, or the signature does not hold.
    #[error("the archive's signature does not hold: {0}")]
    Signature(String),
    /// What its own signer put together contradicts itself.
    #[error("line {line} of `{LEDGER}` does not hold: {why}")]
    Record { line: u64, why: String },
    #[error("`{member}` does not hold: {why}")]
    Member { member: String, why: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who answers for what is in an archive.
pub trait Authority {
    /// Returns who signed an index, or why nobody did who is trusted; `None` if it is taken unsigned.
    fn of_index(
        &self,
        digest: &Sha256Digest,
        signature: Option<&IndexSignature>,
    ) -> Result<Option<String>, String>;

    /// Returns who signed a statement of this payload; `None` if nobody did who is trusted.
    fn of_statement(&self, payload: &Sha256Digest, bundle: &[u8]) -> Option<String>;
}

/// What was read of an archive, and who signed it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub digest: Sha256Digest,
    pub index: Index,
    /// `None` if it was taken unsigned.
    pub signer: Option<String>,
}

/// What an import came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    #[serde(flatten)]
    pub checked: Checked,
    /// False if the archive was there already, and nothing was done.
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
    let file = File::open(path).map_err(|source| ImportError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut reader =
        ArchiveReader::open(file, limits).map_err(|error| ImportError::of(path, error))?;
    let digest = reader.digest();
    let signer = match authority.of_index(&digest, reader.signature()) {
        Ok(signer) => signer,
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
        signer,
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
        Kind::Ledger | Kind::Attestation | Kind::Source => true,
        Kind::Module
        | Kind::Lock
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
    let scratch = tempfile::tempdir().map_err(|source| ImportError::Open {
        path: std::env::temp_dir(),
        source,
    })?;
    let store = Store::open(scratch.path())?;
    let staging = stage(path, reader, &store, is_kept)?;
    check_rows(&staging, &checked.index)?;
    tree_lists(&staging, &checked.index)?;
    Ok(checked)
}

/// Takes an archive in, or nothing of it.
pub fn import(
    path: &Path,
    limits: &Limits,
    store: &Store,
    ledger: &mut Ledger,
    authority: &impl Authority,
    now: Timestamp,
) -> Result<Imported, ImportError> {
    let (reader, checked) = open(path, limits, authority)?;
    if ledger.archive(&checked.digest)?.is_some() {
        return Ok(Imported {
            checked,
            is_new: false,
            records: Added::default(),
            blobs: 0,
        });
    }
    let staging = stage(path, reader, store, |_| true)?;
    let index = &checked.index;
    check_rows(&staging, index)?;
    let lists = tree_lists(&staging, index)?;
    let ledger_digest = digest_of(index, LEDGER)?;
    let blobs = staging.publish()?;
    for list in lists {
        store.source_of_blobs(&list.entries)?;
    }
    let archive = ArchiveRecord {
        digest: checked.digest,
        release: index.release.name.clone(),
        run: index.release.run.clone(),
        plan: index.release.plan,
        signer: checked.signer.clone(),
        imported: now,
    };
    // The same bytes as before: the blob is hashed again as it is read.
    let lines = Lines::of(store.open_blob(&ledger_digest)?);
    let rows = lines.map(|line| {
        let (row, _) = line?;
        Ok::<_, ImportError>(filed(row, |record| {
            let bundle = store.read_blob(&record.bundle, MOST_OF_A_STATEMENT).ok()?;
            authority.of_statement(&record.payload, &bundle)
        }))
    });
    let records = ledger.add_archive(&archive, rows)?;
    Ok(Imported {
        checked,
        is_new: true,
        records,
        blobs,
    })
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

impl From<StoreError> for Stage {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ImportError {
    pub(super) fn of(path: &Path, error: ReadError) -> Self {
        match error {
            ReadError::Damage(damage) => Self::Damage(damage),
            ReadError::Read(source) | ReadError::Write(source) => Self::Read {
                path: path.to_owned(),
                source,
            },
        }
    }
}

fn digest_of(index: &Index, path: &str) -> Result<Sha256Digest, ImportError> {
    let mut members = index.members.iter();
    let found = members.find(|member| member.path.as_str() == path);
    let member = found.ok_or_else(|| ImportError::Member {
        member: path.to_owned(),
        why: "it is not there".to_owned(),
    })?;
    Ok(member.sha256)
}

/// Reads every record, and refuses those that contradict the index, each other, or what they name.
fn check_rows(staging: &Staging, index: &Index) -> Result<(), ImportError> {
    if digest_of(index, LOCK)? != index.release.lock {
        return Err(ImportError::Member {
            member: LOCK.to_owned(),
            why: "it is not the lock that the release names".to_owned(),
        });
    }
    let members = index.members.iter().map(|member| member.sha256);
    let mut known = Known {
        held: members.chain(index.absent.iter().copied()).collect(),
        inputs: BTreeSet::new(),
        kernels: BTreeSet::new(),
        cells: BTreeSet::new(),
        runs: BTreeSet::new(),
        named_runs: BTreeSet::new(),
    };
    let mut last = 0;
    for line in Lines::of(staging.open(&digest_of(index, LEDGER)?)?) {
        let (row, line) = line?;
        last = line;
        let refuse = |why: String| ImportError::Record { line, why };
        if line == 1 {
            match &row {
                Row::Run { record }
                    if record.id == index.release.run && record.plan == index.release.plan => {}
                _ => return Err(refuse("it is not the run that the index names".to_owned())),
            }
        }
        known.take(&row, index).map_err(refuse)?;
        if let Row::Attestation { record } = &row {
            statement(staging, record).map_err(refuse)?;
        }
    }
    if let Some(run) = known.named_runs.difference(&known.runs).next() {
        let why = format!("attempts name the run `{run}`, of which there is no record");
        return Err(ImportError::Record { line: last, why });
    }
    if known.cells.is_empty() {
        let why = "there is no cell".to_owned();
        return Err(ImportError::Record { line: last, why });
    }
    Ok(())
}

/// What the records before have said.
struct Known {
    /// Every digest that is in the archive, or is said not to be.
    held: BTreeSet<Sha256Digest>,
    inputs: BTreeSet<Sha256Digest>,
    kernels: BTreeSet<Sha256Digest>,
    cells: BTreeSet<String>,
    runs: BTreeSet<String>,
    named_runs: BTreeSet<String>,
}

impl Known {
    fn take(&mut self, row: &Row, index: &Index) -> Result<(), String> {
        match row {
            Row::Run { record } => {
                if !self.runs.insert(record.id.clone()) {
                    return Err(format!("the run `{}` stands there twice", record.id));
                }
            }
            Row::Cell { run, record } => {
                if *run != index.release.run {
                    return Err(format!(
                        "it is of the run `{run}`, and not of the archive's"
                    ));
                }
                if !self.cells.insert(record.id.to_string()) {
                    return Err(format!("the cell {} stands there twice", record.id));
                }
                self.inputs.insert(record.inputs.digest());
                let prepared = record.inputs.prepared.as_ref();
                self.kernels.extend(prepared.map(|kernel| kernel.digest()));
            }
            Row::Attempt { inputs, record } => {
                self.is_of(inputs, &self.inputs)?;
                self.has_all(&named(record))?;
                self.named_runs.insert(record.run.clone());
            }
            Row::Comparison { inputs, .. } => self.is_of(inputs, &self.inputs)?,
            Row::Preparation { kernel, record } => {
                self.is_of(kernel, &self.kernels)?;
                self.has_all(&[record.spec, record.log])?;
                self.named_runs.insert(record.run.clone());
            }
            Row::Attestation { record } => {
                if record.run != index.release.run {
                    return Err(format!("it is of the run `{}`", record.run));
                }
                let cell = record.cell.as_ref().map(ToString::to_string);
                if let Some(cell) = cell.filter(|cell| !self.cells.contains(cell)) {
                    return Err(format!("it is of the cell {cell}, which is not there"));
                }
                self.has_all(&[record.bundle, record.envelope])?;
            }
        }
        Ok(())
    }

    fn is_of(&self, digest: &Sha256Digest, known: &BTreeSet<Sha256Digest>) -> Result<(), String> {
        if known.contains(digest) {
            return Ok(());
        }
        Err(format!("it is of {digest}, and no cell before it is"))
    }

    fn has_all(&self, digests: &[Sha256Digest]) -> Result<(), String> {
        match digests.iter().find(|digest| !self.held.contains(*digest)) {
            Some(digest) => Err(format!(
                "it names {digest}, which the archive does not hold"
            )),
            None => Ok(()),
        }
    }
}

/// Holds a statement's envelope against what the record says of it.
fn statement(staging: &Staging, record: &AttestationRecord) -> Result<(), String> {
    let mut bytes = Vec::new();
    staging
        .open(&record.envelope)
        .map_err(|error| error.to_string())?
        .take(MOST_OF_A_STATEMENT)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let envelope: Envelope = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{} is no envelope: {error}", record.envelope))?;
    let payload = STANDARD.decode(&envelope.payload);
    let found = payload.map(|payload| Sha256Digest::of(&payload));
    if found == Ok(record.payload) {
        return Ok(());
    }
    Err(format!(
        "the payload of {} is not the one that it names",
        record.envelope
    ))
}

/// Reads the lists of the source trees, and holds each against its name and against the members.
fn tree_lists(staging: &Staging, index: &Index) -> Result<Vec<TreeList>, ImportError> {
    let held: BTreeSet<Sha256Digest> = index.members.iter().map(|one| one.sha256).collect();
    let mut lists = Vec::new();
    for member in index.of(Kind::Source) {
        let path = member.path.as_str();
        let Some(name) = path.strip_prefix(TREES) else {
            continue;
        };
        let refuse = |why: String| ImportError::Member {
            member: path.to_owned(),
            why,
        };
        let reader = staging.open(&member.sha256)?.take(MOST_OF_A_LIST);
        let list: TreeList = serde_json::from_reader(BufReader::new(reader))
            .map_err(|error| refuse(error.to_string()))?;
        let is_named = name == format!("{}.json", list.tree.to_hex());
        if !is_named || tree::digest(&list.entries) != list.tree {
            return Err(refuse("it is the list of another tree".to_owned()));
        }
        let missing = list.entries.values().find_map(|entry| match entry {
            tree::Entry::File { digest, .. } if !held.contains(digest) => Some(*digest),
            tree::Entry::File { .. } | tree::Entry::Directory | tree::Entry::Symlink { .. } => None,
        });
        if let Some(digest) = missing {
            return Err(refuse(format!("the archive does not hold {digest}")));
        }
        lists.push(list);
    }
    Ok(lists)
}

/// Returns a record as the ledger files it. Who signed a statement is what was found out here; what a
/// record merely says is marked as that.
fn filed(row: Row, signer: impl Fn(&AttestationRecord) -> Option<String>) -> ForeignRow {
    let (kind, run, cell, inputs, record) = match row {
        Row::Run { record } => {
            let json = text(&record);
            (ForeignKind::Run, Some(record.id), None, None, json)
        }
        Row::Cell { run, record } => {
            let json = text(&record);
            let inputs = record.inputs.digest();
            let cell = Some(record.id);
            (ForeignKind::Cell, Some(run), cell, Some(inputs), json)
        }
        Row::Attempt { inputs, record } => {
            let json = text(&record);
            let run = Some(record.run);
            (ForeignKind::Attempt, run, None, Some(inputs), json)
        }
        Row::Comparison {
            inputs,
            number,
            record,
        } => {
            let json = text(&(number, record));
            (ForeignKind::Comparison, None, None, Some(inputs), json)
        }
        Row::Preparation { kernel, record } => {
            let json = text(&record);
            let run = Some(record.run);
            (ForeignKind::Preparation, run, None, Some(kernel), json)
        }
        Row::Attestation { mut record } => {
            record.signer = match signer(&record) {
                Some(signer) => signer,
                None => format!("{UNVERIFIED}{}", record.signer),
            };
            let json = text(&record);
            let (run, cell) = (Some(record.run), record.cell);
            (ForeignKind::Attestation, run, cell, record.inputs, json)
        }
    };
    ForeignRow {
        kind,
        run,
        cell,
        inputs,
        record,
    }
}

/// Stands before a signer that nobody found out.
const UNVERIFIED: &str = "unverified ";

fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("plain values serialise")
}

/// Reads rows line by line, with their numbers.
struct Lines<R> {
    source: BufReader<R>,
    number: u64,
    done: bool,
}

impl<R: Read> Lines<R> {
    fn of(source: R) -> Self {
        Self {
            source: BufReader::new(source),
            number: 0,
            done: false,
        }
    }

    fn next_row(&mut self) -> Result<Option<Row>, String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.source).take(MOST_OF_A_RECORD);
        limited
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err("it does not end, or is longer than is read".to_owned());
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<(Row, u64), ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.number += 1;
        let line = self.number;
        match self.next_row() {
            Ok(Some(row)) => Some(Ok((row, line))),
            Ok(None) => None,
            Err(why) => {
                self.done = true;
                Some(Err(ImportError::Record { line, why }))
            }
        }
    }
}

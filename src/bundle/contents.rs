//! What goes into an archive: every record of a run, and everything that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::attest::PredicateType;
use crate::bundle::format::MemberPath;
use crate::bundle::index::{Index, InputKind, Kind, Member, Release, SCHEMA};
use crate::bundle::row::Row;
use crate::bundle::write::{ArchiveWriter, IndexSignature, WriteError};
use crate::catalog::SuiteRecord;
use crate::catalog::kernel_source::PinnedSource;
use crate::digest::{Hashing, Sha256Digest};
use crate::ledger::{AttemptRecord, AttestationRecord, CellRecord, Ledger, LedgerError, RunRecord};
use crate::name::CellId;
use crate::outcome::Outcome;
use crate::store::{Store, StoreError};
use crate::tree::{Entries, Entry};

/// Where the records are.
pub(super) const LEDGER: &str = "ledger.jsonl";
/// Where the lock is.
pub(super) const LOCK: &str = "lock.json";
/// What the names of source trees' lists begin with.
pub(super) const TREES: &str = "trees/";

/// The list of a source tree whose files are members of their own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TreeList {
    pub(super) tree: Sha256Digest,
    pub(super) entries: Entries,
}

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
enum From {
    Store,
    Memory(Vec<u8>),
    File(PathBuf),
}

/// Everything that an archive will hold.
#[derive(Debug)]
pub struct Contents {
    members: BTreeMap<MemberPath, (Member, From)>,
    absent: BTreeSet<Sha256Digest>,
    release: Release,
    inputs: Vec<InputKind>,
    /// Has the records, until the archive is written.
    _scratch: tempfile::TempDir,
}

/// What is asked of an archive.
#[derive(Debug)]
pub struct Request<'a> {
    pub run: &'a RunRecord,
    /// The name of the release.
    pub name: &'a str,
    /// The lock of the run, as it is written.
    pub lock: &'a [u8],
    pub inputs: &'a BTreeSet<InputKind>,
    pub extras: Vec<Extra>,
    /// Where records are put together; a directory on a disk with room for them.
    pub scratch: &'a Path,
}

/// Gathers what an archive of a run holds. Nothing but records is read; sizes are those of the files
/// in the store, and every byte is hashed when it is written.
pub fn gather(
    ledger: &Ledger,
    store: &Store,
    request: Request<'_>,
) -> Result<Contents, ExportError> {
    let scratch = tempfile::tempdir_in(request.scratch).map_err(|source| ExportError::Io {
        doing: "make a directory in",
        path: request.scratch.to_owned(),
        source,
    })?;
    let contents = Contents {
        members: BTreeMap::new(),
        absent: BTreeSet::new(),
        release: Release {
            name: request.name.to_owned(),
            run: request.run.id.clone(),
            started: request.run.started,
            plan: request.run.plan,
            lock: Sha256Digest::of(request.lock),
        },
        inputs: request.inputs.iter().copied().collect(),
        _scratch: scratch,
    };
    let mut gathering = Gathering {
        path: contents._scratch.path().join(LEDGER),
        ledger,
        store,
        wants: request.inputs,
        contents,
        held: BTreeSet::new(),
    };
    gathering.extra(LOCK, Kind::Lock, request.lock.to_vec())?;
    for extra in request.extras {
        gathering.extra(&extra.path, extra.kind, extra.bytes)?;
    }
    gathering.records(request.run)?;
    Ok(gathering.contents)
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

/// The lines of the records' file.
struct Lines<'a> {
    file: Hashing<BufWriter<File>>,
    path: &'a Path,
}

impl Lines<'_> {
    fn add(&mut self, row: &Row) -> Result<(), ExportError> {
        serde_json::to_writer(&mut self.file, row)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|source| ExportError::Io {
                doing: "write",
                path: self.path.to_owned(),
                source,
            })
    }
}

struct Gathering<'a> {
    path: PathBuf,
    ledger: &'a Ledger,
    store: &'a Store,
    wants: &'a BTreeSet<InputKind>,
    contents: Contents,
    /// The digests of the members.
    held: BTreeSet<Sha256Digest>,
}

impl Gathering<'_> {
    /// Writes down every record of a run, and takes in what each names.
    fn records(&mut self, run: &RunRecord) -> Result<(), ExportError> {
        let path = self.path.clone();
        let io = |doing| {
            let path = path.clone();
            move |source| ExportError::Io {
                doing,
                path,
                source,
            }
        };
        let file = File::create_new(&path).map_err(io("create"))?;
        let mut lines = Lines {
            file: Hashing::new(BufWriter::new(file)),
            path: &path,
        };
        lines.add(&Row::Run {
            record: Box::new(run.clone()),
        })?;
        let mut known = BTreeSet::new();
        let mut inputs = Vec::new();
        let mut kernels = Vec::new();
        let ledger = self.ledger;
        ledger.for_each_cell(&run.id, |cell| {
            let digest = cell.inputs.digest();
            if known.insert(digest) {
                inputs.push((digest, cell.id.clone()));
            }
            if let Some(prepared) = &cell.inputs.prepared
                && !kernels.contains(&prepared.digest())
            {
                kernels.push(prepared.digest());
            }
            self.cell(&cell)?;
            lines.add(&Row::Cell {
                run: run.id.clone(),
                record: Box::new(cell),
            })
        })?;
        if inputs.is_empty() {
            let run = run.id.clone();
            return Err(ExportError::NoCells { run });
        }
        let mut runs = BTreeSet::new();
        for (inputs, cell) in &inputs {
            self.attempts(inputs, cell, &mut lines, &mut runs)?;
        }
        for kernel in &kernels {
            self.preparations(kernel, &mut lines, &mut runs)?;
        }
        let attestations = self.ledger.attestations_of_run(&run.id)?;
        // The newest has the plain name; the numbers of the others count back.
        for record in attestations.iter().rev() {
            self.attestation(record)?;
        }
        for record in attestations {
            lines.add(&Row::Attestation {
                record: Box::new(record),
            })?;
        }
        // Attempts may be those of earlier runs.
        for id in runs.iter().filter(|id| **id != run.id) {
            let run = id.clone();
            let record = self.ledger.run(id)?.ok_or(ExportError::NoRun { run })?;
            lines.add(&Row::Run {
                record: Box::new(record),
            })?;
        }
        lines.file.flush().map_err(io("write"))?;
        let (_, sha256, bytes) = lines.file.finish();
        self.insert(
            LEDGER,
            Kind::Ledger,
            sha256,
            bytes,
            From::File(path.clone()),
        )
    }

    fn cell(&mut self, cell: &CellRecord) -> Result<(), ExportError> {
        for suite in &cell.vouched {
            self.suite(suite)?;
        }
        for suite in &cell.image.suites {
            self.suite(suite)?;
        }
        if let Some(source) = &cell.kernel_source {
            self.blob(&source.config, Kind::Source, "a kernel's configuration")?;
        }
        if self.wants.contains(&InputKind::Packages) {
            for package in &cell.packages {
                let what = format!("the package {} {}", package.name, package.version);
                self.blob(&package.sha256, Kind::Package, &what)?;
            }
            if let Some(source) = &cell.kernel_source
                && let PinnedSource::Tarball(digest) = &source.pinned
            {
                self.blob(digest, Kind::Package, "a kernel's source")?;
            }
        }
        if self.wants.contains(&InputKind::Images)
            && let Some(root) = &cell.image.root
        {
            let what = format!("the root file system of the image {}", cell.image.name);
            self.blob(&root.digest, Kind::Image, &what)?;
        }
        if self.wants.contains(&InputKind::Sources) {
            let needed = cell.inputs.needed.iter().map(|needed| needed.source_tree);
            for tree in std::iter::once(cell.inputs.source_tree).chain(needed) {
                self.tree(&tree)?;
            }
        }
        Ok(())
    }

    fn suite(&mut self, suite: &SuiteRecord) -> Result<(), ExportError> {
        let what = format!("what {}/{} signed", suite.archive, suite.suite);
        self.blob(&suite.index, Kind::Signed, &what)?;
        match &suite.signature {
            Some(signature) => self.blob(signature, Kind::Signed, &what),
            None => Ok(()),
        }
    }

    /// Takes in a source tree: its list, and its files by their digests.
    fn tree(&mut self, tree: &Sha256Digest) -> Result<(), ExportError> {
        let path = format!("{TREES}{}.json", tree.to_hex());
        if self.has(&path) {
            return Ok(());
        }
        let kept = self.store.kept_source(tree)?;
        let (directory, entries) = kept.ok_or_else(|| ExportError::Missing {
            what: "a source".to_owned(),
            digest: *tree,
        })?;
        for (name, entry) in &entries {
            if let Entry::File { digest, bytes, .. } = entry {
                let from = From::File(directory.join(name));
                self.insert(&by_digest(digest), Kind::Source, *digest, *bytes, from)?;
            }
        }
        let list = TreeList {
            tree: *tree,
            entries,
        };
        let bytes = serde_json::to_vec(&list).expect("plain values serialise");
        self.extra(&path, Kind::Source, bytes)
    }

    fn attempts(
        &mut self,
        inputs: &Sha256Digest,
        cell: &CellId,
        lines: &mut Lines<'_>,
        runs: &mut BTreeSet<String>,
    ) -> Result<(), ExportError> {
        let counting = self.ledger.attempts(inputs)?;
        for attempt in &counting {
            self.counting(attempt, cell)?;
        }
        for attempt in self.ledger.every_attempt(inputs)? {
            runs.insert(attempt.run.clone());
            for digest in named(&attempt) {
                self.blob_or_absent(&digest, Kind::Log)?;
            }
            lines.add(&Row::Attempt {
                inputs: *inputs,
                record: Box::new(attempt),
            })?;
        }
        for (number, comparison) in self.ledger.comparisons(inputs)? {
            lines.add(&Row::Comparison {
                inputs: *inputs,
                number,
                record: Box::new(comparison),
            })?;
        }
        Ok(())
    }

    /// Takes in what an attempt that counts has left: all of it must be there.
    fn counting(&mut self, attempt: &AttemptRecord, cell: &CellId) -> Result<(), ExportError> {
        let what = format!("attempt {} of {cell}", attempt.number);
        self.blob(&attempt.spec, Kind::Spec, &what)?;
        self.blob(&attempt.log, Kind::Log, &what)?;
        let Outcome::Built { modules } = &attempt.outcome else {
            return Ok(());
        };
        for module in modules {
            let path = format!("release/{cell}/{}", module.path);
            let is_named = attempt.number == 0 && MemberPath::new(path.as_str()).is_some();
            if is_named {
                self.stored(&path, Kind::Module, &module.digest, &what)?;
            } else if !self.holds(&module.digest) {
                self.blob(&module.digest, Kind::Module, &what)?;
            }
        }
        Ok(())
    }

    fn preparations(
        &mut self,
        kernel: &Sha256Digest,
        lines: &mut Lines<'_>,
        runs: &mut BTreeSet<String>,
    ) -> Result<(), ExportError> {
        for record in self.ledger.every_preparation(kernel)? {
            runs.insert(record.run.clone());
            self.blob_or_absent(&record.spec, Kind::Spec)?;
            self.blob_or_absent(&record.log, Kind::Log)?;
            lines.add(&Row::Preparation {
                kernel: *kernel,
                record: Box::new(record),
            })?;
        }
        Ok(())
    }

    /// Takes in a signed statement in both forms, and what it is about where only it names that: a
    /// module as it is shipped.
    fn attestation(&mut self, record: &AttestationRecord) -> Result<(), ExportError> {
        let word = match PredicateType::from_uri(&record.predicate_type) {
            Some(kind) => kind.word(),
            None => "statement",
        };
        let place = match &record.cell {
            Some(cell) => format!("release/{cell}/{word}"),
            None if word == PredicateType::Sbom.word() => {
                let subject = record.subjects.first().unwrap_or(&record.payload);
                format!("release/images/{}.{word}", subject.short())
            }
            None => format!("release/release.{word}"),
        };
        let free = (1..)
            .map(|number: u32| match number {
                1 => place.clone(),
                number => format!("{place}.{number}"),
            })
            .find(|place| !self.has(&format!("{place}.dsse.json")));
        let place = free.unwrap_or(place);
        let what = "a statement that was signed";
        let kind = Kind::Attestation;
        self.stored(&format!("{place}.dsse.json"), kind, &record.envelope, what)?;
        self.stored(
            &format!("{place}.sigstore.json"),
            kind,
            &record.bundle,
            what,
        )?;
        for subject in &record.subjects {
            if !self.holds(subject) && self.store.blob_path(subject).is_some() {
                self.blob(subject, Kind::Module, what)?;
            }
        }
        Ok(())
    }

    /// Takes in a blob under its digest.
    fn blob(&mut self, digest: &Sha256Digest, kind: Kind, what: &str) -> Result<(), ExportError> {
        self.stored(&by_digest(digest), kind, digest, what)
    }

    fn blob_or_absent(&mut self, digest: &Sha256Digest, kind: Kind) -> Result<(), ExportError> {
        if self.holds(digest) {
            return Ok(());
        }
        if self.store.blob_path(digest).is_none() {
            self.contents.absent.insert(*digest);
            return Ok(());
        }
        self.blob(digest, kind, "what an attempt has left")
    }

    fn stored(
        &mut self,
        path: &str,
        kind: Kind,
        digest: &Sha256Digest,
        what: &str,
    ) -> Result<(), ExportError> {
        let known = MemberPath::new(path).and_then(|path| self.contents.members.get(&path));
        if known.is_some_and(|(known, _)| known.sha256 == *digest) {
            return Ok(());
        }
        let missing = || ExportError::Missing {
            what: what.to_owned(),
            digest: *digest,
        };
        let place = self.store.blob_path(digest).ok_or_else(missing)?;
        let bytes = fs::metadata(&place).map_err(|_| missing())?.len();
        self.insert(path, kind, *digest, bytes, From::Store)
    }

    fn extra(&mut self, path: &str, kind: Kind, bytes: Vec<u8>) -> Result<(), ExportError> {
        let digest = Sha256Digest::of(&bytes);
        let length = bytes.len() as u64;
        self.insert(path, kind, digest, length, From::Memory(bytes))
    }

    fn insert(
        &mut self,
        path: &str,
        kind: Kind,
        sha256: Sha256Digest,
        bytes: u64,
        from: From,
    ) -> Result<(), ExportError> {
        let path = MemberPath::new(path).ok_or_else(|| ExportError::Path {
            path: path.to_owned(),
        })?;
        let member = Member {
            path: path.clone(),
            bytes,
            sha256,
            kind,
        };
        match self.contents.members.get(&path) {
            Some((known, _)) if known.sha256 != sha256 => Err(ExportError::Twice {
                path: path.to_string(),
            }),
            Some(_) => Ok(()),
            None => {
                self.held.insert(sha256);
                self.contents.members.insert(path, (member, from));
                Ok(())
            }
        }
    }

    fn has(&self, path: &str) -> bool {
        MemberPath::new(path).is_some_and(|path| self.contents.members.contains_key(&path))
    }

    fn holds(&self, digest: &Sha256Digest) -> bool {
        self.held.contains(digest)
    }
}

/// Returns the digests that an attempt's record names of the store.
pub(super) fn named(attempt: &AttemptRecord) -> Vec<Sha256Digest> {
    let mut named = vec![attempt.spec, attempt.log];
    match &attempt.outcome {
        Outcome::Built { modules } => named.extend(modules.iter().map(|module| module.digest)),
        Outcome::Failed { .. } | Outcome::Excluded { .. } => {}
    }
    named
}

fn by_digest(digest: &Sha256Digest) -> String {
    format!("blobs/{}", digest.to_hex())
}

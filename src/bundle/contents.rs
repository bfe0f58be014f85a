//! What goes into an archive: every record of a run, and everything that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::attest::PredicateType;
use crate::bundle::format::MemberPath;
use crate::bundle::gathered::{Contents, ExportError, Extra, From};
use crate::bundle::index::{InputKind, Kind, Member, Release};
use crate::bundle::row::Row;
use crate::digest::{Hashing, Sha256Digest};
use crate::ledger::{AttemptRecord, AttestationRecord, Ledger, RunRecord};
use crate::name::CellId;
use crate::outcome::Outcome;
use crate::store::Store;
use crate::tree::Entries;

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
        scratch,
    };
    let mut gathering = Gathering {
        path: contents.scratch.path().join(LEDGER),
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

pub(super) struct Gathering<'a> {
    path: PathBuf,
    ledger: &'a Ledger,
    pub(super) store: &'a Store,
    pub(super) wants: &'a BTreeSet<InputKind>,
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
    pub(super) fn blob(
        &mut self,
        digest: &Sha256Digest,
        kind: Kind,
        what: &str,
    ) -> Result<(), ExportError> {
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

    pub(super) fn extra(
        &mut self,
        path: &str,
        kind: Kind,
        bytes: Vec<u8>,
    ) -> Result<(), ExportError> {
        let digest = Sha256Digest::of(&bytes);
        let length = bytes.len() as u64;
        self.insert(path, kind, digest, length, From::Memory(bytes))
    }

    pub(super) fn insert(
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

    pub(super) fn has(&self, path: &str) -> bool {
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

pub(super) fn by_digest(digest: &Sha256Digest) -> String {
    format!("blobs/{}", digest.to_hex())
}

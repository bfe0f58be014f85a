//! Judging what is in an evidence archive, as it lies there: nothing is unpacked or taken in. The word of
//! who made the archive counts for nothing here; `bundle verify` asks for it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::json;

use crate::bundle::{self, Checked, ImportError, Limits, ReleaseFolder, ReleaseMember};
use crate::cli::Refusal;
use crate::cli::judging::{Evidence, judge_artifact, with_path};
use crate::cli::judging_release::release_of;
use crate::cli::recording::Recording;
use crate::digest::{Hashing, Sha256Digest};
use crate::exit::Exit;
use crate::report::{Judged, JudgedRelease};
use crate::verify::files::{self, AttestationFile};
use crate::verify::policy::{Artifact, Expectation, Policy};
use crate::verify::{Refused, Trust, Why};

/// How much is held before it is judged on all processors together.
const TOGETHER: usize = 64;
const BYTES_TOGETHER: usize = 32 << 20;

/// Where a tar says what it is, and with which word (POSIX.1-1988, `ustar`).
const MAGIC: std::ops::Range<usize> = 257..262;

/// Returns true if a file is an evidence archive by its beginning. A tar of something else, or what is
/// called one and is none, is refused: it is no module either.
pub(super) fn is_archive(path: &Path) -> Result<bool, Refusal> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC.end as u64).read_to_end(&mut head))
        .map_err(|error| {
            let message = format!("cannot read `{}`", path.display());
            Refusal::new(Exit::InputUnavailable, message).caused_by(&error)
        })?;
    let is_tar = head.get(MAGIC) == Some(b"ustar");
    if is_tar && head.starts_with(b"index.json\0") {
        return Ok(true);
    }
    if is_tar || path.extension().is_some_and(|ending| ending == "tar") {
        let what = if is_tar {
            "a tar of something else"
        } else {
            "no tar"
        };
        let message = format!("`{}` is no evidence archive: it is {what}", path.display());
        let hint = "`kmatrix bundle export` makes evidence archives; what lies in a directory is \
                    verified by the directory's name"
            .to_owned();
        return Err(Refusal::new(Exit::Usage, message).hint(hint));
    }
    Ok(false)
}

/// Judges every module of an archive's release by what stands beside it and what is said of the whole; and
/// the release itself.
pub(super) fn judge_archive(
    archive: &Path,
    given: &Evidence,
    expectation: &Expectation,
    policy: &Policy,
    trust: &Trust,
    at: Timestamp,
    recording: &Recording,
) -> Result<(Vec<Judged>, JudgedRelease), Refusal> {
    let limits = Limits::default();
    let judge = |folder: &ReleaseFolder, top: &Evidence| -> Result<Vec<Judged>, Refusal> {
        let place = archive.join(&folder.place);
        let expectation = with_path(expectation, &place.join("m.ko"));
        let modules = folder.modules.iter().map(|module| {
            let path = archive.join(module.path.as_str());
            let own = Evidence::of(beside(archive, folder, &path), trust);
            let artifact = Artifact::read(module.bytes.as_deref().unwrap_or_default());
            let evidence = [given, top, &own];
            judge_artifact(
                &path,
                artifact,
                &expectation,
                &evidence,
                policy,
                at,
                Some(recording),
            )
        });
        modules.collect()
    };
    let mut judged = Vec::new();
    let mut read = || -> Result<Evidence, Stopped> {
        let (digest, statements) = bundle::statements_of_release(archive, &limits)?;
        let top = attestations(archive, &statements, files::preferred);
        let top = Evidence::of(top, trust);
        let (mut folders, mut bytes) = (Vec::new(), 0);
        let mut judge_all = |folders: &mut Vec<ReleaseFolder>| -> Result<(), Stopped> {
            let all: Result<Vec<Vec<Judged>>, Refusal> = std::mem::take(folders)
                .into_par_iter()
                .map(|folder| judge(&folder, &top))
                .collect();
            judged.extend(all.map_err(Stopped::Refusal)?.into_iter().flatten());
            Ok(())
        };
        bundle::for_each_cell(archive, &limits, &digest, |folder| {
            let members = folder.modules.iter().chain(&folder.statements);
            bytes += members
                .map(|one| one.bytes.as_ref().map_or(0, Vec::len))
                .sum::<usize>();
            folders.push(folder);
            if folders.len() >= TOGETHER || bytes >= BYTES_TOGETHER {
                bytes = 0;
                judge_all(&mut folders)?;
            }
            Ok::<_, Stopped>(())
        })?;
        judge_all(&mut folders)?;
        Ok(top)
    };
    match read() {
        Ok(_) if judged.is_empty() => {
            let message = format!("there is no module in `{}`", archive.display());
            Err(Refusal::new(Exit::EvidenceMissing, message))
        }
        Ok(top) => {
            let release = release_of(archive, &judged, &[given, &top], expectation, policy, at);
            Ok((judged, release))
        }
        Err(Stopped::Refusal(refusal)) => Err(refusal),
        Err(Stopped::Archive(error)) => {
            record(recording, archive, Err(&error))?;
            Err(error.into())
        }
    }
}

/// Why an archive was not judged to its end.
enum Stopped {
    Archive(ImportError),
    Refusal(Refusal),
}

impl From<ImportError> for Stopped {
    fn from(error: ImportError) -> Self {
        Self::Archive(error)
    }
}

/// Returns the statements that stand in the directory of a module's cell and are its own or the cell's.
fn beside(archive: &Path, folder: &ReleaseFolder, module: &Path) -> Vec<Handed> {
    let place = archive.join(&folder.place);
    let name = place.join(module.file_name().unwrap_or_default());
    attestations(archive, &folder.statements, |mut paths| {
        paths.retain(|path| path.parent() == Some(&*place));
        files::of_module(paths, &name)
    })
}

/// An attestation that was read, or one that is too large for it.
type Handed = Result<AttestationFile, (PathBuf, Refused)>;

/// Returns those of some members that are kept, as files.
fn attestations(
    archive: &Path,
    members: &[ReleaseMember],
    keep: impl FnOnce(Vec<PathBuf>) -> Vec<PathBuf>,
) -> Vec<Handed> {
    let path_of = |member: &ReleaseMember| archive.join(member.path.as_str());
    let kept = keep(members.iter().map(path_of).collect());
    let handed = |member: &ReleaseMember| match &member.bytes {
        Some(bytes) => Ok(AttestationFile {
            path: path_of(member),
            bytes: bytes.clone(),
        }),
        None => {
            let refused = Refused::new(Why::Limit, "it has more bytes than are read");
            Err((path_of(member), refused))
        }
    };
    let members = members.iter().filter(|one| kept.contains(&path_of(one)));
    members.map(handed).collect()
}

/// Records what came of checking an archive, unless that could not be found out.
pub(super) fn record(
    recording: &Recording,
    archive: &Path,
    checked: Result<&Checked, &ImportError>,
) -> Result<(), Refusal> {
    let (digest, passed, verdict) = match checked {
        Ok(checked) => {
            let release = &checked.index.release;
            let signer = &checked.signer;
            let verdict = json!({ "archive": { "release": release, "signer": signer } });
            (checked.digest, true, verdict)
        }
        Err(
            error @ (ImportError::Damage(_)
            | ImportError::Foreign { .. }
            | ImportError::Signature(_)
            | ImportError::Contradiction(_)),
        ) => {
            let verdict = json!({ "archive": { "why": error.to_string() } });
            (identity(archive)?, false, verdict)
        }
        Err(
            ImportError::Open { .. }
            | ImportError::Scratch(_)
            | ImportError::Read { .. }
            | ImportError::Ledger(_)
            | ImportError::Store(_),
        ) => return Ok(()),
    };
    recording.add_archive(digest, passed, verdict)?;
    recording.finish()
}

/// Returns the digest of an archive's index; of the file if it cannot be read.
fn identity(archive: &Path) -> Result<Sha256Digest, Refusal> {
    let anybody = bundle::Trusting { trust: None };
    if let Ok((_, checked)) = bundle::open(archive, &Limits::default(), &anybody) {
        return Ok(checked.digest);
    }
    let mut to = Hashing::new(io::sink());
    let copied = File::open(archive).and_then(|mut file| io::copy(&mut file, &mut to));
    copied.map_err(|error| {
        let message = format!("cannot read `{}`", archive.display());
        Refusal::new(Exit::InputUnavailable, message).caused_by(&error)
    })?;
    let (_, digest, _) = to.finish();
    Ok(digest)
}

//! What `verify`, `gate` and `policy test` have in common: whom to trust, what to expect, and attestations
//! from files to a verdict.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::attest::{PredicateType, Subject};
use crate::cli::Refusal;
use crate::cli::recording::Recording;
use crate::exit::Exit;
use crate::ko;
use crate::name::{Arch, CellId, KernelRelease, ModuleName, PackageVersion};
use crate::report::Judged;
use crate::verify::files::{self, AttestationFile, FilesError};
use crate::verify::policy::{Artifact, Expectation, Policy, judge};
use crate::verify::rego::Evaluator;
use crate::verify::{Authenticated, Refused, Trust, Why, authenticate};

/// Keys and roots beside those of the policy.
#[derive(Debug, Args)]
pub(crate) struct Trusting {
    /// A public key (PEM) of a signer that the policy names by its digest; may be given several times
    #[arg(long = "key", visible_alias = "trust-key", value_name = "PEM")]
    keys: Vec<PathBuf>,
    /// A Sigstore trusted root, for the identities that the policy names
    #[arg(long, visible_alias = "trusted-root", value_name = "FILE")]
    trust_root: Vec<PathBuf>,
}

/// What the caller expects, whatever is claimed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct Expecting {
    /// The URI of the module's source, or the digest of its tree
    #[arg(long, value_name = "URI")]
    expect_source: Option<String>,
    /// The whole id of the source's commit
    #[arg(long, value_name = "COMMIT")]
    expect_commit: Option<String>,
    /// The kernel release that the module is for
    #[arg(long, value_name = "RELEASE")]
    expect_kernel: Option<KernelRelease>,
    /// The architecture that it is for
    #[arg(long, value_name = "ARCH")]
    expect_arch: Option<Arch>,
    /// The module's name
    #[arg(long, value_name = "NAME")]
    expect_module: Option<ModuleName>,
    /// The release that lists it
    #[arg(long, value_name = "NAME")]
    expect_release: Option<String>,
    /// The whole cell that it is of, such as debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m
    #[arg(long, value_name = "CELL")]
    expect_cell: Option<CellId>,
    /// The version of the kernel's package
    #[arg(long, value_name = "VERSION")]
    expect_kernel_version: Option<PackageVersion>,
    /// The version of the module: that of its source's package, or the one in its `.modinfo`
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<String>,
}

impl Expecting {
    pub fn expectation(&self) -> Expectation {
        Expectation {
            source: self.expect_source.clone(),
            commit: self.expect_commit.clone(),
            kernel: self.expect_kernel.clone(),
            arch: self.expect_arch,
            module: self.expect_module.clone(),
            release: self.expect_release.clone(),
            cell: self.expect_cell.clone(),
            kernel_version: self.expect_kernel_version.clone(),
            version: self.expect_version.clone(),
            ..Expectation::default()
        }
    }
}

/// Reads a policy that is going to be used: Rego is evaluated in a process of its own.
pub(crate) fn open_policy(path: &Path) -> Result<Policy, Refusal> {
    let mut policy = Policy::read(path)?;
    if !policy.rego.is_empty() {
        let program = std::env::current_exe().map_err(|error| {
            Refusal::new(Exit::Internal, "cannot find this program").caused_by(&error)
        })?;
        policy.evaluator = Evaluator::Apart(program);
    }
    Ok(policy)
}

/// Puts together whom to trust.
pub(crate) fn trust(policy: &Policy, trusting: &Trusting) -> Result<Trust, Refusal> {
    let refuse = |what: String| {
        move |refused: Refused| Refusal::new(Exit::Invalid, what).caused_by(&refused)
    };
    let own = policy.trust().map_err(refuse(
        "the policy's keys and roots cannot be used".to_owned(),
    ))?;
    let with_keys = trusting.keys.iter().try_fold(own, |trust, path| {
        let what = format!("`{}` cannot be used as a key", path.display());
        trust.with_key(&given(path)?).map_err(refuse(what))
    })?;
    trusting
        .trust_root
        .iter()
        .try_fold(with_keys, |trust, path| {
            let what = format!("`{}` cannot be used as a trust root", path.display());
            trust.with_root(&given(path)?).map_err(refuse(what))
        })
}

/// Reads a file that was named on the command line, of which no more than that is taken in.
fn given(path: &Path) -> Result<Vec<u8>, Refusal> {
    read_within(path, crate::document::MOST_BYTES * 4).map_err(|error| {
        Refusal::new(
            Exit::InputUnavailable,
            format!("cannot read `{}`", path.display()),
        )
        .caused_by(&error)
    })
}

/// Reads a module.
pub(crate) fn artifact(path: &Path) -> Result<Artifact, Refusal> {
    let bytes = read_within(path, ko::MAX_BYTES).map_err(|error| {
        Refusal::new(
            Exit::InputUnavailable,
            format!("cannot read `{}`", path.display()),
        )
        .caused_by(&error)
    })?;
    Ok(Artifact::read(&bytes))
}

fn read_within(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!(
            "it has more than {most} bytes"
        )));
    }
    Ok(bytes)
}

/// What came of attestations that were handed in.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub accepted: Vec<Authenticated>,
    pub refused: Vec<(PathBuf, Refused)>,
    /// Statements that their signer has signed again since.
    pub replaced: Vec<PathBuf>,
}

impl Evidence {
    /// Reads and authenticates files.
    pub fn read(paths: &[PathBuf], trust: &Trust) -> Result<Self, Refusal> {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            match files::read(path) {
                Ok(read) => files.extend(read.into_iter().map(Ok)),
                // It counts as one that is refused, so that there is a verdict, and a record of it.
                Err(error @ FilesError::TooLarge { .. }) => {
                    files.push(Err((
                        path.clone(),
                        Refused::new(Why::Limit, error.to_string()),
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self::of(files, trust))
    }

    /// Authenticates what was read, or was refused before.
    pub fn of(
        files: impl IntoIterator<Item = Result<AttestationFile, (PathBuf, Refused)>>,
        trust: &Trust,
    ) -> Self {
        let mut evidence = Self::default();
        let mut accepted = Vec::new();
        for file in files {
            let found = file.and_then(|AttestationFile { path, bytes }| {
                match authenticate(&bytes, trust) {
                    Ok(found) => Ok((path, found)),
                    Err(refused) => Err((path, refused)),
                }
            });
            match found {
                Ok(found) => accepted.push(found),
                Err(refused) => evidence.refused.push(refused),
            }
        }
        evidence.keep_newest(accepted);
        evidence
    }

    /// Sets statements aside that the same signer has signed again: of the same kind, in the same place.
    fn keep_newest(&mut self, accepted: Vec<(PathBuf, Authenticated)>) {
        let key = |place: PathBuf, found: &Authenticated| {
            let kind = found.statement().predicate_type.clone();
            (place, kind, found.signed_by().clone())
        };
        let mut newest = BTreeMap::new();
        for (path, found) in &accepted {
            let (place, number) = files::place_of(path);
            let known = newest.entry(key(place, found)).or_insert(number);
            *known = number.min(*known);
        }
        for (path, found) in accepted {
            let (place, number) = files::place_of(&path);
            if newest.get(&key(place, &found)) == Some(&number) {
                self.accepted.push(found);
            } else {
                self.replaced.push(path);
            }
        }
    }
}

/// Judges one module by its own evidence and by what it shares with others, and records the verdict.
pub(crate) fn judge_module(
    path: &Path,
    expectation: &Expectation,
    evidence: &[&Evidence],
    policy: &Policy,
    at: Timestamp,
    recording: Option<&Recording>,
) -> Result<Judged, Refusal> {
    let artifact = artifact(path)?;
    judge_artifact(path, artifact, expectation, evidence, policy, at, recording)
}

/// Judges a module that was read.
pub(crate) fn judge_artifact(
    path: &Path,
    artifact: Artifact,
    expectation: &Expectation,
    evidence: &[&Evidence],
    policy: &Policy,
    at: Timestamp,
    recording: Option<&Recording>,
) -> Result<Judged, Refusal> {
    let refused: Vec<(PathBuf, Refused)> = evidence
        .iter()
        .flat_map(|evidence| evidence.refused.clone())
        .collect();
    let reasons: Vec<Refused> = refused.iter().map(|(_, refused)| refused.clone()).collect();
    let replaced = evidence.iter().flat_map(|evidence| &evidence.replaced);
    let accepted = || evidence.iter().flat_map(|evidence| &evidence.accepted);
    let mut expectation = expectation.clone();
    if let Some(recording) = recording {
        let cells = accepted().filter_map(|one| cell_of(one, &artifact));
        let known = recording.known(cells.collect())?;
        expectation.known = recording.is_kept().then_some(known);
    }
    let verdict = judge(&artifact, &expectation, accepted(), &reasons, policy, at);
    let judged = Judged {
        path: path.to_owned(),
        artifact,
        verdict,
        refused,
        replaced: replaced.cloned().collect(),
    };
    if let Some(recording) = recording {
        recording.add(&judged)?;
    }
    Ok(judged)
}

/// Returns the cell that a provenance of a module names: that of which earlier builds may be known.
fn cell_of(attestation: &Authenticated, artifact: &Artifact) -> Option<CellId> {
    let statement = attestation.statement();
    let kind = PredicateType::from_uri(&statement.predicate_type)?;
    let wanted = [Some(artifact.digest), artifact.payload()].map(|d| d.map(|d| d.to_hex()));
    let is_it = |subject: &Subject| {
        let digest = subject.digest.get("sha256");
        digest.is_some() && wanted.iter().any(|wanted| wanted.as_ref() == digest)
    };
    if kind != PredicateType::Provenance || !statement.subject.iter().any(is_it) {
        return None;
    }
    let cell = &statement.predicate["buildDefinition"]["externalParameters"]["cell"];
    cell.as_str()?.parse().ok()
}

/// Adds to what is expected what the path of a module says that is laid out as `kmatrix attest --out`
/// does: its cell's parts are the last four directories.
pub(crate) fn with_path(expectation: &Expectation, path: &Path) -> Expectation {
    let mut expectation = expectation.clone();
    let parts: Vec<&str> = path
        .parent()
        .map(|folder| folder.iter().filter_map(|part| part.to_str()).collect())
        .unwrap_or_default();
    let last = parts.len().saturating_sub(4);
    if let Ok(cell) = parts[last..].join("/").parse::<CellId>() {
        let CellId {
            distro: _,
            distro_release: _,
            arch,
            kernel_release,
            package_version,
            module,
        } = &cell;
        expectation.kernel.get_or_insert(kernel_release.clone());
        expectation.arch.get_or_insert(*arch);
        expectation.module.get_or_insert(module.clone());
        let version = &mut expectation.kernel_version;
        version.get_or_insert(package_version.clone());
        expectation.cell.get_or_insert(cell);
    }
    expectation
}

impl From<FilesError> for Refusal {
    fn from(error: FilesError) -> Self {
        let exit = match &error {
            FilesError::Io { .. }
            | FilesError::TooLarge { .. }
            | FilesError::TooMany { .. }
            | FilesError::TooDeep { .. } => Exit::InputUnavailable,
        };
        let message = error.to_string();
        Self::new(exit, message).caused_by(&error)
    }
}

//! `kmatrix bundle`.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::bundle::{
    self, Extra, ImportError, IndexSignature, InputKind, Kind, Limits, Request, Trusting,
};
use crate::cli::explain::recorded;
use crate::cli::judging_archive::record;
use crate::cli::locked_run::{LockedRun, Wanted};
use crate::cli::prepare::{Inputs, read_matrix};
use crate::cli::recording::{Circumstances, Recording};
use crate::cli::signing::Signing;
use crate::cli::trusting::{self, Trusted};
use crate::cli::{Common, Format, Refusal, answer, answer_json, report};
use crate::exit::Exit;
use crate::ledger::{Ledger, VerifyingCommand};
use crate::report::{
    ArchiveDocument, ImportedDocument, ReleaseDocument, Status, print_archive, print_imported,
};
use crate::retention;
use crate::state::{State, WholeFile};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put everything that a release proves itself with into one file
    Export(Box<Export>),
    /// Take the records and files of somebody else's release in, all of them or none
    Import(Import),
    /// Show what an archive says that it holds
    List(List),
    /// Check every byte and every record of an archive, and who signed it
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The matrix file, for its newest run, or the id of a run
    release: String,
    /// Where the archive goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Put in what cells are built from, all of it or KINDS of images, packages, sources; without this
    /// option none of it goes in
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "images,packages,sources"
    )]
    with_inputs: Vec<InputKind>,
    /// Put in a policy file; may be given several times
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Put in a public key or a trust root to check the attestations with; may be given several times
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    #[command(flatten)]
    signing: Signing,
    /// Leave the archive without a signature
    #[arg(long, conflicts_with_all = ["sign_key", "sign_command", "keyless"])]
    unsigned: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The archive
    archive: PathBuf,
    #[command(flatten)]
    trusted: Trusted,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The archive
    archive: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The archive
    archive: PathBuf,
    #[command(flatten)]
    trusted: Trusted,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    command: Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    match command {
        Command::Export(arguments) => export(common, *arguments, status).await,
        Command::Import(arguments) => import(common, &arguments, status),
        Command::List(arguments) => {
            let anybody = Trusting { trust: None };
            let path = &arguments.archive;
            let (_, checked) = bundle::open(path, &Limits::default(), &anybody)?;
            show(&ArchiveDocument::listed(&checked), arguments.format)?;
            Ok(Exit::Success)
        }
        Command::Verify(arguments) => verify(common, &arguments, status),
    }
}

/// Checks an archive as such, and records what came of it.
fn verify(common: &Common, arguments: &Verify, status: &Status) -> Result<Exit, Refusal> {
    let trust = arguments.trusted.trust()?;
    let authority = Trusting {
        trust: trust.as_ref(),
    };
    let path = &arguments.archive;
    trusting::must_be_readable(path)?;
    let circumstances = Circumstances {
        command: VerifyingCommand::BundleVerify,
        at: Timestamp::now(),
        policy: None,
        warn_only: false,
    };
    let state = State::existing(&common.state)?;
    let recording = Recording::open(state.as_ref(), circumstances)?;
    status.busy("Verifying", &path.display().to_string());
    let checked = bundle::check(path, &Limits::default(), &authority);
    record(&recording, path, checked.as_ref())?;
    let checked = checked?;
    let document = ArchiveDocument::verified(&checked, recording.is_kept());
    show(&document, arguments.format)?;
    Ok(Exit::Success)
}

fn show(document: &ArchiveDocument<'_>, format: Format) -> Result<(), Refusal> {
    match format {
        Format::Human => answer(|out| print_archive(out, document)),
        Format::Json => answer_json(document),
    }
}

fn import(common: &Common, arguments: &Import, status: &Status) -> Result<Exit, Refusal> {
    let trust = arguments.trusted.trust()?;
    trusting::must_be_readable(&arguments.archive)?;
    let path = &arguments.archive;
    let authority = Trusting {
        trust: trust.as_ref(),
    };
    let limits = Limits::default();
    // What is refused at first sight leaves no directory.
    bundle::open(path, &limits, &authority).map_err(not_taken_in)?;
    let state = State::open(&common.state)?;
    let _claim = state.claim()?;
    let store = retention::open_store(&state)?;
    let mut ledger = Ledger::open(&state.ledger())?;
    status.busy("Importing", &path.display().to_string());
    let now = Timestamp::now();
    let imported = bundle::import(path, &limits, &store, &mut ledger, &authority, now)
        .map_err(not_taken_in)?;
    match arguments.format {
        Format::Human => answer(|out| print_imported(out, &imported))?,
        Format::Json => answer_json(&ImportedDocument::from(&imported))?,
    }
    Ok(Exit::Success)
}

/// Says of an archive that does not hold what that means to whoever would have taken it in.
pub(crate) fn not_taken_in(error: ImportError) -> Refusal {
    let hint = error
        .is_of_the_archive()
        .then(|| "nothing of it was taken in; ask whoever made it for another copy".to_owned());
    let refusal = Refusal::from(error);
    match hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}

async fn export(common: &Common, arguments: Export, status: &Status) -> Result<Exit, Refusal> {
    recorded(common)?;
    // Before anything is signed for it.
    let mut out = WholeFile::begin(&arguments.out).map_err(|error| {
        let message = format!("cannot write `{}`", arguments.out.display());
        Refusal::new(Exit::Usage, message).caused_by(&error)
    })?;
    let extras = given(&arguments)?;
    let inputs = Inputs::open(common, status)?;
    let _claim = inputs.state.claim()?;
    let ledger = Ledger::open(&inputs.state.ledger())?;
    let signer = if arguments.unsigned {
        None
    } else {
        Some(arguments.signing.signer(common).await?)
    };
    let (matrix, run) = release_of(&ledger, &arguments.release)?;
    let matrix = read_matrix(&matrix)?;
    let wanted = Wanted {
        run: run.as_deref(),
        hint: "name the matrix file for its newest run",
    };
    let locked = LockedRun::read(&inputs, &ledger, &matrix, wanted).await?;
    let release = report::release(&inputs, &ledger, &matrix).await?;
    let mut extras = extras;
    extras.push(extra(
        "report.json",
        Kind::Report,
        json(&ReleaseDocument::from(&release)),
    ));
    extras.push(extra(
        "matrix.toml",
        Kind::Matrix,
        trusting::read(&matrix.path)?,
    ));
    let stem = matrix.path.file_stem().unwrap_or_default();
    let wanted: BTreeSet<InputKind> = arguments.with_inputs.iter().copied().collect();
    let request = Request {
        run: &locked.run,
        name: &stem.to_string_lossy(),
        lock: &locked.lock_bytes,
        inputs: &wanted,
        extras,
        scratch: folder_of(&arguments.out),
    };
    let run = &locked.run.id;
    status.busy("Gathering", &format!("what the run {run} has left"));
    let contents = bundle::gather(&ledger, &inputs.store, request)?;
    let index = contents.index(signer.is_some());
    contents.hold(&inputs.store, &index)?;
    let signature = match &signer {
        Some(signer) => {
            let signed = signer.sign(&bundle::statement(&index)).await?;
            Some(IndexSignature {
                envelope: signed.envelope,
                bundle: signed.bundle,
            })
        }
        None => None,
    };
    status.busy("Writing", &arguments.out.display().to_string());
    let failed = |error: std::io::Error| {
        let message = format!("cannot write `{}`", arguments.out.display());
        Refusal::new(Exit::Internal, message).caused_by(&error)
    };
    // Larger pieces take some disks' caches several times as long.
    let buffered = BufWriter::with_capacity(64 << 10, out.file());
    let mut written = contents.write(&inputs.store, &index, signature.as_ref(), buffered)?;
    written.flush().map_err(failed)?;
    drop(written);
    out.finish().map_err(failed)?;
    let by = signer.map(|signer| signer.name());
    show(&ArchiveDocument::written(&index, by), arguments.format)?;
    Ok(Exit::Success)
}

/// Reads the files that somebody puts in.
fn given(arguments: &Export) -> Result<Vec<Extra>, Refusal> {
    let mut extras = Vec::new();
    for (directory, kind, paths) in [
        ("policy", Kind::Policy, &arguments.policy),
        ("trust", Kind::Trust, &arguments.trust),
    ] {
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("{directory}/{name}");
            extras.push(extra(&place, kind, trusting::read(path)?));
        }
    }
    Ok(extras)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn extra(path: &str, kind: Kind, bytes: Vec<u8>) -> Extra {
    Extra {
        path: path.to_owned(),
        kind,
        bytes,
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("plain values serialise")
}

/// Returns the matrix that a name stands for, and the run if it is a run's.
fn release_of(ledger: &Ledger, name: &str) -> Result<(PathBuf, Option<String>), Refusal> {
    let path = PathBuf::from(name);
    if path.is_file() {
        return Ok((path, None));
    }
    let run = ledger.run(name)?.ok_or_else(|| {
        let message = format!("`{name}` is neither a matrix file nor a run that is recorded");
        Refusal::new(Exit::EvidenceMissing, message)
            .hint("`kmatrix build` says which run it made in its JSON answer".to_owned())
    })?;
    Ok((PathBuf::from(&run.matrix), Some(run.id)))
}

//! `kmatrix verify`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use rayon::prelude::*;

use crate::cli::judging::{
    Evidence, Expecting, Trusting, judge_module, open_policy, trust, with_path,
};
use crate::cli::judging_archive::{is_archive, judge_archive};
use crate::cli::judging_release::release_of;
use crate::cli::recording::{Circumstances, Recording};
use crate::cli::signing::Signing;
use crate::cli::trusting::must_be_readable;
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ledger::VerifyingCommand;
use crate::report::{
    Judged, JudgedRelease, Judgement, Shown, Status, VerdictsDocument, print_verdicts,
};
use crate::sign::Signer;
use crate::state::{State, write_atomically};
use crate::verify::Trust;
use crate::verify::files;
use crate::verify::policy::{Expectation, Mode, Policy, summary};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Modules; or directories as `kmatrix attest --out` makes them, or evidence archives, of which every
    /// module is verified by the attestations beside it
    #[arg(required = true, value_name = "MODULE|DIR|ARCHIVE")]
    modules: Vec<PathBuf>,
    /// Attestations, or a directory of them [default: those beside each module]
    #[arg(long, value_name = "FILE|DIR")]
    bundle: Vec<PathBuf>,
    /// By which policy (`kmatrix policy init` prints one to begin with)
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    #[command(flatten)]
    expecting: Expecting,
    /// End with 0 whatever fails; it is told and recorded, and nothing is called passed
    #[arg(long)]
    warn_only: bool,
    /// Write a signed verification summary of each module below this directory, by the id of its cell
    #[arg(long, value_name = "DIR")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    signing: Signing,
    /// List the rules that hold too
    #[arg(long, short)]
    verbose: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    arguments: &Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let policy = open_policy(&arguments.policy)?;
    let signer = match (&arguments.summary, arguments.signing.is_given()) {
        (Some(_), _) => Some(arguments.signing.signer(common).await?),
        (None, false) => None,
        (None, true) => {
            return Err(Refusal::new(Exit::Usage, "there is nothing to sign")
                .hint("name a directory for the summaries with `--summary`".to_owned()));
        }
    };
    let trust = trust(&policy, &arguments.trusting)?;
    let at = Timestamp::now();
    let only_tells = arguments.warn_only || policy.mode == Mode::Audit;
    for path in arguments.modules.iter().filter(|path| !path.is_dir()) {
        must_be_readable(path)?;
    }
    // What is let pass is recorded in any case; otherwise nothing is made for a question.
    let state = if only_tells || policy.exceptions.iter().any(|one| at < one.until) {
        Some(State::open(&common.state)?)
    } else {
        State::existing(&common.state)?
    };
    let circumstances = Circumstances {
        command: VerifyingCommand::Verify,
        at,
        policy: Some(policy.digest),
        warn_only: arguments.warn_only,
    };
    let recording = Recording::open(state.as_ref(), circumstances)?;
    let expectation = arguments.expecting.expectation();
    let judged = judge_all(arguments, &expectation, &policy, &trust, at, &recording);
    recording.finish()?;
    let (modules, releases) = judged?;
    let left_out = links(&arguments.modules)?;
    let exits = modules.iter().map(|module| module.verdict.exit());
    let exits = exits.chain(releases.iter().map(|release| release.verdict.exit()));
    let exit = exits.fold(Exit::Success, Exit::or);
    let judgement = Judgement {
        at,
        policy: policy.digest,
        warn_only: arguments.warn_only,
        modules: &modules,
        releases: &releases,
        exit: if only_tells { Exit::Success } else { exit },
        recorded: recording.is_kept(),
        left_out: &left_out,
    };
    if let (Some(folder), Some(signer)) = (&arguments.summary, &signer) {
        write_summaries(folder, signer, &judgement, &policy, status).await?;
    }
    match arguments.format {
        Format::Human => answer(|out| print_verdicts(out, &judgement, shown(arguments.verbose)))?,
        Format::Json => answer_json(&VerdictsDocument::from(&judgement))?,
    }
    if only_tells && exit != Exit::Success {
        status.warn("what fails here is only told, not enforced");
    }
    Ok(judgement.exit)
}

/// Signs what came of each module, and writes both forms of it. All are signed before the first is
/// written, so that a signature that fails leaves nothing.
async fn write_summaries(
    folder: &Path,
    signer: &Signer,
    judgement: &Judgement<'_>,
    policy: &Policy,
    status: &Status,
) -> Result<(), Refusal> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for Judged {
        path,
        artifact,
        verdict,
        ..
    } in judgement.modules
    {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_enforced = !judgement.warn_only;
        let at = judgement.at;
        let Some(statement) = summary(&name, artifact, verdict, policy, at, is_enforced) else {
            let path = path.display();
            status.warn(&format!(
                "`{path}` has no cell by its provenance, and gets no summary"
            ));
            continue;
        };
        let signed = signer.sign(&statement.to_bytes()).await?;
        let cell = verdict
            .cell
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        let base = folder.join(cell).join(&*name);
        let with = |ending: &str| {
            let mut path = base.clone().into_os_string();
            path.push(format!(".{ending}"));
            PathBuf::from(path)
        };
        if files
            .iter()
            .any(|(path, _)| *path == with("summary.sigstore.json"))
        {
            let message = format!(
                "the summaries of two modules would both be `{}.summary.*`",
                base.display()
            );
            return Err(Refusal::new(Exit::Usage, message)
                .hint("verify them one by one, each with a `--summary` of its own".to_owned()));
        }
        files.push((with("summary.sigstore.json"), signed.bundle));
        files.push((with("summary.dsse.json"), signed.envelope));
    }
    for (path, bytes) in &files {
        let failed = |error: std::io::Error| {
            Refusal::new(Exit::Internal, format!("cannot write `{}`", path.display()))
                .caused_by(&error)
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        write_atomically(path, bytes)?;
    }
    Ok(())
}

fn judge_all(
    arguments: &Arguments,
    expectation: &Expectation,
    policy: &Policy,
    trust: &Trust,
    at: Timestamp,
    recording: &Recording,
) -> Result<(Vec<Judged>, Vec<JudgedRelease>), Refusal> {
    let mut given = Vec::new();
    for path in &arguments.bundle {
        given.extend(files::under(path)?);
    }
    let given = Evidence::read(&given, trust)?;
    let (mut judged, mut releases) = (Vec::new(), Vec::new());
    for path in &arguments.modules {
        if path.is_dir() {
            let (modules, release) =
                judge_directory(path, &given, expectation, policy, trust, at, recording)?;
            judged.extend(modules);
            releases.push(release);
            continue;
        }
        if is_archive(path)? {
            let (modules, release) =
                judge_archive(path, &given, expectation, policy, trust, at, recording)?;
            judged.extend(modules);
            releases.push(release);
            continue;
        }
        let own = if arguments.bundle.is_empty() {
            Evidence::read(&files::beside(path)?, trust)?
        } else {
            Evidence::default()
        };
        judged.push(judge_module(
            path,
            expectation,
            &[&given, &own],
            policy,
            at,
            Some(recording),
        )?);
    }
    Ok((judged, releases))
}

/// Judges every module below a directory, each by what lies beside it and what lies at the top; and the
/// release that they are of.
fn judge_directory(
    folder: &Path,
    given: &Evidence,
    expectation: &Expectation,
    policy: &Policy,
    trust: &Trust,
    at: Timestamp,
    recording: &Recording,
) -> Result<(Vec<Judged>, JudgedRelease), Refusal> {
    let modules = files::modules_under(folder)?;
    if modules.is_empty() {
        let message = format!("there is no module in `{}`", folder.display());
        return Err(Refusal::new(Exit::EvidenceMissing, message));
    }
    let top = Evidence::read(&files::of_release(folder)?, trust)?;
    let judged: Result<Vec<Judged>, Refusal> = modules
        .par_iter()
        .map(|path| {
            let is_at_the_top = path.parent() == Some(folder);
            let own = if is_at_the_top {
                Evidence::default()
            } else {
                Evidence::read(&files::beside(path)?, trust)?
            };
            let expectation = with_path(expectation, path);
            let evidence = [given, &top, &own];
            judge_module(path, &expectation, &evidence, policy, at, Some(recording))
        })
        .collect();
    let judged = judged?;
    let release = release_of(folder, &judged, &[given, &top], expectation, policy, at);
    Ok((judged, release))
}

/// Returns where modules may be that nobody looked at.
fn links(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
    let mut links = Vec::new();
    for folder in paths.iter().filter(|path| path.is_dir()) {
        links.extend(files::links_under(folder)?);
    }
    Ok(links)
}

/// Returns which rules people are shown.
pub(super) fn shown(verbose: bool) -> Shown {
    if verbose { Shown::All } else { Shown::Broken }
}

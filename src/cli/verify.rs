//! `kmatrix verify`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use rayon::prelude::*;

use crate::cli::judging::{
    Evidence, Expecting, Trusting, judge_module, open_policy, trust, with_path,
};
use crate::cli::signing::Signing;
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ledger::{Ledger, VerificationRecord};
use crate::report::{Judged, Judgement, Status, VerdictsDocument, print_verdicts};
use crate::sign::Signer;
use crate::state::{State, write_atomically};
use crate::verify::files;
use crate::verify::policy::{Expectation, Known, Policy, summary};
use crate::verify::{Trust, Verdict};

/// How many verifications are written in one transaction.
const RECORDED_TOGETHER: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Modules; or directories as `kmatrix attest --out` makes them, of which every module is verified
    /// by the attestations beside it
    #[arg(required = true, value_name = "MODULE|DIR")]
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
    let mut ledger = match State::existing(&common.state)? {
        Some(state) => Some(Ledger::open(&state.ledger())?),
        None => None,
    };
    let mut expectation = arguments.expecting.expectation();
    if let Some(ledger) = &ledger {
        let builds = ledger.verified_builds()?.into_iter();
        expectation.known = builds
            .map(|build| {
                let (finished, payload) = (build.finished, build.payload);
                (build.cell, Known { finished, payload })
            })
            .collect();
    }
    let modules = judge_all(arguments, &expectation, &policy, &trust, at)?;
    let exit = modules
        .iter()
        .fold(Exit::Success, |exit, module| exit.or(module.verdict.exit()));
    let only_tells = arguments.warn_only || policy.mode == crate::verify::policy::Mode::Audit;
    let judgement = Judgement {
        at,
        policy: policy.digest,
        warn_only: arguments.warn_only,
        modules: &modules,
        exit: if only_tells { Exit::Success } else { exit },
    };
    if let Some(ledger) = &mut ledger {
        // A release has many modules, and records of all at once would take more memory than judging.
        for modules in judgement.modules.chunks(RECORDED_TOGETHER) {
            ledger.add_verifications(&records(&judgement, modules)?)?;
        }
    }
    if let (Some(folder), Some(signer)) = (&arguments.summary, &signer) {
        write_summaries(folder, signer, &judgement, &policy, status).await?;
    }
    match arguments.format {
        Format::Human => answer(|out| print_verdicts(out, &judgement))?,
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
) -> Result<Vec<Judged>, Refusal> {
    let mut given = Vec::new();
    for path in &arguments.bundle {
        given.extend(files::under(path)?);
    }
    let given = Evidence::read(&given, trust)?;
    let mut judged = Vec::new();
    for path in &arguments.modules {
        if path.is_dir() {
            judged.extend(judge_directory(
                path,
                &given,
                expectation,
                policy,
                trust,
                at,
            )?);
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
        )?);
    }
    Ok(judged)
}

/// Judges every module below a directory, each by what lies beside it and what lies at the top.
fn judge_directory(
    folder: &Path,
    given: &Evidence,
    expectation: &Expectation,
    policy: &Policy,
    trust: &Trust,
    at: Timestamp,
) -> Result<Vec<Judged>, Refusal> {
    let modules = files::modules_under(folder)?;
    if modules.is_empty() {
        let message = format!("there is no module in `{}`", folder.display());
        return Err(Refusal::new(Exit::EvidenceMissing, message));
    }
    let top = Evidence::read(&files::directly_in(folder)?, trust)?;
    modules
        .par_iter()
        .map(|path| {
            let is_at_the_top = path.parent() == Some(folder);
            let own = if is_at_the_top {
                Evidence::default()
            } else {
                Evidence::read(&files::beside(path)?, trust)?
            };
            let expectation = with_path(expectation, path);
            judge_module(path, &expectation, &[given, &top, &own], policy, at)
        })
        .collect()
}

fn records(
    judgement: &Judgement<'_>,
    modules: &[Judged],
) -> Result<Vec<VerificationRecord>, Refusal> {
    let by = format!("uid {}", rustix::process::getuid().as_raw());
    let record = |module: &Judged| {
        let verdict: &Verdict = &module.verdict;
        Ok(VerificationRecord {
            at: judgement.at,
            by: by.clone(),
            artifact: verdict.artifact,
            policy: verdict.policy,
            passed: verdict.passes() && !judgement.warn_only,
            warn_only: judgement.warn_only,
            attestations: verdict.statements.clone(),
            verdict: serde_json::to_value(verdict)?,
        })
    };
    let records: Result<Vec<_>, serde_json::Error> = modules.iter().map(record).collect();
    records
        .map_err(|error| Refusal::new(Exit::Internal, "cannot record a verdict").caused_by(&error))
}

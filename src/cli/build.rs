//! `kmatrix build`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::cli::interrupt::{asked_to_stop, unless_stopped};
use crate::cli::prepare::{Fewer, Inputs, Renewal, build_arch, by_tree, read_matrix};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::digest::Sha256Digest;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::export;
use crate::label::{Rollup, Scope, Tier, roll_up, scope};
use crate::ledger::{CellRecord, Ledger, RunRecord, RunStatus};
use crate::lock::Sharing;
use crate::matrix::Matrix;
use crate::name::CellId;
use crate::report::{BuildDocument, Status, print_sharing, print_table};
use crate::run::{
    self, Assessment, Finished, Standing, Workshop, lost_modules, needed, needed_preparations,
    next_trial, restoring, uncompared,
};
use crate::sign::CiJob;
use crate::store::Store;
use crate::variation::{Axis, Profile};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The matrix file
    matrix: PathBuf,
    /// How often each cell is built again after the reference [default: the matrix's]
    #[arg(long, value_name = "N")]
    rebuilds: Option<u32>,
    /// What rebuilds change: minimal, standard or paranoid [default: the matrix's]
    #[arg(long, value_name = "PROFILE")]
    variation: Option<Profile>,
    /// Do not vary an axis, such as build-path or clock
    #[arg(long, value_name = "AXIS")]
    hold: Vec<Axis>,
    /// Vary an axis that the profile or the matrix holds
    #[arg(long, value_name = "AXIS")]
    vary: Vec<Axis>,
    /// Do not look for the axis that makes a cell differ
    #[arg(long)]
    no_inquiry: bool,
    /// How many attempts run at one time [default: the engine's CPUs]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Refuse if the lock is missing or out of date
    #[arg(long, conflicts_with = "update")]
    locked: bool,
    /// Ask the archives again, and make new images
    #[arg(long)]
    update: bool,
    /// Let cells go whose kernels the archives no longer hold; the lock records it
    #[arg(long, conflicts_with = "locked")]
    accept_fewer: bool,
    /// The tier that every cell must reach: full, constrained, partial or unverified [default: the
    /// matrix's]
    #[arg(long, value_name = "TIER")]
    require: Option<Tier>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let mut matrix = read_matrix(&arguments.matrix)?;
    if let Some(rebuilds) = arguments.rebuilds {
        matrix.build.rebuilds = rebuilds;
    }
    take_variation(&arguments, &mut matrix)?;
    let inputs = Inputs::open(common, status)?;
    let _claim = inputs.state.claim()?;
    let docker = Docker::connect(&inputs.state.id()?).await?;
    let renewal = Renewal::of(arguments.update, arguments.locked);
    let fewer = Fewer::of(arguments.accept_fewer);
    let (plan, lock, sources) =
        unless_stopped(inputs.lock(&matrix, Some(&docker), renewal, fewer)).await?;
    let cells = lock.cells(&matrix, build_arch()?);

    let mut ledger = Ledger::open(&inputs.state.ledger())?;
    ledger.close_abandoned_runs()?;
    let swept = docker.sweep().await?;
    if swept > 0 {
        status.busy("Swept", &format!("{swept} containers of an earlier run"));
    }

    let to_do = attempts_to_do(&ledger, &inputs.store, &cells, !arguments.no_inquiry)?;
    let changed = changed_records(&ledger, &cells, &inputs.state.out())?;
    let finished = if to_do == 0 && changed.is_empty() {
        None
    } else {
        status.begin_bar(to_do);
        let workshop = Workshop {
            store: inputs.store.clone(),
            jobs: arguments
                .jobs
                .unwrap_or_else(|| docker.identity().cpus.max(1)),
            docker,
            packages: inputs.packages()?,
            sources: Arc::new(by_tree(sources)),
            inquires: !arguments.no_inquiry,
        };
        let record = new_run(
            &arguments.matrix,
            plan.digest,
            matrix.build.least_rebuilds(),
        );
        let finished = watched(workshop, &mut ledger, record, &cells, status).await?;
        export_all(&inputs, &finished, &changed, status)?;
        Some(finished)
    };
    let assessments = match &finished {
        Some(finished) => finished.assessments.clone(),
        None => cells
            .iter()
            .map(|cell| run::assess_cell(&ledger, cell))
            .collect::<Result<_, _>>()?,
    };
    let results = Results {
        plan: plan.digest,
        scope: scope(
            assessments
                .iter()
                .map(|assessment| (&assessment.cell.id, assessment.fate())),
            &plan.exclusions,
            lock.let_go
                .iter()
                .map(|gone| (gone.cell.clone(), gone.accepted)),
        ),
        out: inputs.state.out(),
        sharing: inputs.sharing(&lock)?,
        finished,
        assessments,
    };
    conclude(&arguments, &matrix, &results, status)
}

/// What a build has to tell.
struct Results {
    plan: Sha256Digest,
    scope: Scope,
    /// Where modules, logs and records lie.
    out: PathBuf,
    sharing: Sharing,
    /// `None` if there was nothing to do.
    finished: Option<Finished>,
    assessments: Vec<Assessment>,
}

/// Lets the command line have its way with what the matrix says of variation.
fn take_variation(arguments: &Arguments, matrix: &mut Matrix) -> Result<(), Refusal> {
    if let Some(axis) = arguments
        .hold
        .iter()
        .find(|axis| arguments.vary.contains(axis))
    {
        let refusal = Refusal::new(
            Exit::Usage,
            format!("`{axis}` is to be held and to be varied"),
        );
        let hint = format!("leave out `--hold {axis}` or `--vary {axis}`");
        return Err(refusal.hint(hint));
    }
    let build = &mut matrix.build;
    if let Some(profile) = arguments.variation {
        build.variation = profile;
    }
    for axis in &arguments.hold {
        build.vary.remove(axis);
        build.hold.insert(*axis);
    }
    for axis in &arguments.vary {
        build.hold.remove(axis);
        build.vary.insert(*axis);
    }
    Ok(())
}

fn new_run(matrix: &Path, plan: Sha256Digest, rebuilds: u32) -> RunRecord {
    let started = Timestamp::now();
    RunRecord {
        id: format!(
            "{}-{}",
            started.strftime("%Y%m%dT%H%M%S"),
            std::process::id()
        ),
        started,
        ended: None,
        status: RunStatus::Running,
        matrix: matrix.display().to_string(),
        plan,
        rebuilds,
        job: CiJob::current().map(|job| job.to_string()),
    }
}

fn attempts_to_do(
    ledger: &Ledger,
    store: &Store,
    cells: &[CellRecord],
    inquires: bool,
) -> Result<u64, Refusal> {
    let is_kept = |digest: &Sha256Digest| store.has_blob(digest);
    let mut count = 0;
    for cell in cells {
        let known = ledger.attempts(&cell.inputs.digest())?;
        let wanted = needed(&known, cell.rebuilds, &cell.axes);
        count += wanted.len() as u64;
        count += u64::from(restoring(&known, &wanted, is_kept).is_some());
        let compared = ledger.comparisons(&cell.inputs.digest())?;
        if lost_modules(&known, is_kept).is_none() {
            count += uncompared(&known, &compared).len() as u64;
        }
        if inquires && next_trial(&known, &compared).is_some() {
            count += 1;
        }
        if let Some(prepared) = &cell.inputs.prepared {
            let known = ledger.preparations(&prepared.digest())?;
            count += needed_preparations(&known, cell.rebuilds).len() as u64;
        }
    }
    Ok(count)
}

/// Returns the cells of which something else is known than the ledger says: the same inputs may
/// have been committed since, or looked for in another state of the archive. A cell whose results
/// are no longer laid out counts as one.
fn changed_records(
    ledger: &Ledger,
    cells: &[CellRecord],
    out: &Path,
) -> Result<BTreeSet<CellId>, Refusal> {
    let mut changed = BTreeSet::new();
    for cell in cells {
        let is_laid_out = export::is_laid_out(&cell.id, out);
        if !is_laid_out || ledger.cell(&cell.id)?.as_ref() != Some(cell) {
            changed.insert(cell.id.clone());
        }
    }
    Ok(changed)
}

/// Runs, and stops when the process is asked to.
pub(crate) async fn watched(
    workshop: Workshop,
    ledger: &mut Ledger,
    record: RunRecord,
    cells: &[CellRecord],
    status: &Status,
) -> Result<Finished, Refusal> {
    let (stop, _) = watch::channel(false);
    let asked = stop.clone();
    let told = status.clone();
    let waiting = tokio::spawn(async move {
        asked_to_stop().await;
        told.bad(
            "Stopping",
            "what is in flight; run the same command to go on",
        );
        asked.send_replace(true);
    });
    let result = run::run(workshop, ledger, record, cells, &stop, |event| {
        status.event(event);
    })
    .await;
    waiting.abort();
    status.end_bar();
    Ok(result?)
}

fn export_all(
    inputs: &Inputs<'_>,
    finished: &Finished,
    changed: &BTreeSet<CellId>,
    status: &Status,
) -> Result<(), Refusal> {
    for assessment in &finished.assessments {
        let is_new = assessment
            .attempts
            .iter()
            .any(|attempt| attempt.run == finished.record.id);
        if is_new || changed.contains(&assessment.cell.id) {
            let lost = export::export(assessment, &inputs.store, &inputs.state.out())?;
            if !lost.is_empty() {
                let (cell, lost) = (&assessment.cell.id, lost.join(", "));
                status.warn(&format!(
                    "{cell}: the store has lost {lost}, which no build brings back"
                ));
            }
        }
    }
    for (cell, error) in &finished.missing_inputs {
        status.bad("Missing", &format!("{cell}: {}", chain(error)));
        if let Some(hint) = error.hint() {
            status.bad("hint", &hint);
        }
    }
    Ok(())
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn conclude(
    arguments: &Arguments,
    matrix: &Matrix,
    results: &Results,
    status: &Status,
) -> Result<Exit, Refusal> {
    let Results {
        plan,
        scope,
        out,
        sharing,
        finished,
        assessments,
    } = results;
    let finished = finished.as_ref();
    let rollup: Rollup = roll_up(
        assessments
            .iter()
            .map(|assessment| (&assessment.cell.id, assessment.for_roll_up())),
    );
    let require = arguments
        .require
        .or_else(|| matrix.policy.require.map(Tier::from));
    let exit = judge(
        assessments,
        finished,
        require,
        matrix.policy.fail_when_stale,
    );
    match arguments.format {
        Format::Human => answer(|to| {
            print_table(to, assessments, &rollup, out)?;
            print_sharing(to, sharing)
        })?,
        Format::Json => answer_json(&BuildDocument::new(
            finished.map(|finished| &finished.record),
            *plan,
            exit,
            &rollup,
            scope,
            sharing,
            assessments,
        ))?,
    }
    tell_what_is_missed(assessments, require, matrix.policy.fail_when_stale, status);
    match finished {
        None => status.done("Finished", "nothing had to be done"),
        Some(finished) => {
            if let Some(failure) = &finished.engine_lost {
                status.bad("Abandoned", &format!("{failure}"));
                status.bad("hint", failure.hint());
            }
        }
    }
    Ok(exit)
}

/// Names the cells that keep a build from what was asked of it, which the table only shows.
fn tell_what_is_missed(
    assessments: &[Assessment],
    require: Option<Tier>,
    fail_when_stale: bool,
    status: &Status,
) {
    for assessment in assessments {
        let id = &assessment.cell.id;
        if let Some(require) = require
            && is_below(assessment, require)
        {
            let word = match assessment.label() {
                Some(label) => label.word(),
                None => "without a label".to_owned(),
            };
            status.bad("Below", &format!("{id} is {word}, and has to be {require}"));
        }
        if fail_when_stale
            && let Some(label) = assessment.label()
            && label.freshness.is_stale_or_unknown()
        {
            status.bad("Stale", &format!("{id}: its image is {}", label.freshness));
        }
    }
}

fn is_below(assessment: &Assessment, require: Tier) -> bool {
    match &assessment.standing {
        // What a module is not for has nothing that could be below.
        Standing::Excluded { .. } => false,
        Standing::Labelled(_) | Standing::Failed { .. } | Standing::Missing { .. } => {
            assessment.label().is_none_or(|label| label.tier < require)
        }
    }
}

/// Says how a build ended: the first of all that applies, in the order of precedence.
fn judge(
    assessments: &[Assessment],
    finished: Option<&Finished>,
    require: Option<Tier>,
    fail_when_stale: bool,
) -> Exit {
    let mut exit = Exit::Success;
    if let Some(finished) = finished {
        if finished.record.status == RunStatus::Interrupted {
            exit = exit.or(Exit::Interrupted);
        }
        if finished.engine_lost.is_some() {
            exit = exit.or(Exit::EngineUnavailable);
        }
        if !finished.missing_inputs.is_empty() {
            exit = exit.or(Exit::InputUnavailable);
        }
    }
    for assessment in assessments {
        match &assessment.standing {
            Standing::Failed { .. } => exit = exit.or(Exit::CellsFailed),
            Standing::Missing { .. } | Standing::Excluded { .. } | Standing::Labelled(_) => {}
        }
        let (same, all) = assessment.agreement();
        if same < all {
            exit = exit.or(Exit::RebuildDiffers);
        }
        if let Some(require) = require
            && is_below(assessment, require)
        {
            exit = exit.or(Exit::BelowTier);
        }
        let not_fresh = assessment
            .label()
            .is_some_and(|label| label.freshness.is_stale_or_unknown());
        if fail_when_stale && not_fresh {
            exit = exit.or(Exit::Stale);
        }
    }
    exit
}

//! `kmatrix report`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::explain::recorded;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal, build_arch, read_matrix};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ko;
use crate::label::{RulesUsed, roll_up, scope};
use crate::ledger::{CellRecord, Ledger};
use crate::lock::Lock;
use crate::matrix::Matrix;
use crate::outcome::MOST_OF_COMMANDS;
use crate::recipe::{BuildSpec, MAX_SPEC};
use crate::report::{Release, ReleaseDocument, Status, print_release};
use crate::run::{Assessment, assess_cell, uniformity};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The matrix file
    matrix: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let matrix = read_matrix(&arguments.matrix)?;
    let ledger = Ledger::open(&recorded(common)?.ledger())?;
    let inputs = Inputs::open(common, status)?;
    let release = release(&inputs, &ledger, &matrix).await?;
    match arguments.format {
        Format::Human => answer(|out| print_release(out, &release))?,
        Format::Json => answer_json(&ReleaseDocument::from(&release))?,
    }
    Ok(Exit::Success)
}

/// Says how a release stands, by what is recorded.
pub(crate) async fn release(
    inputs: &Inputs<'_>,
    ledger: &Ledger,
    matrix: &Matrix,
) -> Result<Release, Refusal> {
    let (plan, _, _) = unless_stopped(inputs.plan(matrix, Renewal::Locked)).await?;
    let lock = inputs.last_lock(matrix)?;
    let lock = lock.filter(|lock| lock.plan == plan.digest);
    let lock = lock.ok_or_else(|| out_of_date(matrix))?;
    let assessments = assess(ledger, &lock, matrix)?;

    let store = &inputs.store;
    let spec = |digest: &_| {
        let bytes = store.read_blob(digest, MAX_SPEC).ok()?;
        serde_json::from_slice::<BuildSpec>(&bytes).ok()
    };
    let commands = |digest: &_| store.read_blob(digest, MOST_OF_COMMANDS).ok();
    let sections = |digest: &_| ko::sections(&store.read_blob(digest, ko::MAX_BYTES).ok()?).ok();
    let mut uneven = Vec::new();
    for assessment in &assessments {
        let id = &assessment.cell.id;
        let history = ledger.cell_history(id)?;
        if history.is_uneven() {
            uneven.push((id.clone(), history));
        }
    }
    let each = || assessments.iter().map(|one| (&one.cell.id, one));
    let let_go = lock.let_go.iter();
    Ok(Release {
        matrix: matrix.path.display().to_string(),
        plan: plan.digest,
        rules: RulesUsed::current(),
        rollup: roll_up(each().map(|(id, one)| (id, one.for_roll_up()))),
        scope: scope(
            each().map(|(id, one)| (id, one.fate())),
            &plan.exclusions,
            let_go.map(|gone| (gone.cell.clone(), gone.accepted)),
        ),
        uniformity: uniformity(&assessments, spec, commands, sections),
        uneven,
    })
}

/// Assesses every locked cell, with the rebuilds that its last run was asked for.
fn assess(ledger: &Ledger, lock: &Lock, matrix: &Matrix) -> Result<Vec<Assessment>, Refusal> {
    let cells: Vec<CellRecord> = lock.cells(matrix, build_arch()?);
    if cells.len() < lock.cells.len() {
        return Err(out_of_date(matrix));
    }
    let mut assessments = Vec::new();
    for mut cell in cells {
        let known = ledger.cell(&cell.id)?;
        if let Some(known) = known.filter(|known| known.inputs == cell.inputs) {
            cell.rebuilds = known.rebuilds;
            cell.axes = known.axes;
        }
        assessments.push(assess_cell(ledger, &cell)?);
    }
    Ok(assessments)
}

fn out_of_date(matrix: &Matrix) -> Refusal {
    Refusal::new(
        Exit::InputUnavailable,
        format!(
            "the lock of `{}` is missing or out of date",
            matrix.path.display()
        ),
    )
    .hint("a report looks for nothing: run `kmatrix build` or `kmatrix lock` first".to_owned())
}

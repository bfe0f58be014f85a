//! `kmatrix plan`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal, read_matrix};
use crate::cli::{Common, Format, Refusal, answer};
use crate::exit::Exit;
use crate::plan::PlanDocument;
use crate::report::{Status, print_plan};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The matrix file
    matrix: PathBuf,
    /// Ask the archives which kernels they hold now
    #[arg(long)]
    update: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let matrix = read_matrix(&arguments.matrix)?;
    let inputs = Inputs::open(common, status)?;
    let renewal = Renewal::of(arguments.update, false);
    let (plan, _, kernels) = unless_stopped(inputs.plan(&matrix, renewal)).await?;
    if let Some(known) = inputs.last_lock(&matrix)? {
        inputs.lost(&known, &plan, &kernels);
    }
    match arguments.format {
        Format::Human => answer(|out| print_plan(out, &plan))?,
        Format::Json => answer(|out| PlanDocument::from(&plan).write(out))?,
    }
    Ok(Exit::Success)
}

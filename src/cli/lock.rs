//! `kmatrix lock`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Fewer, Inputs, Renewal, read_matrix};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::engine::Docker;
use crate::exit::Exit;
use crate::report::{Status, print_lock};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The matrix file
    matrix: PathBuf,
    /// Ask the archives again, and make new images
    #[arg(long, conflicts_with = "check")]
    update: bool,
    /// Change nothing; refuse if the lock is missing or out of date
    #[arg(long)]
    check: bool,
    /// Let cells go whose kernels the archives no longer hold; the lock records it
    #[arg(long, conflicts_with = "check")]
    accept_fewer: bool,
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
    let _claim = inputs.state.claim()?;
    // A check changes nothing, so it needs no engine to make an image with.
    let docker = if arguments.check {
        None
    } else {
        Some(Docker::connect(&inputs.state.id()?).await?)
    };
    let renewal = Renewal::of(arguments.update, arguments.check);
    let fewer = Fewer::of(arguments.accept_fewer);
    let (_, lock, _) =
        unless_stopped(inputs.lock(&matrix, docker.as_ref(), renewal, fewer)).await?;
    match arguments.format {
        Format::Human => {
            let place = inputs.state.lock(&matrix.path);
            let sharing = inputs.sharing(&lock)?;
            answer(|out| print_lock(out, &lock, &sharing, &place))?;
        }
        Format::Json => answer_json(&lock)?,
    }
    Ok(Exit::Success)
}

//! `kmatrix kernels diff`.

use std::path::Path;

use clap::Args;

use super::named;
use crate::catalog::Kernel;
use crate::catalog::change::Change;
use crate::catalog::facts::DistroFacts;
use crate::catalog::look::Look;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, read_matrix};
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::report::{
    ChangesDocument, Compared, LockChange, LockChangeDocument, print_changes, print_lock_change,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A matrix file, whose lock is compared; or names such as `debian-12`, whose last look is; those
    /// that were looked at before if nothing is named
    #[arg(value_name = "MATRIX|RELEASE")]
    what: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) async fn run(inputs: &Inputs<'_>, arguments: Arguments) -> Result<Exit, Refusal> {
    match &arguments.what[..] {
        [path] if path.ends_with(".toml") => {
            lock_against_archives(inputs, Path::new(path), arguments.format).await
        }
        names => looks_against_archives(inputs, names, arguments.format).await,
    }
}

async fn looks_against_archives(
    inputs: &Inputs<'_>,
    names: &[String],
    format: Format,
) -> Result<Exit, Refusal> {
    let mut looks: Vec<(DistroFacts, Option<Look>, Look)> = Vec::new();
    for facts in named(inputs, names)? {
        let before = inputs.last_look(&facts)?;
        let now = unless_stopped(async { Ok(inputs.look(&facts).await?) }).await?;
        looks.push((facts, before, now));
    }
    let compared: Vec<Compared> = looks
        .iter()
        .map(|(facts, before, now)| {
            let known: &[Kernel] = before.as_ref().map_or(&[], |look| &look.list.kernels);
            Compared {
                name: facts.name(),
                before: before.as_ref(),
                now,
                change: Change::between(known, &now.list),
                lost: Vec::new(),
                is_recorded: false,
            }
        })
        .collect();
    match format {
        Format::Json => answer_json(&ChangesDocument::new(Exit::Success, &compared))?,
        Format::Human => answer(|out| print_changes(out, &compared))?,
    }
    Ok(Exit::Success)
}

async fn lock_against_archives(
    inputs: &Inputs<'_>,
    path: &Path,
    format: Format,
) -> Result<Exit, Refusal> {
    let matrix = read_matrix(path)?;
    let lock = inputs.last_lock(&matrix)?.ok_or_else(|| {
        Refusal::new(
            Exit::EvidenceMissing,
            format!("`{}` has no lock", path.display()),
        )
        .hint("`kmatrix lock` makes one".to_owned())
    })?;
    let (plan, looks) = unless_stopped(inputs.plan_of_now(&matrix)).await?;
    let change = LockChange::new(&lock, &plan, &looks);
    match format {
        Format::Json => answer_json(&LockChangeDocument::from(&change))?,
        Format::Human => answer(|out| print_lock_change(out, &change))?,
    }
    Ok(Exit::Success)
}

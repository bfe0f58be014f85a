//! `kmatrix kernels`: what the archives hold, and what has changed.

mod diff;
mod list;
mod show;
mod update;

use clap::Subcommand;

use crate::catalog::facts::{DistroFacts, find};
use crate::cli::prepare::Inputs;
use crate::cli::{Common, Refusal};
use crate::exit::Exit;
use crate::report::Status;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the kernels of distribution releases
    List(list::Arguments),
    /// Ask the archives again, and say what is new, gone or superseded
    Update(update::Arguments),
    /// Hold what is recorded or locked against the archives, and record nothing
    Diff(diff::Arguments),
    /// Show everything that is known of one kernel
    Show(show::Arguments),
}

pub(crate) async fn run(
    common: &Common,
    command: Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    let inputs = Inputs::open(common, status)?;
    match command {
        Command::List(arguments) => list::run(&inputs, arguments).await,
        Command::Update(arguments) => update::run(&inputs, arguments).await,
        Command::Diff(arguments) => diff::run(&inputs, arguments).await,
        Command::Show(arguments) => show::run(&inputs, &arguments),
    }
}

/// Returns the facts of the distribution releases that are named, or of those that were ever looked
/// at if none is.
fn named(inputs: &Inputs<'_>, names: &[String]) -> Result<Vec<DistroFacts>, Refusal> {
    let all = inputs.facts()?;
    let known = || {
        all.iter()
            .map(DistroFacts::name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    for name in names {
        if find(&all, name).is_none() {
            return Err(
                Refusal::new(Exit::Usage, format!("there are no facts of `{name}`"))
                    .hint(format!("there are facts of {}", known())),
            );
        }
    }
    let mut chosen = Vec::new();
    for facts in &all {
        let is_chosen = if names.is_empty() {
            inputs.last_look(facts)?.is_some()
        } else {
            names.contains(&facts.name())
        };
        if is_chosen {
            chosen.push(facts.clone());
        }
    }
    if chosen.is_empty() {
        return Err(Refusal::new(
            Exit::Usage,
            "no distribution release is named, and none has been looked at yet",
        )
        .hint(format!("name one or more of {}", known())));
    }
    Ok(chosen)
}

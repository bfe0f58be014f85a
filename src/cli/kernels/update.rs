//! `kmatrix kernels update`.

use clap::Args;

use super::named;
use crate::catalog::Kernel;
use crate::catalog::change::Change;
use crate::catalog::facts::DistroFacts;
use crate::catalog::look::Look;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, LookError};
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::lock::Lock;
use crate::name::Target;
use crate::report::{ChangesDocument, Compared, print_changes};
use crate::state;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Such as `debian-12`; those that were looked at before if none is named
    distro_release: Vec<String>,
    /// End with status 22 if kernels have gone, cannot be resolved, or are locked and no longer
    /// there, or if an archive is older than before; such a list is not recorded
    #[arg(long)]
    check: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) async fn run(inputs: &Inputs<'_>, arguments: Arguments) -> Result<Exit, Refusal> {
    let locks = locked_targets(inputs)?;
    let mut looks: Vec<(DistroFacts, Option<Look>, Look)> = Vec::new();
    for facts in named(inputs, &arguments.distro_release)? {
        let before = inputs.last_look(&facts)?;
        let now = unless_stopped(look(inputs, &facts, arguments.check)).await?;
        looks.push((facts, before, now));
    }
    let mut exit = Exit::Success;
    let mut compared = Vec::new();
    for (facts, before, now) in &looks {
        let known: &[Kernel] = before.as_ref().map_or(&[], |look| &look.list.kernels);
        let change = Change::between(known, &now.list);
        let lost = lost(&locks, facts, now);
        let is_less = change.is_less() || !lost.is_empty();
        let is_recorded = !(arguments.check && is_less);
        if is_recorded {
            inputs.record(now)?;
        } else {
            exit = exit.or(Exit::FewerKernels);
        }
        compared.push(Compared {
            name: facts.name(),
            before: before.as_ref(),
            now,
            change,
            lost,
            is_recorded,
        });
    }
    match arguments.format {
        Format::Json => answer_json(&ChangesDocument::new(exit, &compared))?,
        Format::Human => answer(|out| print_changes(out, &compared))?,
    }
    Ok(exit)
}

/// Looks at the archives; to a check, an archive that is older than before is one that has less.
async fn look(inputs: &Inputs<'_>, facts: &DistroFacts, check: bool) -> Result<Look, Refusal> {
    inputs.look(facts).await.map_err(|error| {
        let is_older = matches!(&error, LookError::Catalog(error) if error.is_rolled_back());
        let refusal = Refusal::from(error);
        if check && is_older {
            refusal.ending(Exit::FewerKernels)
        } else {
            refusal
        }
    })
}

/// Returns the kernels of every recorded lock, with the lock's name.
fn locked_targets(inputs: &Inputs<'_>) -> Result<Vec<(String, Vec<Target>)>, Refusal> {
    let mut all = Vec::new();
    for path in inputs.state.all_locks()? {
        let lock: Option<Lock> = state::read_versioned(&path)?;
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let targets = lock.into_iter().flat_map(|lock| lock.targets);
        all.push((name, targets.map(|locked| locked.target).collect()));
    }
    Ok(all)
}

/// Returns the locked kernels of a distribution release that its archives no longer hold.
fn lost<'l>(
    locks: &'l [(String, Vec<Target>)],
    facts: &DistroFacts,
    now: &Look,
) -> Vec<(&'l str, &'l Target)> {
    let is_there = |target: &Target| now.list.kernels.iter().any(|k| k.target == *target);
    locks
        .iter()
        .flat_map(|(name, targets)| targets.iter().map(move |target| (name.as_str(), target)))
        .filter(|(_, target)| {
            let is_of =
                target.distro == facts.distro && target.distro_release == facts.distro_release;
            is_of && !is_there(target)
        })
        .collect()
}

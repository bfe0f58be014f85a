//! `kmatrix kernels`.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::catalog::DistroKernels;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::report::Status;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the kernels of a distribution release
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Such as `debian-12`; every one that there are facts of if none is named
    distro_release: Vec<String>,
    /// Ask the archives which kernels they hold now
    #[arg(long)]
    update: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    command: Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    match command {
        Command::List(list) => list_kernels(common, list, status).await,
    }
}

async fn list_kernels(common: &Common, list: List, status: &Status) -> Result<Exit, Refusal> {
    let inputs = Inputs::open(common, status)?;
    let all = inputs.facts()?;
    for name in &list.distro_release {
        if !all.iter().any(|facts| facts.name() == *name) {
            let known: Vec<String> = all.iter().map(|facts| facts.name()).collect();
            return Err(
                Refusal::new(Exit::Usage, format!("there are no facts of `{name}`"))
                    .hint(format!("there are facts of {}", known.join(", "))),
            );
        }
    }
    let renewal = Renewal::of(list.update, false);
    let mut found: Vec<DistroKernels> = Vec::new();
    for facts in &all {
        if list.distro_release.is_empty() || list.distro_release.contains(&facts.name()) {
            found.push(unless_stopped(inputs.kernels(facts, renewal)).await?);
        }
    }
    match list.format {
        Format::Json => answer_json(&serde_json::json!({
            "schemaVersion": 1,
            "distroReleases": found,
        }))?,
        Format::Human => answer(|out| {
            for list in &found {
                for kernel in &list.kernels {
                    let target = &kernel.target;
                    writeln!(
                        out,
                        "{}-{} {} {:<28} {:<8} {}",
                        target.distro,
                        target.distro_release,
                        target.arch,
                        target.kernel_release,
                        target.flavour,
                        target.package_version
                    )?;
                }
                for kernel in &list.unresolved {
                    writeln!(
                        out,
                        "{}-{} {} {:<28} cannot be had: {}",
                        list.distro,
                        list.distro_release,
                        kernel.arch,
                        kernel.kernel_release,
                        kernel.reason
                    )?;
                }
            }
            Ok(())
        })?,
    }
    Ok(Exit::Success)
}

//! `kmatrix kernels list`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use clap::Args;

use super::named;
use crate::catalog::look::Look;
use crate::catalog::version_order::VersionOrder;
use crate::catalog::{DistroKernels, Kernel};
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal};
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::name::{Arch, Flavour, Series};
use crate::plan::newest;
use crate::report::{ListDocument, Listed, print_kernels};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Such as `debian-12`; those that were looked at before if none is named
    distro_release: Vec<String>,
    /// Ask the archives which kernels they hold now
    #[arg(long)]
    update: bool,
    /// Only so many of the newest releases of each architecture, flavour and series
    #[arg(long, value_name = "N")]
    newest: Option<NonZeroU32>,
    /// Only kernels for this architecture; may be given several times
    #[arg(long)]
    arch: Vec<Arch>,
    /// Only kernels of this flavour; may be given several times
    #[arg(long)]
    flavour: Vec<Flavour>,
    /// Only kernels of this series, such as `6.1`; may be given several times
    #[arg(long)]
    series: Vec<Series>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) async fn run(inputs: &Inputs<'_>, arguments: Arguments) -> Result<Exit, Refusal> {
    let renewal = Renewal::of(arguments.update, false);
    let mut listed = Vec::new();
    for facts in named(inputs, &arguments.distro_release)? {
        let list = unless_stopped(inputs.kernels(&facts, renewal)).await?;
        let at = inputs.last_look(&facts)?.and_then(|look: Look| look.at);
        let list = narrowed(list, &arguments)?;
        listed.push(Listed { facts, at, list });
    }
    match arguments.format {
        Format::Json => answer_json(&ListDocument::from(&listed[..]))?,
        Format::Human => answer(|out| print_kernels(out, &listed))?,
    }
    Ok(Exit::Success)
}

/// Leaves out what the arguments do not ask for.
fn narrowed(mut list: DistroKernels, arguments: &Arguments) -> Result<DistroKernels, Refusal> {
    let Arguments {
        arch,
        flavour,
        series,
        ..
    } = arguments;
    let is_wanted = |kernel: &Kernel| {
        let target = &kernel.target;
        (arch.is_empty() || arch.contains(&target.arch))
            && (flavour.is_empty() || flavour.contains(&target.flavour))
            && (series.is_empty()
                || series
                    .iter()
                    .any(|series| series.contains(&target.kernel_release)))
    };
    list.kernels.retain(is_wanted);
    list.unresolved.retain(|kernel| {
        (arch.is_empty() || arch.contains(&kernel.arch))
            && (series.is_empty()
                || series
                    .iter()
                    .any(|series| series.contains(&kernel.kernel_release)))
    });
    let Some(count) = arguments.newest else {
        return Ok(list);
    };
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, kernel) in list.kernels.iter().enumerate() {
        let target = &kernel.target;
        let series = Series::of(&target.kernel_release);
        let group = (target.arch, &target.flavour, series);
        groups.entry(group).or_default().push(index);
    }
    let mut kept = Vec::new();
    for group in groups.into_values() {
        let targets = group
            .into_iter()
            .map(|index| (index, &list.kernels[index].target));
        let newest = newest(targets, VersionOrder::of(list.format), count).map_err(|error| {
            Refusal::new(
                Exit::InputUnavailable,
                format!(
                    "cannot tell which kernels are the newest: `{}` is no version",
                    error.0
                ),
            )
        })?;
        kept.extend(newest);
    }
    kept.sort_unstable();
    list.kernels = kept
        .into_iter()
        .map(|index| list.kernels[index].clone())
        .collect();
    Ok(list)
}

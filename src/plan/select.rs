//! Which kernels a target or an include selects.
//!
//! Whatever is written must select at least one kernel; what selects none is written down, and
//! selection goes on to find the next problem.

use std::collections::BTreeMap;

use crate::document::{Place, Placed, suggest};
use crate::matrix::{Include, Latest, TargetSelector};
use crate::name::{Arch, Distro, DistroRelease, Series, Target};
use crate::plan::kernels::Kernels;
use crate::plan::newest::newest;
use crate::plan::pick::{Pick, picks};
use crate::plan::problem::PlanProblemCode;
use crate::plan::refusal::{Refusal, Refusals, join};

/// Returns the kernels of a target by their indexes, in order.
pub(super) fn select_target(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
) -> Vec<usize> {
    let before = refusals.count();
    let of_releases = of_releases(target, kernels, refusals);
    let of_archs = of_archs(target, kernels, refusals, &of_releases);
    let pool = of_flavours(target, kernels, refusals, &of_archs);
    let mut selected = Vec::new();
    if !pool.is_empty() {
        for pick in picks(target) {
            let is_picked = |index: &usize| pick.selects(&kernels.get(*index).kernel_release);
            let picked: Vec<usize> = pool.iter().copied().filter(is_picked).collect();
            if picked.is_empty() {
                refuse_pick(target, kernels, refusals, &pick, &pool);
            }
            selected.extend(latest(
                target.kernels.latest,
                kernels,
                refusals,
                &pick,
                picked,
            ));
        }
    }
    selected.sort_unstable();
    selected.dedup();
    if refusals.count() == before {
        refuse_barren(target, kernels, refusals, &selected);
    }
    selected
}

/// Returns the kernels of an include by their indexes.
pub(super) fn select_include(
    include: &Include,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
) -> Vec<usize> {
    let (distro, release) = (&include.distro.value, &include.distro_release.value);
    if !knows_distro(&include.distro, kernels, refusals)
        || !knows_release(distro, &include.distro_release, kernels, refusals)
    {
        return Vec::new();
    }
    let arch = include.arch.value;
    let is_here = |target: &Target| {
        target.distro == *distro && target.distro_release == *release && target.arch == arch
    };
    let pool: Vec<usize> = kernels
        .iter()
        .filter_map(|(index, target)| is_here(target).then_some(index))
        .collect();
    let mut selected = Vec::new();
    for kernel in &include.kernels {
        let before = selected.len();
        // Every upload of the release.
        selected.extend(with(&pool, kernels, |target| {
            target.kernel_release == kernel.value
        }));
        if selected.len() == before {
            let refusal = Refusal {
                message: format!("{distro} {release} has no kernel `{kernel}` for {arch}"),
                cause: Some(format!(
                    "there are the series {} for {arch}",
                    join_or_none(kernels.series_among(&pool))
                )),
                hint: Some(refusals.list_or_drop(distro, release, "kernel", kernel.place)),
            };
            refusals.add(PlanProblemCode::NoKernel, Some(kernel.place), refusal);
        }
    }
    selected
}

fn of_releases(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
) -> Vec<usize> {
    let distro = &target.distro.value;
    if !knows_distro(&target.distro, kernels, refusals) {
        return Vec::new();
    }
    let mut pool = Vec::new();
    for release in &target.distro_releases {
        if !knows_release(distro, release, kernels, refusals) {
            continue;
        }
        let before = pool.len();
        pool.extend(kernels.iter().filter_map(|(index, kernel)| {
            let is_of = kernel.distro == *distro && kernel.distro_release == release.value;
            is_of.then_some(index)
        }));
        if pool.len() == before {
            let refusal = Refusal {
                message: format!("the catalog of {distro} {release} has no kernel at all"),
                cause: None,
                hint: Some(refusals.drop_from("release", release.place)),
            };
            refusals.add(PlanProblemCode::NoKernel, Some(release.place), refusal);
        }
    }
    pool
}

fn of_archs(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
    pool: &[usize],
) -> Vec<usize> {
    let mut kept = Vec::new();
    for arch in &target.archs {
        let before = kept.len();
        kept.extend(with(pool, kernels, |kernel| kernel.arch == arch.value));
        if kept.len() == before && !pool.is_empty() {
            let refusal = Refusal {
                message: format!("{} has no kernel for {arch}", releases(target)),
                cause: Some(format!(
                    "the catalog has kernels for {}",
                    join(kernels.archs_among(pool))
                )),
                hint: Some(list_or_drop(target, refusals, "architecture", arch.place)),
            };
            refusals.add(PlanProblemCode::UnknownArch, Some(arch.place), refusal);
        }
    }
    kept
}

fn of_flavours(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
    pool: &[usize],
) -> Vec<usize> {
    for flavour in target.flavours.written() {
        let is_of = |index: &usize| kernels.get(*index).flavour == flavour.value;
        if !pool.is_empty() && !pool.iter().any(is_of) {
            let refusal = Refusal {
                message: format!("{} has no kernel of the flavour `{flavour}`", scope(target)),
                cause: Some(format!(
                    "the catalog has flavours {}",
                    join(kernels.flavours_among(pool))
                )),
                hint: Some(list_or_drop(target, refusals, "flavour", flavour.place)),
            };
            refusals.add(
                PlanProblemCode::UnknownFlavour,
                Some(flavour.place),
                refusal,
            );
        }
    }
    let is_wanted = |kernel: &Target| target.flavours.admits(|wanted| *wanted == kernel.flavour);
    with(pool, kernels, is_wanted).collect()
}

/// Keeps the newest releases of each distribution release, architecture, flavour and series.
fn latest(
    latest: Latest,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
    pick: &Pick<'_>,
    picked: Vec<usize>,
) -> Vec<usize> {
    let count = match latest {
        Latest::All => return picked,
        Latest::Newest(count) => count,
    };
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for index in picked {
        let kernel = kernels.get(index);
        let series = pick.series().cloned();
        let series = series.or_else(|| Series::of(&kernel.kernel_release));
        let group = (&kernel.distro_release, kernel.arch, &kernel.flavour, series);
        groups.entry(group).or_default().push(index);
    }
    let mut kept = Vec::new();
    for group in groups.into_values() {
        let Some(order) = group.first().map(|index| kernels.order_of(*index)) else {
            continue;
        };
        let group = group.into_iter().map(|index| (index, kernels.get(index)));
        match newest(group, order, count) {
            Ok(indexes) => kept.extend(indexes),
            Err(error) => {
                let refusal = Refusal {
                    message: format!("cannot tell which kernels of `{pick}` are the newest"),
                    cause: Some(format!(
                        "`{}` cannot be compared with other versions",
                        error.0
                    )),
                    hint: Some("name the kernels with `release`".to_owned()),
                };
                refusals.add(PlanProblemCode::BadVersion, Some(pick.place), refusal);
            }
        }
    }
    kept
}

fn refuse_pick(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
    pick: &Pick<'_>,
    pool: &[usize],
) {
    let flavours = match target.flavours.written() {
        [] => String::new(),
        flavours => format!(" of flavour {}", join(flavours)),
    };
    let refusal = Refusal {
        message: format!("no kernel{flavours} matches `{pick}` for {}", scope(target)),
        cause: Some(format!(
            "there are the series {}",
            join_or_none(kernels.series_among(pool))
        )),
        hint: Some(list_or_drop(target, refusals, pick.noun(), pick.place)),
    };
    refusals.add(PlanProblemCode::NoKernel, Some(pick.place), refusal);
}

/// Writes down the releases, architectures and flavours that the target names and whose kernels its
/// `kernel` leaves out.
fn refuse_barren(
    target: &TargetSelector,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
    selected: &[usize],
) {
    let has = |is_of: &dyn Fn(&Target) -> bool| selected.iter().any(|i| is_of(kernels.get(*i)));
    let mut barren: Vec<(String, &str, Place)> = Vec::new();
    for release in &target.distro_releases {
        if !has(&|kernel| kernel.distro_release == release.value) {
            barren.push((
                format!("of {} {release}", target.distro),
                "release",
                release.place,
            ));
        }
    }
    for arch in &target.archs {
        if !has(&|kernel| kernel.arch == arch.value) {
            barren.push((format!("for {arch}"), "architecture", arch.place));
        }
    }
    for flavour in target.flavours.written() {
        if !has(&|kernel| kernel.flavour == flavour.value) {
            barren.push((format!("of flavour {flavour}"), "flavour", flavour.place));
        }
    }
    for (which, noun, place) in barren {
        let refusal = Refusal {
            message: format!("no kernel {which} is among those that the target selects"),
            cause: None,
            hint: Some(list_or_drop(target, refusals, noun, place)),
        };
        refusals.add(PlanProblemCode::NoKernel, Some(place), refusal);
    }
}

fn knows_distro(
    distro: &Placed<Distro>,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
) -> bool {
    let known = kernels.distros();
    if known.contains(&distro.value.as_str()) {
        return true;
    }
    let hint = match known[..] {
        [] => format!("add facts such as `kernels/{distro}-1.toml`"),
        [..] => suggest(distro.value.as_str(), &known),
    };
    let refusal = Refusal {
        message: format!("no catalog has the distribution `{distro}`"),
        cause: None,
        hint: Some(hint),
    };
    refusals.add(PlanProblemCode::UnknownRelease, Some(distro.place), refusal);
    false
}

fn knows_release(
    distro: &Distro,
    release: &Placed<DistroRelease>,
    kernels: &Kernels<'_>,
    refusals: &mut Refusals<'_>,
) -> bool {
    if kernels.has_release(distro, &release.value) {
        return true;
    }
    let known = join(kernels.releases_of(distro));
    let drop = refusals.drop_from("release", release.place);
    let refusal = Refusal {
        message: format!("no catalog has {distro} {release}"),
        cause: Some(format!("there are catalogs of {distro} {known}")),
        hint: Some(format!("add `kernels/{distro}-{release}.toml`, or {drop}")),
    };
    refusals.add(
        PlanProblemCode::UnknownRelease,
        Some(release.place),
        refusal,
    );
    false
}

/// Says which kernels a target is about, such as `debian 12, 13 on amd64`.
fn scope(target: &TargetSelector) -> String {
    let archs: Vec<Arch> = target.archs.iter().map(|arch| arch.value).collect();
    format!("{} on {}", releases(target), join(archs))
}

fn releases(target: &TargetSelector) -> String {
    format!("{} {}", target.distro, join(&target.distro_releases))
}

fn list_or_drop(
    target: &TargetSelector,
    refusals: &Refusals<'_>,
    noun: &str,
    place: Place,
) -> String {
    match target.distro_releases.first() {
        Some(release) => refusals.list_or_drop(&target.distro.value, &release.value, noun, place),
        None => refusals.drop_from(noun, place),
    }
}

fn join_or_none(names: Vec<String>) -> String {
    match names[..] {
        [] => "none".to_owned(),
        [..] => join(names),
    }
}

fn with<'a, 'c>(
    pool: &'a [usize],
    kernels: &'a Kernels<'c>,
    is_wanted: impl Fn(&Target) -> bool + 'a,
) -> impl Iterator<Item = usize> + 'a {
    let wanted = move |index: &usize| is_wanted(kernels.get(*index));
    pool.iter().copied().filter(wanted)
}

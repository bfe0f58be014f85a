//! Which cells the excludes take away.

use globset::GlobMatcher;
use jiff::civil::Date;

use crate::matrix::{Exclude, Matrix};
use crate::name::Target;
use crate::plan::grid::{Cell, Grid};
use crate::plan::problem::PlanProblemCode;
use crate::plan::refusal::{Refusal, Refusals};

/// A cell that an exclude takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Taken {
    pub(super) cell: Cell,
    /// The exclude's index in the matrix.
    pub(super) exclude: usize,
}

/// Returns what the excludes take away, ordered by cell, and writes down the excludes that have
/// expired or take nothing away.
///
/// Included cells are never taken. While targets have problems, whether an exclude takes something
/// away is not known, and nothing is said about it.
pub(super) fn exclude(
    matrix: &Matrix,
    grid: &Grid<'_, '_>,
    wanted: &[Cell],
    included: &[Cell],
    today: Date,
    refusals: &mut Refusals<'_>,
) -> Vec<Taken> {
    let targets_are_right = refusals.count() == 0;
    let mut all = Vec::new();
    for (index, exclude) in matrix.excludes.iter().enumerate() {
        if exclude.expires.is_some_and(|expires| expires < today) {
            refuse_expired(exclude, refusals);
            continue;
        }
        let applies = applies(exclude, grid);
        let before = all.len();
        for cell in wanted {
            if applies(cell) && included.binary_search(cell).is_err() {
                all.push(Taken {
                    cell: *cell,
                    exclude: index,
                });
            }
        }
        if all.len() == before && targets_are_right {
            refuse_unmatched(exclude, included.iter().any(applies), refusals);
        }
    }
    all.sort_unstable();
    all
}

/// Returns which cells an exclude applies to; kernels and modules are looked at once each.
fn applies(exclude: &Exclude, grid: &Grid<'_, '_>) -> impl Fn(&Cell) -> bool {
    let globs = exclude.kernels.written().iter();
    let globs: Vec<GlobMatcher> = globs.map(|glob| glob.value.compile_matcher()).collect();
    let kernels = grid.kernels.iter();
    let by_kernel: Vec<bool> = kernels
        .map(|(_, target)| applies_to_kernel(exclude, &globs, target))
        .collect();
    let modules = grid.modules.iter();
    let by_module: Vec<bool> = modules
        .map(|module| exclude.modules.admits(|name| name == *module))
        .collect();
    move |(kernel, module)| by_kernel[*kernel] && by_module[*module]
}

fn applies_to_kernel(exclude: &Exclude, globs: &[GlobMatcher], target: &Target) -> bool {
    let name = target.kernel_release.as_str();
    exclude.distros.admits(|distro| *distro == target.distro)
        && exclude
            .distro_releases
            .admits(|release| *release == target.distro_release)
        && exclude.archs.admits(|arch| *arch == target.arch)
        && exclude
            .flavours
            .admits(|flavour| *flavour == target.flavour)
        && exclude
            .series
            .admits(|series| series.contains(&target.kernel_release))
        && (globs.is_empty() || globs.iter().any(|glob| glob.is_match(name)))
}

fn refuse_expired(exclude: &Exclude, refusals: &mut Refusals<'_>) {
    let subject = exclude.ticket.as_deref().unwrap_or("its reason");
    let cause = exclude.expires.map(|day| format!("its last day was {day}"));
    let refusal = Refusal {
        message: format!("an exclude has expired: {}", exclude.reason),
        cause,
        hint: Some(format!(
            "look at {subject} again, then move `expires` or drop the exclude"
        )),
    };
    refusals.add(
        PlanProblemCode::ExpiredExclude,
        Some(exclude.place),
        refusal,
    );
}

fn refuse_unmatched(exclude: &Exclude, matches_included: bool, refusals: &mut Refusals<'_>) {
    let cause = if matches_included {
        "every cell that it matches is wanted by an include"
    } else {
        "no cell that the targets name is of that kind"
    };
    let refusal = Refusal {
        message: format!("an exclude takes nothing away: {}", exclude.reason),
        cause: Some(cause.to_owned()),
        hint: Some(refusals.drop_from("exclude", exclude.place)),
    };
    refusals.add(
        PlanProblemCode::UnmatchedExclude,
        Some(exclude.place),
        refusal,
    );
}

//! Expanding a matrix over the kernels that there are.

use std::sync::Arc;

use jiff::civil::Date;

use crate::catalog::DistroKernels;
use crate::matrix::Matrix;
use crate::name::Target;
use crate::plan::cell::{Exclusion, Plan, PlannedCell};
use crate::plan::document::digest;
use crate::plan::exclude::{Taken, exclude};
use crate::plan::grid::{Cell, Grid, ordered, product};
use crate::plan::kernels::Kernels;
use crate::plan::problem::{PlanError, PlanProblem, PlanProblemCode};
use crate::plan::refusal::Refusals;
use crate::plan::select::{select_include, select_target};

/// Makes the plan of a matrix, or returns everything that the matrix asks for in vain.
///
/// `today` decides which excludes have expired: one holds up to and with its last day.
pub fn plan(matrix: &Matrix, catalogs: &[DistroKernels], today: Date) -> Result<Plan, PlanError> {
    let grid = Grid::new(matrix, Kernels::new(catalogs));
    let mut refusals = Refusals::new(&matrix.path);

    let mut wanted = Vec::new();
    for target in &matrix.targets {
        let selected = select_target(target, &grid.kernels, &mut refusals);
        wanted.extend(product(&selected, &grid.modules_of(&target.modules)));
    }
    let mut included = Vec::new();
    for include in &matrix.includes {
        let selected = select_include(include, &grid.kernels, &mut refusals);
        included.extend(product(&selected, &grid.modules_of(&include.modules)));
    }
    let (wanted, included) = (ordered(wanted), ordered(included));
    let taken = exclude(matrix, &grid, &wanted, &included, today, &mut refusals);
    let problems = refusals.into_problems();
    if !problems.is_empty() {
        return Err(PlanError::Invalid(problems));
    }

    let mut cells = included;
    cells.extend(wanted.into_iter().filter(|cell| {
        let found = taken.binary_search_by_key(cell, |taken| taken.cell);
        found.is_err()
    }));
    let cells = planned(&ordered(cells), &grid);
    if cells.is_empty() {
        return Err(PlanError::NoCells(Box::new(nothing_left(matrix))));
    }
    let exclusions = exclusions(matrix, &grid, &taken);
    let digest = digest(&cells, &exclusions);
    Ok(Plan {
        cells,
        exclusions,
        digest,
    })
}

fn planned(cells: &[Cell], grid: &Grid<'_, '_>) -> Vec<PlannedCell> {
    let mut last: Option<(usize, Arc<Target>)> = None;
    let mut planned = Vec::with_capacity(cells.len());
    for cell in cells {
        // Cells are ordered by kernel, so the last target is the one to share.
        let target = match &last {
            Some((kernel, target)) if *kernel == cell.0 => Arc::clone(target),
            Some(_) | None => Arc::new(grid.kernels.get(cell.0).clone()),
        };
        last = Some((cell.0, Arc::clone(&target)));
        planned.push(PlannedCell {
            id: grid.id(*cell),
            target,
        });
    }
    planned
}

/// Orders exclusions by cell, then by what they say; where they stand comes last, so that moving an
/// exclude within the file moves nothing here.
fn exclusions(matrix: &Matrix, grid: &Grid<'_, '_>, taken: &[Taken]) -> Vec<Exclusion> {
    let said: Vec<(Arc<str>, Option<Arc<str>>)> = matrix
        .excludes
        .iter()
        .map(|exclude| {
            let ticket = exclude.ticket.as_deref().map(Arc::from);
            (Arc::from(exclude.reason.as_str()), ticket)
        })
        .collect();
    let mut taken: Vec<&Taken> = taken.iter().collect();
    taken.sort_by_key(|taken| {
        let exclude = &matrix.excludes[taken.exclude];
        let (reason, ticket) = &said[taken.exclude];
        (taken.cell, reason, ticket, exclude.expires, exclude.place)
    });
    taken
        .into_iter()
        .map(|taken| {
            let exclude = &matrix.excludes[taken.exclude];
            let (reason, ticket) = said[taken.exclude].clone();
            Exclusion {
                id: grid.id(taken.cell),
                reason,
                ticket,
                expires: exclude.expires,
                place: exclude.place,
            }
        })
        .collect()
}

fn nothing_left(matrix: &Matrix) -> PlanProblem {
    PlanProblem {
        code: PlanProblemCode::NoCells,
        message: "the plan has no cells".to_owned(),
        cause: Some("the excludes take away every cell that the targets name".to_owned()),
        path: matrix.path.clone(),
        place: None,
        hint: Some(
            "narrow an `[[exclude]]`, or `[[include]]` what is wanted in any case".to_owned(),
        ),
    }
}

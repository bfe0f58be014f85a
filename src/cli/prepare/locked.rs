//! Having the lock of a matrix: the recorded one if it still says what is wanted, or a new one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Inputs, Renewal, locked};
use crate::catalog::DistroKernels;
use crate::cli::Refusal;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::lock::{self, LetGo, Lock};
use crate::matrix::Matrix;
use crate::name::{CellId, ImageName, ModuleName};
use crate::plan::Plan;
use crate::source::Source;
use crate::state;

/// Whether a lock may lose cells whose kernels have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fewer {
    Refuse,
    Accept,
}

impl Fewer {
    /// Reads the flag `--accept-fewer`.
    pub(crate) fn of(accept: bool) -> Self {
        if accept { Self::Accept } else { Self::Refuse }
    }
}

impl Inputs<'_> {
    /// Returns the lock of a matrix: the recorded one if it still says what is wanted, or a new one.
    ///
    /// Without an engine, images are taken as they are recorded. A new lock that loses cells because
    /// their kernels have gone is refused, unless that is accepted; then it is recorded in the lock.
    pub(crate) async fn lock(
        &self,
        matrix: &Matrix,
        docker: Option<&Docker>,
        renewal: Renewal,
        fewer: Fewer,
    ) -> Result<(Plan, Lock, BTreeMap<ModuleName, Source>), Refusal> {
        let sources = self.sources(matrix, renewal).await?;
        let (plan, facts, kernels) = self.plan(matrix, renewal).await?;
        let names: BTreeSet<ImageName> = plan
            .cells
            .iter()
            .filter_map(|cell| {
                let facts = facts.iter().find(|facts| {
                    cell.id.distro == facts.distro && cell.id.distro_release == facts.distro_release
                })?;
                Some(facts.image_for(cell.id.arch).clone())
            })
            .collect();
        let images = match docker {
            Some(docker) => self.images(&names, docker, renewal).await?,
            None => self.recorded_images(&names)?,
        };
        let records = sources
            .iter()
            .map(|(name, source)| (name.clone(), source.record.clone()))
            .collect();
        let cells = plan.cells.iter().map(|cell| (&cell.id, &*cell.target));
        let mut new = lock::lock(plan.digest, cells, &facts, &kernels, images, records)?;
        let place = self.state.lock(&matrix.path);
        let known = self.last_lock(matrix)?;
        let mut lost = Vec::new();
        if let Some(known) = &known {
            lost = self.lost(known, &plan, &kernels);
            let accepted = Timestamp::now();
            let let_go = lost.iter().map(|id| LetGo {
                cell: CellId::clone(id),
                accepted,
            });
            new.let_go_as(known, let_go.filter(|_| fewer == Fewer::Accept));
        }
        if known.as_ref() != Some(&new) {
            if renewal == Renewal::Locked {
                return Err(locked(&format!("the lock of `{}`", matrix.path.display())));
            }
            if !lost.is_empty() && fewer == Fewer::Refuse {
                return Err(loses(matrix, lost.len()));
            }
            state::write_json(&place, &new)?;
            self.status.done(
                "Locked",
                &format!("{} cells, {} kernels", new.cells.len(), new.targets.len()),
            );
        }
        Ok((plan, new, sources))
    }

    /// Returns the recorded lock of a matrix.
    pub(crate) fn last_lock(&self, matrix: &Matrix) -> Result<Option<Lock>, Refusal> {
        Ok(state::read_versioned(&self.state.lock(&matrix.path))?)
    }

    /// Says which locked cells a plan loses because their kernels have gone, and returns them.
    pub(crate) fn lost<'l>(
        &self,
        known: &'l Lock,
        plan: &'l Plan,
        kernels: &[DistroKernels],
    ) -> Vec<&'l CellId> {
        let cells = plan.cells.iter().map(|cell| (&cell.id, &*cell.target));
        let lost = lock::lost(known, cells, kernels);
        for id in &lost {
            self.status
                .warn(&format!("{id} is locked, and its kernel has gone"));
        }
        lost
    }
}

fn loses(matrix: &Matrix, count: usize) -> Refusal {
    let noun = if count == 1 { "cell" } else { "cells" };
    Refusal::new(
        Exit::FewerKernels,
        format!(
            "the lock of `{}` would lose {count} {noun} whose kernels have gone",
            matrix.path.display()
        ),
    )
    .hint(
        "look at the archives again with `kmatrix kernels update`, or let them go with \
         `--accept-fewer`, which the lock records"
            .to_owned(),
    )
}

//! Building once more, here, what came out different: a build that does not make the same twice is not
//! one that makes something else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bundle::{Again, Claim, Finding};
use crate::cli::Refusal;
use crate::cli::audit::rebuild::{Rebuilt, Work, exit};
use crate::cli::build::chain;
use crate::digest::Sha256Digest;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::ledger::{AttemptRecord, CellRecord, Ledger};
use crate::name::CellId;
use crate::outcome::Outcome;
use crate::source::Source;

impl Work<'_> {
    /// Builds every cell that differs once more, in the reference's surroundings too, and says what that
    /// came to. A run that was stopped is not gone on with.
    pub(super) async fn again(
        &self,
        ledger: &mut Ledger,
        docker: &Docker,
        sources: &Arc<BTreeMap<Sha256Digest, Source>>,
        claims: &[Claim],
        rebuilt: &mut Rebuilt,
    ) -> Result<(), Refusal> {
        let differs = |id: &CellId| {
            let mut cells = rebuilt.cells.iter();
            cells.any(|one| one.cell == *id && matches!(one.finding, Finding::Differs { .. }))
        };
        let different: Vec<&Claim> = claims
            .iter()
            .filter(|claim| differs(&claim.cell.id))
            .collect();
        if different.is_empty() || rebuilt.exit != Exit::Success {
            return Ok(());
        }
        let cells: Vec<CellRecord> = different
            .iter()
            .map(|claim| CellRecord {
                rebuilds: 1,
                axes: BTreeSet::new(),
                ..claim.cell.clone()
            })
            .collect();
        let finished = self
            .build(ledger, docker, sources, &cells, "-again")
            .await?;
        rebuilt.exit = rebuilt.exit.or(exit(&finished));
        for claim in different {
            let id = &claim.cell.id;
            let came = match finished.missing_inputs.iter().find(|(cell, _)| cell == id) {
                Some((_, error)) => Again::Unknown {
                    reason: chain(error),
                },
                None => came(&ledger.attempts(&claim.cell.inputs.digest())?, claim),
            };
            let mut cells = rebuilt.cells.iter_mut();
            if let Some(one) = cells.find(|one| one.cell == *id)
                && let Finding::Differs { again, .. } = &mut one.finding
            {
                *again = came;
            }
        }
        Ok(())
    }
}

/// Says what the second build came to, beside the first and what is claimed.
fn came(attempts: &[AttemptRecord], claim: &Claim) -> Again {
    let second = attempts
        .iter()
        .find(|attempt| attempt.number > 0 && attempt.variation.axes.is_empty());
    let first = attempts.iter().find(|attempt| attempt.number == 0);
    let (Some(first), Some(second)) = (first.and_then(made), second) else {
        let reason = "the run ended before".to_owned();
        return Again::Unknown { reason };
    };
    if let Outcome::Failed { failure } = &second.outcome {
        let reason = format!("{}: {failure}", failure.class());
        return Again::Unknown { reason };
    }
    match made(second) {
        Some(second) if made(&claim.reference).as_ref() == Some(&second) => Again::AsClaimed,
        Some(second) if second == first => Again::Alike,
        Some(_) | None => Again::Different,
    }
}

fn made(attempt: &AttemptRecord) -> Option<BTreeSet<(&str, Sha256Digest)>> {
    match &attempt.outcome {
        Outcome::Built { modules } => {
            let modules = modules.iter();
            Some(modules.map(|one| (one.path.as_str(), one.digest)).collect())
        }
        Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
    }
}

//! Exceptions: failures that are let pass for some time, and what became of each exception.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Artifact;
use super::model::{Exception, Scoped};
use crate::name::CellId;
use crate::verify::{Outcome, RuleResult};

/// What became of one exception of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionUse {
    /// Its place among the policy's exceptions, from 0.
    pub index: usize,
    pub rule: String,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    pub until: Timestamp,
    pub state: ExceptionState,
}

/// How an exception and a module met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    /// It let a failure pass.
    Used,
    /// It is for this module and has run out, so it lets nothing pass any more.
    RunOut,
    /// It is for this module, and the rule holds without it.
    Unneeded,
    /// It is for other modules.
    Elsewhere,
}

impl Exception {
    fn is_for(&self, artifact: &Artifact, cell: Option<&CellId>) -> bool {
        match &self.scoped {
            Scoped::Artifact(digest) => {
                *digest == artifact.digest || Some(*digest) == artifact.payload()
            }
            Scoped::Cells(glob) => cell.is_some_and(|cell| glob.is_match(cell.to_string())),
        }
    }
}

/// Lets failures pass that have an exception, and says of each exception what became of it.
pub(super) fn apply(
    exceptions: &[Exception],
    artifact: &Artifact,
    cell: Option<&CellId>,
    at: Timestamp,
    rules: &mut [RuleResult],
) -> Vec<ExceptionUse> {
    let mut uses = Vec::with_capacity(exceptions.len());
    for (index, exception) in exceptions.iter().enumerate() {
        let state = if !exception.is_for(artifact, cell) {
            ExceptionState::Elsewhere
        } else if at >= exception.until {
            ExceptionState::RunOut
        } else {
            let result = rules.iter_mut().find(|r| r.rule == exception.rule.id());
            result.map_or(ExceptionState::Unneeded, |result| use_on(exception, result))
        };
        uses.push(ExceptionUse {
            index,
            rule: exception.rule.id().to_owned(),
            reason: exception.reason.clone(),
            ticket: exception.ticket.clone(),
            until: exception.until,
            state,
        });
    }
    uses
}

fn use_on(exception: &Exception, result: &mut RuleResult) -> ExceptionState {
    match result.outcome {
        // A second exception of the same failure is not needed.
        Outcome::Holds | Outcome::Excepted => ExceptionState::Unneeded,
        Outcome::Fails | Outcome::Missing => {
            let Exception {
                rule: _,
                scoped: _,
                reason,
                ticket,
                until,
            } = exception;
            let ticket = ticket
                .as_ref()
                .map_or_else(String::new, |ticket| format!(" ({ticket})"));
            result.outcome = Outcome::Excepted;
            result.because = format!(
                "{}; excepted before {until}{ticket}: {reason}",
                result.because
            );
            ExceptionState::Used
        }
    }
}

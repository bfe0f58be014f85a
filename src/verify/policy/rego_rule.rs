//! The rule `rego`: every Rego file of the policy, asked about every statement of its kinds.

use super::RegoFile;
use super::judge::{Claim, Found};
use crate::verify::rego::{self, Evaluator, Question};

/// Says why a file cannot be a policy's.
pub(super) fn readable(name: &str, text: &str) -> Result<(), String> {
    rego::readable(name, text).map_err(|error| format!("`{name}`: {error}"))
}

pub(super) fn rego(files: &[RegoFile], evaluator: &Evaluator, claims: &[Claim<'_>]) -> Found {
    let mut asked = 0;
    for RegoFile {
        name,
        text,
        statements,
    } in files
    {
        for claim in claims {
            if !claim.kind.is_some_and(|kind| statements.contains(&kind)) {
                continue;
            }
            let statement = serde_json::to_string(claim.attestation.statement())
                .expect("plain values serialise");
            let question = Question {
                name: name.clone(),
                text: text.clone(),
                statement,
            };
            if let Err(error) = evaluator.ask(question) {
                return Found::fails(format!("`{name}` denies the {}: {error}", claim.word()));
            }
            asked += 1;
        }
    }
    match (files.len(), asked) {
        (0, _) => Found::holds("the policy has no Rego"),
        (_, 0) => Found::missing("there is no statement that Rego could be asked about"),
        (_, asked) => Found::holds(format!("asked {asked} times, it denied nothing")),
    }
}

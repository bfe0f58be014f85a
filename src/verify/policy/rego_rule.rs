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
    let mut idle = Vec::new();
    for file in files {
        match ask(file, evaluator, claims) {
            Ok(0) => idle.push(file.name.as_str()),
            Ok(count) => asked += count,
            Err(denied) => return denied,
        }
    }
    if files.is_empty() {
        return Found::holds("the policy has no Rego");
    }
    // What denies nothing because it was asked nothing says nothing.
    match idle.first() {
        Some(name) => Found::missing(format!(
            "there is no statement that `{name}` could be asked about"
        )),
        None => Found::holds(format!("asked {asked} times, it denied nothing")),
    }
}

/// Asks one file about every statement of its kinds, and says how many those were.
fn ask(file: &RegoFile, evaluator: &Evaluator, claims: &[Claim<'_>]) -> Result<usize, Found> {
    let RegoFile {
        name,
        text,
        statements,
    } = file;
    let mut asked = 0;
    for claim in claims {
        if !claim.kind.is_some_and(|kind| statements.contains(&kind)) {
            continue;
        }
        let statement =
            serde_json::to_string(claim.attestation.statement()).expect("plain values serialise");
        let question = Question {
            name: name.clone(),
            text: text.clone(),
            statement,
        };
        if let Err(error) = evaluator.ask(question) {
            let word = claim.word();
            return Err(Found::fails(format!("`{name}` denies the {word}: {error}")));
        }
        asked += 1;
    }
    Ok(asked)
}

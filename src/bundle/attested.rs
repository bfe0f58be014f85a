//! A signed statement of an archive, held against what its record says of it.
//!
//! # Security
//!
//! Records are looked things up by; statements are what is signed. Whatever a record repeats of its
//! statement is read from the statement here, so that a genuine signature cannot be filed under a cell
//! or a module that it does not speak of.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::attest::{Envelope, PredicateType, Statement, Subject, SubjectForm, cell_uri};
use crate::digest::Sha256Digest;
use crate::ledger::AttestationRecord;
use crate::verify::read_statement;

/// The most bytes of a signed statement.
pub(super) const MOST_OF_A_STATEMENT: u64 = 64 << 20;

/// What is read of a Sigstore bundle before anybody asks who signed it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

/// Reads a statement in both of its forms, and returns the modules that it speaks of as they were built.
///
/// # Errors
///
/// What its record says that the statement does not.
pub(super) fn modules_of(
    envelope: &[u8],
    bundle: &[u8],
    record: &AttestationRecord,
) -> Result<BTreeSet<Sha256Digest>, String> {
    let envelope: Envelope = serde_json::from_slice(envelope)
        .map_err(|error| format!("{} is no envelope: {error}", record.envelope))?;
    let payload = payload_of(&envelope, record, &record.envelope)?;
    let bundle: Bundle = serde_json::from_slice(bundle)
        .map_err(|error| format!("{} is no bundle: {error}", record.bundle))?;
    payload_of(&bundle.dsse_envelope, record, &record.bundle)?;
    let statement = read_statement(&payload)
        .map_err(|refused| format!("{} is no statement: {refused}", record.payload))?;
    hold(&statement, record)?;
    let payloads = statement.subject.iter().filter(|one| is_payload(one));
    Ok(payloads.filter_map(Subject::sha256).collect())
}

fn payload_of(
    envelope: &Envelope,
    record: &AttestationRecord,
    named: &Sha256Digest,
) -> Result<Vec<u8>, String> {
    match STANDARD.decode(&envelope.payload) {
        Ok(payload) if Sha256Digest::of(&payload) == record.payload => Ok(payload),
        Ok(_) | Err(_) => Err(format!(
            "the payload of {named} is not the one that it names"
        )),
    }
}

fn is_payload(subject: &Subject) -> bool {
    let form = subject.annotations.get("form");
    form.is_some_and(|form| form == SubjectForm::Payload.as_str())
}

/// Refuses a record that says of its statement what that does not say.
fn hold(statement: &Statement<Value>, record: &AttestationRecord) -> Result<(), String> {
    if statement.predicate_type != record.predicate_type {
        let found = &statement.predicate_type;
        return Err(format!("its statement is of the kind `{found}`"));
    }
    let subjects: Option<Vec<Sha256Digest>> =
        statement.subject.iter().map(Subject::sha256).collect();
    if subjects.as_ref() != Some(&record.subjects) {
        return Err("its statement has other subjects".to_owned());
    }
    let predicate = &statement.predicate;
    let kind = PredicateType::from_uri(&statement.predicate_type);
    let cell = record.cell.as_ref();
    let speaks_of_it = match (kind, cell) {
        (Some(PredicateType::Provenance), Some(cell)) => {
            predicate["buildDefinition"]["externalParameters"]["cell"] == cell.to_string()
        }
        (Some(PredicateType::RebuildComparison), Some(cell)) => {
            let inputs = record.inputs.map(|inputs| inputs.to_string());
            predicate["cell"] == cell.to_string()
                && predicate["inputs"].as_str() == inputs.as_deref()
        }
        (Some(PredicateType::Summary), Some(cell)) => predicate["resourceUri"] == cell_uri(cell),
        (Some(PredicateType::Summary), None) => {
            let uri = predicate["resourceUri"].as_str().unwrap_or_default();
            uri.starts_with(RELEASE)
        }
        // It names no cell: its modules say which it is.
        (Some(PredicateType::Scai), cell) => cell.is_some(),
        (Some(PredicateType::Provenance | PredicateType::RebuildComparison), None) => false,
        (Some(PredicateType::Scope | PredicateType::Sbom) | None, cell) => cell.is_none(),
    };
    if speaks_of_it {
        return Ok(());
    }
    Err(match cell {
        Some(cell) => format!("its statement does not speak of the cell {cell}"),
        None => "its statement speaks of a cell, and the record does not say which".to_owned(),
    })
}

/// What the names of releases begin with.
const RELEASE: &str = "urn:kmatrix:release:";

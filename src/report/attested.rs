//! What was attested.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::attest::PredicateType;
use crate::ledger::AttestationRecord;

/// What `attest --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestedDocument<'a> {
    schema_version: u32,
    run: &'a str,
    attestations: &'a [AttestationRecord],
    /// Where they are laid out, if they are.
    out: Option<&'a Path>,
}

impl<'a> AttestedDocument<'a> {
    /// Puts together what was signed of a run.
    pub fn new(run: &'a str, attestations: &'a [AttestationRecord], out: Option<&'a Path>) -> Self {
        Self {
            schema_version: 1,
            run,
            attestations,
            out,
        }
    }
}

/// Prints how much was attested, and by whom.
pub fn print_attested(to: &mut impl Write, document: &AttestedDocument<'_>) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for record in document.attestations {
        let kind = PredicateType::from_uri(&record.predicate_type);
        *kinds
            .entry(kind.map_or("other", PredicateType::word))
            .or_default() += 1;
    }
    let cells: std::collections::BTreeSet<_> = document
        .attestations
        .iter()
        .filter_map(|record| record.cell.as_ref())
        .collect();
    let noun = if cells.len() == 1 { "cell" } else { "cells" };
    writeln!(to, "run {}: {} {noun} attested", document.run, cells.len())?;
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    writeln!(to, "statements: {}", kinds.join(", "))?;
    if let Some(first) = document.attestations.first() {
        writeln!(to, "signed by {}", first.signer)?;
    }
    match document.out {
        Some(out) => writeln!(to, "laid out in {}", out.display()),
        None => Ok(()),
    }
}

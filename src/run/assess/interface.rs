//! What is known of the kernel's tree that a cell was built against.

use std::collections::BTreeSet;

use crate::catalog::kernel_source::{KernelOrigin, KernelSource};
use crate::catalog::{Fingerprint, SuiteRecord};
use crate::label::{Again, Interface, PackagedInterface, PreparedInterface};
use crate::ledger::{CellRecord, PreparationRecord};
use crate::outcome::PreparationOutcome;

/// Collects what the records of a cell have of it.
pub(super) fn interface(cell: &CellRecord, preparations: &[PreparationRecord]) -> Interface {
    match &cell.kernel_source {
        Some(source) => Interface::Prepared(prepared(cell, source, preparations)),
        None => Interface::Packages(packages(cell)),
    }
}

fn packages(cell: &CellRecord) -> PackagedInterface {
    let mut vouched_by = BTreeSet::new();
    let mut exceptions = BTreeSet::new();
    let mut complete = true;
    for package in &cell.packages {
        let is_its =
            |suite: &&SuiteRecord| suite.archive == package.archive && suite.suite == package.suite;
        // Where every architecture has an index of its own, each of them counts: which of them named
        // the package is not recorded, and a label may not be higher than the truth.
        let mut suites = cell.vouched.iter().filter(is_its).peekable();
        complete &= suites.peek().is_some();
        for suite in suites {
            exceptions.extend(suite.exceptions.iter().cloned());
            if suite.signed_by.is_empty() {
                complete = false;
                continue;
            }
            vouched_by.insert(voucher(suite));
        }
    }
    PackagedInterface {
        packages: cell.packages.len(),
        vouched_by: if complete {
            vouched_by.into_iter().collect()
        } else {
            Vec::new()
        },
        exceptions: exceptions.into_iter().collect(),
    }
}

/// Returns who signed a state of a suite, for people.
fn voucher(suite: &SuiteRecord) -> String {
    let key = suite.signed_by.first();
    format!(
        "{}/{} of {} (key {})",
        suite.archive,
        suite.suite,
        suite.date.strftime("%Y-%m-%d"),
        key.map_or("", Fingerprint::as_str)
    )
}

/// Returns the keys of which one has signed, for people.
fn shown_keys(keys: &[Fingerprint]) -> String {
    let keys: Vec<&str> = keys.iter().map(Fingerprint::as_str).collect();
    keys.join(" or ")
}

/// Puts together what is known of a kernel that was prepared here.
fn prepared(
    cell: &CellRecord,
    source: &KernelSource,
    preparations: &[PreparationRecord],
) -> PreparedInterface {
    let suite = match &source.origin {
        KernelOrigin::Archive { archive, suite, .. } => cell
            .vouched
            .iter()
            .find(|record| record.archive == *archive && record.suite == *suite),
        KernelOrigin::File { .. } | KernelOrigin::Git { .. } => None,
    };
    let signed = suite.filter(|record| !record.signed_by.is_empty());
    let signature = source.origin.signature();
    let of = |number: u32| preparations.iter().find(|record| record.number == number);
    let kernel = |record: &PreparationRecord| match &record.outcome {
        PreparationOutcome::Prepared { kernel } => Ok(kernel.clone()),
        PreparationOutcome::Failed { failure } => Err(failure.clone()),
    };
    let reference = of(0);
    let used = reference.and_then(|record| kernel(record).ok());
    let again = match (reference, &used, of(1)) {
        (Some(reference), Some(used), Some(rebuild)) => match kernel(rebuild) {
            Ok(other) if other.tree == used.tree => Again::Same {
                varied: &rebuild.variation.axes & &rebuild.reached.differs_from(&reference.reached),
            },
            Ok(_) => Again::Different {
                files: rebuild.differing.clone(),
            },
            Err(failure) => Again::Failed {
                reason: failure.to_string(),
            },
        },
        (_, _, None) | (None, _, Some(_)) | (_, None, Some(_)) => Again::Unattempted,
    };
    let sealed = preparations.iter().all(|record| {
        record.observed.as_ref().is_some_and(|observed| {
            observed.is_sealed() && observed.image == Some(cell.inputs.image)
        })
    });
    PreparedInterface {
        source: source.origin.shown(),
        config: source.config.short(),
        vouched_by: match signature {
            Some(signature) => Some(format!(
                "its own signature (by the key {})",
                shown_keys(&signature.signers)
            )),
            None => signed.map(voucher),
        },
        // Whose the list is bears on nothing where the tarball itself is signed.
        exceptions: match (signature, suite) {
            (None, Some(suite)) => suite.exceptions.clone(),
            (Some(_), _) | (None, None) => Vec::new(),
        },
        is_local: match source.origin {
            KernelOrigin::Archive { .. } => false,
            KernelOrigin::File { .. } | KernelOrigin::Git { .. } => true,
        },
        is_prepared: used.is_some(),
        has_symbols: used.is_some_and(|kernel| kernel.has_symbols),
        sealed,
        again,
    }
}

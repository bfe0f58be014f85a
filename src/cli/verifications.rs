//! `kmatrix query --verifications`.

use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ledger::{Ledger, VerificationsWanted};
use crate::report::{Verification, VerificationsDocument, print_verifications};

/// Shows what was verified, the oldest first.
pub(super) fn show(
    ledger: &Ledger,
    wanted: &VerificationsWanted,
    format: Format,
) -> Result<Exit, Refusal> {
    let mut all = Vec::new();
    ledger.for_each_verification(wanted, |record| all.push(Verification::from(record)))?;
    match format {
        Format::Human => answer(|out| print_verifications(out, &all))?,
        Format::Json => answer_json(&VerificationsDocument::from(&all[..]))?,
    }
    Ok(Exit::Success)
}

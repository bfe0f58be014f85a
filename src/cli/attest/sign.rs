//! Signing everything that is claimed of a run, or nothing.

use jiff::Timestamp;

use crate::attest::{About, PredicateType, Unsigned};
use crate::cli::Refusal;
use crate::ledger::AttestationRecord;
use crate::report::Status;
use crate::sign::Signer;
use crate::store::Store;

/// An attestation whose bytes are in the store.
pub(super) struct Signed {
    pub kind: PredicateType,
    pub about: About,
    pub record: AttestationRecord,
}

/// Signs statements one by one and puts what comes of it into the store. As long as nothing of it is in the
/// ledger, no artifact is attested; so the first failure leaves nothing.
pub(super) async fn sign_all<'a>(
    statements: impl Iterator<Item = &'a Unsigned>,
    signer: &Signer,
    store: &Store,
    run: &str,
    status: &Status,
) -> Result<Vec<Signed>, Refusal> {
    let mut all = Vec::new();
    for statement in statements {
        let signed = signer.sign(&statement.payload).await?;
        let (cell, inputs) = match &statement.about {
            About::Cell { id, inputs } => (Some(id.clone()), Some(*inputs)),
            About::Release | About::Image(_) => (None, None),
        };
        let record = AttestationRecord {
            run: run.to_owned(),
            cell,
            inputs,
            predicate_type: statement.kind.uri().to_owned(),
            payload: store.put(&signed.payload)?,
            subjects: statement.subjects.clone(),
            bundle: store.put(&signed.bundle)?,
            envelope: store.put(&signed.envelope)?,
            signer: signed.signer,
            signed: Timestamp::now(),
        };
        all.push(Signed {
            kind: statement.kind,
            about: statement.about.clone(),
            record,
        });
    }
    status.done("Signed", &format!("{} statements", all.len()));
    Ok(all)
}

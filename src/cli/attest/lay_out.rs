//! Modules and attestations laid out for those who get them:
//!
//! ```text
//! debian-12/amd64/6.1.0-56-amd64=6.1.192-2/workload-identity/
//!   workload_identity.ko.xz     as it is handed out
//!   provenance.sigstore.json    one statement of the cell as a Sigstore bundle,
//!   provenance.dsse.json        and the same signature as raw DSSE
//!   comparison.* scai.* summary.*
//! images/debian-12.sbom.*
//! release.scope.* release.summary.*
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::attest::{About, Shipped};
use crate::cli::Refusal;
use crate::cli::attest::sign::Signed;
use crate::digest::Sha256Digest;
use crate::ko;
use crate::run::Assessment;
use crate::state::write_atomically;
use crate::store::Store;

/// The most bytes of an attestation that are laid out.
const MAX_ATTESTATION: u64 = 256 << 20;

/// Writes what was attested below a directory, each file whole or not at all.
pub(super) fn lay_out(
    out: &Path,
    assessments: &[Assessment],
    shipped: &BTreeMap<Sha256Digest, Shipped>,
    signed: &[Signed],
    store: &Store,
) -> Result<(), Refusal> {
    for assessment in assessments {
        let directory = out.join(assessment.cell.id.to_string());
        for module in assessment.modules() {
            let (digest, ending) = match shipped.get(&module.digest) {
                Some(shipped) => (shipped.digest, shipped.ending.as_str()),
                None => (module.digest, ""),
            };
            let bytes = store.read_blob(&digest, ko::MAX_BYTES)?;
            let name = format!("{}{ending}", module.path);
            write_atomically(&directory.join(name), &bytes)?;
        }
    }
    for one in signed {
        let stem = out.join(stem(one)).into_os_string();
        for (ending, digest) in [
            ("sigstore.json", one.record.bundle),
            ("dsse.json", one.record.envelope),
        ] {
            let bytes = store.read_blob(&digest, MAX_ATTESTATION)?;
            // Appended: a directory's name may be no text, and a stem may have dots of its own.
            let mut path = stem.clone();
            path.push(format!(".{ending}"));
            write_atomically(Path::new(&path), &bytes)?;
        }
    }
    Ok(())
}

/// Returns where an attestation lies, without the ending that says in which form.
fn stem(signed: &Signed) -> PathBuf {
    let kind = signed.kind;
    match &signed.about {
        About::Cell { id, .. } => Path::new(&id.to_string()).join(kind.word()),
        About::Release => format!("release.{kind}").into(),
        About::Image(name) => format!("images/{name}.{kind}").into(),
    }
}

//! How statements name what has no digest of its own to be named by.

use crate::definition::encoded;
use crate::digest::Sha256Digest;
use crate::name::CellId;

/// The builder of runs in containers of an engine, of which nothing more is known: neither whose the
/// machine is, nor who else reaches it.
pub const LOCAL_BUILDER: &str = "urn:kmatrix:builder:local-container:v1";

/// The builder of runs in containers whose every attempt was made in the very CI job whose provider says
/// who signs.
pub const CI_BUILDER: &str = "urn:kmatrix:builder:ci-job:v1";

/// The builder of an audit, which builds what somebody else claims to have built.
pub const AUDIT_BUILDER: &str = "urn:kmatrix:builder:audit-rebuild:v1";

/// Who writes summaries: this program, by the evidence of a ledger.
pub const VERIFIER: &str = "urn:kmatrix:verifier:ledger:v1";

/// Returns the URI of a cell.
pub fn cell_uri(cell: &CellId) -> String {
    format!("urn:kmatrix:cell:{cell}")
}

/// Returns the URI of a release, which has its matrix's name.
pub fn release_uri(release: &str) -> String {
    format!("urn:kmatrix:release:{}", encoded(release))
}

/// Returns the URI of a table of rules for labels.
pub fn rules_uri(version: u32) -> String {
    format!("urn:kmatrix:label-rules:v{version}")
}

/// Returns the URI of a statement, by the digest of its payload.
pub fn statement_uri(payload: Sha256Digest) -> String {
    format!("urn:kmatrix:statement:{payload}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_with_an_odd_name_is_still_one_word() {
        assert_eq!(release_uri("nightly"), "urn:kmatrix:release:nightly");
        assert_eq!(release_uri("a b/ü"), "urn:kmatrix:release:a%20b%2F%C3%BC");
    }
}

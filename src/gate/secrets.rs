//! Private keys and tokens that were left in a module, by the forms that are well known.

use std::sync::OnceLock;

use regex::bytes::Regex;

use super::readable::Readable;
use super::{Gate, GateResult, none_where_read};

/// What looks like a secret, and what it is.
const FORMS: [(&str, &str); 9] = [
    (
        // RFC 7468, RFC 4880 (6.2), and OpenSSH's own.
        r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----|-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "a private key",
    ),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "an access key of AWS"),
    (r"\bgh[pousr]_[0-9A-Za-z]{36,255}\b", "a token of GitHub"),
    (r"\bgithub_pat_[0-9A-Za-z_]{60,255}\b", "a token of GitHub"),
    (r"\bglpat-[0-9A-Za-z_-]{20,255}", "a token of GitLab"),
    (r"\bxox[abprs]-[0-9A-Za-z-]{10,255}", "a token of Slack"),
    (r"\bAIza[0-9A-Za-z_-]{35}\b", "a key of a Google API"),
    (r"\bnpm_[0-9A-Za-z]{36}\b", "a token of npm"),
    (
        r"\beyJ[0-9A-Za-z_-]{10,2000}\.eyJ[0-9A-Za-z_-]{10,2000}\.[0-9A-Za-z_-]{10,2000}",
        "a JSON web token",
    ),
];

/// Looks for secrets in every section.
///
/// # Security
///
/// The evidence says where a secret is and of what kind, and nothing of the secret itself: records
/// and logs are for others to read.
pub(super) fn secrets(readable: &Readable<'_>) -> GateResult {
    let mut found = Vec::new();
    for (name, data) in &readable.parts {
        for (form, (_, what)) in forms().iter().zip(FORMS) {
            for place in form.find_iter(data) {
                found.push(format!("{name}+{:#x}: {what}", place.start()));
            }
        }
    }
    none_where_read(Gate::Secrets, found, readable)
}

fn forms() -> &'static [Regex] {
    static COMPILED: OnceLock<Vec<Regex>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        FORMS
            .iter()
            .map(|(form, _)| {
                Regex::new(&format!("(?-u:{form})")).expect("the program's own pattern")
            })
            .collect()
    })
}

//! Reading who a policy believes.

use std::path::Path;

use super::file::{beside, spki_of_pem, window};
use super::model::PolicySigner;
use crate::attest::PredicateType;
use crate::document::{ProblemCode, Read, Table, Value};
use crate::label::Tier;
use crate::verify::SignedBy;

/// The best level that anything here can be believed.
const BEST_SLSA_LEVEL: u32 = 3;

/// Reads one `[[signer]]`.
pub(super) fn signer(table: &Table<'_>, folder: &Path) -> Read<PolicySigner> {
    let name = table.required("name", Value::text);
    let operator = table.required("operator", Value::text);
    let key = table.optional("key", |value| key(value, folder));
    let identity = table.optional("identity", Value::text);
    let issuer = table.optional("issuer", Value::text);
    let window = window(table);
    let builders = table.required("builders", |value| value.one_or_list(Value::text));
    let every = PredicateType::ALL.to_vec();
    let statements = table.or("statements", every, |v| v.one_or_list(Value::parse));
    let most_tier = table.or("most-tier", Tier::Full, Value::parse);
    let most_slsa_level = table.or("most-slsa-level", 1, |value| {
        let level = value.count()?;
        if level <= BEST_SLSA_LEVEL {
            return Ok(level);
        }
        let message = format!("SLSA has no build level {level}");
        Err(value.refuse(ProblemCode::BadValue, message, None))
    });
    let (who, pem) = match (key?, identity?, issuer?) {
        (Some(found), None, None) => found,
        (None, Some(identity), Some(issuer)) => (SignedBy::Identity { identity, issuer }, None),
        _ => {
            let message = "a signer is a `key`, or an `identity` with its `issuer`";
            return Err(table.refuse(ProblemCode::Conflict, message, None));
        }
    };
    Ok(PolicySigner {
        name: name?,
        operator: operator?,
        who,
        pem,
        window: window?,
        builders: builders?.into_iter().collect(),
        statements: statements?.into_iter().collect(),
        most_tier: most_tier?,
        most_slsa_level: most_slsa_level?,
    })
}

/// Reads a key: the digest of its SubjectPublicKeyInfo, or a PEM file.
fn key(value: Value<'_>, folder: &Path) -> Read<(SignedBy, Option<String>)> {
    if value.string()?.starts_with("sha256:") {
        let spki = value.parse()?;
        return Ok((SignedBy::Key { spki }, None));
    }
    let (name, bytes) = beside(value, folder)?;
    let read = String::from_utf8(bytes)
        .map_err(|_| "it is not UTF-8".to_owned())
        .and_then(|pem| Ok((spki_of_pem(&pem)?, pem)));
    match read {
        Ok((spki, pem)) => Ok((SignedBy::Key { spki }, Some(pem))),
        Err(why) => {
            let message = format!("`{name}` is no public key: {why}");
            Err(value.refuse(ProblemCode::BadValue, message, None))
        }
    }
}

/// Refuses a second signer of one name, and a second one of one key or identity: who is believed how
/// much, and who is whose operator, must have one answer.
pub(super) fn distinct(
    table: &Table<'_>,
    signer: &PolicySigner,
    known: &[PolicySigner],
) -> Read<()> {
    let mut read = Ok(());
    for other in known {
        let message = if signer.name == other.name {
            format!("the signer `{}` stands twice", signer.name)
        } else if signer.who == other.who {
            let (name, other) = (&signer.name, &other.name);
            format!("{} of `{name}` is that of `{other}`", signer.who)
        } else {
            continue;
        };
        read = Err(table.refuse(ProblemCode::Duplicate, message, None));
    }
    read
}

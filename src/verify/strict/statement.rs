//! The payload: an in-toto Statement v1 (attestation framework, `spec/v1/statement.md`), or v0.1, which
//! cosign still makes and which says no less with the same fields (`spec/v0.1.0/statement.md`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Fields, Unknown, malformed};
use super::json::{quoted, strict_json};
use super::limits::Limits;
use crate::attest::{DigestSet, STATEMENT_TYPE, Statement, Subject};
use crate::verify::{Refused, Why};

/// What a statement calls itself.
const STATEMENT_TYPES: [&str; 2] = [STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1"];

/// Hash algorithms by the names that digest sets use, with the length of their hexadecimal form
/// (`spec/v1/digest_set.md`).
const HEX_DIGITS: [(&str, usize); 8] = [
    ("sha256", 64),
    ("sha1", 40),
    ("sha224", 56),
    ("sha384", 96),
    ("sha512", 128),
    ("sha3_256", 64),
    ("sha3_384", 96),
    ("sha3_512", 128),
];

/// Reads a payload, for which nobody has vouched yet. Fields that in-toto does not know are ignored, as it
/// asks; all keys stand once.
///
/// # Errors
///
/// What [`strict_json`] refuses; another `_type` than Statement v1 and v0.1; a statement without a predicate type;
/// no subject, or one without a SHA-256 in 64 lower-case hexadecimal digits; a digest anywhere in it that is
/// written in another way, or under its algorithm's name in another case.
pub fn read_statement(payload: &[u8]) -> Result<Statement<Value>, Refused> {
    let mut statement = Fields::of(
        "the statement",
        strict_json(payload, &Limits::PAYLOAD)?,
        &["_type", "subject", "predicateType", "predicate"],
        Unknown::Ignored,
    )?;
    let statement_type = statement.text("_type")?;
    if !STATEMENT_TYPES.contains(&statement_type.as_str()) {
        return Err(Refused::new(
            Why::UnknownType,
            format!(
                "its `_type` is {}, not `{STATEMENT_TYPE}`",
                quoted(&statement_type)
            ),
        ));
    }
    let predicate_type = statement.text("predicateType")?;
    if predicate_type.is_empty() {
        return Err(malformed("the statement's `predicateType` is empty"));
    }
    let subjects = statement.list("subject", Limits::PAYLOAD.values)?;
    if subjects.is_empty() {
        return Err(subject("the statement has no subject"));
    }
    let subject = subjects
        .into_iter()
        .map(read_subject)
        .collect::<Result<Vec<_>, _>>()?;
    let predicate = statement.take_optional("predicate").unwrap_or(Value::Null);
    check_digests(&predicate)?;
    Ok(Statement {
        statement_type,
        subject,
        predicate_type,
        predicate,
    })
}

fn read_subject(value: Value) -> Result<Subject, Refused> {
    let mut fields = Fields::of(
        "a subject",
        value,
        &[
            "name",
            "digest",
            "annotations",
            "uri",
            "content",
            "downloadLocation",
            "mediaType",
        ],
        Unknown::Ignored,
    )?;
    let name = fields.optional_text("name")?.unwrap_or_default();
    let Some(Value::Object(digests)) = fields.take_optional("digest") else {
        return Err(subject(&format!(
            "the subject {} has no digests",
            quoted(&name)
        )));
    };
    let mut digest = DigestSet::new();
    for (algorithm, value) in digests {
        let Value::String(value) = value else {
            return Err(subject(&format!(
                "the subject {} has a digest that is no string",
                quoted(&name)
            )));
        };
        check_digest(&algorithm, &value)
            .map_err(|found| subject(&format!("the subject {} has {found}", quoted(&name))))?;
        digest.insert(algorithm, value);
    }
    if !digest.contains_key("sha256") {
        return Err(subject(&format!(
            "the subject {} has no SHA-256",
            quoted(&name)
        )));
    }
    Ok(Subject {
        name,
        digest,
        annotations: read_annotations(fields.take_optional("annotations"))?,
    })
}

/// Takes annotations that are strings. Others are allowed by in-toto, and nothing here reads them.
fn read_annotations(value: Option<Value>) -> Result<BTreeMap<String, String>, Refused> {
    match value {
        None => Ok(BTreeMap::new()),
        Some(Value::Object(members)) => Ok(members
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .collect()),
        Some(_) => Err(malformed("the annotations of a subject are no object")),
    }
}

/// Checks every digest set below a value: an object under the key `digest`.
fn check_digests(value: &Value) -> Result<(), Refused> {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_object() {
                    Some(digests) if key == "digest" => {
                        for (algorithm, digest) in digests {
                            let Some(digest) = digest.as_str() else {
                                continue;
                            };
                            check_digest(algorithm, digest)
                                .map_err(|found| malformed(format!("the predicate has {found}")))?;
                        }
                    }
                    _ => check_digests(value)?,
                }
            }
            Ok(())
        }
        Value::Array(elements) => elements.iter().try_for_each(check_digests),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Checks one digest; on failure, says what was found. Algorithms of other names are left alone, since
/// nothing is compared by them, unless the name is a known one in another case.
fn check_digest(algorithm: &str, digest: &str) -> Result<(), String> {
    let known = HEX_DIGITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(algorithm));
    let Some((name, digits)) = known else {
        return Ok(());
    };
    if algorithm != *name {
        return Err(format!(
            "a digest under {}, which is written `{name}`",
            quoted(algorithm)
        ));
    }
    let lower_hex = digest
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if lower_hex && digest.len() == *digits {
        Ok(())
    } else {
        Err(format!(
            "a `{name}` that is not {digits} lower-case hexadecimal digits"
        ))
    }
}

fn subject(detail: &str) -> Refused {
    Refused::new(Why::Subject, detail)
}

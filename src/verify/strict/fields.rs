//! An object of a known form: which members it has, and of what kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::json::{quoted, same_but_for_case};
use super::limits::Limits;
use crate::digest::Sha256Digest;
use crate::verify::{Refused, Why};

/// The members of one object that have not been taken yet.
pub(super) struct Fields {
    what: &'static str,
    members: Map<String, Value>,
}

/// What becomes of members that the form does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The format has no others.
    Refused,
    /// The format says that readers ignore them; those that differ from a known one in case alone are
    /// refused all the same.
    Ignored,
}

impl Fields {
    /// Opens an object that has the members `known` at most.
    pub fn of(
        what: &'static str,
        value: Value,
        known: &[&str],
        unknown: Unknown,
    ) -> Result<Self, Refused> {
        let Value::Object(members) = value else {
            return Err(malformed(format!("{what} is no object")));
        };
        for key in members.keys() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let variant = known.iter().find(|known| same_but_for_case(key, known));
            match (variant, unknown) {
                (Some(known), _) => {
                    return Err(malformed(format!(
                        "{what} has {} where `{known}` belongs",
                        quoted(key)
                    )));
                }
                (None, Unknown::Refused) => {
                    return Err(malformed(format!("{what} has no field {}", quoted(key))));
                }
                (None, Unknown::Ignored) => {}
            }
        }
        Ok(Self { what, members })
    }

    pub fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    pub fn take(&mut self, key: &str) -> Result<Value, Refused> {
        self.members
            .remove(key)
            .ok_or_else(|| malformed(format!("{} has no `{key}`", self.what)))
    }

    /// Takes what may be missing; `null` is the same as missing, as in the JSON form of Protocol Buffers.
    pub fn take_optional(&mut self, key: &str) -> Option<Value> {
        self.members.remove(key).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, key: &str) -> Result<String, Refused> {
        let value = self.take(key)?;
        as_text(value, self.what, key)
    }

    pub fn optional_text(&mut self, key: &str) -> Result<Option<String>, Refused> {
        self.take_optional(key)
            .map(|value| as_text(value, self.what, key))
            .transpose()
    }

    /// Takes a list; one that is missing is empty.
    pub fn list(&mut self, key: &str, most: usize) -> Result<Vec<Value>, Refused> {
        match self.take_optional(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= most => Ok(list),
            Some(Value::Array(list)) => Err(Refused::new(
                Why::Limit,
                format!(
                    "{} has {} in `{key}`, and {most} are read",
                    self.what,
                    list.len()
                ),
            )),
            Some(_) => Err(malformed(format!("`{key}` of {} is no list", self.what))),
        }
    }

    /// Takes bytes in base64, however many.
    pub fn bytes(&mut self, key: &str) -> Result<Vec<u8>, Refused> {
        let text = self.text(key)?;
        from_base64(&text).ok_or_else(|| not_base64(key, self.what))
    }

    /// Takes bytes in base64 that are one small part of a bundle.
    pub fn part(&mut self, key: &str) -> Result<Vec<u8>, Refused> {
        let text = self.text(key)?;
        self.is_small(key, &text)?;
        from_base64(&text).ok_or_else(|| not_base64(key, self.what))
    }

    /// Takes a short string; one that is missing is empty.
    pub fn short_text(&mut self, key: &str) -> Result<String, Refused> {
        let text = self.optional_text(key)?.unwrap_or_default();
        self.is_small(key, &text)?;
        Ok(text)
    }

    fn is_small(&self, key: &str, text: &str) -> Result<(), Refused> {
        if text.len() <= Limits::PART {
            return Ok(());
        }
        Err(Refused::new(
            Why::Limit,
            format!(
                "`{key}` of {} has {} characters, and {} are read",
                self.what,
                text.len(),
                Limits::PART
            ),
        ))
    }

    /// Takes 32 bytes in base64.
    pub fn hash(&mut self, key: &str) -> Result<[u8; 32], Refused> {
        let what = self.what;
        self.part(key)?
            .try_into()
            .map_err(|_| malformed(format!("`{key}` of {what} has not 32 bytes")))
    }

    /// Takes a whole number that is not negative, as digits or, as JSON has them, bare; missing is zero,
    /// as in Protocol Buffers.
    pub fn number(&mut self, key: &str) -> Result<u64, Refused> {
        let most = i64::MAX.unsigned_abs();
        let number = match self.take_optional(key) {
            None => Some(0),
            Some(Value::String(digits)) => digits
                .parse::<u64>()
                .ok()
                .filter(|number| number.to_string() == digits),
            Some(value) => value.as_u64(),
        };
        number.filter(|number| *number <= most).ok_or_else(|| {
            malformed(format!(
                "`{key}` of {} is no whole number from 0 to 2^63",
                self.what
            ))
        })
    }
}

/// Decodes base64 in the one way in which these bytes are written: standard alphabet, padded, no white
/// space, and no bits that do not count (RFC 4648, sections 3.5 and 4).
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn not_base64(key: &str, what: &str) -> Refused {
    malformed(format!(
        "`{key}` of {what} is not base64 in its one canonical form"
    ))
}

pub(super) fn malformed(detail: impl Into<String>) -> Refused {
    Refused::new(Why::Malformed, detail)
}

fn as_text(value: Value, what: &str, key: &str) -> Result<String, Refused> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(malformed(format!("`{key}` of {what} is no string"))),
    }
}

/// Returns the digest that a key id or hint names, in one of the forms that are in use: hexadecimal, with
/// or without `sha256:`, or base64.
pub(in crate::verify) fn named_digest(hint: &str) -> Option<Sha256Digest> {
    if let Ok(digest) = hint.parse() {
        return Some(digest);
    }
    if let Ok(digest) = Sha256Digest::from_hex(hint) {
        return Some(digest);
    }
    let bytes = from_base64(hint).filter(|bytes| bytes.len() == 32)?;
    Sha256Digest::from_hex(&hex::encode(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_one_form() {
        for (text, decodes) in [
            ("AAE=", true),
            ("", true),
            ("AAE", false),
            ("AAF=", false),
            ("AAE=\n", false),
            ("A AE=", false),
            ("-_-_", false),
            ("AAE==", false),
        ] {
            assert_eq!(from_base64(text).is_some(), decodes, "{text}");
        }
    }

    #[test]
    fn a_hint_names_a_digest_in_three_forms_only() {
        let digest = Sha256Digest::of(b"key");
        for hint in [
            digest.to_string(),
            digest.to_hex(),
            STANDARD.encode(digest.as_bytes()),
        ] {
            assert_eq!(named_digest(&hint), Some(digest), "{hint}");
        }
        for hint in ["", "my-key", &digest.to_hex().to_uppercase(), "AAE="] {
            assert_eq!(named_digest(hint), None, "{hint}");
        }
    }
}

//! JSON (RFC 8259) without the liberties that readers differ in.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::limits::Limits;
use crate::verify::{Refused, Why};

/// Reads one JSON document.
///
/// # Errors
///
/// More, deeper or longer than `limits`; bytes that are not UTF-8, or begin with a byte-order mark; what
/// is not JSON, or has something behind it; an object in which two keys are the same, or the same but for
/// case (Unicode's, since some readers fold `ſ` into `s`).
pub fn strict_json(bytes: &[u8], limits: &Limits) -> Result<Value, Refused> {
    if bytes.len() > limits.bytes {
        return Err(Refused::new(
            Why::Limit,
            format!(
                "it has {} bytes, and {} are read",
                bytes.len(),
                limits.bytes
            ),
        ));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Refused::new(
            Why::Malformed,
            "it begins with a byte-order mark",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Refused::new(Why::Malformed, format!("it is not UTF-8 at byte {at}"))
    })?;
    let mut reading = Reading {
        limits,
        values: 0,
        refused: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Place {
        reading: &mut reading,
        depth: 0,
    }
    .deserialize(&mut json)
    .and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        reading
            .refused
            .unwrap_or_else(|| Refused::new(Why::Malformed, format!("it is not JSON: {error}")))
    })
}

/// Returns somebody else's text for a message: short, and without what a terminal would obey.
pub(in crate::verify) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// What has been read so far, and why reading stopped.
struct Reading<'a> {
    limits: &'a Limits,
    values: usize,
    refused: Option<Refused>,
}

impl Reading<'_> {
    fn refuse<E: serde::de::Error>(&mut self, why: Why, detail: String) -> E {
        let error = E::custom(&detail);
        self.refused.get_or_insert(Refused::new(why, detail));
        error
    }

    fn text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.text {
            let most = self.limits.text;
            let detail = format!("a string has {} bytes, and {most} are read", text.len());
            return Err(self.refuse(Why::Limit, detail));
        }
        Ok(())
    }
}

/// The place of one value.
struct Place<'r, 'a> {
    reading: &'r mut Reading<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.reading.values += 1;
        if self.reading.values > self.reading.limits.values {
            let most = self.reading.limits.values;
            return Err(self
                .reading
                .refuse(Why::Limit, format!("it has more than {most} values")));
        }
        from.deserialize_any(self)
    }
}

impl<'r, 'a> Place<'r, 'a> {
    /// Goes one object or list deeper.
    fn enter<E: serde::de::Error>(self) -> Result<(&'r mut Reading<'a>, usize), E> {
        let depth = self.depth + 1;
        if depth > self.reading.limits.depth {
            let most = self.reading.limits.depth;
            return Err(self
                .reading
                .refuse(Why::Limit, format!("it is more than {most} levels deep")));
        }
        Ok((self.reading, depth))
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.reading.text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let (reading, depth) = self.enter()?;
        let mut list = Vec::new();
        while let Some(value) = elements.next_element_seed(Place {
            reading: &mut *reading,
            depth,
        })? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (reading, depth) = self.enter()?;
        let mut object = Map::new();
        let mut folded = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            reading.text::<A::Error>(&key)?;
            if !folded.insert(fold(&key)) {
                let detail = if object.contains_key(&key) {
                    format!("the key {} stands twice in one object", quoted(&key))
                } else {
                    format!(
                        "the key {} stands twice in one object but for case",
                        quoted(&key)
                    )
                };
                return Err(reading.refuse(Why::DuplicateKey, detail));
            }
            let value = members.next_value_seed(Place {
                reading: &mut *reading,
                depth,
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Returns a key without its case. Twice lower case with upper case between reaches what has two forms of
/// one case, such as `ſ` and the Kelvin sign.
fn fold(key: &str) -> String {
    if key.is_ascii() {
        key.to_ascii_lowercase()
    } else {
        key.to_lowercase().to_uppercase().to_lowercase()
    }
}

/// Returns true if two keys are the same but for case.
pub(super) fn same_but_for_case(left: &str, right: &str) -> bool {
    fold(left) == fold(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits {
        bytes: 64,
        depth: 3,
        values: 6,
        text: 8,
    };

    fn why(text: &[u8]) -> Option<Why> {
        strict_json(text, &SMALL).err().map(|refused| refused.why)
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for (text, expected) in [
            (
                &br#"{"a":1,"b":[2,"x",null,true,1.5]}"#[..],
                Some(Why::Limit),
            ),
            (br#"{"a":1,"b":[2,"x"]}"#, None),
            (br#" {"a":{"a":1}} "#, None),
            (br#"{"a":1,"a":1}"#, Some(Why::DuplicateKey)),
            (br#"{"a":1,"\u0061":1}"#, Some(Why::DuplicateKey)),
            (br#"{"a":1,"A":1}"#, Some(Why::DuplicateKey)),
            (br#"{"x":{"sig":1,"\u017fig":1}}"#, Some(Why::DuplicateKey)),
            (br#"{"x":{"k":1,"\u212a":1}}"#, Some(Why::DuplicateKey)),
            (br#"[[[1]]]"#, None),
            (br#"[[[[1]]]]"#, Some(Why::Limit)),
            (br#""123456789""#, Some(Why::Limit)),
            (br#"{"123456789":1}"#, Some(Why::Limit)),
            (br#""\u0031\u0032""#, None),
            (b"\xef\xbb\xbf{}", Some(Why::Malformed)),
            (b"\"\xff\"", Some(Why::Malformed)),
            (b"{} {}", Some(Why::Malformed)),
            (b"{}\0", Some(Why::Malformed)),
            (b"{,}", Some(Why::Malformed)),
            (b"", Some(Why::Malformed)),
            (b"NaN", Some(Why::Malformed)),
            (b"1e999", Some(Why::Malformed)),
            (br#""\ud800""#, Some(Why::Malformed)),
            (&[b' '; 65], Some(Why::Limit)),
        ] {
            assert_eq!(why(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn the_value_is_the_one_that_was_written() {
        let text = br#"{"b":[1,-2,"\u00e9"],"a":{"x":null,"y":false}}"#;
        let value = strict_json(text, &Limits::PAYLOAD).expect("JSON");
        assert_eq!(
            value,
            serde_json::from_slice::<Value>(text).expect("the same")
        );
    }

    #[test]
    fn what_is_quoted_is_short_and_harmless() {
        assert_eq!(quoted("a\x1b[2J"), "`a\u{fffd}[2J`");
        assert!(quoted(&"x".repeat(1000)).len() < 120);
    }
}

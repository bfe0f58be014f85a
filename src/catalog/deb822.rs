//! One stanza of fields in Debian's control format (deb822(5)), read strictly.

/// The fields of one stanza, in the order in which they were written.
#[derive(Debug, Clone)]
pub struct Stanza<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

/// What a stanza may hold at most.
#[derive(Debug, Clone, Copy)]
pub struct StanzaLimits {
    pub fields: usize,
    /// Bytes of one line.
    pub line: usize,
}

/// Says why a stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StanzaError {
    #[error("line {line} is neither a field nor the continuation of one")]
    NotAField { line: usize },
    #[error("line {line} is blank inside a stanza")]
    Blank { line: usize },
    #[error("line {line} has more than {limit} bytes")]
    LongLine { line: usize, limit: usize },
    #[error("the field `{name}` occurs twice")]
    Duplicate { name: String },
    #[error("there are more than {limit} fields")]
    TooManyFields { limit: usize },
    #[error("there is no field `{name}`")]
    Missing { name: &'static str },
}

impl<'a> Stanza<'a> {
    /// Parses one stanza, without the blank line that ends it.
    ///
    /// Field names are compared without regard to case, and none may occur twice: of two values
    /// another program could take the other one.
    pub fn parse(text: &'a str, limits: StanzaLimits) -> Result<Self, StanzaError> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        // Where the value of the field that is being read began.
        let mut start = 0;
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let number = index + 1;
            let end = offset + line.len();
            if line.len() > limits.line {
                return Err(StanzaError::LongLine {
                    line: number,
                    limit: limits.line,
                });
            }
            if line.trim().is_empty() {
                return Err(StanzaError::Blank { line: number });
            }
            if line.starts_with([' ', '\t']) {
                let Some(last) = fields.last_mut() else {
                    return Err(StanzaError::NotAField { line: number });
                };
                last.1 = &text[start..end];
            } else {
                let (name, value) = line
                    .split_once(':')
                    .filter(|(name, _)| is_field_name(name))
                    .ok_or(StanzaError::NotAField { line: number })?;
                if fields
                    .iter()
                    .any(|(other, _)| other.eq_ignore_ascii_case(name))
                {
                    return Err(StanzaError::Duplicate {
                        name: name.to_owned(),
                    });
                }
                if fields.len() == limits.fields {
                    return Err(StanzaError::TooManyFields {
                        limit: limits.fields,
                    });
                }
                start = offset + name.len() + 1;
                fields.push((name, value));
            }
            offset = end;
        }
        Ok(Self { fields })
    }

    /// Returns a field's value without the white space around it; continuation lines stay in it.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Returns the value of a field that has to be there.
    pub fn require(&self, name: &'static str) -> Result<&'a str, StanzaError> {
        self.get(name).ok_or(StanzaError::Missing { name })
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['-', '#'])
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StanzaLimits = StanzaLimits {
        fields: 3,
        line: 40,
    };

    #[test]
    fn fields_keep_their_continuation_lines() {
        let stanza = Stanza::parse("A: one\nB:\n two\n three\nC:x:y", LIMITS).expect("a stanza");
        assert_eq!(stanza.get("a"), Some("one"));
        assert_eq!(stanza.get("B"), Some("two\n three"));
        assert_eq!(stanza.get("C"), Some("x:y"));
        assert_eq!(stanza.require("D"), Err(StanzaError::Missing { name: "D" }));
    }

    #[test]
    fn broken_stanzas_are_refused() {
        let long = format!("A: {}", "x".repeat(40));
        let cases = [
            (" a\n", StanzaError::NotAField { line: 1 }),
            ("A: 1\nno colon\n", StanzaError::NotAField { line: 2 }),
            ("A b: 1\n", StanzaError::NotAField { line: 1 }),
            ("# A: 1\n", StanzaError::NotAField { line: 1 }),
            ("A: 1\n  \nB: 2\n", StanzaError::Blank { line: 2 }),
            (
                "A: 1\na: 2\n",
                StanzaError::Duplicate {
                    name: "a".to_owned(),
                },
            ),
            (
                "A: 1\nB: 2\nC: 3\nD: 4\n",
                StanzaError::TooManyFields { limit: 3 },
            ),
            (&long, StanzaError::LongLine { line: 1, limit: 40 }),
        ];
        for (text, error) in cases {
            assert_eq!(Stanza::parse(text, LIMITS).err(), Some(error), "{text}");
        }
    }
}

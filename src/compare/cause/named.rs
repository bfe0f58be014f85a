//! A cause that was found, with what shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Cause, Lines};
use crate::compare::{Difference, Excerpt};
use crate::source::Suspicion;

/// The most places that are kept of one cause.
const MOST_EVIDENCE: usize = 4;

/// A cause of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub cause: Cause,
    pub confidence: Confidence,
    /// The first of the places that show it.
    pub evidence: Vec<Evidence>,
    /// How many places show it.
    pub places: u64,
    /// What helps against it.
    pub fix: String,
    /// The line of the source that takes it in, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Suspicion>,
    /// What the matrix gives the build that takes it in, such as the variable of make
    /// `LDFLAGS_MODULE=--build-id=uuid`, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
}

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// It looks like it, and nothing speaks against it.
    Likely,
    /// The two values are those of the two builds, or nothing else looks like it.
    Certain,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Likely => "likely",
            Self::Certain => "certain",
        })
    }
}

/// One place that shows a cause: where it is, and both values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// A section, or what else of a module it is.
    pub place: String,
    /// In bytes from the section's begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// `None` if only the other has it.
    pub first: Option<String>,
    pub second: Option<String>,
}

impl Evidence {
    /// Returns what a place that differs shows.
    pub(super) fn of(difference: &Difference) -> Self {
        match difference {
            Difference::Header {
                field,
                first,
                second,
            } => Self::values(field, Some(first), Some(second)),
            Difference::Section {
                name,
                first,
                second,
            } => {
                let shown = |side: &Option<crate::compare::SectionFacts>| {
                    side.as_ref().map(|facts| {
                        format!(
                            "{} bytes, flags {:#x}, alignment {}",
                            facts.bytes, facts.flags, facts.alignment
                        )
                    })
                };
                Self {
                    place: name.clone(),
                    first: shown(first),
                    second: shown(second),
                    ..Self::default()
                }
            }
            Difference::Bytes {
                section,
                offset,
                symbol,
                first,
                second,
                ..
            } => Self {
                place: section.clone(),
                offset: Some(*offset),
                symbol: symbol.clone(),
                first: Some(excerpt(first)),
                second: Some(excerpt(second)),
            },
            Difference::Text {
                section,
                offset,
                symbol,
                first,
                second,
            }
            | Difference::Relocation {
                section,
                offset,
                symbol,
                first,
                second,
            } => Self {
                offset: Some(*offset),
                symbol: symbol.clone(),
                ..Self::values(section, first.as_ref(), second.as_ref())
            },
            Difference::Symbol {
                name,
                first,
                second,
            } => Self {
                symbol: Some(name.clone()),
                ..Self::values(".symtab", first.as_ref(), second.as_ref())
            },
            Difference::Modinfo { key, first, second } => {
                let joined = |values: &[String]| {
                    let is_there = !values.is_empty();
                    is_there.then(|| format!("{key}={}", values.join(", ")))
                };
                Self {
                    place: ".modinfo".to_owned(),
                    first: joined(first),
                    second: joined(second),
                    ..Self::default()
                }
            }
            Difference::Version {
                symbol,
                first,
                second,
            } => {
                let crc = |crc: &Option<u32>| crc.map(|crc| format!("{crc:#010x}"));
                Self {
                    place: "__versions".to_owned(),
                    symbol: Some(symbol.clone()),
                    first: crc(first),
                    second: crc(second),
                    ..Self::default()
                }
            }
        }
    }

    pub(super) fn values(
        place: &str,
        first: Option<impl ToString>,
        second: Option<impl ToString>,
    ) -> Self {
        Self {
            place: place.to_owned(),
            first: first.map(|value| value.to_string()),
            second: second.map(|value| value.to_string()),
            ..Self::default()
        }
    }
}

fn excerpt(excerpt: &Excerpt) -> String {
    match &excerpt.text {
        Some(text) => text.clone(),
        None => excerpt.hex.clone(),
    }
}

/// Returns each cause of several comparisons once, the most certain first.
pub fn together(all: impl IntoIterator<Item = Named>, lines: &Lines<'_>) -> Vec<Named> {
    let mut found = Found::default();
    for named in all {
        found.add_all(named.cause, named.confidence, named);
    }
    found.in_order(lines)
}

/// The causes that were found so far, each once.
#[derive(Debug, Default)]
pub(super) struct Found(pub Vec<Named>);

impl Found {
    /// Adds a place to a cause.
    pub fn add(&mut self, cause: Cause, confidence: Confidence, evidence: Evidence) {
        let known = self.0.iter_mut().find(|named| named.cause == cause);
        let Some(named) = known else {
            self.0.push(Named {
                cause,
                confidence,
                evidence: vec![evidence],
                places: 1,
                fix: cause.entry().fix.to_owned(),
                source: None,
                given: None,
            });
            return;
        };
        named.places += 1;
        if confidence > named.confidence {
            // What makes it certain stands first.
            named.confidence = confidence;
            named.evidence.insert(0, evidence);
            named.evidence.truncate(MOST_EVIDENCE);
        } else if named.evidence.len() < MOST_EVIDENCE {
            named.evidence.push(evidence);
        }
    }

    /// Adds all places of a cause that was found elsewhere.
    pub fn add_all(&mut self, cause: Cause, confidence: Confidence, of: Named) {
        let shown = of.evidence.len() as u64;
        for evidence in of.evidence {
            self.add(cause, confidence, evidence);
        }
        let added = self.0.iter_mut().find(|named| named.cause == cause);
        if let Some(named) = added {
            named.places += of.places.saturating_sub(shown);
            // Of what is called by another name now, the line is another's.
            if of.cause == cause {
                named.source = named.source.take().or(of.source);
                named.given = named.given.take().or(of.given);
            }
        }
    }

    /// Adds a place to a cause that was found elsewhere; it does nothing if it was not.
    pub fn bear_out(&mut self, cause: Cause, evidence: Evidence) {
        let known = self.0.iter_mut().find(|named| named.cause == cause);
        if let Some(named) = known.filter(|named| !named.evidence.contains(&evidence)) {
            named.places += 1;
            // What a command says is worth more than one more place of the same.
            named.evidence.truncate(MOST_EVIDENCE - 1);
            named.evidence.push(evidence);
        }
    }

    pub fn has(&self, is: impl Fn(Cause) -> bool) -> bool {
        self.0.iter().any(|named| is(named.cause))
    }

    /// Returns them, certain ones first and what is unexplained last, each with the line of the source
    /// and what of the matrix takes it in.
    pub fn in_order(self, lines: &Lines<'_>) -> Vec<Named> {
        let mut all = self.0;
        for named in &mut all {
            let (cause, evidence) = (named.cause, &named.evidence);
            let source = named.source.take();
            named.source = source.or_else(|| lines.line_of(cause, evidence));
            let given = named.given.take();
            named.given = given.or_else(|| lines.given_for(cause, evidence));
        }
        all.sort_by_key(|named| {
            let is_last = named.cause == Cause::Unexplained;
            (is_last, std::cmp::Reverse(named.confidence))
        });
        all
    }
}

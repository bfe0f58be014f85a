//! XML as archives write it, pulled element by element within bounds. The only file that knows the
//! XML library.
//!
//! # Security
//!
//! Document type definitions are refused, so there are no entities but the five that XML has itself,
//! and nothing expands. Every token, tag, text and depth has a bound that holds while it is read.

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// The most bytes of a tag, a text or a comment; package descriptions are the longest there are.
const MOST_TOKEN_BYTES: usize = 1 << 20;
const MOST_TAG_BYTES: usize = 16 << 10;
const MOST_TEXT_BYTES: usize = 64 << 10;
const MOST_DEPTH: usize = 32;

/// Says why XML is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("it cannot be read as XML: {0}")]
    Malformed(String),
    #[error("it ends in the middle of an element")]
    Truncated,
    #[error("it has no element")]
    NoRoot,
    #[error("something follows its last element")]
    Trailing,
    #[error("it has a document type definition, which could define entities without end")]
    DocumentType,
    #[error("it has the entity `{0}`, which XML itself does not know")]
    Entity(String),
    #[error("it has a tag of more than {MOST_TAG_BYTES} bytes")]
    LongTag,
    #[error("it has a text of more than {MOST_TEXT_BYTES} bytes where a word is due")]
    LongText,
    #[error("its elements are more than {MOST_DEPTH} deep")]
    TooDeep,
    #[error("`{0}` has elements in it where a text is due")]
    NotText(String),
}

/// A reader that goes from element to element. Every element that [`Xml::root`] or [`Xml::child`]
/// returns is left by reading its children to their end, by [`Xml::text`], or by [`Xml::leave`].
pub(super) struct Xml<R: Read> {
    reader: Reader<Guarded<R>>,
    buffer: Vec<u8>,
    depth: usize,
}

/// The beginning of an element.
pub(super) struct Element(BytesStart<'static>);

/// One step through the file; what bears no meaning here is passed over.
enum Step<'a> {
    Start(BytesStart<'a>),
    End,
    Text(String),
    Nothing,
    Eof,
}

impl<R: Read> Xml<R> {
    pub(super) fn new(reader: R) -> Self {
        let mut reader = Reader::from_reader(Guarded {
            inner: io::BufReader::with_capacity(64 * 1024, reader),
            left: MOST_TOKEN_BYTES,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
        }
    }

    /// Returns the outermost element.
    pub(super) fn root(&mut self) -> Result<Element, XmlError> {
        match self.child()? {
            Some(root) => Ok(root),
            None => Err(XmlError::NoRoot),
        }
    }

    /// Returns the next element in the present one, or `None` when that has ended.
    pub(super) fn child(&mut self) -> Result<Option<Element>, XmlError> {
        loop {
            let outside = self.depth == 0;
            match self.step(false)? {
                Step::Start(start) => return Ok(Some(Element(start.into_owned()))),
                Step::End => return Ok(None),
                Step::Text(_) | Step::Nothing => {}
                Step::Eof if outside => return Ok(None),
                Step::Eof => return Err(XmlError::Truncated),
            }
        }
    }

    /// Returns the text of the present element, which has nothing else in it, and leaves it.
    pub(super) fn text(&mut self) -> Result<String, XmlError> {
        let mut text = String::new();
        loop {
            match self.step(true)? {
                Step::Text(more) => {
                    text.push_str(&more);
                    if text.len() > MOST_TEXT_BYTES {
                        return Err(XmlError::LongText);
                    }
                }
                Step::Start(start) => {
                    return Err(XmlError::NotText(start.name().0.chars().take(40).collect()));
                }
                Step::End => return Ok(text),
                Step::Nothing => {}
                Step::Eof => return Err(XmlError::Truncated),
            }
        }
    }

    /// Leaves the present element, whatever is in it.
    pub(super) fn leave(&mut self) -> Result<(), XmlError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if matches!(self.step(false)?, Step::Eof) {
                return Err(XmlError::Truncated);
            }
        }
        Ok(())
    }

    /// Checks that nothing follows the outermost element.
    pub(super) fn finish(&mut self) -> Result<(), XmlError> {
        loop {
            match self.step(true)? {
                Step::Eof => return Ok(()),
                Step::Text(text) if !text.trim().is_empty() => return Err(XmlError::Trailing),
                Step::Text(_) | Step::Nothing => {}
                Step::Start(_) | Step::End => return Err(XmlError::Trailing),
            }
        }
    }

    /// Takes one step; texts are put together only if they are wanted.
    fn step(&mut self, wants_text: bool) -> Result<Step<'_>, XmlError> {
        self.buffer.clear();
        self.reader.get_mut().left = MOST_TOKEN_BYTES;
        let event = self
            .reader
            .read_event_into(&mut self.buffer)
            .map_err(|error| malformed(&error))?;
        let text = |text: &str| {
            if wants_text {
                Step::Text(text.to_owned())
            } else {
                Step::Nothing
            }
        };
        Ok(match event {
            Event::Start(start) | Event::Empty(start) => {
                if start.len() > MOST_TAG_BYTES {
                    return Err(XmlError::LongTag);
                }
                self.depth += 1;
                if self.depth > MOST_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                Step::Start(start)
            }
            Event::End(_) => {
                // The library has checked that the names agree.
                self.depth = self.depth.saturating_sub(1);
                Step::End
            }
            Event::Text(found) => text(&found),
            Event::CData(found) => text(&found),
            Event::GeneralRef(found) => match resolve(&found) {
                Some(character) => text(character.encode_utf8(&mut [0; 4])),
                None => return Err(XmlError::Entity(found.chars().take(40).collect())),
            },
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Step::Nothing,
            Event::Eof => Step::Eof,
        })
    }
}

impl Element {
    /// Returns the name as it is written, prefix included.
    pub(super) fn name(&self) -> &str {
        self.0.name().0
    }

    /// Returns the value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        let mut found = None;
        for attribute in self.0.attributes() {
            let attribute = attribute.map_err(|error| malformed(&error))?;
            if attribute.key.0 == name {
                let value = attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map_err(|error| malformed(&error))?;
                found = Some(value.into_owned());
            }
        }
        Ok(found)
    }
}

/// Returns the character that a reference stands for: by number, or one of the five names of XML 1.0,
/// section 4.6.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

fn malformed(error: &impl std::fmt::Display) -> XmlError {
    XmlError::Malformed(
        error
            .to_string()
            .chars()
            .take(200)
            .flat_map(char::escape_debug)
            .collect(),
    )
}

/// Gives the library no more than one token may have.
struct Guarded<R> {
    inner: io::BufReader<R>,
    left: usize,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Guarded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let why = format!("a tag or a text has more than {MOST_TOKEN_BYTES} bytes");
            return Err(io::Error::other(why));
        }
        let filled = self.inner.fill_buf()?;
        Ok(&filled[..filled.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count;
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a whole file whose root has elements of text, and returns these.
    fn texts(file: &[u8]) -> Result<Vec<String>, XmlError> {
        let mut xml = Xml::new(file);
        xml.root()?;
        let mut texts = Vec::new();
        while xml.child()?.is_some() {
            texts.push(xml.text()?);
        }
        xml.finish()?;
        Ok(texts)
    }

    #[test]
    fn texts_are_put_together() {
        let file = "<?xml version='1.0'?><!-- c --><r>x<a>1 &lt; 2&#x21;</a><b/><c><![CDATA[<&]]></c></r>\n";
        assert_eq!(texts(file.as_bytes()).expect("XML"), ["1 < 2!", "", "<&"]);
    }

    #[test]
    fn elements_are_left_whatever_is_in_them() {
        let mut xml = Xml::new(&b"<r><a q='1'><b><a/></b>x</a><c>y</c></r>"[..]);
        xml.root().expect("a root");
        let element = xml.child().expect("XML").expect("a child");
        assert_eq!(element.attribute("q"), Ok(Some("1".to_owned())));
        assert_eq!(element.attribute("p"), Ok(None));
        xml.leave().expect("left");
        assert_eq!(xml.child().expect("XML").expect("a child").name(), "c");
        assert_eq!(xml.text().as_deref(), Ok("y"));
        assert!(xml.child().expect("XML").is_none());
        xml.finish().expect("the end");
    }

    #[test]
    fn what_could_expand_or_hide_is_refused() {
        let long = |count: usize| "x".repeat(count);
        let cases = [
            ("".to_owned(), XmlError::NoRoot),
            ("<r><a>".to_owned(), XmlError::Truncated),
            ("<r></r><r></r>".to_owned(), XmlError::Trailing),
            ("<r></r>x".to_owned(), XmlError::Trailing),
            (
                "<!DOCTYPE r [<!ENTITY a \"aaaa\">]><r><a>&a;</a></r>".to_owned(),
                XmlError::DocumentType,
            ),
            (
                "<r><a>&a;</a></r>".to_owned(),
                XmlError::Entity("a".to_owned()),
            ),
            (
                format!("<r><a>{}</a></r>", long(MOST_TEXT_BYTES + 1)),
                XmlError::LongText,
            ),
            (
                format!("<r><a b='{}'/></r>", long(MOST_TAG_BYTES)),
                XmlError::LongTag,
            ),
            (
                format!("<r>{}", "<a>".repeat(MOST_DEPTH)),
                XmlError::NotText("a".to_owned()),
            ),
            (
                "<r><a><b/></a></r>".to_owned(),
                XmlError::NotText("b".to_owned()),
            ),
        ];
        for (file, error) in cases {
            let shown: String = file.chars().take(60).collect();
            assert_eq!(texts(file.as_bytes()), Err(error), "{shown}");
        }
        let mut xml = Xml::new(io::repeat(b'<').chain(io::empty()));
        assert!(xml.root().is_err());
        let deep = "<a>".repeat(MOST_DEPTH + 1);
        let mut xml = Xml::new(deep.as_bytes());
        xml.root().expect("a root");
        assert_eq!(xml.leave(), Err(XmlError::TooDeep));
    }

    #[test]
    fn bytes_that_are_no_xml_are_malformed() {
        for file in [
            &b"<r><a></b></r>"[..],
            b"<r><a b='1' b='2'></r>",
            b"<r>\xff\xfe</r>",
            b"<r a></r>",
            b"</r>",
        ] {
            let mut xml = Xml::new(file);
            let read = xml.root().and_then(|root| {
                root.attribute("a")?;
                while let Some(element) = xml.child()? {
                    element.attribute("b")?;
                    xml.leave()?;
                }
                xml.finish()
            });
            assert!(
                matches!(read, Err(XmlError::Malformed(_) | XmlError::Truncated)),
                "{read:?}"
            );
        }
    }

    #[test]
    fn a_token_without_end_is_cut_off() {
        for opening in ["<r>", "<r a='", "<!--"] {
            let mut xml = Xml::new(opening.as_bytes().chain(io::repeat(b'x')));
            let error = xml
                .root()
                .and_then(|_| xml.child().map(|_| ()))
                .expect_err("no end");
            assert!(matches!(error, XmlError::Malformed(_)), "{error}");
        }
    }
}

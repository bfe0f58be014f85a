//! Looking at one file, once, while somebody else hashes the same bytes.

use std::io::{self, Read};

use super::encoded::Text;
use super::numbers::Numbers;
use super::rules::{self, Certainty, Rule};

/// How much of a file's beginning the rules may look at, packed files included.
const HEAD: usize = 64 * 1024;
const PIECE: usize = 128 * 1024;
/// What is kept of a piece until the next has come, so that nothing hides between two.
const OVERLAP: usize = 512;

/// What one look at a file found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The rule that surely applies.
    pub(super) rule: Option<&'static Rule>,
    /// The rule that may apply.
    pub(super) suspicion: Option<&'static Rule>,
    pub(super) is_binary: bool,
    /// The files that this one takes in as they are, as it names them.
    pub(super) links: Vec<String>,
}

/// What the rules are asked about.
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) head: &'a [u8],
    /// True if the bytes are no text in any encoding that keeps ASCII.
    pub(super) is_binary: bool,
    pub(super) text: &'a Text,
    pub(super) numbers: &'a Numbers,
}

/// Reads a file to its end, in memory that does not grow with it.
pub fn look(name: &str, bytes: &mut dyn Read) -> io::Result<Look> {
    let mut window = Vec::with_capacity(OVERLAP + PIECE);
    let mut head = Vec::new();
    let mut text = Text::default();
    let mut numbers = Numbers::default();
    let mut is_binary = false;
    loop {
        let before = window.len();
        let read = (&mut *bytes).take(PIECE as u64).read_to_end(&mut window)?;
        if read == 0 {
            if !is_binary {
                text.take(&window, window.len());
            }
            break;
        }
        let keep = window.len().saturating_sub(OVERLAP);
        let piece = &window[before..];
        let room = HEAD - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
        is_binary = is_binary || memchr::memchr(0, piece).is_some();
        if !is_binary {
            numbers.take(piece);
            text.take(&window, keep);
        }
        window.drain(..keep);
    }
    numbers.end();
    is_binary = is_binary || has_control_characters(&head);
    let seen = Seen {
        name,
        head: &head,
        is_binary,
        text: &text,
        numbers: &numbers,
    };
    Ok(Look {
        rule: rules::first(&seen, Certainty::Certain),
        suspicion: rules::first(&seen, Certainty::Suspected),
        is_binary,
        links: text.links,
    })
}

/// Returns true if more than one byte of 32 is a control character that no text has.
fn has_control_characters(head: &[u8]) -> bool {
    let controls = head
        .iter()
        .filter(|byte| matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127))
        .count();
    controls * 32 > head.len()
}

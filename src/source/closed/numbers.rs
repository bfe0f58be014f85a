//! Counting bytes that are written out as numbers: `0x7f, 0x45`, `.byte 127`, `"\x7f\105"`.

/// The longest literal that is looked at: `0x` and sixteen digits, and a suffix.
const LONGEST: usize = 24;

/// Assembler directives that only say what the numbers behind them are.
const DIRECTIVES: [&[u8]; 14] = [
    b"byte", b"short", b"hword", b"word", b"int", b"long", b"quad", b"octa", b"ascii", b"string",
    b"2byte", b"4byte", b"8byte", b"dc",
];

/// Where the counter stands in the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Code,
    /// Behind a `/` that may begin a comment.
    Slash,
    LineComment,
    Comment,
    /// Behind a `*` that may end a comment.
    CommentStar,
    String,
    /// Behind a `\` in a string.
    Escape,
}

/// Counts over pieces of a text; white space, commas and comments may stand between numbers.
#[derive(Debug, Default)]
pub struct Numbers {
    at: At,
    literal: Vec<u8>,
    run: u64,
    longest: u64,
}

impl Numbers {
    /// Returns the bytes of the longest run so far.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// Goes on with the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            self.step(*byte);
        }
    }

    /// Counts what stands at the very end.
    pub fn end(&mut self) {
        self.step(b'\n');
    }

    fn step(&mut self, byte: u8) {
        match self.at {
            At::Code => self.code(byte),
            At::Slash => {
                self.at = match byte {
                    b'/' => At::LineComment,
                    b'*' => At::Comment,
                    _ => {
                        self.run = 0;
                        At::Code
                    }
                }
            }
            At::LineComment if byte == b'\n' => self.at = At::Code,
            At::LineComment => {}
            At::Comment if byte == b'*' => self.at = At::CommentStar,
            At::Comment => {}
            At::CommentStar => {
                self.at = match byte {
                    b'/' => At::Code,
                    b'*' => At::CommentStar,
                    _ => At::Comment,
                }
            }
            At::String => match byte {
                b'"' | b'\n' => self.at = At::Code,
                b'\\' => self.at = At::Escape,
                _ => {}
            },
            At::Escape => {
                // One escape is one byte, however many digits it has.
                if matches!(byte, b'x' | b'0'..=b'7') {
                    self.count(1);
                }
                self.at = At::String;
            }
        }
    }

    fn code(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            if self.literal.len() <= LONGEST {
                self.literal.push(byte);
            }
            return;
        }
        if !self.literal.is_empty() {
            match bytes_of(&self.literal) {
                Some(count) => self.count(count),
                None if DIRECTIVES.contains(&self.literal.as_slice()) => {}
                None => self.run = 0,
            }
            self.literal.clear();
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b'.' | b'\\' => {}
            b'/' => self.at = At::Slash,
            b'"' => self.at = At::String,
            _ => self.run = 0,
        }
    }

    fn count(&mut self, bytes: u64) {
        self.run += bytes;
        self.longest = self.longest.max(self.run);
    }
}

/// Returns how many bytes a number stands for, by its digits; `None` if it is no such number.
fn bytes_of(literal: &[u8]) -> Option<u64> {
    let end = literal
        .iter()
        .rposition(|byte| !matches!(byte, b'u' | b'U' | b'l' | b'L'))?;
    let digits = &literal[..=end];
    let hex = digits
        .strip_prefix(b"0x")
        .or_else(|| digits.strip_prefix(b"0X"));
    match hex {
        Some(hex) if !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit) => match hex.len() {
            1 | 2 => Some(1),
            3 | 4 => Some(2),
            5..=8 => Some(4),
            9..=16 => Some(8),
            _ => None,
        },
        Some(_) => None,
        None => {
            let value: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (value <= 255).then_some(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_in_bytes() {
        for (text, longest) in [
            ("", 0),
            ("0x7f", 1),
            ("0x7f, 0x45,\n0x4c 0x46", 4),
            ("0x464c457f, 0x00010102U,", 8),
            ("127, 69, 76, 70", 4),
            ("1, 2, 256, 3", 2),
            ("1, 2, x, 3", 2),
            ("{ 1, 2 }, { 3 }", 2),
            ("1, /* 0x10 */ 2, // three\n 3", 3),
            ("1 / 2, 3", 2),
            ("\"\\x7f\\105LF\" \"\\0\"", 3),
            ("\"\\n\\t\\\\\"", 0),
            ("\t.byte 0x7f,0x45\n\t.long 0x464c457f\n", 6),
            ("0x, 0xzz, _1", 0),
            ("0x00000000000000001", 0),
        ] {
            let mut numbers = Numbers::default();
            numbers.take(text.as_bytes());
            numbers.end();
            assert_eq!(numbers.longest(), longest, "{text}");
        }
    }
}

//! Objects behind an encoding: packed, or written as text.

use std::io::Read;

use liblzma::stream::Stream;
use memchr::memmem;

/// What a decompressor of a source file's first bytes may take.
const DECODER_BYTES: u64 = 64 << 20;
/// As the exponent of two of zstd's window: 8 MiB, which every zstd writes without being asked.
const ZSTD_WINDOW: u32 = 23;
/// Digits that must follow the beginning of an object before it counts as one.
const DIGITS: usize = 48;
/// The longest name that is taken for a file's.
const LONGEST_NAME: usize = 256;
/// The most names that one file's links are kept of; a source has a few.
const MOST_LINKS: usize = 256;

/// Returns true if packed bytes begin as an object does once they are unpacked.
pub(super) fn holds_object(head: &[u8]) -> bool {
    let mut start = [0; 8];
    let mut read = |mut decoder: Box<dyn Read + '_>| {
        let mut have = 0;
        // An error leaves what came before it; a head is cut somewhere in any case.
        while have < start.len() {
            match decoder.read(&mut start[have..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => have += count,
            }
        }
        let start = &start[..have];
        [
            &b"\x7fELF"[..],
            b"!<arch>\n",
            b"!<thin>\n",
            b"BC\xc0\xde",
            b"\xde\xc0\x17\x0b",
        ]
        .iter()
        .any(|magic| start.starts_with(magic))
    };
    if head.starts_with(b"\x1f\x8b") {
        read(Box::new(flate2::read::GzDecoder::new(head)))
    } else if head.starts_with(b"\xfd7zXZ\0") {
        Stream::new_stream_decoder(DECODER_BYTES, 0)
            .is_ok_and(|stream| read(Box::new(liblzma::read::XzDecoder::new_stream(head, stream))))
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        zstd::Decoder::with_buffer(head).is_ok_and(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW).is_ok() && read(Box::new(decoder))
        })
    } else {
        false
    }
}

/// Returns true if the first lines are Intel HEX records with right checksums (Intel, "Hexadecimal
/// Object File Format Specification", 1988).
pub(super) fn is_intel_hex(head: &[u8]) -> bool {
    first_lines(head, |line| {
        let bytes = line.strip_prefix(b":").and_then(unhex)?;
        let length = usize::from(*bytes.first()?);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        (bytes.len() == length + 5 && sum == 0).then_some(())
    })
}

/// Returns true if the first lines are Motorola S-records with right checksums (srec(5) of SRecord).
pub(super) fn is_s_record(head: &[u8]) -> bool {
    first_lines(head, |line| {
        let [b'S', b'0'..=b'9', digits @ ..] = line else {
            return None;
        };
        let bytes = unhex(digits)?;
        let length = usize::from(*bytes.first()?);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        (length >= 3 && bytes.len() == length + 1 && sum == 0xff).then_some(())
    })
}

/// Holds a check against the first three lines, or as many as there are whole, but at least one.
fn first_lines(head: &[u8], is_record: impl Fn(&[u8]) -> Option<()>) -> bool {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(3)
        .peekable();
    lines.peek().is_some() && lines.all(|line| is_record(line).is_some())
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    (digits.len() <= 600).then(|| hex::decode(digits).ok())?
}

/// What is found in a text as it passes.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) has_base64_object: bool,
    pub(super) has_hex_object: bool,
    pub(super) has_uuencode: bool,
    /// A file is taken in whose name is not written there.
    pub(super) links_computed: bool,
    pub(super) links: Vec<String>,
}

impl Text {
    /// Looks at what begins in the first `begins` bytes of a piece; the rest comes again.
    pub(super) fn take(&mut self, window: &[u8], begins: usize) {
        // The beginnings, in base64, of ELF, `!<arch>`, gzip, xz and zstd.
        for start in ["f0VMR", "ITxhcmNoPgo", "H4sI", "/Td6WFo", "KLUv/"] {
            self.has_base64_object = self.has_base64_object
                || followed(window, begins, start.as_bytes(), |b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
                });
        }
        for start in ["7f454c46", "7F454C46"] {
            self.has_hex_object = self.has_hex_object
                || followed(window, begins, start.as_bytes(), |b| b.is_ascii_hexdigit());
        }
        self.has_uuencode = self.has_uuencode || has_uuencode(window, begins);
        for (keyword, before) in [("incbin", "."), ("embed", "#"), ("include_bytes!", "")] {
            for at in matches(window, begins, keyword.as_bytes()) {
                if window[..at].trim_ascii_end().ends_with(before.as_bytes()) {
                    self.link(&window[at + keyword.len()..]);
                }
            }
        }
    }

    fn link(&mut self, behind: &[u8]) {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'(' | b'\\');
        let start = behind
            .iter()
            .position(|byte| !is_between(byte))
            .unwrap_or(behind.len());
        let Some((b'"' | b'<', rest)) = behind[start..].split_first() else {
            self.links_computed = true;
            return;
        };
        let end = rest
            .iter()
            .take(LONGEST_NAME)
            .position(|byte| matches!(byte, b'"' | b'>' | b'\\' | b'\n'));
        let name = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        match name {
            Some(name) if !name.trim().is_empty() && self.links.len() < MOST_LINKS => {
                let name = name.to_owned();
                if !self.links.contains(&name) {
                    self.links.push(name);
                }
            }
            Some(_) | None => self.links_computed = true,
        }
    }
}

/// Finds where `wanted` stands, as far as it begins in the first `begins` bytes.
fn matches<'a>(
    window: &'a [u8],
    begins: usize,
    wanted: &'a [u8],
) -> impl Iterator<Item = usize> + 'a {
    memmem::find_iter(window, wanted).take_while(move |at| *at < begins)
}

/// Returns true if a word begins with `start` and goes on with enough digits of its kind.
fn followed(window: &[u8], begins: usize, start: &[u8], is_digit: impl Fn(u8) -> bool) -> bool {
    matches(window, begins, start).any(|at| {
        let begins = at == 0 || !is_digit(window[at - 1]);
        let rest = &window[at + start.len()..];
        begins && rest.len() >= DIGITS && rest[..DIGITS].iter().all(|byte| is_digit(*byte))
    })
}

/// Looks for the first lines of uuencode (POSIX.1-2017, uuencode, "OUTPUT FILES").
fn has_uuencode(window: &[u8], begins: usize) -> bool {
    matches(window, begins, b"begin ").any(|at| {
        if at > 0 && window[at - 1] != b'\n' {
            return false;
        }
        let mut lines = window[at + 6..].split(|byte| *byte == b'\n');
        let mode = lines
            .next()
            .is_some_and(|line| line.len() > 4 && line[..3].iter().all(u8::is_ascii_digit));
        let line = lines.next().unwrap_or_default().trim_ascii_end();
        mode && line.len() == 61
            && line[0] == b'M'
            && line.iter().all(|byte| (0x20..=0x60).contains(byte))
    })
}

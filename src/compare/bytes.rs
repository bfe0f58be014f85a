//! Where the bytes of two sections differ: as strings where they are such, and as runs otherwise.

use std::collections::BTreeMap;
use std::ops::Range;

use super::archive;
use super::differences::{Difference, Excerpt};
use super::places::Places;

/// Equal bytes between two runs that are too few to tell them apart.
const JOINED: usize = 8;
/// What is shorter is a string by chance.
const LEAST_TEXT: usize = 5;
/// The longest text that is shown, in bytes.
const MOST_TEXT: usize = 512;

/// Finds the strings that only one of two tables has.
pub(super) fn texts(section: &str, first: &[u8], second: &[u8], found: &mut Places) {
    let strings = |table: &[u8]| {
        let mut all: Vec<(u64, usize)> = Vec::new();
        let mut at = 0;
        for text in table.split(|byte| *byte == 0) {
            if !text.is_empty() {
                all.push((at, text.len()));
            }
            at += text.len() as u64 + 1;
        }
        all
    };
    fn text<'t>(table: &'t [u8], (at, length): &(u64, usize)) -> &'t [u8] {
        &table[*at as usize..*at as usize + length]
    }
    let (a, b) = (strings(first), strings(second));
    let mut counts: BTreeMap<&[u8], i64> = BTreeMap::new();
    for place in &a {
        *counts.entry(text(first, place)).or_default() += 1;
    }
    for place in &b {
        *counts.entry(text(second, place)).or_default() -= 1;
    }
    let only_first: Vec<&(u64, usize)> = a
        .iter()
        .filter(|place| counts.get(text(first, place)).is_some_and(|n| *n > 0))
        .collect();
    let only_second: Vec<&(u64, usize)> = b
        .iter()
        .filter(|place| counts.get(text(second, place)).is_some_and(|n| *n < 0))
        .collect();
    // The n-th that only one has is shown beside the n-th that only the other has.
    let shown =
        |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(MOST_TEXT)]).into_owned();
    let most = only_first.len().max(only_second.len());
    if most == 0 {
        return runs_as(false, section, first, second, |_| None, found);
    }
    for n in 0..most {
        if found.is_full(section) {
            found.count((most - n) as u64);
            break;
        }
        let (one, two) = (only_first.get(n), only_second.get(n));
        found.add(
            section,
            Difference::Text {
                section: section.to_owned(),
                offset: one.or(two).map_or(0, |place| place.0),
                symbol: None,
                first: one.map(|place| shown(text(first, place))),
                second: two.map(|place| shown(text(second, place))),
            },
        );
    }
}

/// Finds the runs of bytes that differ: of sections of one size, wherever they are; of others, what
/// lies between the bytes that are the same before and behind. Runs inside of a string are told as
/// that.
pub(super) fn runs(
    section: &str,
    first: &[u8],
    second: &[u8],
    symbol: impl Fn(u64) -> Option<String>,
    found: &mut Places,
) {
    runs_as(true, section, first, second, symbol, found);
}

fn runs_as(
    has_texts: bool,
    section: &str,
    first: &[u8],
    second: &[u8],
    symbol: impl Fn(u64) -> Option<String>,
    found: &mut Places,
) {
    let mut add = |at: usize, one: &[u8], two: &[u8]| {
        if found.is_full(section) {
            return found.count(1);
        }
        let in_archive = archive::time_of(first, second, at..at + one.len());
        if has_texts
            && in_archive.is_none()
            && !section.starts_with(".text")
            && let Some((a, b)) = around(first, at, one.len()).zip(around(second, at, two.len()))
            && a.0.len().max(b.0.len()) >= LEAST_TEXT
        {
            let offset = at.saturating_sub(a.1) as u64;
            let text = Difference::Text {
                section: section.to_owned(),
                offset,
                symbol: symbol(offset),
                first: Some(a.0),
                second: Some(b.0),
            };
            return found.add_once(section, text);
        }
        found.add(
            section,
            Difference::Bytes {
                section: section.to_owned(),
                offset: at as u64,
                symbol: symbol(at as u64),
                inside: in_archive
                    .or_else(|| seconds(section, first, second, at..at + one.len()))
                    .map(str::to_owned),
                first: Excerpt::of(one),
                second: Excerpt::of(two),
            },
        );
    };
    if first.len() != second.len() {
        let pairs = first.iter().zip(second);
        let before = pairs.take_while(|(a, b)| a == b).count();
        let (one, two) = (&first[before..], &second[before..]);
        let pairs = one.iter().rev().zip(two.iter().rev());
        let behind = pairs.take_while(|(a, b)| a == b).count();
        add(
            before,
            &one[..one.len() - behind],
            &two[..two.len() - behind],
        );
        return;
    }
    let mut run: Option<(usize, usize)> = None;
    const STEP: usize = 64;
    let mut at = 0;
    while at < first.len() {
        let end = (at + STEP).min(first.len());
        if first[at..end] != second[at..end] {
            for place in at..end {
                if first[place] == second[place] {
                    continue;
                }
                run = match run {
                    Some((from, to)) if place - to <= JOINED => Some((from, place + 1)),
                    Some((from, to)) => {
                        add(from, &first[from..to], &second[from..to]);
                        Some((place, place + 1))
                    }
                    None => Some((place, place + 1)),
                };
            }
        }
        at = end;
    }
    if let Some((from, to)) = run {
        add(from, &first[from..to], &second[from..to]);
    }
}

/// Returns `seconds` if a run of bytes of data is a part of one word that stands aligned and counts
/// seconds of the Unix epoch in both. The first byte or two are the same in times that are near.
fn seconds(section: &str, first: &[u8], second: &[u8], run: Range<usize>) -> Option<&'static str> {
    /// 2014 and 2040.
    const EPOCHS: Range<u32> = 1_388_534_400..2_208_988_800;
    const WORD: usize = 4;
    let at = run.start / WORD * WORD;
    // Code, texts and what debuggers are told are full of words that happen to be in these years.
    let is_data = !["text", ".debug", ".str"]
        .iter()
        .any(|part| section.contains(part));
    if !is_data || first.len() != second.len() || run.end > at + WORD {
        return None;
    }
    let word = |data: &[u8]| <[u8; WORD]>::try_from(data.get(at..at + WORD)?).ok();
    let (one, two) = (word(first)?, word(second)?);
    [u32::from_le_bytes, u32::from_be_bytes]
        .iter()
        .any(|number| EPOCHS.contains(&number(one)) && EPOCHS.contains(&number(two)))
        .then_some("seconds")
}

/// Returns the string around a run of bytes, and how far before the run it begins; `None` if what is
/// there is none.
fn around(data: &[u8], at: usize, length: usize) -> Option<(String, usize)> {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ' || *byte >= 0x80;
    let before = data.get(..at)?;
    let begin = before.iter().rev().take_while(|byte| is_text(byte)).count();
    let from = at - begin;
    let text = data[from..].split(|byte| *byte == 0).next()?;
    let begins = from == 0 || data[from - 1] == 0;
    let ends = from + text.len() < data.len() && from + text.len() + 1 >= at + length;
    let is_string = begins
        && ends
        && (1..=MOST_TEXT).contains(&text.len())
        && text.iter().all(|byte| is_text(byte) || *byte == b'\n');
    let text = is_string
        .then(|| std::str::from_utf8(text).ok())
        .flatten()?;
    Some((text.to_owned(), begin))
}

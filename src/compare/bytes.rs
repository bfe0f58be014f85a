//! Where the bytes of two sections differ: as strings where they are such, and as runs otherwise.

use std::collections::BTreeMap;

use super::differences::{Difference, Excerpt};
use super::places::Places;

/// Equal bytes between two runs that are too few to tell them apart.
const JOINED: usize = 8;
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
        return runs(section, first, second, |_| None, found);
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
                first: one.map(|place| shown(text(first, place))),
                second: two.map(|place| shown(text(second, place))),
            },
        );
    }
}

/// Finds the runs of bytes that differ: of sections of one size, wherever they are; of others, what
/// lies between the bytes that are the same before and behind.
pub(super) fn runs(
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
        found.add(
            section,
            Difference::Bytes {
                section: section.to_owned(),
                offset: at as u64,
                symbol: symbol(at as u64),
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

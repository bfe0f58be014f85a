//! What differs between two tars of a root file system, entry by entry.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::digest::{Sha256Digest, hash_reader};

/// The most entries that a root file system may have.
const MAX_ENTRIES: usize = 1_000_000;
/// How many differences are named; of the others there is only the number.
const NAMED: usize = 20;

/// One entry that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TarDifference {
    pub path: String,
    /// Such as `content` or `mode 755, then 644`.
    pub what: String,
}

/// What one entry is, but for its place in the tar.
#[derive(PartialEq, Eq)]
struct Summary {
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    time: u64,
    link: Vec<u8>,
    /// Extended attributes and other extensions, as they stand.
    extensions: Vec<(Vec<u8>, Vec<u8>)>,
    content: Sha256Digest,
}

/// Compares two tars and returns the first differences, by path, and how many there are.
pub fn tar_differences(
    first: impl Read,
    second: impl Read,
) -> io::Result<(Vec<TarDifference>, usize)> {
    let (first, first_order) = summaries(first)?;
    let (second, second_order) = summaries(second)?;
    let mut paths: Vec<&Vec<u8>> = first.keys().chain(second.keys()).collect();
    paths.sort();
    paths.dedup();
    let mut differences: Vec<TarDifference> = paths
        .into_iter()
        .filter_map(|path| {
            let what = match (first.get(path), second.get(path)) {
                (Some(first), Some(second)) => differs(first, second)?,
                (Some(_), None) => "not there the second time".to_owned(),
                (None, Some(_)) => "there only the second time".to_owned(),
                (None, None) => return None,
            };
            Some(TarDifference {
                path: String::from_utf8_lossy(path).into_owned(),
                what,
            })
        })
        .collect();
    if differences.is_empty() {
        let out_of_place = first_order.iter().zip(&second_order).find(|(a, b)| a != b);
        let (path, what) = match out_of_place {
            Some((path, _)) => (
                String::from_utf8_lossy(path).into_owned(),
                "its place in the tar".to_owned(),
            ),
            None => (
                ".".to_owned(),
                "the tar's own bytes, and no entry".to_owned(),
            ),
        };
        differences.push(TarDifference { path, what });
    }
    let count = differences.len();
    differences.truncate(NAMED);
    Ok((differences, count))
}

type Summaries = (BTreeMap<Vec<u8>, Summary>, Vec<Vec<u8>>);

fn summaries(tar: impl Read) -> io::Result<Summaries> {
    let mut archive = tar::Archive::new(tar);
    let mut found = BTreeMap::new();
    let mut order = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if order.len() == MAX_ENTRIES {
            return Err(io::Error::other(format!(
                "the tar has more than {MAX_ENTRIES} entries"
            )));
        }
        let path = entry.path_bytes().into_owned();
        let mut extensions = Vec::new();
        if let Some(found) = entry.pax_extensions()? {
            for extension in found {
                let extension = extension?;
                extensions.push((
                    extension.key_bytes().to_vec(),
                    extension.value_bytes().to_vec(),
                ));
            }
        }
        let header = entry.header();
        let summary = Summary {
            kind: header.entry_type().as_byte(),
            mode: header.mode()?,
            owner: (header.uid()?, header.gid()?),
            time: header.mtime()?,
            link: entry.link_name_bytes().unwrap_or_default().into_owned(),
            extensions,
            content: hash_reader(&mut entry)?.0,
        };
        order.push(path.clone());
        found.insert(path, summary);
    }
    Ok((found, order))
}

/// Says what differs, the weightiest first; `None` if nothing does.
fn differs(first: &Summary, second: &Summary) -> Option<String> {
    if first == second {
        return None;
    }
    let mut words = Vec::new();
    if first.kind != second.kind {
        words.push("kind of file".to_owned());
    }
    if first.content != second.content {
        words.push("content".to_owned());
    }
    if first.link != second.link {
        words.push("link".to_owned());
    }
    if first.mode != second.mode {
        words.push(format!("mode {:o}, then {:o}", first.mode, second.mode));
    }
    if first.owner != second.owner {
        words.push("owner".to_owned());
    }
    if first.time != second.time {
        words.push(format!("time {}, then {}", first.time, second.time));
    }
    if first.extensions != second.extensions {
        words.push("extended attributes".to_owned());
    }
    Some(words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, content, mode, time.
    type Given<'g> = (&'g str, &'g [u8], u32, u64);

    fn tar(entries: &[Given<'_>]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content, mode, time) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_mtime(*time);
            header.set_uid(0);
            header.set_gid(0);
            builder
                .append_data(&mut header, path, *content)
                .expect("memory");
        }
        builder.into_inner().expect("memory")
    }

    #[test]
    fn every_kind_of_difference_is_named_with_its_path() {
        let base: &[Given<'_>] = &[("a", b"1", 0o644, 7), ("b", b"2", 0o755, 7)];
        let cases: [(&[Given<'_>], &[&str]); 6] = [
            (&[("a", b"1", 0o644, 7)], &["b: not there the second time"]),
            (
                &[("a", b"x", 0o644, 7), ("b", b"2", 0o700, 8)],
                &["a: content", "b: mode 755, then 700, time 7, then 8"],
            ),
            (
                &[
                    ("a", b"1", 0o644, 7),
                    ("b", b"2", 0o755, 7),
                    ("c", b"", 0o644, 7),
                ],
                &["c: there only the second time"],
            ),
            (
                &[("b", b"2", 0o755, 7), ("a", b"1", 0o644, 7)],
                &["a: its place in the tar"],
            ),
            (base, &[".: the tar's own bytes, and no entry"]),
            (
                &[],
                &[
                    "a: not there the second time",
                    "b: not there the second time",
                ],
            ),
        ];
        for (second, expected) in cases {
            let (found, count) = tar_differences(&tar(base)[..], &tar(second)[..]).expect("tars");
            let words: Vec<String> = found
                .iter()
                .map(|difference| format!("{}: {}", difference.path, difference.what))
                .collect();
            assert_eq!(words, expected);
            assert_eq!(count, expected.len());
        }
    }

    #[test]
    fn only_the_first_differences_are_named_and_all_are_counted() {
        let names: Vec<String> = (0..50).map(|number| format!("f{number:02}")).collect();
        let many: Vec<Given<'_>> = names
            .iter()
            .map(|name| (name.as_str(), &b""[..], 0o644, 0))
            .collect();
        let (found, count) = tar_differences(&tar(&many)[..], &tar(&[])[..]).expect("tars");
        assert_eq!((found.len(), count), (NAMED, 50));
    }

    #[test]
    fn a_tar_that_is_cut_is_an_error() {
        let whole = tar(&[("a", &[b'x'; 2000], 0o644, 0)]);
        assert!(tar_differences(&whole[..], &whole[..1000]).is_err());
    }
}

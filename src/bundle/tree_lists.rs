//! The source trees of an archive: their lists, and whether a tree can be made of each.

use std::collections::BTreeMap;

use crate::bundle::contents::{TREES, TreeList};
use crate::bundle::held::{Contradiction, Members, Unheld, read};
use crate::bundle::index::{Index, Kind};
use crate::digest::Sha256Digest;
use crate::tree::{self, Entries, Entry};

/// The most bytes of the list of a tree.
const MOST_OF_A_LIST: u64 = 256 << 20;

/// Reads the lists of the source trees, and holds each against its name and against the members.
///
/// # Security
///
/// A list is somebody's word for what will be written to this disk. Names stay below the tree, links do
/// not leave it, and nothing stands below what is no directory.
pub(super) fn tree_lists(members: &impl Members, index: &Index) -> Result<Vec<TreeList>, Unheld> {
    let all = index.members.iter();
    let held: BTreeMap<Sha256Digest, u64> = all.map(|one| (one.sha256, one.bytes)).collect();
    let mut lists = Vec::new();
    for member in index.of(Kind::Source) {
        let path = member.path.as_str();
        let Some(name) = path.strip_prefix(TREES) else {
            continue;
        };
        let refuse = |why: String| Contradiction::Member {
            member: path.to_owned(),
            why,
        };
        let bytes = read(members, &member.sha256, MOST_OF_A_LIST)?;
        let list: TreeList =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if let Some(why) = flaw(&list.entries) {
            return Err(refuse(why).into());
        }
        let is_named = name == format!("{}.json", list.tree.to_hex());
        if !is_named || tree::digest(&list.entries) != list.tree {
            return Err(refuse("it is the list of another tree".to_owned()).into());
        }
        for entry in list.entries.values() {
            if let Entry::File { digest, bytes, .. } = entry
                && held.get(digest) != Some(bytes)
            {
                return Err(refuse(format!(
                    "the archive does not hold {digest} with {bytes} bytes"
                ))
                .into());
            }
        }
        lists.push(list);
    }
    Ok(lists)
}

/// Returns why no tree can be made of a list; `None` if one can.
fn flaw(entries: &Entries) -> Option<String> {
    for (name, entry) in entries {
        let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !name.split('/').all(is_plain) {
            return Some(format!("{name:?} is no name of a file in a tree"));
        }
        match entry {
            Entry::Symlink { target } if tree::link_leaves(name, target) => {
                return Some(format!("the link {name:?} to {target:?} leaves the tree"));
            }
            Entry::Symlink { .. } | Entry::File { .. } | Entry::Directory => {}
        }
        let above = name.match_indices('/').map(|(at, _)| &name[..at]);
        for above in above {
            match entries.get(above) {
                Some(Entry::File { .. } | Entry::Symlink { .. }) => {
                    return Some(format!(
                        "{name:?} stands below {above:?}, which is no directory"
                    ));
                }
                Some(Entry::Directory) | None => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Entry {
        Entry::File {
            digest: Sha256Digest::of(b"file"),
            bytes: 4,
            executable: false,
        }
    }

    fn link(target: &str) -> Entry {
        Entry::Symlink {
            target: target.to_owned(),
        }
    }

    #[test]
    fn what_leaves_a_tree_or_stands_below_a_file_makes_none() {
        type Row<'a> = (&'a [(&'a str, Entry)], Option<&'a str>);
        let rows: [Row; 14] = [
            (&[("a", Entry::Directory), ("a/b", file())], None),
            (&[("a/b", file()), ("a/c", link("../d"))], None),
            (&[("..", file())], Some("no name")),
            (&[("a/../../b", file())], Some("no name")),
            (&[("/etc/passwd", file())], Some("no name")),
            (&[("", Entry::Directory)], Some("no name")),
            (&[("a//b", file())], Some("no name")),
            (&[("./a", file())], Some("no name")),
            (&[("a\0b", file())], Some("no name")),
            (&[("leak", link("/etc/passwd"))], Some("leaves the tree")),
            (&[("a/leak", link("../../x"))], Some("leaves the tree")),
            (&[("a", link("b")), ("a/c", file())], Some("no directory")),
            (&[("a", link("b")), ("a/b/c", file())], Some("no directory")),
            (
                &[("a", file()), ("a/b", Entry::Directory)],
                Some("no directory"),
            ),
        ];
        for (entries, why) in rows {
            let entries: Entries = entries
                .iter()
                .map(|(name, entry)| ((*name).to_owned(), entry.clone()))
                .collect();
            let found = flaw(&entries);
            match (&found, why) {
                (None, None) => {}
                (Some(found), Some(why)) => assert!(found.contains(why), "{found}"),
                (found, why) => panic!("{entries:?}: {found:?}, wanted {why:?}"),
            }
        }
    }
}

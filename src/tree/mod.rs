//! Trees of files by content: a merkle tree of SHA-256 digests.
//!
//! The encoding is `Directory` of the Bazel Remote Execution API v2
//! (`build/bazel/remote/execution/v2/remote_execution.proto`, "Directory"), so that one digest names
//! a tree for the local engine and for a remote one. Owners, times and modes other than the
//! executable bit are no part of it.

mod merkle;
mod walk;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

pub use merkle::digest;
pub use walk::{TreeError, WalkRules, read_directory, read_directory_with};

/// What stands at one path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Entry {
    Directory,
    File {
        digest: Sha256Digest,
        bytes: u64,
        executable: bool,
    },
    /// A symbolic link; its target is kept as it is written and never followed.
    Symlink {
        target: String,
    },
}

/// The entries of a tree by their relative paths (UTF-8, `/` between the parts, never `.`, `..` or
/// empty). The root itself has no entry; parents that are not listed are implied.
pub type Entries = BTreeMap<String, Entry>;

/// Returns true if a link at `name` (relative to the root) with this target points out of the tree
/// at any step. Absolute targets always do.
pub fn link_leaves(name: &str, target: &str) -> bool {
    let mut depth = name.split('/').count() as i64 - 1;
    for part in Path::new(target).components() {
        match part {
            Component::Prefix(_) | Component::RootDir => return true,
            Component::CurDir => {}
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Returns the path that a link at `name` points at, where an absolute target starts at the tree's
/// own root; `None` if it leaves the tree. Links on the way are not followed.
pub fn link_target(name: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns the bytes of all files of a tree; one that has several names counts for each.
pub fn file_bytes(entries: &Entries) -> u64 {
    entries
        .values()
        .map(|entry| match entry {
            Entry::File { bytes, .. } => *bytes,
            Entry::Directory | Entry::Symlink { .. } => 0,
        })
        .fold(0, u64::saturating_add)
}

/// Returns the digest of the part of a tree below `prefix`, or `None` if nothing stands there.
pub fn digest_below(entries: &Entries, prefix: &str) -> Option<Sha256Digest> {
    let below = below(entries, prefix);
    (!below.is_empty()).then(|| digest(&below))
}

/// Returns the entries below `prefix`, by their paths relative to it.
pub fn below(entries: &Entries, prefix: &str) -> Entries {
    let prefix = format!("{prefix}/");
    entries
        .range(prefix.clone()..)
        .map_while(|(name, entry)| Some((name.strip_prefix(&prefix)?.to_owned(), entry.clone())))
        .collect()
}

/// Returns the one directory that everything of a tree stands in, if there is one.
pub fn top_directory(entries: &Entries) -> Option<&str> {
    let first = entries.keys().next()?.split('/').next()?;
    let inside = |name: &String| {
        name.strip_prefix(first)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_directory = !matches!(
        entries.get(first),
        Some(Entry::File { .. } | Entry::Symlink { .. })
    );
    (is_directory && entries.keys().all(inside)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_tree_are_refused() {
        for (name, target, leaves) in [
            ("a", "b", false),
            ("a", "../b", true),
            ("d/a", "../b", false),
            ("d/a", "../../b", true),
            ("d/a", "../d/../../b", true),
            ("a", "/etc/passwd", true),
            ("a", "./b/./c", false),
        ] {
            assert_eq!(link_leaves(name, target), leaves, "{name} -> {target}");
        }
    }

    #[test]
    fn links_lead_where_they_say() {
        let build = "usr/lib/modules/6.12-amd64/build";
        for (target, leads) in [
            ("/usr/src/linux-headers", Some("usr/src/linux-headers")),
            ("../../../src/linux-headers", Some("usr/src/linux-headers")),
            ("./x", Some("usr/lib/modules/6.12-amd64/x")),
            ("../../../../../x", None),
        ] {
            assert_eq!(link_target(build, target).as_deref(), leads, "{target}");
        }
    }

    #[test]
    fn the_top_directory_is_the_one_that_holds_everything() {
        let entries = |names: &[&str]| -> Entries {
            let entry = |name: &&str| ((*name).to_owned(), Entry::Directory);
            names.iter().map(entry).collect()
        };
        assert_eq!(top_directory(&entries(&["m", "m/a"])), Some("m"));
        assert_eq!(top_directory(&entries(&["m/a", "m/b"])), Some("m"));
        assert_eq!(top_directory(&entries(&["m", "n"])), None);
        assert_eq!(top_directory(&entries(&["m", "m-1/a"])), None);
        assert_eq!(top_directory(&Entries::new()), None);
    }
}

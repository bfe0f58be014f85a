//! The files of one commit: walked from its id down, and written where they are wanted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::GitError;
use super::objects::Objects;
use crate::tree;

/// The most entries; a kernel has 95,000.
pub(super) const MOST_ENTRIES: usize = 250_000;
const MOST_TOTAL: u64 = 2 << 30;
const MOST_FILE: u64 = 256 << 20;
const MOST_TREE: u64 = 16 << 20;
const MOST_DEPTH: u64 = 64;

/// What stands at one path of a commit.
pub(super) enum Node<'a> {
    Directory,
    File { bytes: &'a [u8], executable: bool },
    Symlink { target: &'a str },
}

/// Writes the files of a commit, or of one directory of it, below the empty directory `into`.
pub(super) fn extract(
    objects: &mut Objects,
    commit: &str,
    path: Option<&str>,
    into: &Path,
) -> Result<(), GitError> {
    walk(objects, commit, path, &mut |name, node| {
        let to = into.join(name);
        let written = match node {
            Node::Directory => fs::create_dir(&to)
                .and_then(|()| fs::set_permissions(&to, fs::Permissions::from_mode(0o755))),
            Node::File { bytes, executable } => File::create_new(&to).and_then(|mut file| {
                let mode = if executable { 0o755 } else { 0o644 };
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                file.write_all(bytes)
            }),
            Node::Symlink { target } => std::os::unix::fs::symlink(target, &to),
        };
        written.map_err(|source| GitError::Write { path: to, source })
    })
}

/// Calls `visit` with everything in a commit, or in one directory of it: directories first, then
/// what is in them, under names relative to that directory.
pub(super) fn walk(
    objects: &mut Objects,
    commit: &str,
    path: Option<&str>,
    visit: &mut dyn FnMut(&str, Node<'_>) -> Result<(), GitError>,
) -> Result<(), GitError> {
    let bytes = objects.read(commit, "commit", MOST_TREE)?;
    let first = bytes.split(|byte| *byte == b'\n').next();
    let mut at = first
        .and_then(|line| line.strip_prefix(b"tree "))
        .and_then(|id| std::str::from_utf8(id).ok())
        .filter(|id| id.len() == commit.len() && id.bytes().all(|b| b.is_ascii_hexdigit()))
        .ok_or(GitError::Malformed {
            id: commit.to_owned(),
            why: "it names no tree",
        })?
        .to_owned();
    for part in path.into_iter().flat_map(|path| path.split('/')) {
        let entries = read_tree(objects, &at)?;
        let no_directory = || GitError::NoDirectory {
            path: path.unwrap_or_default().to_owned(),
        };
        let entry = entries
            .into_iter()
            .find(|entry| entry.name == part)
            .ok_or_else(no_directory)?;
        match entry.mode {
            Mode::Directory => at = entry.id,
            Mode::Submodule => {
                return Err(GitError::Submodule {
                    path: path.unwrap_or_default().to_owned(),
                });
            }
            Mode::File { .. } | Mode::Symlink => return Err(no_directory()),
        }
    }
    let mut walk = Walk {
        objects,
        entries: 0,
        bytes: 0,
        visit,
    };
    walk.directory(&at, "", 0)
}

struct Walk<'a> {
    objects: &'a mut Objects,
    entries: u64,
    bytes: u64,
    visit: &'a mut dyn FnMut(&str, Node<'_>) -> Result<(), GitError>,
}

impl Walk<'_> {
    fn directory(&mut self, id: &str, prefix: &str, depth: u64) -> Result<(), GitError> {
        bound(depth, MOST_DEPTH, "directories above each other")?;
        for entry in read_tree(self.objects, id)? {
            self.entries += 1;
            bound(self.entries, MOST_ENTRIES as u64, "entries")?;
            let name = format!("{prefix}{}", entry.name);
            match entry.mode {
                Mode::Directory => {
                    (self.visit)(&name, Node::Directory)?;
                    self.directory(&entry.id, &format!("{name}/"), depth + 1)?;
                }
                Mode::File { executable } => {
                    let bytes = self.objects.read(&entry.id, "blob", MOST_FILE)?;
                    self.bytes += bytes.len() as u64;
                    bound(self.bytes, MOST_TOTAL, "bytes")?;
                    let bytes = &bytes;
                    (self.visit)(&name, Node::File { bytes, executable })?;
                }
                Mode::Symlink => {
                    let bytes = self.objects.read(&entry.id, "blob", 4096)?;
                    let target = std::str::from_utf8(&bytes)
                        .ok()
                        .filter(|target| !target.is_empty() && !target.contains('\0'))
                        .ok_or_else(|| GitError::BadName { name: name.clone() })?;
                    if tree::link_leaves(&name, target) {
                        let target = target.escape_debug().to_string();
                        return Err(GitError::LinkLeaves { name, target });
                    }
                    (self.visit)(&name, Node::Symlink { target })?;
                }
                Mode::Submodule => return Err(GitError::Submodule { path: name }),
            }
        }
        Ok(())
    }
}

fn bound(found: u64, limit: u64, what: &'static str) -> Result<(), GitError> {
    if found > limit {
        return Err(GitError::TooMuch { what, limit });
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Directory,
    File { executable: bool },
    Symlink,
    Submodule,
}

#[derive(Debug)]
struct TreeEntry {
    mode: Mode,
    name: String,
    id: String,
}

fn read_tree(objects: &mut Objects, id: &str) -> Result<Vec<TreeEntry>, GitError> {
    let bytes = objects.read(id, "tree", MOST_TREE)?;
    parse_tree(&bytes, id)
}

/// Parses a tree object: `mode SP name NUL id`, again and again (git, `Documentation/gitformat`,
/// and `tree-walk.c`).
fn parse_tree(bytes: &[u8], id: &str) -> Result<Vec<TreeEntry>, GitError> {
    let malformed = |why| GitError::Malformed {
        id: id.to_owned(),
        why,
    };
    let id_bytes = id.len() / 2;
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = memchr::memchr(b' ', rest).ok_or(malformed("an entry has no mode"))?;
        let (mode, behind) = (&rest[..space], &rest[space + 1..]);
        let end = memchr::memchr(0, behind).ok_or(malformed("an entry has no name"))?;
        let (name, behind) = (&behind[..end], &behind[end + 1..]);
        if behind.len() < id_bytes {
            return Err(malformed("an entry has no id"));
        }
        let mode = match mode {
            b"40000" | b"040000" => Mode::Directory,
            b"100644" | b"100664" => Mode::File { executable: false },
            b"100755" => Mode::File { executable: true },
            b"120000" => Mode::Symlink,
            b"160000" => Mode::Submodule,
            _ => return Err(malformed("an entry has an unknown mode")),
        };
        let shown = || GitError::BadName {
            name: name.escape_ascii().to_string(),
        };
        let name = std::str::from_utf8(name).map_err(|_| shown())?;
        let is_bad = matches!(name, "" | "." | "..")
            || name.eq_ignore_ascii_case(".git")
            || name.contains(|c: char| c == '/' || c.is_control());
        if is_bad || !names.insert(name) {
            return Err(shown());
        }
        entries.push(TreeEntry {
            mode,
            name: name.to_owned(),
            id: hex::encode(&behind[..id_bytes]),
        });
        rest = &behind[id_bytes..];
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    fn entry(mode: &str, name: &str) -> Vec<u8> {
        [format!("{mode} {name}\0").as_bytes(), &[7; 20]].concat()
    }

    #[test]
    fn trees_are_read_and_names_that_lead_elsewhere_are_refused() {
        let bytes = [
            entry("100644", "a"),
            entry("40000", "b"),
            entry("120000", "c"),
        ]
        .concat();
        let entries = parse_tree(&bytes, ID).expect("a tree");
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[1].mode, Mode::Directory);
        assert_eq!(entries[2].id, "07".repeat(20));
        for cut in 1..entry("100644", "a").len() {
            assert!(parse_tree(&bytes[..cut], ID).is_err(), "{cut}");
        }
        for name in ["", ".", "..", ".git", ".GIT", "a/b", "a\nb"] {
            assert!(parse_tree(&entry("100644", name), ID).is_err(), "{name}");
        }
        assert!(parse_tree(&entry("100600", "a"), ID).is_err());
        let twice = [entry("120000", "a"), entry("40000", "a")].concat();
        assert!(parse_tree(&twice, ID).is_err(), "one name twice");
    }
}

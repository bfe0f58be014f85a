//! Reading a directory as a tree.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::CWD;
use walkdir::WalkDir;

use super::{Entries, Entry, link_leaves};
use crate::digest::{Hashing, OpenFile, hash_files};

/// Says why a directory cannot be read as a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is neither a file, a directory nor a symbolic link", path.display())]
    Special { path: PathBuf },
    #[error("the name of `{}` is not UTF-8", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("`{}` is a symbolic link to `{target}`, which leaves the tree", path.display())]
    LinkLeaves { path: PathBuf, target: String },
    #[error("the tree has more than {limit} entries")]
    TooMany { limit: usize },
}

/// What a walk of a directory takes.
#[derive(Debug, Clone, Copy)]
pub struct WalkRules<'a> {
    /// The most entries that a tree may have.
    pub limit: usize,
    /// Names that are left out wherever they stand, such as `.git`.
    pub skip: &'a [&'a str],
}

/// Reads a directory: walks it in order, hashes its files on all cores, and refuses what no tree
/// can hold.
///
/// # Security
///
/// A symbolic link is recorded, not followed, and one whose target leaves the tree is refused: what
/// it points at would be an input that the digest does not cover.
pub fn read_directory(root: &Path, rules: WalkRules<'_>) -> Result<Entries, TreeError> {
    let mut entries = Vec::new();
    let mut names = Vec::new();
    let found: Vec<(String, Found)> = walk(root, rules)?
        .into_par_iter()
        .map(|walked| Found::at(root, &walked))
        .collect::<Result<_, _>>()?;
    for (name, found) in found {
        match found {
            Found::Other(entry) => entries.push((name, entry)),
            Found::File => names.push(name),
        }
    }
    let directory = File::open(root).map_err(unreadable(root))?;
    let paths: Vec<(&Path, u64)> = names.iter().map(|name| (Path::new(name), 0)).collect();
    let hashed = hash_files(&directory, &paths);
    for (name, hashed) in names.into_iter().zip(hashed) {
        let hashed = hashed.map_err(|error| unreadable(&root.join(&name))(error))?;
        let file = Entry::File {
            digest: hashed.digest,
            bytes: hashed.bytes,
            executable: is_executable(&hashed.permissions),
        };
        entries.push((name, file));
    }
    Ok(entries.into_iter().collect())
}

/// Reads a directory like [`read_directory`], and lets `look` see the bytes of every file while
/// they are hashed: each file is read once. What `look` leaves unread is read for the digest.
pub fn read_directory_with<T: Send>(
    root: &Path,
    rules: WalkRules<'_>,
    look: impl Fn(&str, &mut dyn Read) -> io::Result<T> + Sync,
) -> Result<(Entries, BTreeMap<String, T>), TreeError> {
    let read = |entry: walkdir::DirEntry| {
        let path = entry.path();
        let (name, found) = Found::at(root, &entry)?;
        if let Found::Other(entry) = found {
            return Ok((name, entry, None));
        }
        let opened = OpenFile::at(CWD, path).map_err(unreadable(path))?;
        let mut file = Hashing::new(opened.file);
        let seen = look(&name, &mut file).map_err(unreadable(path))?;
        file.read_rest(opened.bytes).map_err(unreadable(path))?;
        let (_, digest, bytes) = file.finish();
        let entry = Entry::File {
            digest,
            bytes,
            executable: is_executable(&opened.permissions),
        };
        Ok((name, entry, Some(seen)))
    };
    let read: Vec<(String, Entry, Option<T>)> = walk(root, rules)?
        .into_par_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    let mut entries = Entries::new();
    let mut seen = BTreeMap::new();
    for (name, entry, what) in read {
        if let Some(what) = what {
            seen.insert(name.clone(), what);
        }
        entries.insert(name, entry);
    }
    Ok((entries, seen))
}

fn walk(root: &Path, rules: WalkRules<'_>) -> Result<Vec<walkdir::DirEntry>, TreeError> {
    let mut found = Vec::new();
    let walk = WalkDir::new(root).min_depth(1).sort_by_file_name();
    for entry in walk
        .into_iter()
        .filter_entry(|e| !rules.skip.iter().any(|name| e.file_name() == *name))
    {
        let entry = entry.map_err(|error| TreeError::Read {
            path: error.path().unwrap_or(root).to_owned(),
            source: error.into(),
        })?;
        if found.len() == rules.limit {
            return Err(TreeError::TooMany { limit: rules.limit });
        }
        found.push(entry);
    }
    Ok(found)
}

/// What a walk came upon.
enum Found {
    /// A file, of which nothing is known yet.
    File,
    Other(Entry),
}

impl Found {
    /// Returns what stands at an entry of the walk, and its name in the tree.
    fn at(root: &Path, entry: &walkdir::DirEntry) -> Result<(String, Self), TreeError> {
        let path = entry.path();
        let not_utf8 = || TreeError::NotUtf8 {
            path: path.to_owned(),
        };
        let name = path
            .strip_prefix(root)
            .ok()
            .and_then(Path::to_str)
            .ok_or_else(not_utf8)?
            .to_owned();
        let kind = entry.file_type();
        let found = if kind.is_dir() {
            Self::Other(Entry::Directory)
        } else if kind.is_file() {
            Self::File
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(unreadable(path))?;
            let target = target.to_str().ok_or_else(not_utf8)?.to_owned();
            if link_leaves(&name, &target) {
                return Err(TreeError::LinkLeaves {
                    path: path.to_owned(),
                    target,
                });
            }
            Self::Other(Entry::Symlink { target })
        } else {
            return Err(TreeError::Special {
                path: path.to_owned(),
            });
        };
        Ok((name, found))
    }
}

fn is_executable(permissions: &Permissions) -> bool {
    permissions.mode() & 0o100 != 0
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> TreeError {
    move |source| TreeError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{digest, digest_below};

    const RULES: WalkRules<'static> = WalkRules {
        limit: 100,
        skip: &[".git"],
    };

    #[test]
    fn a_tree_read_twice_is_one_tree_and_any_change_is_another() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("sub/.git")).expect("directories");
        fs::write(dir.path().join("sub/file"), "one").expect("a file");
        fs::write(dir.path().join("sub/.git/HEAD"), "skipped").expect("a file");
        std::os::unix::fs::symlink("file", dir.path().join("sub/link")).expect("a link");
        let first = read_directory(dir.path(), RULES).expect("a tree");
        assert_eq!(
            first.keys().collect::<Vec<_>>(),
            ["sub", "sub/file", "sub/link"]
        );
        let again = read_directory(dir.path(), RULES).expect("a tree");
        assert_eq!(digest(&first), digest(&again));
        assert_eq!(
            digest_below(&first, "sub"),
            Some(digest(
                &read_directory(&dir.path().join("sub"), RULES).expect("a tree")
            ))
        );
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.path().join("sub/file"), mode).expect("a mode");
        let changed = read_directory(dir.path(), RULES).expect("a tree");
        assert_ne!(digest(&first), digest(&changed));
    }

    #[test]
    fn a_link_that_leaves_the_tree_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("/etc/shadow", dir.path().join("a")).expect("a link");
        assert!(matches!(
            read_directory(dir.path(), RULES),
            Err(TreeError::LinkLeaves { .. })
        ));
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        for n in 0..3 {
            fs::write(dir.path().join(n.to_string()), "").expect("a file");
        }
        let rules = WalkRules {
            limit: 2,
            skip: &[],
        };
        assert!(matches!(
            read_directory(dir.path(), rules),
            Err(TreeError::TooMany { limit: 2 })
        ));
    }
}

//! Applying the patches of a Debian source package, as `dpkg-source` does: unified, one directory
//! taken off the names, every line of context as it is written. The only file that knows `diffy`.
//!
//! # Security
//!
//! Patches are data from elsewhere. `patch(1)` runs `ed` for some of them and guesses what others
//! mean; here a patch that is not understood, or whose place is not clear, is refused. Nothing is
//! read or written through a symbolic link, or outside of the tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{Hunk, Line};

/// The most bytes of one patch, and of one file that is patched.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// Says why a patch cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    #[error("it is not a unified diff: {why}")]
    Malformed { why: String },
    #[error("it has `{what}`, which is not understood here")]
    NotUnderstood { what: &'static str },
    #[error("the name `{name}` in it cannot be used")]
    BadName { name: String },
    #[error("it changes `{name}`, which is not there as a file")]
    NoFile { name: String },
    #[error("it makes `{name}`, which is there already")]
    Exists { name: String },
    #[error("its part {hunk} for `{name}` fits nowhere")]
    NoPlace { name: String, hunk: usize },
    #[error("its part {hunk} for `{name}` fits in several places, and in none as it is numbered")]
    SeveralPlaces { name: String, hunk: usize },
    #[error("it deletes `{name}`, and something of it is left")]
    NotEmpty { name: String },
    #[error("`{name}` has more than {MOST_BYTES} bytes")]
    TooLarge { name: String },
    #[error("cannot read or write `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Lines that git writes outside of hunks and that change more than lines of text.
const GIT_LINES: [&str; 7] = [
    "rename from ",
    "copy from ",
    "GIT binary patch",
    "Binary files ",
    "old mode ",
    "new file mode 120000",
    "new file mode 100755",
];

/// Applies a patch to the tree at `root`.
pub(super) fn apply(patch: &[u8], root: &Path) -> Result<(), PatchError> {
    // The library passes over what it takes for words between patches, so both are counted.
    let (mut files, mut parts) = (0_usize, 0_usize);
    for line in patch.split(|byte| *byte == b'\n') {
        files += usize::from(line.starts_with(b"diff --git "));
        parts += usize::from(line.starts_with(b"@@ -"));
        // Lines of hunks begin with a space, a sign or a backslash.
        if let Some(what) = GIT_LINES
            .iter()
            .find(|start| line.starts_with(start.as_bytes()))
        {
            return Err(PatchError::NotUnderstood {
                what: what.trim_end(),
            });
        }
    }
    if patch.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    for file in PatchSet::parse_bytes(patch, ParseOptions::unidiff()) {
        let file = file.map_err(|error| PatchError::Malformed {
            why: error.to_string(),
        })?;
        let hunks = match file.patch().as_text() {
            Some(text) => text.hunks(),
            None => {
                return Err(PatchError::NotUnderstood {
                    what: "binary data",
                });
            }
        };
        if hunks.is_empty() {
            let why = "what it says of a file changes nothing".to_owned();
            return Err(PatchError::Malformed { why });
        }
        parts = parts.saturating_sub(hunks.len());
        files = files.saturating_sub(1);
        match file.operation().strip_prefix(1) {
            FileOperation::Create(name) => {
                let (name, path) = place(&name, root)?;
                if fs::symlink_metadata(&path).is_ok() {
                    return Err(PatchError::Exists { name });
                }
                let made = patched(&name, b"", hunks)?;
                make_parents(&path)?;
                fs::write(&path, made).map_err(failed(&path))?;
            }
            FileOperation::Delete(name) => {
                let (name, path) = place(&name, root)?;
                if !patched(&name, &read(&name, &path)?, hunks)?.is_empty() {
                    return Err(PatchError::NotEmpty { name });
                }
                fs::remove_file(&path).map_err(failed(&path))?;
            }
            FileOperation::Modify { modified, .. } => {
                let (name, path) = place(&modified, root)?;
                let is_new = hunks.len() == 1
                    && hunks[0].old_range().is_empty()
                    && hunks[0].old_range().start() == 0
                    && fs::symlink_metadata(&path).is_err();
                let before = if is_new {
                    make_parents(&path)?;
                    Vec::new()
                } else {
                    read(&name, &path)?
                };
                let after = patched(&name, &before, hunks)?;
                if after.is_empty() {
                    fs::remove_file(&path).map_err(failed(&path))?;
                } else {
                    fs::write(&path, after).map_err(failed(&path))?;
                }
            }
            FileOperation::Rename { .. } | FileOperation::Copy { .. } => {
                return Err(PatchError::NotUnderstood {
                    what: "rename from",
                });
            }
        }
    }
    if files > 0 || parts > 0 {
        let why = "some of it stands where no lines of a file are changed".to_owned();
        return Err(PatchError::Malformed { why });
    }
    Ok(())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> PatchError {
    let path = path.to_owned();
    move |source| PatchError::Io { path, source }
}

/// Finds where a name of a patch stands, and refuses what is not below `root` by real directories.
fn place(name: &[u8], root: &Path) -> Result<(String, PathBuf), PatchError> {
    let bad = || PatchError::BadName {
        name: name.escape_ascii().to_string(),
    };
    let text = std::str::from_utf8(name).map_err(|_| bad())?;
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    if !text.split('/').all(is_part) {
        return Err(bad());
    }
    let mut path = root.to_owned();
    let mut parts = text.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let is_parent = parts.peek().is_some();
        match fs::symlink_metadata(&path) {
            Ok(found) if is_parent && found.is_dir() => {}
            Ok(found) if !is_parent && !found.is_symlink() => {}
            Ok(_) => return Err(bad()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path)(error)),
        }
    }
    Ok((text.to_owned(), path))
}

fn make_parents(path: &Path) -> Result<(), PatchError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(failed(parent))
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, PatchError> {
    let name = name.to_owned();
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(PatchError::NoFile { name }),
        Ok(found) if found.len() > MOST_BYTES => Err(PatchError::TooLarge { name }),
        Ok(_) => fs::read(path).map_err(failed(path)),
        Err(_) => Err(PatchError::NoFile { name }),
    }
}

/// Returns a file's bytes with these parts changed.
///
/// A part belongs where it is numbered, moved by as much as the part before it was; if it does not
/// fit there, it belongs to the only place behind the last part where it does.
fn patched(name: &str, before: &[u8], hunks: &[Hunk<'_, [u8]>]) -> Result<Vec<u8>, PatchError> {
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let mut after = Vec::with_capacity(before.len());
    // The first line that no part has taken, and how far the last part was from its number.
    let (mut taken, mut moved) = (0, 0_i64);
    for (index, hunk) in hunks.iter().enumerate() {
        let old: Vec<&[u8]> = hunk
            .lines()
            .iter()
            .filter_map(|line| match line {
                Line::Context(line) | Line::Delete(line) => Some(*line),
                Line::Insert(_) => None,
            })
            .collect();
        let range = hunk.old_range();
        // A part without old lines stands behind the line that it names.
        let first = if range.is_empty() {
            range.start()
        } else {
            range.start().saturating_sub(1)
        };
        let fits = |at: usize| {
            at >= taken
                && lines
                    .get(at..at + old.len())
                    .is_some_and(|found| found == old)
        };
        let guess = usize::try_from(first as i64 + moved).unwrap_or(0);
        let at = if fits(guess) {
            guess
        } else {
            let mut places = (taken..=lines.len()).filter(|at| fits(*at));
            let (name, hunk) = (name.to_owned(), index + 1);
            match (places.next(), places.next()) {
                (Some(at), None) if !old.is_empty() => at,
                (None, _) => return Err(PatchError::NoPlace { name, hunk }),
                (Some(_), _) => return Err(PatchError::SeveralPlaces { name, hunk }),
            }
        };
        moved = at as i64 - first as i64;
        for line in &lines[taken..at] {
            after.extend_from_slice(line);
        }
        for line in hunk.lines() {
            match line {
                Line::Context(line) | Line::Insert(line) => after.extend_from_slice(line),
                Line::Delete(_) => {}
            }
        }
        taken = at + old.len();
    }
    for line in &lines[taken..] {
        after.extend_from_slice(line);
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        dir
    }

    fn one(old: &str, new: &str, hunks: &str) -> String {
        format!("Description: why\nAuthor: a person\n\n--- {old}\n+++ {new}\n{hunks}")
    }

    const CHANGE: &str = "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";

    #[test]
    fn files_are_changed_made_and_removed() {
        let dir = tree(&[("m.c", "a\nb\nc\n"), ("old.c", "x\n")]);
        let patch = [
            one("a/m.c", "b/m.c", CHANGE),
            one(
                "/dev/null",
                "b/sub/new.c",
                "@@ -0,0 +1,2 @@\n+int x;\n+int y;\n",
            ),
            one("a/old.c", "/dev/null", "@@ -1 +0,0 @@\n-x\n"),
        ]
        .concat();
        apply(patch.as_bytes(), dir.path()).expect("it applies");
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
        assert_eq!(read("m.c"), "a\nB\nc\n");
        assert_eq!(read("sub/new.c"), "int x;\nint y;\n");
        assert!(!dir.path().join("old.c").exists());
    }

    #[test]
    fn parts_may_have_moved_if_their_place_is_clear() {
        let dir = tree(&[("m.c", "0\n0\na\nb\nc\n1\n2\nd\ne\n")]);
        let hunks = format!("{CHANGE}@@ -6,2 +6,3 @@\n d\n+D\n e\n");
        apply(one("a/m.c", "b/m.c", &hunks).as_bytes(), dir.path()).expect("it applies");
        let text = fs::read_to_string(dir.path().join("m.c")).expect("a file");
        assert_eq!(text, "0\n0\na\nB\nc\n1\n2\nd\nD\ne\n");

        let dir = tree(&[("m.c", "0\na\nb\nc\na\nb\nc\n")]);
        let error = apply(one("a/m.c", "b/m.c", CHANGE).as_bytes(), dir.path());
        assert!(matches!(error, Err(PatchError::SeveralPlaces { .. })));
    }

    #[test]
    fn a_last_line_without_an_end_is_kept_so() {
        let dir = tree(&[("m.c", "a\nb")]);
        let hunks = "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+B\n\\ No newline at end of file\n";
        apply(one("a/m.c", "b/m.c", hunks).as_bytes(), dir.path()).expect("it applies");
        assert_eq!(fs::read(dir.path().join("m.c")).expect("a file"), b"a\nB");
    }

    #[test]
    fn patches_that_do_not_fit_or_lead_out_are_refused() {
        let outside = tempfile::tempdir().expect("a directory");
        let target = outside.path().join("victim");
        fs::write(&target, "a\nb\nc\n").expect("a file");
        for patch in [
            one("a/m.c", "b/m.c", "@@ -1,2 +1,2 @@\n a\n-x\n+y\n"),
            one("a/none.c", "b/none.c", CHANGE),
            one("a/../../victim", "b/../../victim", CHANGE),
            one("/etc/m.c", "//etc/m.c", CHANGE),
            one("a/link", "b/link", CHANGE),
            one("a/dir/victim", "b/dir/victim", CHANGE),
            one("/dev/null", "b/m.c", "@@ -0,0 +1 @@\n+x\n"),
            one("/dev/null", "b/dir/new", "@@ -0,0 +1 @@\n+x\n"),
            one("a/m.c", "/dev/null", "@@ -1,2 +1 @@\n a\n-b\n"),
            "diff --git a/m.c b/n.c\nsimilarity index 100%\nrename from m.c\nrename to n.c\n"
                .to_owned(),
            "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n"
                .to_owned(),
            "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n".to_owned(),
            "*** m.c\n--- m.c\n***************\n*** 1,2 ****\n".to_owned(),
            "1d\n.\nw\n!id\n".to_owned(),
            one("a/m.c", "b/m.c", "@@ -1,3 +1,3 @@\n a\n"),
            format!("{}words\n{CHANGE}", one("a/m.c", "b/m.c", CHANGE)),
        ] {
            let dir = tree(&[("m.c", "a\nb\nc\n")]);
            std::os::unix::fs::symlink(&target, dir.path().join("link")).expect("a link");
            std::os::unix::fs::symlink(outside.path(), dir.path().join("dir")).expect("a link");
            assert!(apply(patch.as_bytes(), dir.path()).is_err(), "{patch}");
            assert_eq!(fs::read(&target).expect("a file"), b"a\nb\nc\n", "{patch}");
            assert!(!outside.path().join("new").exists(), "{patch}");
        }
    }
}

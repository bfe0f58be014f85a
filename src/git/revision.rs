//! Which commit a source directory is, if it is one.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GitError;
use super::commit::{Node, walk};
use super::objects::Objects;
use super::process::Bounded;
use crate::digest::Sha256Digest;
use crate::tree::{Entries, Entry};

/// How long finding out where a repository is may take.
const TIME: Duration = Duration::from_secs(60);

/// Where a source's bytes are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Revision {
    /// Every file is the one of this commit, and no other file stands there.
    Committed { commit: String },
    /// The bytes came in one archive, pinned by digest.
    Archived,
    /// No commit holds exactly these bytes.
    Dirty { reason: String },
}

/// Asks git. Whatever cannot be shown is `Dirty` with the reason: a label may only be too low.
///
/// # Security
///
/// The bytes are held against the commit's own objects, which are read like those of any other
/// repository, and not against the index: a file that git was told to overlook
/// (`--assume-unchanged`, `.gitignore`, a filter) is found all the same.
pub fn revision(directory: &Path, entries: &Entries) -> Revision {
    match committed(directory, entries) {
        Ok(commit) => Revision::Committed { commit },
        Err(reason) => Revision::Dirty { reason },
    }
}

fn committed(directory: &Path, entries: &Entries) -> Result<String, String> {
    let place = find(directory)?;
    let commit = place.commit;
    let short = commit.get(..12).unwrap_or(&commit).to_owned();
    let recorded = read(&place.store, &commit, &place.prefix).map_err(|error| chain(&error))?;
    let leaves = |entries: &Entries| {
        let is_leaf = |entry: &Entry| !matches!(entry, Entry::Directory);
        entries.values().filter(|entry| is_leaf(entry)).count()
    };
    for (path, entry) in entries {
        match (entry, recorded.get(path)) {
            // git keeps no directories of their own.
            (Entry::Directory, None | Some(Entry::Directory)) => {}
            (Entry::File { .. } | Entry::Symlink { .. }, None) => {
                return Err(format!("`{path}` is not in commit {short}"));
            }
            (entry, Some(known)) if entry == known => {}
            (Entry::Directory | Entry::File { .. } | Entry::Symlink { .. }, Some(_)) => {
                return Err(format!("`{path}` differs from commit {short}"));
            }
        }
    }
    if let Some(path) = recorded.keys().find(|path| !entries.contains_key(*path)) {
        return Err(format!("`{path}` of commit {short} is missing"));
    }
    if leaves(entries) == 0 {
        return Err("none of its files is committed".to_owned());
    }
    Ok(commit)
}

/// Reads what a commit has in a directory.
fn read(store: &Path, commit: &str, prefix: &str) -> Result<Entries, GitError> {
    let mut objects = Objects::open(store, commit)?;
    let mut entries = Entries::new();
    let path = Some(prefix.trim_end_matches('/')).filter(|path| !path.is_empty());
    walk(&mut objects, commit, path, &mut |name, node| {
        let entry = match node {
            Node::Directory => Entry::Directory,
            Node::File { bytes, executable } => Entry::File {
                digest: Sha256Digest::of(bytes),
                bytes: bytes.len() as u64,
                executable,
            },
            Node::Symlink { target } => Entry::Symlink {
                target: target.to_owned(),
            },
        };
        entries.insert(name.to_owned(), entry);
        Ok(())
    })?;
    Ok(entries)
}

/// Where the repository of a directory keeps its objects, and what is checked out there.
struct Place {
    store: PathBuf,
    commit: String,
    /// The directory's path in the repository; empty, or ends in `/`.
    prefix: String,
}

/// Asks git where a directory's repository is. The user's own configuration is heeded here, because
/// it says whose repositories are trusted (`safe.directory`); no program is run by it.
fn find(directory: &Path) -> Result<Place, String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command
        .arg("-C")
        .arg(directory)
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(["rev-parse", "--show-prefix", "--git-path", "objects"])
        .arg("HEAD^{commit}")
        .env("LC_ALL", "C")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = Bounded::spawn(&mut command, "rev-parse", TIME)
        .and_then(Bounded::output)
        .map_err(|error| chain(&error))?;
    let text = String::from_utf8(output).map_err(|_| "git's answer is not UTF-8".to_owned())?;
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    let [prefix, store, commit] = lines[..] else {
        return Err("git cannot be asked about the name of its directory".to_owned());
    };
    Ok(Place {
        store: directory
            .join(store)
            .canonicalize()
            .map_err(|error| format!("`{store}` cannot be found: {error}"))?,
        commit: commit.to_owned(),
        prefix: prefix.to_owned(),
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

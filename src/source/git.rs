//! Which commit a source directory is, if it is one. The only file that calls `git`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::tree::{Entries, Entry};

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
/// The bytes are held against the commit's own objects, not against the index: a file that git was
/// told to overlook (`--assume-unchanged`, `.gitignore`, a filter) is found all the same.
pub fn revision(directory: &Path, entries: &Entries) -> Revision {
    match committed(directory, entries) {
        Ok(commit) => Revision::Committed { commit },
        Err(reason) => Revision::Dirty { reason },
    }
}

fn committed(directory: &Path, entries: &Entries) -> Result<String, String> {
    let commit = git(directory, &["rev-parse", "--verify", "HEAD^{commit}"], "")?;
    let commit = commit.trim().to_owned();
    let short = commit.get(..12).unwrap_or(&commit).to_owned();
    let listed = git(directory, &["ls-tree", "-r", "-z", &commit, "--", "."], "")?;
    let recorded = listed
        .split_terminator('\0')
        .map(|line| {
            let (object, path) = line.split_once('\t')?;
            let mut words = object.split(' ');
            let (mode, _kind, id) = (words.next()?, words.next()?, words.next()?);
            Some((path, (mode, id)))
        })
        .collect::<Option<BTreeMap<_, _>>>()
        .ok_or("git's list of the commit is not readable as one")?;

    let mut files = Vec::new();
    for (path, entry) in entries {
        let known = recorded.get(path.as_str());
        let as_recorded = match (entry, known) {
            (Entry::Directory, _) => true,
            (Entry::File { executable, .. }, Some((mode, id))) => {
                files.push((path.as_str(), *id));
                *mode == if *executable { "100755" } else { "100644" }
            }
            (Entry::Symlink { target }, Some((mode, id))) => {
                *mode == "120000" && git(directory, &["cat-file", "blob", id], "")? == *target
            }
            (Entry::File { .. } | Entry::Symlink { .. }, None) => {
                return Err(format!("`{path}` is not in commit {short}"));
            }
        };
        if !as_recorded {
            return Err(format!("`{path}` differs from commit {short}"));
        }
    }
    if let Some(path) = recorded.keys().find(|path| !entries.contains_key(**path)) {
        return Err(format!("`{path}` of commit {short} is missing"));
    }
    if files.is_empty() {
        return Err("none of its files is committed".to_owned());
    }
    if let Some((path, _)) = files.iter().find(|(path, _)| path.contains('\n')) {
        return Err(format!("git cannot be asked about {path:?}"));
    }
    // git reads these from the top of its repository, wherever it was started.
    let root = directory
        .canonicalize()
        .map_err(|error| format!("`{}` cannot be found: {error}", directory.display()))?;
    let root = root
        .to_str()
        .filter(|root| !root.contains('\n'))
        .ok_or("git cannot be asked about the name of its directory")?;
    let paths: String = files
        .iter()
        .map(|(path, _)| format!("{root}/{path}\n"))
        .collect();
    let hash = ["hash-object", "--no-filters", "--stdin-paths"];
    let found = git(directory, &hash, &paths)?;
    let found: Vec<&str> = found.lines().collect();
    if found.len() != files.len() {
        return Err("git did not answer for every file".to_owned());
    }
    match files.iter().zip(found).find(|((_, id), found)| id != found) {
        Some(((path, _), _)) => Err(format!("`{path}` differs from commit {short}")),
        None => Ok(commit),
    }
}

fn git(directory: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("`git` cannot be run: {error}");
    let mut child = Command::new("git")
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A git that ends early says why by itself.
            stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
        });
        child.wait_with_output()
    })
    .map_err(failed)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let first = message.lines().next().unwrap_or("it says nothing");
        return Err(format!("`git {}` failed: {first}", arguments[0]));
    }
    String::from_utf8(output.stdout).map_err(|_| "git's answer is not UTF-8".to_owned())
}

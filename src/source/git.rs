//! Which commit a source directory is, if it is one. The only file that calls `git`.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

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
pub fn revision(directory: &Path) -> Revision {
    match committed(directory) {
        Ok(commit) => Revision::Committed { commit },
        Err(reason) => Revision::Dirty { reason },
    }
}

fn committed(directory: &Path) -> Result<String, String> {
    let commit = git(directory, &["rev-parse", "--verify", "HEAD^{commit}"])?;
    // Ignored files are reported too: they are in the tree that is built, and in no commit.
    let changed = git(
        directory,
        &[
            "status",
            "--porcelain=v1",
            "--ignored=matching",
            "--untracked-files=all",
            "--",
            ".",
        ],
    )?;
    match changed.lines().next() {
        None => {}
        Some(first) => {
            let count = changed.lines().count();
            return Err(format!(
                "{} from commit {}: first `{}`",
                match count {
                    1 => "one of its files differs".to_owned(),
                    count => format!("{count} of its files differ"),
                },
                commit.trim().get(..12).unwrap_or_default(),
                first.get(3..).unwrap_or_default()
            ));
        }
    }
    let tracked = git(directory, &["ls-files", "--", "."])?;
    if tracked.trim().is_empty() {
        return Err("none of its files is committed".to_owned());
    }
    Ok(commit.trim().to_owned())
}

fn git(directory: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(directory)
        .args(args)
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| format!("`git` cannot be run: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let first = message.lines().next().unwrap_or("it says nothing");
        return Err(format!("`git {}` failed: {first}", args[0]));
    }
    String::from_utf8(output.stdout).map_err(|_| "git's answer is not UTF-8".to_owned())
}

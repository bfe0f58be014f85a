//! Fetching one commit from elsewhere into a repository that belongs to the store.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::process::git;
use super::{CommitId, RepositoryUrl};
use super::{GitError, make_empty};

const TIME: Duration = Duration::from_secs(900);
const MOST_SAID: u64 = 64 * 1024;

/// What a transport needs of the environment: how the network is reached, and who vouches for it.
const KEEP: [&str; 12] = [
    "HOME",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];

/// Fetches a commit into the repository that [`cache_of`] names.
///
/// # Security
///
/// Nobody is asked for a password, no helper is run, and no other transport is used than that of
/// the address, whatever the server redirects to. What arrives is read like any other repository.
pub(super) async fn fetch(
    cache: &Path,
    url: &RepositoryUrl,
    commit: &CommitId,
) -> Result<(), GitError> {
    let repository = cache_of(cache, commit);
    if !repository.join("HEAD").is_file() {
        make_empty(&repository, commit.as_str().len() == 64, None)?;
    }
    let mut command = tokio::process::Command::from(git(&repository, &KEEP));
    command
        .env("GIT_ALLOW_PROTOCOL", url.scheme())
        .env("GIT_ASKPASS", "true")
        .env("SSH_ASKPASS", "true")
        .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(["-c", "transfer.fsckObjects=true"])
        .args(["fetch", "--quiet", "--no-tags", "--depth=1"])
        .args(["--no-write-fetch-head", "--no-recurse-submodules"])
        .args(["--end-of-options", url.as_str(), commit.as_str()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // What it started reads from it, and ends with it.
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| GitError::Run { source })?;
    let mut said = Vec::new();
    let stderr = child.stderr.take();
    let done = tokio::time::timeout(TIME, async {
        if let Some(stderr) = stderr {
            // What is said beyond that is not read, and git ends when it cannot say it.
            stderr.take(MOST_SAID).read_to_end(&mut said).await?;
        }
        child.wait().await
    });
    let status = done
        .await
        .map_err(|_| GitError::TimedOut {
            what: "fetch",
            seconds: TIME.as_secs(),
        })?
        .map_err(|source| GitError::Run { source })?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let why = last.unwrap_or("it says nothing").escape_debug();
    Err(GitError::Failed {
        what: "fetch",
        why: why.take(300).collect(),
    })
}

/// Returns the repository that commits are fetched into.
pub(super) fn cache_of(cache: &Path, commit: &CommitId) -> PathBuf {
    cache.join(if commit.as_str().len() == 64 {
        "sha-256"
    } else {
        "sha-1"
    })
}

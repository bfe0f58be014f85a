//! Running `git` with nothing of its surroundings, for a bounded time.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::GitError;

/// Returns a `git` that reads no configuration but that of `repository`, and no environment but
/// what is named in `keep`.
pub(super) fn git(repository: &Path, keep: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.env_clear();
    for name in ["PATH"].iter().chain(keep) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_DIR", repository)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// A child that is killed, with those that it started, when its time is over or it is dropped.
pub(super) struct Bounded {
    what: &'static str,
    time: Duration,
    child: Child,
    is_late: Arc<AtomicBool>,
    /// Hung up when nobody has to be killed any more.
    watch: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Bounded {
    pub(super) fn spawn(
        command: &mut Command,
        what: &'static str,
        time: Duration,
    ) -> Result<Self, GitError> {
        let child = command.spawn().map_err(|source| GitError::Run { source })?;
        let group = Pid::from_child(&child);
        let is_late = Arc::new(AtomicBool::new(false));
        let late = Arc::clone(&is_late);
        let (sender, receiver) = channel::<()>();
        let watch = std::thread::spawn(move || {
            if receiver.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                late.store(true, Ordering::SeqCst);
                let _ = kill_process_group(group, Signal::KILL);
            }
        });
        Ok(Self {
            what,
            time,
            child,
            is_late,
            watch: Some((sender, watch)),
        })
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns why the child does not answer: its time is over, or what is given.
    pub(super) fn failed(&self, why: impl Into<String>) -> GitError {
        if self.is_late.load(Ordering::SeqCst) {
            return GitError::TimedOut {
                what: self.what,
                seconds: self.time.as_secs(),
            };
        }
        GitError::Failed {
            what: self.what,
            why: why.into(),
        }
    }

    /// Waits for the end of a child that says little, and returns what it wrote.
    pub(super) fn output(mut self) -> Result<Vec<u8>, GitError> {
        let mut written = Vec::new();
        if let Some(stdout) = self.child.stdout.take() {
            let read = stdout.take(64 * 1024).read_to_end(&mut written);
            read.map_err(|source| GitError::Run { source })?;
        }
        self.finish()?;
        Ok(written)
    }

    /// Waits for the end of a child of which only standard error is read.
    pub(super) fn finish(mut self) -> Result<(), GitError> {
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What is said beyond that is not read, and the child is killed at the end.
            let _ = stderr.take(64 * 1024).read_to_end(&mut said);
        }
        let status = self.child.wait();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => {
                let said = String::from_utf8_lossy(&said);
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                let why = last.unwrap_or("it says nothing");
                Err(self.failed(why.chars().take(300).collect::<String>()))
            }
            Err(source) => Err(GitError::Run { source }),
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // The child is not reaped yet unless it has ended, so the group is still its own.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        if let Some((sender, watch)) = self.watch.take() {
            drop(sender);
            let _ = watch.join();
        }
        let _: io::Result<_> = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 600 & sleep 600"])
            .stderr(Stdio::piped())
            .process_group(0);
        let bounded =
            Bounded::spawn(&mut command, "rev-parse", Duration::from_millis(100)).expect("a shell");
        let error = bounded.finish().expect_err("it is late");
        assert!(
            matches!(
                error,
                GitError::TimedOut {
                    what: "rev-parse",
                    ..
                }
            ),
            "{error}"
        );
    }
}

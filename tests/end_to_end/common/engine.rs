//! The container engine as its own client sees it, and engines of a test's own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use super::program::{Ran, Running, clean};
use super::{scratch, wait_until};

/// Runs the engine's own client, against the machine's engine or another.
pub fn docker(host: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = clean(Command::new("docker"));
    if let Some(host) = host {
        command.env("DOCKER_HOST", host);
    }
    command.args(arguments);
    Ran::of(command)
}

/// A container engine of a test's own, which the test may kill. It has no network.
pub struct OwnEngine {
    /// Short, because the names of sockets are bounded.
    directory: TempDir,
    data: TempDir,
    daemon: Option<Running>,
}

impl OwnEngine {
    pub fn start() -> Self {
        let mut engine = Self {
            directory: TempDir::new().expect("a directory"),
            data: TempDir::new_in(scratch()).expect("a directory"),
            daemon: None,
        };
        engine.start_again();
        engine
    }

    /// Starts the daemon on what it left behind.
    pub fn start_again(&mut self) {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        // In a network namespace of its own: a daemon without a bridge removes the `docker0` that it
        // finds, and that one is the machine's own engine's.
        let mut command = clean(Command::new("unshare"));
        command
            .args(["--net", "dockerd"])
            .arg(format!("--data-root={}", self.data.path().display()))
            .arg(format!("--exec-root={}", path("exec")))
            .arg(format!("--pidfile={}", path("pid")))
            .arg(format!("--host={}", self.host()))
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false"]);
        self.daemon = Some(Running::start(command, self.directory.path(), "dockerd"));
        wait_until("the test's own engine answers", || {
            self.docker(&["version"]).status == 0
        });
    }

    /// Returns what `DOCKER_HOST` has to be.
    pub fn host(&self) -> String {
        let socket = self.directory.path().join("socket");
        format!("unix://{}", socket.display())
    }

    /// Runs the engine's own client against this engine.
    pub fn docker(&self, arguments: &[&str]) -> Ran {
        docker(Some(&self.host()), arguments)
    }

    /// Kills the daemon as a crash would. Its containers go on for now.
    pub fn kill(&mut self) {
        let daemon = self.daemon.take().expect("it runs");
        daemon.signal(Signal::KILL);
        daemon.end();
    }

    fn containerd(&self) -> Option<Pid> {
        let file: PathBuf = self.directory.path().join("exec/containerd/containerd.pid");
        Pid::from_raw(fs::read_to_string(file).ok()?.trim().parse().ok()?)
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if self.daemon.is_none() {
            // Only a daemon cleans up after itself.
            self.start_again();
        }
        for container in self.docker(&["ps", "--all", "--quiet"]).stdout.lines() {
            self.docker(&["rm", "--force", container]);
        }
        let containerd = self.containerd();
        if let Some(daemon) = self.daemon.take() {
            daemon.signal(Signal::TERM);
            daemon.end();
        }
        if let Some(pid) = containerd
            && test_kill_process(pid).is_ok()
        {
            // The daemon ends its own; this one had been taken over.
            let _ = kill_process(pid, Signal::TERM);
        }
        // Every start mounts the directory over itself, and a daemon that was killed leaves that.
        let mut unmount = Command::new("umount");
        unmount.arg(self.data.path());
        while unmount.output().is_ok_and(|output| output.status.success()) {}
    }
}

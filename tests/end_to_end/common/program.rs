//! Running the program, in an environment that holds nothing by accident.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::project;

/// What is taken over from the surroundings: how the engine and the archives are reached, which is
/// a fact about the machine.
const TAKEN_OVER: [&str; 8] = [
    "PATH",
    "DOCKER_HOST",
    "KMATRIX_SITE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Empties a command's environment but for the way to the engine and the archives.
pub(super) fn clean(mut command: Command) -> Command {
    command.env_clear();
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if TAKEN_OVER.contains(&text.as_ref()) || text.starts_with("KMATRIX_MIRROR_") {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C.UTF-8")
        .env("KMATRIX_KERNELS", project().join("kernels"))
        .env("KMATRIX_IMAGES", project().join("images"));
    command
}

/// What came of a program that has ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit status; minus the signal's number if it was killed by one.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        command.stdin(std::process::Stdio::null());
        command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"))
            .into()
    }

    /// Reads standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Asserts the exit status.
    pub fn expect(self, status: i32) -> Self {
        assert!(self.status == status, "wanted exit status {status}\n{self}");
        self
    }

    /// Returns standard error with what differs from machine to machine taken out.
    pub fn message(&self, place: &Path) -> String {
        self.stderr
            .replace(place.to_str().expect("UTF-8"), "[PLACE]")
            .replace(project().to_str().expect("UTF-8"), "[PROJECT]")
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "status {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: number(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn number(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| -status.signal().unwrap_or(0))
}

/// A program that runs beside the test; it is killed if the test lets go of it.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts a command, its output going into files in a directory.
    pub fn start(mut command: Command, directory: &Path, name: &str) -> Self {
        let file = |ending: &str| directory.join(format!("{name}.{ending}"));
        let (stdout, stderr) = (file("stdout"), file("stderr"));
        let child = command
            .stdin(std::process::Stdio::null())
            .stdout(File::create(&stdout).expect("a file"))
            .stderr(File::create(&stderr).expect("a file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Returns the processes that it has started and that have not ended.
    pub fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let lists = tasks
            .into_iter()
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        lists
            .flat_map(|list| {
                list.split_whitespace()
                    .filter_map(|id| id.parse().ok())
                    .collect::<Vec<u32>>()
            })
            .collect()
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Returns what it has written to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ran {
        let status = number(self.child.wait().expect("a child"));
        Ran {
            status,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, which is well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .expect("a file");
    String::from_utf8_lossy(&bytes).into_owned()
}

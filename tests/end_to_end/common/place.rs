//! A test's own place: sources, a matrix, a state directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Ran, Running, clean};
use super::{SharedState, docker, project, scratch, wait_until};

/// The kernel that nearly every test builds for, whichever is the newest of its series today.
const TARGET: &str = r#"
[[target]]
distro = "debian"
release = "12"
arch = "amd64"
flavour = "cloud"
kernel = { series = "6.1", latest = 1 }
"#;

/// Writes a matrix of modules (name, source, further keys) for one kernel.
pub fn matrix(modules: &[(&str, &str, &str)], build: &str, policy: &str) -> String {
    let mut text = "schema = 1\n".to_owned();
    for (name, source, more) in modules {
        text.push_str(&format!(
            "\n[[module]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}\n"
        ));
    }
    // No test may become stale, or begin to age, by itself.
    let stale = if policy.contains("stale-after") {
        ""
    } else {
        "stale-after = \"5200w\"\nwarn-after = \"5200w\""
    };
    format!("{text}{TARGET}\n[build]\n{build}\n\n[policy]\n{stale}\n{policy}\n")
}

/// A directory of a test's own. When it is given back, no container of it may be left.
pub struct Place {
    directory: TempDir,
    engine: Option<String>,
}

impl Place {
    /// Makes a place whose state knows the shared image, kernels and packages.
    pub fn new() -> Self {
        let place = Self::empty();
        SharedState::get().copy_to(&place.state());
        place
    }

    /// Makes a place whose state knows nothing.
    pub fn empty() -> Self {
        fs::create_dir_all(scratch()).expect("a directory");
        let place = Self {
            directory: TempDir::new_in(scratch()).expect("a directory"),
            engine: None,
        };
        fs::create_dir(place.state()).expect("a directory");
        fs::create_dir(place.home()).expect("a directory");
        place
    }

    /// Makes the program use another engine than the machine's.
    pub fn with_engine(mut self, host: &str) -> Self {
        self.engine = Some(host.to_owned());
        self
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Copies a fixture and returns where it is now.
    pub fn fixture(&self, name: &str) -> PathBuf {
        let to = self.path().join("modules").join(name);
        copy_all(&project().join("tests/fixtures").join(name), &to);
        to
    }

    /// Commits a directory to a repository of its own, and returns the commit.
    pub fn commit(&self, directory: &Path) -> String {
        let mut printed = String::new();
        for arguments in [
            &["init", "-q"][..],
            &["add", "."],
            &["commit", "-q", "-m", "fixture"],
            &["rev-parse", "HEAD"],
        ] {
            let mut git = clean(Command::new("git"));
            git.current_dir(directory)
                .args([
                    "-c",
                    "user.name=fixture",
                    "-c",
                    "user.email=fixture@example.org",
                ])
                .args(arguments)
                .env("HOME", self.home());
            printed = Ran::of(git).expect(0).stdout;
        }
        printed.trim().to_owned()
    }

    /// Writes a matrix file.
    pub fn write(&self, text: &str) -> PathBuf {
        let path = self.path().join("matrix.toml");
        fs::write(&path, text).expect("a matrix");
        path
    }

    /// Copies one fixture and writes a matrix that builds it.
    pub fn build_of(&self, fixture: &str, more: &str, build: &str, policy: &str) -> PathBuf {
        self.fixture(fixture);
        let source = format!("modules/{fixture}");
        self.write(&matrix(&[(fixture, &source, more)], build, policy))
    }

    /// Returns the program with arguments, ready to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new(env!("CARGO_BIN_EXE_kmatrix")));
        command
            .current_dir(self.path())
            .args(arguments)
            .env("HOME", self.home())
            .env("KMATRIX_STATE", self.state());
        if let Some(host) = &self.engine {
            command.env("DOCKER_HOST", host);
        }
        command
    }

    /// Runs the program to its end.
    pub fn kmatrix(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str], name: &str) -> Running {
        Running::start(self.command(arguments), self.path(), name)
    }

    /// Runs `build matrix.toml`, asserts the exit status and returns the document.
    pub fn build(&self, arguments: &[&str], status: i32) -> Value {
        let mut all = vec!["build", "matrix.toml", "--format", "json"];
        all.extend(arguments);
        let document = self.kmatrix(&all).expect(status).json();
        assert_eq!(document["exit"], status, "the document names the status");
        document
    }

    /// Runs `explain`, which must know the cell.
    pub fn explain(&self, cell: &str) -> Value {
        self.kmatrix(&["explain", cell, "--format", "json"])
            .expect(0)
            .json()
    }

    /// Returns what an attempt of a cell printed, from where people find it.
    pub fn log(&self, cell: &Value, name: &str) -> String {
        let id = cell["id"].as_str().expect("an id");
        let path = self.state().join("out").join(id).join(name);
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns what marks this place's containers, if it ever had any.
    pub fn id(&self) -> Option<String> {
        let id = fs::read_to_string(self.state().join("id")).ok()?;
        Some(id.trim().to_owned())
    }

    /// Runs the client of the engine that this place uses.
    pub fn docker(&self, arguments: &[&str]) -> Ran {
        docker(self.engine.as_deref(), arguments)
    }

    /// Returns this place's containers, running or not.
    pub fn containers(&self) -> Vec<String> {
        self.listed(&["ps", "--quiet", "--all"])
    }

    fn listed(&self, command: &[&str]) -> Vec<String> {
        let Some(id) = self.id() else {
            return Vec::new();
        };
        let filter = format!("label=kmatrix.state={id}");
        let ran = self.docker(&[command, &["--filter", &filter]].concat());
        ran.expect(0).stdout.lines().map(str::to_owned).collect()
    }

    /// Waits until so many containers run, and returns them.
    pub fn wait_for_containers(&self, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        wait_until("containers run", || {
            found = self.listed(&["ps", "--quiet"]);
            found.len() == count
        });
        found
    }

    /// Lets the fixture `waits` go on in every container until a run is over.
    pub fn let_go(&self, running: &mut Running) {
        wait_until("the run is over", || {
            for container in self.containers() {
                // It may be gone already, or not have begun.
                self.docker(&["exec", &container, "touch", "/tmp/go"]);
            }
            running.is_over()
        });
    }

    /// Interrupts a run and waits for its end.
    pub fn interrupt(&self, running: Running) -> Ran {
        running.signal(Signal::INT);
        running.end()
    }
}

/// Copies a directory with all that is below it, modes included.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A test may have taken its own engine away on purpose; the machine's has to answer.
        if self.engine.is_some() && self.docker(&["version"]).status != 0 {
            return;
        }
        assert_eq!(
            self.containers(),
            Vec::<String>::new(),
            "containers are left"
        );
    }
}

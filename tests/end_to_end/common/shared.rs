//! What all tests of a machine share: the builder image, the list of kernels, the packages.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::place::matrix;
use super::program::{Ran, clean};
use super::{docker, project, scratch};

/// The state directory that others are copied from.
pub struct SharedState {
    root: PathBuf,
}

impl SharedState {
    /// Prepares the state at the first call of a process, under a lock against other processes. It
    /// takes a minute on a machine that has never run the tests, and a second on any other.
    pub fn get() -> &'static Self {
        static SHARED: OnceLock<SharedState> = OnceLock::new();
        SHARED.get_or_init(Self::prepare)
    }

    fn prepare() -> Self {
        let answer = docker(None, &["version"]);
        assert!(
            answer.status == 0,
            "the container engine does not answer; start it with `ci/engine`\n{}",
            answer.stderr
        );
        let root = scratch()
            .parent()
            .expect("a target directory")
            .join("test-state");
        fs::create_dir_all(&root).expect("a directory");
        let lock = File::create(root.join("preparing")).expect("a file");
        lock.lock().expect("a lock");
        let source = project().join("tests/fixtures/reproducible");
        let file = root.join("matrix.toml");
        let module = [("fixture", source.to_str().expect("UTF-8"), "")];
        fs::write(&file, matrix(&module, "rebuilds = 0", "")).expect("a matrix");
        let mut command = clean(Command::new(env!("CARGO_BIN_EXE_kmatrix")));
        command.arg("build").arg(&file);
        command.arg("--state").arg(root.join("state"));
        let ran = Ran::of(command);
        assert!(
            ran.status == 0,
            "the shared state cannot be prepared; `ci/setup` installs what it takes\n{ran}"
        );
        Self {
            root: root.join("state"),
        }
    }

    /// Makes a state directory that knows the kernels and images of this one and shares its store,
    /// but has no lock, no ledger and no results.
    pub fn copy_to(&self, state: &Path) {
        for part in ["kernels", "images"] {
            fs::create_dir_all(state.join(part)).expect("a directory");
            for entry in fs::read_dir(self.root.join(part)).expect("a directory") {
                let entry = entry.expect("an entry");
                fs::copy(entry.path(), state.join(part).join(entry.file_name())).expect("a copy");
            }
        }
        symlink(self.root.join("store"), state.join("store")).expect("a link");
    }

    /// Takes over the lists of kernels and the images that a test has made in the shared store, so
    /// that no test makes them again.
    pub fn keep_images_of(&self, state: &Path) {
        for part in ["kernels", "images"] {
            for entry in fs::read_dir(state.join(part)).expect("a directory") {
                let entry = entry.expect("an entry");
                let to = self.root.join(part).join(entry.file_name());
                if !to.exists() {
                    // Another test may copy from there at this moment.
                    let half = tempfile::NamedTempFile::new_in(&self.root).expect("a file");
                    fs::copy(entry.path(), half.path()).expect("a copy");
                    half.persist(to).expect("a file");
                }
            }
        }
    }

    /// Returns a state directory beside this one that lasts as long, shares its store and its images,
    /// and has a ledger of its own.
    pub fn beside(&self, name: &str) -> PathBuf {
        let state = self.root.with_file_name(name);
        if !state.join("store").exists() {
            fs::create_dir_all(&state).expect("a directory");
            self.copy_to(&state);
        }
        state
    }

    /// Returns where the store is.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }
}

//! The independent tools, as `ci/interop` installs them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{Ran, project};

/// Names a directory that `ci/interop` has filled, in place of calling it.
const VARIABLE: &str = "KMATRIX_TEST_INTEROP";

/// What `ci/interop` installed.
pub struct Tools {
    out: PathBuf,
    versions: String,
}

impl Tools {
    /// Has the tools installed, which does nothing if they are there already.
    pub fn get() -> Self {
        let out = std::env::var_os(VARIABLE).map_or_else(
            || {
                let out = project().join("target/interop");
                let mut install = Command::new(project().join("ci/interop"));
                install.arg(&out);
                Ran::of(install).expect(0);
                out
            },
            PathBuf::from,
        );
        let versions = fs::read_to_string(out.join("versions")).expect("versions");
        Self { out, versions }
    }

    /// Returns the version of a package by the name that `ci/interop` gives it.
    pub fn version(&self, package: &str) -> &str {
        self.versions
            .lines()
            .find_map(|line| line.strip_prefix(package)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no version of `{package}`"))
    }

    /// Returns a program, to be run with a home of its own: none may find anything cached.
    pub fn program(&self, name: &str, home: &Path) -> Command {
        let mut command = Command::new(self.out.join("bin").join(name));
        let path = std::env::var_os("PATH").expect("a path");
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8")
            .env("COSIGN_PASSWORD", "a-test-password");
        command
    }

    /// Runs one of the Python files beside this one.
    pub fn python(&self, file: &str, home: &Path) -> Command {
        let mut command = self.program("python", home);
        command.arg(project().join("tests/interop").join(file));
        command
    }

    /// Runs the JavaScript file beside this one with its input.
    pub fn javascript(&self, home: &Path, input: &str) -> Ran {
        let mut command = self.program("node", home);
        // Modules are looked for from where a program says that it is.
        let program = fs::read_to_string(project().join("tests/interop/verify.mjs"));
        let place = self.out.join("suites/sid/interop/verify.mjs");
        write_once(&place, &program.expect("a program"));
        command
            .arg("/interop/verify.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("node");
        let mut stdin = child.stdin.take().expect("an input");
        stdin.write_all(input.as_bytes()).expect("node reads");
        drop(stdin);
        child.wait_with_output().expect("an end").into()
    }
}

/// Puts a file where tests that run beside each other read it, whole at any time.
fn write_once(place: &Path, text: &str) {
    if fs::read_to_string(place).is_ok_and(|there| there == text) {
        return;
    }
    let part = place.with_extension(format!(
        "part-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::write(&part, text).expect("a file");
    fs::rename(&part, place).expect("a place");
}

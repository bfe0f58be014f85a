//! Fixtures of policies: modules with attestations of which a policy must say what they were put there
//! for. A directory of them has one directory each, whose name ends with `_pass` or `_fail`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Expectation, Rule};
use crate::document::{Document, Problems, Read, Table, Value};
use crate::verify::{Verdict, files};

/// What a fixture says about itself, beside its name.
const FILE: &str = "fixture.toml";

/// The format of that file.
const SCHEMA: u32 = 1;

/// One module with its attestations, and what a policy must say of it.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub name: String,
    pub module: PathBuf,
    /// The attestations in its directory.
    pub attestations: Vec<PathBuf>,
    pub expectation: Expectation,
    /// When it is judged; now, if nothing is said.
    pub at: Option<Timestamp>,
    pub wanted: Wanted,
}

/// What a policy must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Pass,
    /// It must fail, and if rules are named by exactly these.
    Fail(BTreeSet<Rule>),
}

impl Fixture {
    /// Says how a verdict is another than the one that is wanted; nothing if it is that.
    pub fn surprise(&self, verdict: &Verdict) -> Option<String> {
        let broken: BTreeSet<&str> = verdict
            .rules
            .iter()
            .filter(|rule| !rule.outcome.lets_pass())
            .map(|rule| rule.rule.as_str())
            .collect();
        let names = |rules: &BTreeSet<&str>| {
            let quoted: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
            quoted.join(", ")
        };
        match &self.wanted {
            Wanted::Pass if broken.is_empty() => None,
            Wanted::Pass => Some(format!("it fails by {}", names(&broken))),
            Wanted::Fail(_) if broken.is_empty() => Some("it passes".to_owned()),
            Wanted::Fail(rules) => {
                let rules: BTreeSet<&str> = rules.iter().map(|rule| rule.id()).collect();
                let differs = !rules.is_empty() && rules != broken;
                differs.then(|| format!("it fails by {}, not by {}", names(&broken), names(&rules)))
            }
        }
    }
}

/// Says why fixtures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    #[error("cannot read the fixtures in `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Files(#[from] files::FilesError),
    #[error("the name of the fixture `{0}` ends with neither `_pass` nor `_fail`")]
    Name(String),
    #[error("the fixture `{name}` has {count} modules, not one")]
    Modules { name: String, count: usize },
    #[error("the fixture `{0}` must pass, and names rules that fail")]
    PassWithRules(String),
    #[error("there is no fixture in `{}`", .0.display())]
    None(PathBuf),
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads every fixture in a directory, in the order of their names.
pub fn fixtures(folder: &Path) -> Result<Vec<Fixture>, FixtureError> {
    let failed = |source| FixtureError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    if folders.is_empty() {
        return Err(FixtureError::None(folder.to_owned()));
    }
    folders.sort();
    folders.iter().map(|path| fixture(path)).collect()
}

fn fixture(folder: &Path) -> Result<Fixture, FixtureError> {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let must_pass = match (name.ends_with("_pass"), name.ends_with("_fail")) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => return Err(FixtureError::Name(name)),
    };
    let modules = files::modules_under(folder)?;
    let [module] = &modules[..] else {
        let count = modules.len();
        return Err(FixtureError::Modules { name, count });
    };
    let path = folder.join(FILE);
    let (expectation, at, rules) = if path.exists() {
        Document::read(path)?.decode(told)?
    } else {
        (Expectation::default(), None, BTreeSet::new())
    };
    let wanted = match (must_pass, rules.is_empty()) {
        (true, true) => Wanted::Pass,
        (true, false) => return Err(FixtureError::PassWithRules(name)),
        (false, _) => Wanted::Fail(rules),
    };
    Ok(Fixture {
        name,
        module: module.clone(),
        attestations: files::under(folder)?,
        expectation,
        at,
        wanted,
    })
}

type Told = (Expectation, Option<Timestamp>, BTreeSet<Rule>);

fn told(table: &Table<'_>) -> Read<Told> {
    let schema = table.schema(SCHEMA);
    let at = table.optional("at", Value::parse);
    let rules = table.or("fails", Vec::new(), |value| value.one_or_list(Value::parse));
    let expectation = table.optional("expect", |value| value.table(expectation));
    schema?;
    Ok((
        expectation?.unwrap_or_default(),
        at?,
        rules?.into_iter().collect(),
    ))
}

fn expectation(table: &Table<'_>) -> Read<Expectation> {
    let source = table.optional("source", Value::text);
    let commit = table.optional("commit", Value::text);
    let kernel = table.optional("kernel", Value::parse);
    let arch = table.optional("arch", Value::parse);
    let module = table.optional("module", Value::parse);
    let release = table.optional("release", Value::text);
    let cell = table.optional("cell", Value::parse);
    let kernel_version = table.optional("kernel-version", Value::parse);
    let version = table.optional("version", Value::text);
    Ok(Expectation {
        source: source?,
        commit: commit?,
        kernel: kernel?,
        arch: arch?,
        module: module?,
        release: release?,
        cell: cell?,
        kernel_version: kernel_version?,
        version: version?,
        ..Expectation::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Vec<Fixture>, FixtureError> {
        let folder = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        fixtures(folder.path())
    }

    #[test]
    fn names_and_files_say_what_is_wanted() {
        let told = "schema = 1\nat = '2026-06-01T00:00:00Z'\nfails = ['signer', 'label']\n\
                    [expect]\nkernel = '6.1.0-1'\narch = 'amd64'\n";
        let found = read(&[
            ("b_fail/m.ko.xz", ""),
            ("b_fail/summary.sigstore.json", "{}"),
            ("b_fail/fixture.toml", told),
            ("a_pass/m.ko", ""),
            ("readme.md", ""),
        ])
        .expect("two fixtures");
        let [pass, fail] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (pass.name.as_str(), &pass.wanted),
            ("a_pass", &Wanted::Pass)
        );
        assert_eq!(
            fail.wanted,
            Wanted::Fail([Rule::Signer, Rule::Label].into())
        );
        assert_eq!((fail.attestations.len(), fail.at.is_some()), (1, true));
        assert!(fail.expectation.kernel.is_some() && pass.expectation == Expectation::default());
    }

    #[test]
    fn what_would_test_nothing_is_refused() {
        for (files, part) in [
            (&[("readme.md", "")][..], "no fixture"),
            (&[("sound/m.ko", "")], "neither"),
            (&[("a_pass/m.txt", "")], "0 modules"),
            (&[("a_pass/m.ko", ""), ("a_pass/n.ko", "")], "2 modules"),
            (
                &[
                    ("a_pass/m.ko", ""),
                    ("a_pass/fixture.toml", "schema = 1\nfails = 'label'"),
                ],
                "must pass",
            ),
            (
                &[
                    ("a_fail/m.ko", ""),
                    ("a_fail/fixture.toml", "schema = 1\nfails = 'lable'"),
                ],
                "`label`",
            ),
        ] {
            let error = read(files).expect_err(part);
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
}

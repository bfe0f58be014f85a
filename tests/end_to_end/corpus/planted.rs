//! What is planted: the modules of `tests/corpus`, and what has to be found of each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::common::{Place, project};

/// The directory below a module that has what is other in it with the fix of the catalogue.
const MENDED: &str = "mended";

/// What has to be found of one module.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// The causes, by their ids; none for a module that is sound.
    #[serde(default)]
    pub causes: BTreeSet<String>,
    /// The sets of axes of which each makes it differ; none for what differs with nothing varied.
    #[serde(default)]
    axes: BTreeSet<BTreeSet<String>>,
    grade: Option<String>,
    tier: Option<String>,
    /// The line of the source that takes it in, such as `Kbuild:3`, where one has to be named.
    line: Option<String>,
    /// What the matrix gives the build that takes it in, where that has to be named.
    given: Option<String>,
    /// The class of the failure of what makes no module.
    failure: Option<String>,
    /// How often it has to be rebuilt to be found out; with 24, what shows in one build of four is
    /// missed once in a thousand times.
    #[serde(default = "one")]
    pub rebuilds: u32,
    /// Variables of make.
    #[serde(default)]
    pub make: Vec<String>,
}

fn one() -> u32 {
    1
}

/// One module.
pub struct Module {
    pub name: String,
    pub expected: Expected,
    /// The directories that its files are in, the later before the earlier.
    directories: Vec<PathBuf>,
}

impl Module {
    /// Reads the corpus, by name. What can be mended is there a second time, and has to be sound.
    pub fn all() -> Vec<Self> {
        let mut modules = Vec::new();
        for entry in fs::read_dir(project().join("tests/corpus")).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = fs::read_to_string(path.join("expected.toml")).expect("what is expected");
            let expected: Expected =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mended = path.join(MENDED);
            if mended.is_dir() {
                modules.push(Self {
                    name: format!("{name}-{MENDED}"),
                    expected: Expected {
                        causes: BTreeSet::new(),
                        axes: BTreeSet::new(),
                        line: None,
                        given: None,
                        grade: Some("varied".to_owned()),
                        tier: Some("constrained".to_owned()),
                        ..expected.clone()
                    },
                    directories: vec![path.clone(), mended],
                });
            }
            modules.push(Self {
                name: name.into_owned(),
                expected,
                directories: vec![path],
            });
        }
        modules.sort_by(|a, b| a.name.cmp(&b.name));
        modules
    }

    /// Returns true if builds of it differ.
    pub fn is_planted(&self) -> bool {
        !self.expected.causes.is_empty()
    }

    /// Copies and commits it, without what is expected of it.
    pub fn copy(&self, place: &Place) {
        let to = place.path().join("modules").join(&self.name);
        fs::create_dir_all(&to).expect("a directory");
        for directory in &self.directories {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                let file = path.file_name().expect("a name");
                if path.is_file() && file != Path::new("expected.toml") {
                    fs::copy(&path, to.join(file)).expect("a copy");
                }
            }
        }
        place.commit(&to);
    }

    /// Says in what its cell is not as expected.
    pub fn wrong(&self, cell: &Value) -> Vec<String> {
        let expected = &self.expected;
        let mut wrong = Vec::new();
        let mut hold = |what: &str, expected: Option<&str>, found: &Value| {
            if expected != found.as_str() {
                wrong.push(format!("{what}: {found} instead of {expected:?}"));
            }
        };
        let label = &cell["label"];
        hold(
            "failure",
            expected.failure.as_deref(),
            &cell["failure"]["class"],
        );
        hold("tier", expected.tier.as_deref(), &label["tier"]);
        let grade = &label["vector"]["reproducibility"];
        hold("grade", expected.grade.as_deref(), grade);
        let sets: BTreeSet<BTreeSet<String>> =
            serde_json::from_value(label["rebuilds"]["finding"]["sets"].clone())
                .unwrap_or_default();
        if expected.grade.as_deref() != Some("varied") && sets != expected.axes {
            wrong.push(format!("axes: {sets:?} instead of {:?}", expected.axes));
        }
        let causes = causes(cell);
        if causes != expected.causes {
            let named = &label["rebuilds"]["causes"];
            wrong.push(format!(
                "causes: {causes:?} instead of {:?}: {named:#}",
                expected.causes
            ));
        }
        let named = || label["rebuilds"]["causes"].as_array().into_iter().flatten();
        let lines: BTreeSet<String> = named()
            .filter_map(|cause| {
                let source = &cause["source"];
                Some(format!("{}:{}", source["path"].as_str()?, source["line"]))
            })
            .collect();
        if expected
            .line
            .as_ref()
            .is_some_and(|line| !lines.contains(line))
        {
            wrong.push(format!("line: {lines:?} instead of {:?}", expected.line));
        }
        let given: BTreeSet<&str> = named()
            .filter_map(|cause| cause["given"].as_str())
            .collect();
        if expected
            .given
            .as_ref()
            .is_some_and(|it| !given.contains(it.as_str()))
        {
            wrong.push(format!("given: {given:?} instead of {:?}", expected.given));
        }
        wrong
    }
}

/// Returns the causes that are named of a cell.
pub fn causes(cell: &Value) -> BTreeSet<String> {
    let named = cell["label"]["rebuilds"]["causes"].as_array();
    let ids = named.into_iter().flatten().map(|named| &named["cause"]);
    ids.filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

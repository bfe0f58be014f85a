//! What is planted: the modules of `tests/corpus`, and what has to be found of each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kmatrix::variation::Axis;
use serde::Deserialize;
use serde_json::{Value, json};

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
    /// What an inquiry may come to, by the words of its answers; without it `same` for a module that is
    /// sound, `axes` where there are some, and else `noise`. Chance may come to more than one.
    #[serde(default)]
    finding: BTreeSet<String>,
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
    pub failure: Option<String>,
    #[serde(flatten)]
    pub run: Run,
    /// Variables of make.
    #[serde(default)]
    pub make: Vec<String>,
    /// A recipe of its own, and the modules that it leaves behind.
    pub command: Option<String>,
    #[serde(default)]
    pub modules: Vec<String>,
}

/// In what run a module is built; those with the same are built together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// The series of the kernel.
    #[serde(default = "series")]
    pub series: String,
    /// How often it has to be rebuilt at most to be found out; with 24, what shows in one build of four is
    /// missed once in a thousand times. It is rebuilt less often if it shows before.
    #[serde(default = "one")]
    pub rebuilds: u32,
    /// The axes that are varied; none stands for all of them. The fewer they are, the fewer rebuilds it
    /// takes to find those that do it.
    #[serde(default)]
    pub vary: BTreeSet<String>,
}

fn series() -> String {
    "6.1".to_owned()
}

fn one() -> u32 {
    1
}

impl Expected {
    /// Returns what an inquiry may come to; nothing for what makes no module.
    fn findings(&self) -> BTreeSet<String> {
        if !self.finding.is_empty() || self.failure.is_some() {
            return self.finding.clone();
        }
        let usual = match (self.causes.is_empty(), self.axes.is_empty()) {
            (true, _) => "same",
            (false, false) => "axes",
            (false, true) => "noise",
        };
        BTreeSet::from([usual.to_owned()])
    }

    /// Writes what a matrix says of the module beside its name and source.
    pub fn recipe(&self) -> String {
        let mut text = String::new();
        if !self.make.is_empty() {
            text.push_str(&format!("make = {:?}\n", self.make));
        }
        if let Some(command) = &self.command {
            let modules = match self.modules.as_slice() {
                [] => String::new(),
                modules => format!(", modules = {modules:?}"),
            };
            text.push_str(&format!("recipe = {{ command = {command:?}{modules} }}\n"));
        }
        text
    }
}

impl Run {
    /// Returns the run of a module that is mended: with every axis varied, and as often as it takes for
    /// that. Of two rebuilds each has another umask, another locale and another number of CPUs.
    fn of_mended(&self) -> Self {
        Self {
            rebuilds: self.rebuilds.min(2),
            vary: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// Returns how often it is rebuilt at first, and then, as long as nothing shows.
    pub fn steps(&self) -> BTreeSet<u32> {
        let all = self.rebuilds;
        match all {
            0..=2 => BTreeSet::from([all]),
            3.. => BTreeSet::from([all / 4, all / 2, all]),
        }
    }

    /// Writes the `[build]` of a matrix.
    pub fn settings(&self, rebuilds: u32) -> String {
        if self.vary.is_empty() {
            return format!("rebuilds = {rebuilds}\nvary = [\"header-path\"]");
        }
        let (on, off): (Vec<&str>, Vec<&str>) = Axis::ALL
            .map(Axis::id)
            .into_iter()
            .partition(|axis| self.vary.contains(*axis));
        assert_eq!(on.len(), self.vary.len(), "{:?}", self.vary);
        format!("rebuilds = {rebuilds}\nvary = {on:?}\nhold = {off:?}")
    }
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
                        finding: BTreeSet::new(),
                        axes: BTreeSet::new(),
                        line: None,
                        given: None,
                        grade: Some("varied".to_owned()),
                        tier: Some("constrained".to_owned()),
                        run: expected.run.of_mended(),
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

    /// Returns true if there is something to find: builds of it differ, or make no module.
    pub fn is_planted(&self) -> bool {
        !self.expected.causes.is_empty() || self.expected.failure.is_some()
    }

    /// Returns true if just what is planted in it was named; of a sound module, if anything was.
    pub fn is_named(&self, cell: &Value) -> bool {
        let (causes, failure) = (causes(cell), cell["failure"]["class"].as_str());
        if self.is_planted() {
            causes == self.expected.causes && failure == self.expected.failure.as_deref()
        } else {
            !causes.is_empty() || failure.is_some()
        }
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
        let finding = &label["rebuilds"]["finding"];
        let kind = finding["kind"].as_str();
        let kinds = expected.findings();
        if kind.map_or(!kinds.is_empty(), |kind| !kinds.contains(kind)) {
            wrong.push(format!("finding: {finding} instead of {kinds:?}"));
        }
        let sets: BTreeSet<BTreeSet<String>> = match &finding["sets"] {
            Value::Null => BTreeSet::new(),
            sets => serde_json::from_value(sets.clone()).expect("sets of axes"),
        };
        if sets != expected.axes {
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

#[test]
fn whatever_is_not_as_expected_of_a_module_is_said() {
    let corpus = Module::all();
    let of = |name: &str| corpus.iter().find(|m| m.name == name).expect("a module");
    let right = json!({
        "failure": null,
        "label": {
            "tier": "partial",
            "vector": { "reproducibility": "fixed" },
            "rebuilds": {
                "finding": { "kind": "axes", "sets": [["host-name"]], "agreeing": 3 },
                "causes": [{ "cause": "host-name", "source": { "path": "Kbuild", "line": 3 } }],
            },
        },
    });
    assert_eq!(of("host-name").wrong(&right), [""; 0]);
    assert!(of("host-name").is_named(&right));
    for (at, other) in [
        ("/failure", json!({ "class": "not-a-module" })),
        ("/label/tier", json!("constrained")),
        ("/label/vector/reproducibility", json!("differs")),
        ("/label/rebuilds/finding", Value::Null),
        ("/label/rebuilds/finding/kind", json!("unsteady")),
        ("/label/rebuilds/finding/sets", json!([["user"]])),
        ("/label/rebuilds/causes", json!([])),
        ("/label/rebuilds/causes/0/source/line", json!(4)),
        (
            "/label/rebuilds/causes",
            json!([
                { "cause": "host-name", "source": { "path": "Kbuild", "line": 3 } },
                { "cause": "user" },
            ]),
        ),
    ] {
        let mut cell = right.clone();
        *cell.pointer_mut(at).expect("it is there") = other;
        assert!(!of("host-name").wrong(&cell).is_empty(), "{at}: {cell:#}");
    }
    // What is named of a sound module is a false alarm, and counts as one.
    assert!(of("sound").is_named(&right) && !of("sound").is_planted());
    assert!(of("cheat-writes-a-module").is_planted());
}

//! What others find in the same modules: two builds in the same surroundings held against each other by
//! their digests, diffoscope over a pair that differs where there is one, and reprotest, which builds them
//! by itself and is run before the test (`ci/benchmark/corpus`).

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::beside_each_other;
use super::planted::Module;
use crate::common::Place;

/// The others that are here.
pub struct Rivals {
    /// What diffoscope says that it is; `None` where it is not installed.
    pub diffoscope: Option<String>,
    pub reprotest: Option<Reprotest>,
}

/// What reprotest found.
pub struct Reprotest {
    pub version: String,
    /// Whether the builds of a module differed; `None` for what it was not run on.
    found: BTreeMap<String, Option<bool>>,
}

impl Reprotest {
    /// Reads what `KMATRIX_TEST_REPROTEST` names: a line with its version, and `NAME yes|no|-` a module.
    /// `None` if it names nothing.
    fn given() -> Option<Self> {
        let path = PathBuf::from(env::var_os("KMATRIX_TEST_REPROTEST")?);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (version, lines) = text.split_once('\n').expect("a version");
        let found = lines.lines().map(|line| {
            let found = match line.split_once(' ') {
                Some((_, "yes")) => Some(true),
                Some((_, "no")) => Some(false),
                Some((_, "-")) => None,
                Some(_) | None => panic!("{}: {line}", path.display()),
            };
            (line.split(' ').next().expect("a name").to_owned(), found)
        });
        Some(Self {
            version: version.to_owned(),
            found: found.collect(),
        })
    }
}

/// What others find in one module.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// True if two builds with nothing varied had other digests. `None` if no module was made.
    pub two_builds: Option<bool>,
    pub diffoscope: Option<Seen>,
    /// True if what reprotest built differed. `None` if it built nothing.
    pub reprotest: Option<bool>,
}

/// What diffoscope says of a pair.
#[derive(Debug, Clone)]
pub struct Seen {
    /// True if it says that they differ.
    pub found: bool,
    /// True if its output has the two values by which we name the first cause, or the section or symbol
    /// that they stand in. It names no causes.
    pub shows: bool,
    pub lines: usize,
}

impl Rivals {
    /// Looks what is installed.
    pub fn here() -> Self {
        let asked = Command::new("diffoscope").arg("--version").output();
        let diffoscope = asked.ok().map(|answer| {
            assert!(answer.status.success(), "diffoscope: {answer:?}");
            String::from_utf8_lossy(&answer.stdout).trim().to_owned()
        });
        Self {
            diffoscope,
            reprotest: Reprotest::given(),
        }
    }

    /// Judges every cell, as many at a time as there are CPUs.
    pub fn judge(&self, place: &Place, modules: &[&Module], cells: &[Value]) -> Vec<Judged> {
        let all: Vec<(&&Module, &Value)> = modules.iter().zip(cells).collect();
        beside_each_other(&all, |(module, cell)| {
            self.judge_one(place, &module.name, cell)
        })
    }

    fn judge_one(&self, place: &Place, name: &str, cell: &Value) -> Judged {
        let given = self.reprotest.as_ref();
        let reprotest = given.and_then(|given| {
            let found = given.found.get(name);
            *found.unwrap_or_else(|| panic!("nothing is given of what reprotest finds in {name}"))
        });
        let id = cell["id"].as_str().expect("an id");
        let record = place.state().join("out").join(id).join("record.json");
        let text = fs::read(&record).unwrap_or_else(|e| panic!("{}: {e}", record.display()));
        let record: Value = serde_json::from_slice(&text).expect("a record");
        let attempts = record["attempts"].as_array().expect("attempts");
        let digest = |attempt: &Value| {
            let modules = attempt["outcome"]["modules"].as_array()?;
            let [module] = modules.as_slice() else {
                panic!("{id} has one module: {attempt:#}");
            };
            Some(module["digest"].as_str().expect("a digest").to_owned())
        };
        let Some(reference) = attempts.first().and_then(digest) else {
            return Judged {
                reprotest,
                ..Judged::default()
            };
        };
        let rebuilds = || {
            attempts[1..]
                .iter()
                .filter(|attempt| digest(attempt).is_some())
        };
        let is_again = |attempt: &&Value| {
            let axes = attempt["variation"]["axes"].as_array();
            axes.is_some_and(Vec::is_empty)
        };
        // What agrees with everything varied was not built again in the same surroundings: it would
        // agree there as well, or else it differs by chance and would be missed as often.
        let again = rebuilds().find(is_again).or(rebuilds().next());
        let two_builds = again.map(|attempt| digest(attempt).as_ref() != Some(&reference));
        let differs = |attempt: &&Value| digest(attempt).as_ref() != Some(&reference);
        let other = rebuilds().find(differs).or(rebuilds().next());
        let other = other.and_then(digest);
        let is_there = self.diffoscope.is_some();
        let diffoscope = other.filter(|_| is_there).map(|other| {
            let pair = [("reference", &reference), ("rebuild", &other)].map(|(side, digest)| {
                let directory = place.path().join("pairs").join(name).join(side);
                fs::create_dir_all(&directory).expect("a directory");
                let module = directory.join("corpus.ko");
                fs::copy(blob(place, digest), &module).expect("a copy");
                module
            });
            diffoscope(&pair, &cell["label"]["rebuilds"]["causes"][0])
        });
        Judged {
            two_builds,
            diffoscope,
            reprotest,
        }
    }
}

fn blob(place: &Place, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    let blobs = place.state().join("store/blobs/sha256");
    blobs.join(&hex[..2]).join(hex)
}

/// Hands a pair to diffoscope.
fn diffoscope(pair: &[PathBuf; 2], named: &Value) -> Seen {
    let [one, two]: [&Path; 2] = [&pair[0], &pair[1]];
    let ran = Command::new("diffoscope")
        .args(["--no-progress", "--text", "-", "--"])
        .args([one, two])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("diffoscope runs");
    // 0 is the same, 1 is different (diffoscope(1), "EXIT STATUS").
    let found = match ran.status.code() {
        Some(0) => false,
        Some(1) => true,
        Some(_) | None => panic!("diffoscope: {ran:?}"),
    };
    let text = String::from_utf8_lossy(&ran.stdout);
    let has = |value: &Value| value.as_str().is_some_and(|value| text.contains(value));
    let evidence = &named["evidence"][0];
    let shows = (has(&evidence["first"]) && has(&evidence["second"]))
        || has(&evidence["place"])
        || has(&evidence["symbol"]);
    Seen {
        found,
        shows: found && shows,
        lines: text.lines().count(),
    }
}

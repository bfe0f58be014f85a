//! The table of who finds what, and who can name it.

use std::fmt;

use serde_json::Value;

use super::planted::Module;
use super::rivals::{Judged, Rivals};

/// What was found of one module.
pub struct Row {
    name: String,
    /// The causes that are planted, or the failure.
    planted: String,
    is_planted: bool,
    found: bool,
    /// True if just what is planted was named; of a sound module, if anything was.
    named: bool,
    rebuilds: usize,
    rivals: Judged,
}

impl Row {
    pub fn new(module: &Module, cell: &Value, rivals: Judged) -> Self {
        let expected = &module.expected.causes;
        let planted: Vec<&str> = expected.iter().map(String::as_str).collect();
        let rebuilds = &cell["label"]["rebuilds"];
        let count = |field: &str| rebuilds[field].as_u64().unwrap_or(0);
        Self {
            name: module.name.clone(),
            planted: match &module.expected.failure {
                Some(failure) => failure.clone(),
                None => planted.join(" "),
            },
            is_planted: module.is_planted(),
            found: count("different") + count("normalised") > 0 || cell["failure"].is_object(),
            named: module.is_named(cell),
            rebuilds: cell["comparisons"].as_array().map_or(0, Vec::len),
            rivals,
        }
    }
}

/// The table.
pub struct Table {
    rivals: Rivals,
    rows: Vec<Row>,
}

impl Table {
    /// Makes the table, with the rows by the names of the modules.
    pub fn new(rivals: Rivals, mut rows: Vec<Row>) -> Self {
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        Self { rivals, rows }
    }

    /// Writes how many of the planted and of the sound modules something holds for.
    fn counted(
        &self,
        f: &mut fmt::Formatter<'_>,
        who: &str,
        holds: impl Fn(&Row) -> bool,
    ) -> fmt::Result {
        self.counted_of(f, who, |row| Some(holds(row)))
    }

    /// The same, of the modules of which it is known.
    fn counted_of(
        &self,
        f: &mut fmt::Formatter<'_>,
        who: &str,
        holds: impl Fn(&Row) -> Option<bool>,
    ) -> fmt::Result {
        let of = |is_planted: bool| {
            let rows = self.rows.iter().filter(|row| row.is_planted == is_planted);
            let known: Vec<bool> = rows.filter_map(&holds).collect();
            (known.iter().filter(|holds| **holds).count(), known.len())
        };
        let ((planted, all), (sound, sounds)) = (of(true), of(false));
        writeln!(
            f,
            "{who:<44} {planted:>3} of {all}   {sound:>3} of {sounds}"
        )
    }
}

fn word(is_so: Option<bool>) -> &'static str {
    match is_so {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36} {:<40} {:>8} {:>6} {:>6} {:>11} {:>10} {:>11} {:>6} {:>6}",
            "module",
            "planted",
            "rebuilds",
            "finds",
            "names",
            "two builds",
            "reprotest",
            "diffoscope",
            "shows",
            "lines"
        )?;
        for row in &self.rows {
            let seen = row.rivals.diffoscope.as_ref();
            let lines = seen.map_or("-".to_owned(), |seen| seen.lines.to_string());
            writeln!(
                f,
                "{:<36} {:<40} {:>8} {:>6} {:>6} {:>11} {:>10} {:>11} {:>6} {:>6}",
                row.name,
                if row.is_planted { &row.planted } else { "-" },
                row.rebuilds,
                word(Some(row.found)),
                word(Some(row.named)),
                word(row.rivals.two_builds),
                word(row.rivals.reprotest),
                word(seen.map(|seen| seen.found)),
                word(seen.filter(|_| row.is_planted).map(|seen| seen.shows)),
                lines,
            )?;
        }
        let rebuilds: usize = self.rows.iter().map(|row| row.rebuilds).sum();
        writeln!(f, "\n{} modules, {rebuilds} rebuilds", self.rows.len())?;
        writeln!(f, "\n{:<44} {:>9}   sound", "", "planted")?;
        self.counted(f, "kmatrix finds a difference", |row| row.found)?;
        self.counted(f, "kmatrix names just what is planted", |row| row.named)?;
        self.counted(f, "two builds, nothing varied, and sha256", |row| {
            row.rivals.two_builds == Some(true)
        })?;
        match &self.rivals.diffoscope {
            Some(version) => {
                let seen = |is_so: fn(&super::rivals::Seen) -> bool| {
                    move |row: &Row| row.rivals.diffoscope.as_ref().is_some_and(is_so)
                };
                let what = format!("{version}, over a pair that differs");
                self.counted(f, &what, seen(|seen| seen.found))?;
                let what = "diffoscope shows the place (it names nothing)";
                self.counted(f, what, seen(|seen| seen.shows))?;
            }
            None => writeln!(f, "diffoscope: not installed")?,
        }
        match &self.rivals.reprotest {
            Some(given) => {
                let what = format!("{} finds a difference", given.version);
                self.counted_of(f, &what, |row| row.rivals.reprotest)
            }
            None => writeln!(f, "reprotest: not run, see ci/benchmark/corpus"),
        }
    }
}

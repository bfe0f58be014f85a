//! One file of ours: read within a limit, hashed once, parsed as TOML.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::digest::Sha256Digest;
use crate::document::problem::{Problem, ProblemCode, Problems};
use crate::document::report::{Read, Report};
use crate::document::table::Table;
use crate::document::value::Value;

/// The most bytes that a file of ours may have.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// The text of a file, and the digest of its bytes.
#[derive(Debug, Clone)]
pub struct Document {
    path: PathBuf,
    text: String,
    digest: Sha256Digest,
}

impl Document {
    /// Reads a file, of which no more than [`MOST_BYTES`] are taken in.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        let path = path.into();
        match read_within_limit(&path) {
            Ok(bytes) => Self::from_bytes(path, &bytes),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                Err(unplaced(ProblemCode::Unreadable, message, path))
            }
        }
    }

    /// Takes bytes as those of the file at `path`.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, Problems> {
        let path = path.into();
        if bytes.len() as u64 > MOST_BYTES {
            let message = format!("the file is longer than {MOST_BYTES} bytes");
            return Err(unplaced(ProblemCode::TooLarge, message, path));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                digest: Sha256Digest::of(bytes),
                text: text.to_owned(),
                path,
            }),
            Err(error) => {
                let message = format!("byte {} is not UTF-8", error.valid_up_to());
                Err(unplaced(ProblemCode::NotText, message, path))
            }
        }
    }

    /// Returns the file's name as it was given to us.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the digest of the file's bytes.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Returns the folder that the relative paths in this file begin at.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Refuses a name that is not the file's own, so that a thing is found where it is looked for.
    pub fn expect_stem(&self, value: Value<'_>, name: &str) -> Read<()> {
        if self.path.file_stem().is_some_and(|stem| stem == name) {
            return Ok(());
        }
        let message = format!("the file of `{name}` must be called `{name}.toml`");
        Err(value.refuse(ProblemCode::BadValue, message, None))
    }

    /// Reads the whole document, or returns every problem in it.
    ///
    /// A text that is not TOML gets its syntax errors alone: what else a broken text seems to lack
    /// would be guessing.
    pub fn decode<T>(
        &self,
        read: impl for<'d> FnOnce(&Table<'d>) -> Read<T>,
    ) -> Result<T, Problems> {
        let report = Report::new(&self.path, &self.text);
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        let mut last = None;
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            // Recovery often trips over the same place again.
            if last.replace(offset) != Some(offset) {
                let message = format!("not TOML: {}", error.message());
                report.refuse(offset, ProblemCode::Syntax, message, None);
            }
        }
        if !errors.is_empty() {
            return Err(collected(report));
        }
        let value = Table::new(root.get_ref(), 0, &report).read(read);
        match (value, Problems::from_vec(report.into_problems())) {
            (_, Some(problems)) => Err(problems),
            (Ok(value), None) => Ok(value),
            (Err(_), None) => unreachable!("whoever gives up has written down why"),
        }
    }
}

/// Lists the TOML files of a folder, ordered by name.
pub fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Problems> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in folder.read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    list().map_err(|error| {
        let message = format!("cannot list `{}`: {error}", folder.display());
        unplaced(ProblemCode::Unreadable, message, folder.to_owned())
    })
}

fn collected(report: Report<'_>) -> Problems {
    Problems::from_vec(report.into_problems()).expect("a problem was written down")
}

fn unplaced(code: ProblemCode, message: String, path: PathBuf) -> Problems {
    Problems::from(Problem {
        code,
        message,
        path,
        place: None,
        hint: None,
    })
}

/// Reads one byte more than is allowed, so that a file that is too long shows.
fn read_within_limit(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        Document::from_bytes("dir/x.toml", text.as_bytes())
            .expect("text")
            .decode(|table| {
                let count = table.optional("count", Value::positive);
                let series = table.optional("series", |value| value.one_or_list(Value::text));
                let date = table.optional("date", Value::date);
                let on = table.optional("on", Value::boolean);
                Ok((count?, series?, date?, on?))
            })
            .expect_err("problems")
            .to_string()
    }

    #[test]
    fn all_problems_come_at_once_in_the_order_of_the_file() {
        insta::assert_snapshot!(problems(
            "on = 1\nsereis = 'x'\nzzz = 2\ncount = -1\ndate = 2027-03-01T00:00:00Z\nseries = ['a', 3, 'a']\n"
        ));
    }

    #[test]
    fn syntax_errors_come_alone_and_more_than_one() {
        insta::assert_snapshot!(problems(
            "on = = 1\ncount = 'x\nsereis = 1\non = true\non = false\n"
        ));
    }

    #[test]
    fn files_that_are_too_long_or_not_text_are_refused() {
        let long = vec![b'#'; MOST_BYTES as usize + 1];
        let problems = Document::from_bytes("x", &long).expect_err("too long");
        assert_eq!(
            problems.iter().next().map(|p| p.code),
            Some(ProblemCode::TooLarge)
        );
        let problems = Document::from_bytes("x", b"a\xff").expect_err("not text");
        assert_eq!(
            problems.iter().next().map(|p| p.code),
            Some(ProblemCode::NotText)
        );
        let problems = Document::read("no/such/file").expect_err("no file");
        assert_eq!(
            problems.iter().next().map(|p| p.code),
            Some(ProblemCode::Unreadable)
        );
    }

    #[test]
    fn problems_are_data_as_well() {
        let problems = Document::from_bytes("x", b"a = 1")
            .expect("text")
            .decode(|_| Ok(()))
            .expect_err("an unknown key");
        insta::assert_snapshot!(serde_json::to_string(&problems).expect("JSON"), @r#"[{"code":"unknown-key","message":"unknown key `a`","path":"x","line":1,"column":1,"hint":"no key is known here"}]"#);
    }
}

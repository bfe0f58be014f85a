//! What is wrong with a file: data first, text second.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: ProblemCode,
    pub message: String,
    /// The file as it was named to us.
    pub path: PathBuf,
    /// Absent if the file could not be read at all.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The kinds of problems that a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// The file cannot be opened or read.
    Unreadable,
    /// The file is longer than a file of ours may be.
    TooLarge,
    /// The file is not UTF-8.
    NotText,
    /// The file is not TOML.
    Syntax,
    UnknownKey,
    MissingKey,
    WrongType,
    /// The type is right and the value is not.
    BadValue,
    /// A name or value stands twice where it may stand once.
    Duplicate,
    /// Something that must have a member has none.
    Empty,
    /// Two keys exclude each other.
    Conflict,
    /// Something is declared that there is not, or not any more.
    Unmatched,
    /// What is declared by its digest has another.
    OtherDigest,
}

/// A place in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy)]
pub struct Placed<T> {
    pub value: T,
    pub place: Place,
}

/// Two values are equal wherever they were written.
impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Display> fmt::Display for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Every problem of one or more files, ordered by file and place; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Orders problems; `None` if there are none.
    pub fn from_vec(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| (&a.path, a.place).cmp(&(&b.path, b.place)));
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Walks the problems in order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Returns the problems in order.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Prints the problems with an empty line between them.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_problems(f, &self.0)
    }
}

/// Prints problems with an empty line between them.
pub fn print_problems<T: fmt::Display>(f: &mut fmt::Formatter<'_>, problems: &[T]) -> fmt::Result {
    for (index, problem) in problems.iter().enumerate() {
        if index > 0 {
            f.write_str("\n\n")?;
        }
        problem.fmt(f)?;
    }
    Ok(())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code: _,
            message,
            path,
            place,
            hint,
        } = self;
        print_problem(f, message, None, path, *place, hint.as_deref())
    }
}

/// Prints any problem of a file in the one form that all of them have, without a final newline.
pub fn print_problem(
    f: &mut fmt::Formatter<'_>,
    message: &str,
    cause: Option<&str>,
    path: &Path,
    place: Option<Place>,
    hint: Option<&str>,
) -> fmt::Result {
    write!(f, "error: {message}")?;
    if let Some(cause) = cause {
        write!(f, "\n  caused by: {cause}")?;
    }
    write!(f, "\n  --> {}", path.display())?;
    if let Some(place) = place {
        write!(f, ":{place}")?;
    }
    if let Some(hint) = hint {
        write!(f, "\n\nhint: {hint}")?;
    }
    Ok(())
}

//! A table of a document, which knows what it was asked for.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use toml::de::DeTable;

use crate::document::problem::{Place, ProblemCode};
use crate::document::report::{Read, Report, Reported};
use crate::document::value::Value;

/// A table that remembers the keys it was asked for, so that the others can be called unknown.
///
/// A function that reads a table asks for every key before it gives up on any of them; that is what
/// makes all problems show at once.
pub struct Table<'d> {
    table: &'d DeTable<'d>,
    offset: usize,
    report: &'d Report<'d>,
    asked: RefCell<Vec<&'d str>>,
}

impl<'d> Table<'d> {
    pub(super) fn new(table: &'d DeTable<'d>, offset: usize, report: &'d Report<'d>) -> Self {
        Self {
            table,
            offset,
            report,
            asked: RefCell::default(),
        }
    }

    /// Lets a function read the table, then reports the keys that it did not ask for.
    pub(super) fn read<T>(self, read: impl FnOnce(&Self) -> Read<T>) -> Read<T> {
        let value = read(&self);
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                self.report.refuse(
                    key.span().start,
                    ProblemCode::UnknownKey,
                    format!("unknown key `{}`", name.escape_debug()),
                    Some(suggest(name, &asked)),
                );
            }
        }
        value
    }

    /// Reads the value of a key that must be there.
    pub fn required<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'d>) -> Read<T>,
    ) -> Read<T> {
        match self.optional(key, read)? {
            Some(value) => Ok(value),
            None => {
                let message = format!("missing key `{key}`");
                Err(self.refuse(ProblemCode::MissingKey, message, None))
            }
        }
    }

    /// Reads the value of a key that has a default.
    pub fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'d>) -> Read<T>,
    ) -> Read<T> {
        Ok(self.optional(key, read)?.unwrap_or(default))
    }

    /// Reads the value of a key that may be absent.
    pub fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'d>) -> Read<T>,
    ) -> Read<Option<T>> {
        self.asked.borrow_mut().push(key);
        match self.table.get(key) {
            None => Ok(None),
            Some(value) => read(Value::new(value, key, self.report)).map(Some),
        }
    }

    /// Reads a table whose keys are names of one kind, ordered by key.
    pub fn entries<K, T>(&self, mut read: impl FnMut(&K, Value<'d>) -> Read<T>) -> Read<Vec<(K, T)>>
    where
        K: FromStr<Err: Display>,
    {
        let mut entries = Vec::with_capacity(self.table.len());
        let mut reported = None;
        for (key, value) in self.table {
            let name: &'d str = key.get_ref();
            self.asked.borrow_mut().push(name);
            let entry = match name.parse() {
                Ok(key) => {
                    let value = read(&key, Value::new(value, name, self.report));
                    value.map(|value| (key, value))
                }
                Err(error) => Err(self.report.refuse(
                    key.span().start,
                    ProblemCode::BadValue,
                    K::Err::to_string(&error),
                    None,
                )),
            };
            match entry {
                Ok(entry) => entries.push(entry),
                Err(why) => reported = Some(why),
            }
        }
        reported.map_or(Ok(entries), Err)
    }

    /// Reads the number that says how the file is to be understood, which must be `known`.
    pub fn schema(&self, known: u32) -> Read<()> {
        self.required("schema", |value| {
            let schema = value.positive()?;
            if schema.get() == known {
                return Ok(());
            }
            let message = format!("`schema = {schema}` is not known here");
            let hint = format!("this version reads `schema = {known}`");
            Err(value.refuse(ProblemCode::BadValue, message, Some(hint)))
        })
    }

    /// Returns where the table begins.
    pub fn place(&self) -> Place {
        self.report.place(self.offset)
    }

    /// Writes down a problem of the table as a whole.
    pub fn refuse(
        &self,
        code: ProblemCode,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Reported {
        self.report.refuse(self.offset, code, message, hint)
    }
}

/// Names the nearest of the known names, or all of them if none is near.
pub fn suggest(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|other| (strsim::damerau_levenshtein(name, other), *other))
        .filter(|(distance, other)| *distance <= other.len().max(name.len()).div_ceil(3))
        .min();
    match near {
        Some((_, other)) => format!("did you mean `{other}`?"),
        None if known.is_empty() => "no key is known here".to_owned(),
        None => format!("known here: {}", list(known)),
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

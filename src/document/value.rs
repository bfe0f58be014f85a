//! A value of a document, read as one of the types that our files have.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use globset::{Glob, GlobBuilder};
use jiff::civil::Date;
use toml::Spanned;
use toml::de::DeValue;

use crate::document::problem::{Place, Placed, ProblemCode};
use crate::document::quantity::parse_duration;
use crate::document::report::{Read, Report, Reported};
use crate::document::table::Table;

/// The longest string, in bytes, that is taken where a person may write freely.
const MOST_TEXT: usize = 4096;

/// A value, the key that it belongs to, and where it stands.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    value: &'d DeValue<'d>,
    offset: usize,
    key: &'d str,
    report: &'d Report<'d>,
}

impl<'d> Value<'d> {
    pub(super) fn new(
        value: &'d Spanned<DeValue<'d>>,
        key: &'d str,
        report: &'d Report<'d>,
    ) -> Self {
        Self {
            value: value.get_ref(),
            offset: value.span().start,
            key,
            report,
        }
    }

    /// Reads a string.
    pub fn string(self) -> Read<&'d str> {
        match self.value {
            DeValue::String(text) => Ok(text),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let hint = "put it in quotes".to_owned();
                Err(self.wrong_type_with("a string", Some(hint)))
            }
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                Err(self.wrong_type("a string"))
            }
        }
    }

    /// Reads a string that says something, on one line.
    pub fn text(self) -> Read<String> {
        let text = self.string()?.trim();
        let problem = if text.is_empty() {
            "is empty"
        } else if text.len() > MOST_TEXT {
            "is too long"
        } else if text.contains(char::is_control) {
            "has a control character"
        } else {
            return Ok(text.to_owned());
        };
        let message = format!("`{}` {problem}", self.key);
        Err(self.refuse(ProblemCode::BadValue, message, None))
    }

    /// Reads a string as a name or another type that parses strings.
    pub fn parse<T: FromStr<Err: Display>>(self) -> Read<T> {
        self.string()?
            .parse()
            .map_err(|error: T::Err| self.refuse(ProblemCode::BadValue, error.to_string(), None))
    }

    /// Reads a string as a glob in which `*` does not cross a `/`.
    pub fn glob(self) -> Read<Glob> {
        let text = self.text()?;
        GlobBuilder::new(&text)
            .literal_separator(true)
            .build()
            .map_err(|error| {
                let message = format!("`{text}` is not a glob: {}", error.kind());
                self.refuse(ProblemCode::BadValue, message, None)
            })
    }

    /// Reads `true` or `false`.
    pub fn boolean(self) -> Read<bool> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong_type("`true` or `false`")),
        }
    }

    /// Reads a whole number, 0 included.
    pub fn count(self) -> Read<u32> {
        let DeValue::Integer(number) = self.value else {
            return Err(self.wrong_type("an integer"));
        };
        u32::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
            let message = format!("`{}` is not a number from 0 to {}", number, u32::MAX);
            self.refuse(ProblemCode::BadValue, message, None)
        })
    }

    /// Reads a whole number that is not 0.
    pub fn positive(self) -> Read<NonZeroU32> {
        NonZeroU32::new(self.count()?).ok_or_else(|| {
            let message = format!("`{}` must be at least 1", self.key);
            self.refuse(ProblemCode::BadValue, message, None)
        })
    }

    /// Reads a local date such as `2027-03-01`.
    pub fn date(self) -> Read<Date> {
        let DeValue::Datetime(datetime) = self.value else {
            let hint = matches!(self.value, DeValue::String(_))
                .then(|| "a date has no quotes in TOML".to_owned());
            return Err(self.wrong_type_with("a date such as `2027-03-01`", hint));
        };
        let (Some(date), None, None) = (datetime.date, datetime.time, datetime.offset) else {
            return Err(self.wrong_type("a date such as `2027-03-01`"));
        };
        // The TOML parser has checked the ranges, and its types are wider than the calendar's.
        let parts = (
            i16::try_from(date.year),
            i8::try_from(date.month),
            i8::try_from(date.day),
        );
        if let (Ok(year), Ok(month), Ok(day)) = parts
            && let Ok(date) = Date::new(year, month, day)
        {
            return Ok(date);
        }
        let message = format!("`{date}` is not a day of the calendar");
        Err(self.refuse(ProblemCode::BadValue, message, None))
    }

    /// Reads a duration such as `30d` or `10m`.
    pub fn duration(self) -> Read<Duration> {
        let text = self.string()?;
        parse_duration(text).ok_or_else(|| {
            let message = format!("`{}` is not a duration", text.escape_debug());
            let hint = "write a number and a unit, such as `90s`, `10m`, `12h`, `30d` or `4w`";
            self.refuse(ProblemCode::BadValue, message, Some(hint.to_owned()))
        })
    }

    /// Reads one value or a list of them; a list has members, and none of them twice.
    pub fn one_or_list<T: PartialEq + Display>(
        self,
        mut read: impl FnMut(Value<'d>) -> Read<T>,
    ) -> Read<Vec<T>> {
        match self.value {
            DeValue::Array(_) => self.members(self.elements("a list")?, read),
            _ => Ok(vec![read(self)?]),
        }
    }

    /// Reads a list in its order, in which anything may stand twice.
    pub fn list<T>(self, mut read: impl FnMut(Value<'d>) -> Read<T>) -> Read<Vec<T>> {
        let elements = self.elements("a list")?;
        if elements.is_empty() {
            let message = format!("`{}` is an empty list", self.key);
            return Err(self.refuse(ProblemCode::Empty, message, None));
        }
        all(elements.into_iter().map(&mut read))
    }

    /// Reads a table.
    pub fn table<T>(self, read: impl FnOnce(&Table<'d>) -> Read<T>) -> Read<T> {
        match self.value {
            DeValue::Table(table) => Table::new(table, self.offset, self.report).read(read),
            _ => Err(self.wrong_type("a table")),
        }
    }

    /// Reads one table or a list of them, which has members.
    pub fn one_or_more_tables<T>(
        self,
        mut read: impl FnMut(&Table<'d>) -> Read<T>,
    ) -> Read<Vec<T>> {
        match self.value {
            DeValue::Array(array) if array.is_empty() => {
                let message = format!("`{}` is an empty list", self.key);
                Err(self.refuse(ProblemCode::Empty, message, None))
            }
            DeValue::Array(_) => self.tables(read),
            _ => Ok(vec![self.table(&mut read)?]),
        }
    }

    /// Reads a list of tables, such as `[[target]]` makes.
    pub fn tables<T>(self, mut read: impl FnMut(&Table<'d>) -> Read<T>) -> Read<Vec<T>> {
        let elements = self.elements("a list of tables")?;
        all(elements.into_iter().map(|value| value.table(&mut read)))
    }

    /// Reads a value and keeps where it stands.
    pub fn placed<T>(self, read: impl FnOnce(Value<'d>) -> Read<T>) -> Read<Placed<T>> {
        Ok(Placed {
            value: read(self)?,
            place: self.place(),
        })
    }

    /// Returns true if the value is a table.
    pub fn is_table(self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// Returns true if the value is a list.
    pub fn is_list(self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Returns true if the value is a list without members.
    pub fn is_empty_list(self) -> bool {
        matches!(self.value, DeValue::Array(array) if array.is_empty())
    }

    /// Returns where the value begins.
    pub fn place(self) -> Place {
        self.report.place(self.offset)
    }

    /// Writes down a problem of this value.
    pub fn refuse(
        self,
        code: ProblemCode,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Reported {
        self.report.refuse(self.offset, code, message, hint)
    }

    fn elements(self, wanted: &str) -> Read<Vec<Value<'d>>> {
        let DeValue::Array(array) = self.value else {
            return Err(self.wrong_type(wanted));
        };
        Ok(array
            .iter()
            .map(|value| Value::new(value, self.key, self.report))
            .collect())
    }

    fn members<T: PartialEq + Display>(
        self,
        elements: Vec<Value<'d>>,
        mut read: impl FnMut(Value<'d>) -> Read<T>,
    ) -> Read<Vec<T>> {
        if elements.is_empty() {
            let message = format!("`{}` is an empty list", self.key);
            return Err(self.refuse(ProblemCode::Empty, message, None));
        }
        let mut seen: Vec<T> = Vec::with_capacity(elements.len());
        let mut reported = None;
        for element in elements {
            match read(element) {
                Ok(value) if seen.contains(&value) => {
                    let message = format!("`{value}` stands twice in `{}`", self.key);
                    reported = Some(element.refuse(ProblemCode::Duplicate, message, None));
                }
                Ok(value) => seen.push(value),
                Err(why) => reported = Some(why),
            }
        }
        reported.map_or(Ok(seen), Err)
    }

    fn wrong_type(self, wanted: &str) -> Reported {
        self.wrong_type_with(wanted, None)
    }

    fn wrong_type_with(self, wanted: &str, hint: Option<String>) -> Reported {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(value) if value.time.is_none() => "a date",
            DeValue::Datetime(_) => "a time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{}`: expected {wanted}, found {found}", self.key);
        self.refuse(ProblemCode::WrongType, message, hint)
    }
}

/// Reads on after a failure, so that every failure is written down.
fn all<T>(results: impl Iterator<Item = Read<T>>) -> Read<Vec<T>> {
    let mut values = Vec::new();
    let mut reported = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(why) => reported = Some(why),
        }
    }
    reported.map_or(Ok(values), Err)
}

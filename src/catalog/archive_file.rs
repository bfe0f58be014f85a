//! Reading `[[archive]]`, which facts files and image definitions have in common.

use std::path::Path;

use crate::catalog::Fingerprint;
use crate::catalog::facts::{AcceptExpired, ArchiveFacts, SuiteFacts};
use crate::document::{ProblemCode, Read, Table, Value};
use crate::name::{ArchiveName, Suite};

/// Reads the archives of a table; there is at least one, and none twice.
///
/// Keyrings are found from `folder`, where the file is.
pub(crate) fn read_archives(table: &Table<'_>, folder: &Path) -> Read<Vec<ArchiveFacts>> {
    table.required("archive", |value| {
        let mut seen: Vec<ArchiveName> = Vec::new();
        value.tables(|table| {
            let archive = read_archive(table, folder)?;
            once(table, &mut seen, archive.name.clone())?;
            Ok(archive)
        })
    })
}

fn read_archive(table: &Table<'_>, folder: &Path) -> Read<ArchiveFacts> {
    let name = table.required("name", Value::parse);
    let component = table.required("component", component);
    let keys = table.required("keys", |value| {
        value.one_or_list(Value::parse::<Fingerprint>)
    });
    let keyrings = table.required("keyrings", |value| value.one_or_list(Value::text));
    let suites = table.required("suite", |value| {
        let mut seen: Vec<Suite> = Vec::new();
        value.tables(|table| {
            let facts = read_suite(table)?;
            once(table, &mut seen, facts.suite.clone())?;
            Ok(facts)
        })
    });
    let keyrings = keyrings?.into_iter().map(|path| folder.join(path));
    Ok(ArchiveFacts {
        name: name?,
        component: component?,
        suites: suites?,
        keys: keys?,
        keyrings: keyrings
            .map(|path| std::path::absolute(&path).unwrap_or(path))
            .collect(),
    })
}

fn read_suite(table: &Table<'_>) -> Read<SuiteFacts> {
    let suite = table.required("name", Value::parse);
    let valid_until_required = table.or("requires-valid-until", true, Value::boolean);
    let accept_expired = table.optional("accept-expired", |value| value.table(read_acceptance));
    Ok(SuiteFacts {
        suite: suite?,
        valid_until_required: valid_until_required?,
        accept_expired: accept_expired?,
    })
}

fn read_acceptance(table: &Table<'_>) -> Read<AcceptExpired> {
    let reason = table.required("reason", Value::text);
    let until = table.required("until", Value::date);
    Ok(AcceptExpired {
        reason: reason?,
        until: until?,
    })
}

/// Reads a component, which becomes a part of a path in the archive.
fn component(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let is_plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    };
    if text.split('/').all(is_plain) {
        return Ok(text);
    }
    let message = format!("`{text}` is not a component such as `main`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

fn once<T: PartialEq + std::fmt::Display>(
    table: &Table<'_>,
    seen: &mut Vec<T>,
    name: T,
) -> Read<()> {
    if seen.contains(&name) {
        let message = format!("`{name}` stands twice");
        return Err(table.refuse(ProblemCode::Duplicate, message, None));
    }
    seen.push(name);
    Ok(())
}

//! Reading `[[archive]]`, which facts files and image definitions have in common.

use std::path::Path;

use crate::catalog::Fingerprint;
use crate::catalog::facts::{ArchiveFacts, SuiteFacts, SuiteLocation, Waiver, Waivers};
use crate::catalog::format::ArchiveFormat;
use crate::document::{ProblemCode, Read, Table, Value};
use crate::name::{Arch, ArchiveName, Suite};

/// Reads the archives of a table; there is at least one, and none twice.
///
/// Keyrings are found from `folder`, where the file is.
pub(crate) fn read_archives(
    table: &Table<'_>,
    folder: &Path,
    format: ArchiveFormat,
) -> Read<Vec<ArchiveFacts>> {
    let read = |value: Value<'_>| {
        let mut seen: Vec<ArchiveName> = Vec::new();
        value.tables(|table| {
            let archive = read_archive(table, folder, format)?;
            once(table, &mut seen, archive.name.clone())?;
            Ok(archive)
        })
    };
    match format {
        // Kernels may all be files of this machine.
        ArchiveFormat::Source => table.or("archive", Vec::new(), read),
        ArchiveFormat::Apt | ArchiveFormat::RpmMd | ArchiveFormat::Pacman | ArchiveFormat::Apk => {
            table.required("archive", read)
        }
    }
}

fn read_archive(table: &Table<'_>, folder: &Path, format: ArchiveFormat) -> Read<ArchiveFacts> {
    let name = table.required("name", Value::parse);
    let components = match format {
        ArchiveFormat::Apt => table
            .required("component", |value| value.one_or_list(component))
            .map(Some),
        ArchiveFormat::RpmMd
        | ArchiveFormat::Pacman
        | ArchiveFormat::Apk
        | ArchiveFormat::Source => Ok(None),
    };
    let keys = table.required("keys", |value| {
        value.one_or_list(Value::parse::<Fingerprint>)
    });
    let keyrings = table.required("keyrings", |value| value.one_or_list(Value::text));
    let suites = table.required("suite", |value| {
        let mut seen: Vec<Suite> = Vec::new();
        value.tables(|table| {
            // Components that cannot be read have been reported; the suites still stand by some.
            let components = match &components {
                Ok(components) => components.clone(),
                Err(_) => Some(Vec::new()),
            };
            let facts = read_suite(table, components)?;
            once(table, &mut seen, facts.suite.clone())?;
            Ok(facts)
        })
    });
    let keyrings = keyrings?.into_iter().map(|path| folder.join(path));
    components?;
    Ok(ArchiveFacts {
        name: name?,
        suites: suites?,
        keys: keys?,
        keyrings: keyrings
            .map(|path| std::path::absolute(&path).unwrap_or(path))
            .collect(),
    })
}

/// Reads a suite: below `dists/` if there are components, or else at a path of its own.
fn read_suite(table: &Table<'_>, components: Option<Vec<String>>) -> Read<SuiteFacts> {
    let suite = table.required("name", Value::parse);
    let archs = table.optional("archs", |value| value.one_or_list(Value::parse::<Arch>));
    let (location, valid_until_required, expired) = match components {
        Some(components) => (
            Ok(SuiteLocation::Dists { components }),
            table.or("requires-valid-until", true, Value::boolean),
            table.optional("accept-expired", |value| value.table(read_bounded_waiver)),
        ),
        None => (
            table.required("path", path).map(SuiteLocation::Path),
            Ok(false),
            Ok(None),
        ),
    };
    let waiver = |key| table.optional(key, |value| value.table(read_waiver));
    let unsigned_index = waiver("accept-unsigned-index");
    let unsigned_packages = waiver("accept-unsigned-packages");
    let sha1 = waiver("accept-sha1");
    Ok(SuiteFacts {
        suite: suite?,
        location: location?,
        archs: archs?.map(|archs| archs.into_iter().collect()),
        valid_until_required: valid_until_required?,
        waivers: Waivers {
            expired: expired?,
            unsigned_index: unsigned_index?,
            unsigned_packages: unsigned_packages?,
            sha1: sha1?,
        },
    })
}

fn read_waiver(table: &Table<'_>) -> Read<Waiver> {
    let reason = table.required("reason", Value::text);
    let until = table.optional("until", Value::date);
    Ok(Waiver {
        reason: reason?,
        until: until?,
    })
}

fn read_bounded_waiver(table: &Table<'_>) -> Read<Waiver> {
    let reason = table.required("reason", Value::text);
    let until = table.required("until", Value::date);
    Ok(Waiver {
        reason: reason?,
        until: Some(until?),
    })
}

/// Reads a path below an archive's root, which may have `{arch}` in it.
fn path(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let is_plain = |part: &str| {
        let part = part.replace("{arch}", "x");
        !matches!(part.as_str(), "" | "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+~:@-".contains(&b))
    };
    if text.split('/').all(is_plain) {
        return Ok(text);
    }
    let message = format!("`{text}` is not a relative path such as `core/os/{{arch}}`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
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

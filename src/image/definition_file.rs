//! Reading `images/*.toml`.

use std::path::PathBuf;

use crate::catalog::archive_file::read_archives;
use crate::catalog::format::ArchiveFormat;
use crate::document::{Document, ProblemCode, Problems, Read, Table, Value};
use crate::image::definition::{Bootstrap, ImageDefinition, ImageOrigin};
use crate::name::{ImageName, PackageName};

/// The version of the file format that this program reads.
const SCHEMA: u32 = 1;

impl ImageDefinition {
    /// Reads one image definition, or returns every problem that it has.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        let document = Document::read(path)?;
        document.decode(|table| read_definition(&document, table))
    }
}

fn read_definition(document: &Document, table: &Table<'_>) -> Read<ImageDefinition> {
    let schema = table.schema(SCHEMA);
    let name = table.required("name", |value| {
        let name: ImageName = value.parse()?;
        document.expect_stem(value, name.as_str())?;
        Ok(name)
    });
    let tools = table.required("tools", |value| value.one_or_list(tool));
    let bootstrap = table.optional("bootstrap", |value| {
        value.table(|table| read_bootstrap(document, table))
    });
    let registry = table.optional("registry", |value| value.table(read_registry));
    let origin = match (bootstrap?, registry?) {
        (Some(bootstrap), None) => ImageOrigin::Bootstrap(bootstrap),
        (None, Some(registry)) => registry,
        (Some(_), Some(_)) => {
            let message = "`[bootstrap]` and `[registry]` exclude each other";
            return Err(table.refuse(ProblemCode::Conflict, message, None));
        }
        (None, None) => {
            let message = "missing `[bootstrap]` or `[registry]`: where the image comes from";
            return Err(table.refuse(ProblemCode::MissingKey, message, None));
        }
    };
    schema?;
    Ok(ImageDefinition {
        name: name?,
        origin,
        tools: tools?,
        path: document.path().to_owned(),
        digest: document.digest(),
    })
}

fn read_bootstrap(document: &Document, table: &Table<'_>) -> Read<Bootstrap> {
    let archives = read_archives(table, document.folder(), ArchiveFormat::Apt);
    let packages = table.required("packages", |value| {
        value.one_or_list(Value::parse::<PackageName>)
    });
    let locales = table.optional("locales", |value| value.one_or_list(locale));
    Ok(Bootstrap {
        archives: archives?,
        packages: packages?.into_iter().map(String::from).collect(),
        locales: locales?.unwrap_or_default(),
    })
}

/// Reads the name of a locale, such as `tr_TR.UTF-8`, which goes into a command.
fn locale(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let is_plain = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if is_plain {
        return Ok(text.to_owned());
    }
    let message = format!("`{text}` is not a locale such as `tr_TR.UTF-8`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

fn read_registry(table: &Table<'_>) -> Read<ImageOrigin> {
    let reference = table.required("reference", reference);
    let digest = table.required("digest", Value::parse);
    Ok(ImageOrigin::Registry {
        reference: reference?,
        digest: digest?,
    })
}

/// Reads the name of a repository; which image in it is said by the digest alone.
fn reference(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._/:-".contains(&b));
    if is_plain && text.contains('/') && !name.is_empty() && !name.contains(':') {
        return Ok(text);
    }
    let message = format!("`{text}` is not `registry/repository`, without a tag and a digest");
    let hint = "a tag can move, so the image is named by `digest`".to_owned();
    Err(value.refuse(ProblemCode::BadValue, message, Some(hint)))
}

/// Reads the name of a program, as it is found in the image's path.
fn tool(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    {
        return Ok(text);
    }
    let message = format!("`{text}` is not the name of a program");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ImageDefinition, Problems> {
        let document = Document::from_bytes("images/debian-12.toml", text.as_bytes())?;
        document.decode(|table| read_definition(&document, table))
    }

    #[test]
    fn the_committed_images_are_valid() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("images");
        for name in ["debian-11", "debian-12", "debian-13"] {
            let image = ImageDefinition::read(folder.join(format!("{name}.toml")))
                .unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(image.name.as_str(), name);
            assert!(matches!(image.origin, ImageOrigin::Bootstrap(_)));
            assert!(image.tools.iter().any(|tool| tool == "pahole"));
        }
    }

    #[test]
    fn an_image_can_come_from_a_registry_by_digest() {
        let digest = "a".repeat(64);
        let text = format!(
            "schema = 1\nname = 'debian-12'\ntools = ['gcc-12']\n[registry]\n\
             reference = 'registry.example:5000/kmatrix/debian-12'\ndigest = 'sha256:{digest}'\n"
        );
        let image = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(matches!(image.origin, ImageOrigin::Registry { .. }));
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let text = "schema = 1\nname = 'debian-21'\ntools = ['ld --x']\n[registry]\n\
                    reference = 'registry.example/image:latest'\ndigest = 'sha256:0'\n";
        insta::assert_snapshot!(read(text).expect_err("problems"));
    }

    #[test]
    fn an_image_has_one_origin() {
        let none = "schema = 1\nname = 'debian-12'\ntools = ['gcc-12']\n";
        insta::assert_snapshot!(read(none).expect_err("no origin"));
    }
}

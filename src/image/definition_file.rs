//! Reading `images/*.toml`.

use std::path::PathBuf;

use crate::catalog::archive_file::read_archives;
use crate::catalog::facts::ArchiveFacts;
use crate::catalog::format::ArchiveFormat;
use crate::document::{Document, ProblemCode, Problems, Read, Table, Value};
use crate::engine::BuildNetwork;
use crate::image::definition::{
    Bootstrap, DockerfileOrigin, ImageDefinition, ImageOrigin, UpdateArchives,
};
use crate::name::{ImageName, PackageName, Suite};

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
    let dockerfile = table.optional("dockerfile", |value| {
        value.table(|table| read_dockerfile(document, table))
    });
    let updates = table.optional("updates", |value| {
        value.table(|table| read_updates(document, table))
    });
    let mut origins = [bootstrap?, registry?, dockerfile?].into_iter().flatten();
    let origin = match (origins.next(), origins.next()) {
        (Some(origin), None) => origin,
        (Some(_), Some(_)) => {
            let message = "`[bootstrap]`, `[registry]` and `[dockerfile]` exclude each other";
            return Err(table.refuse(ProblemCode::Conflict, message, None));
        }
        (None, _) => {
            let message = "missing `[bootstrap]`, `[registry]` or `[dockerfile]`: where the image \
                           comes from";
            return Err(table.refuse(ProblemCode::MissingKey, message, None));
        }
    };
    let updates = updates?;
    if updates.is_some() && matches!(origin, ImageOrigin::Bootstrap(_)) {
        let message =
            "`[updates]` is for images that are not bootstrapped: their archives are known";
        let hint = "put `security` into `[bootstrap]`".to_owned();
        return Err(table.refuse(ProblemCode::Conflict, message, Some(hint)));
    }
    schema?;
    Ok(ImageDefinition {
        name: name?,
        origin,
        updates,
        tools: tools?,
        path: document.path().to_owned(),
        digest: document.digest(),
    })
}

fn read_bootstrap(document: &Document, table: &Table<'_>) -> Read<ImageOrigin> {
    let archives = read_archives(table, document.folder(), ArchiveFormat::Apt);
    let packages = table.required("packages", |value| {
        value.one_or_list(Value::parse::<PackageName>)
    });
    let locales = table.optional("locales", |value| value.one_or_list(locale));
    let security = read_security(table, archives.as_deref().ok())?;
    Ok(ImageOrigin::Bootstrap(Bootstrap {
        archives: archives?,
        packages: packages?.into_iter().map(String::from).collect(),
        locales: locales?.unwrap_or_default(),
        security,
    }))
}

fn read_updates(document: &Document, table: &Table<'_>) -> Read<UpdateArchives> {
    let archives = read_archives(table, document.folder(), ArchiveFormat::Apt);
    let security = read_security(table, archives.as_deref().ok())?;
    Ok(UpdateArchives {
        archives: archives?,
        security,
    })
}

/// Reads the names of suites, which have to be those of the archives; archives that cannot be read
/// have been reported.
fn read_security(table: &Table<'_>, archives: Option<&[ArchiveFacts]>) -> Read<Vec<Suite>> {
    table.or("security", Vec::new(), |value| {
        value.one_or_list(|value| {
            let suite: Suite = value.parse()?;
            let is_read = archives.is_none_or(|archives| {
                let mut suites = archives.iter().flat_map(|archive| &archive.suites);
                suites.any(|facts| facts.suite == suite)
            });
            if is_read {
                return Ok(suite);
            }
            let message = format!("no archive here has a suite `{suite}`");
            Err(value.refuse(ProblemCode::BadValue, message, None))
        })
    })
}

fn read_dockerfile(document: &Document, table: &Table<'_>) -> Read<ImageOrigin> {
    let place = |value: Value<'_>| Ok(document.folder().join(value.text()?));
    let path = table.required("path", place);
    let context = table.optional("context", place);
    let network = table.or("network", false, Value::boolean);
    Ok(ImageOrigin::Dockerfile(DockerfileOrigin {
        path: path?,
        context: context?,
        network: if network? {
            BuildNetwork::Open
        } else {
            BuildNetwork::None
        },
    }))
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
    let tag = table.optional("tag", tag);
    Ok(ImageOrigin::Registry {
        reference: reference?,
        digest: digest?,
        tag: tag?,
    })
}

/// Reads a tag (OCI distribution-spec, "Pulling manifests").
fn tag(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if text.starts_with(first) && is_plain && text.len() <= 128 {
        return Ok(text);
    }
    let message = format!("`{text}` is not a tag");
    Err(value.refuse(ProblemCode::BadValue, message, None))
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
    fn an_image_can_come_from_a_dockerfile_beside_its_definition() {
        let text = "schema = 1\nname = 'debian-12'\ntools = ['gcc-12']\n[dockerfile]\n\
                    path = 'x.Dockerfile'\n";
        let origin = |text: &str| match read(text).map(|image| image.origin) {
            Ok(ImageOrigin::Dockerfile(origin)) => origin,
            Ok(other) => panic!("{other:?}"),
            Err(problems) => panic!("{problems}"),
        };
        let plain = origin(text);
        assert_eq!(plain.path, PathBuf::from("images/x.Dockerfile"));
        assert_eq!(plain.context, None);
        assert_eq!(plain.network, BuildNetwork::None, "a network is a decision");
        let open = origin(&format!("{text}context = 'files'\nnetwork = true\n"));
        assert_eq!(open.context, Some(PathBuf::from("images/files")));
        assert_eq!(open.network, BuildNetwork::Open);
    }

    #[test]
    fn what_is_named_has_to_be_there_and_well_formed() {
        let registry = "schema = 1\nname = 'debian-12'\ntools = ['ld']\n[registry]\n\
                        reference = 'registry.example/image'\n";
        let digest = format!("digest = 'sha256:{}'\n", "a".repeat(64));
        let with_tag = |tag: &str| read(&format!("{registry}{digest}tag = '{tag}'\n"));
        assert!(with_tag("bookworm-1.0_x").is_ok());
        for tag in ["", "-x", "a b", "a:b", &"x".repeat(129)] {
            assert!(with_tag(tag).is_err(), "{tag}");
        }
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("images");
        let text = std::fs::read_to_string(folder.join("debian-12.toml")).expect("a definition");
        assert!(read(&text).is_ok());
        let other = text.replace("security = [\"bookworm-security\"]", "security = [\"sid\"]");
        let problems = read(&other).expect_err("no such suite").to_string();
        assert!(
            problems.contains("no archive here has a suite `sid`"),
            "{problems}"
        );
    }

    #[test]
    fn an_image_that_is_pulled_may_say_where_its_packages_come_from() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("images");
        let text = std::fs::read_to_string(folder.join("debian-12.toml")).expect("a definition");
        let (_, archives) = text
            .split_once("[[bootstrap.archive]]")
            .expect("an archive");
        let archives = format!("[[updates.archive]]{archives}").replace("bootstrap", "updates");
        let digest = "a".repeat(64);
        let with = |security: &str| {
            read(&format!(
                "schema = 1\nname = 'debian-12'\ntools = ['ld']\n[registry]\n\
                 reference = 'registry.example/image'\ndigest = 'sha256:{digest}'\n\
                 [updates]\nsecurity = '{security}'\n{archives}"
            ))
        };
        let image = with("bookworm-security").unwrap_or_else(|problems| panic!("{problems}"));
        let updates = image.update_archives().expect("archives");
        assert_eq!(updates.archives.len(), 2);
        assert_eq!(updates.security.len(), 1);
        let problems = with("sid").expect_err("no such suite").to_string();
        assert!(problems.contains("has a suite `sid`"), "{problems}");
        let both = read(&format!("{text}\n[updates]\n{archives}")).expect_err("a conflict");
        assert!(both.to_string().contains("not bootstrapped"), "{both}");
    }

    #[test]
    fn an_image_has_one_origin() {
        let none = "schema = 1\nname = 'debian-12'\ntools = ['gcc-12']\n";
        insta::assert_snapshot!(read(none).expect_err("no origin"));
    }
}

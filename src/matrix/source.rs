//! Reading `source` and `closed-inputs` of a `[[module]]`.

use crate::digest::Sha256Digest;
use crate::document::{Document, Placed, ProblemCode, Read, Table, Value};
use crate::source::{CommitId, Declaration, Repository, SourcePath, WantedSource};

/// The keys that say what kind of source a table is, the first that is there first.
const KINDS: [&str; 5] = ["git", "srpm", "tarball", "package", "dsc"];

/// Reads a directory's name, or a table that names something pinned.
pub(super) fn read_source(document: &Document, value: Value<'_>) -> Read<WantedSource> {
    if value.is_table() {
        value.table(|table| read_pinned(document, table))
    } else {
        let path = value.text()?;
        Ok(WantedSource::Directory(document.folder().join(path)))
    }
}

fn read_pinned(document: &Document, table: &Table<'_>) -> Read<WantedSource> {
    let text = |key| table.optional(key, |value| value.placed(Value::text));
    let git = table.optional("git", |value| repository(document, value));
    let srpm = text("srpm");
    let tarball = text("tarball");
    let package = table.optional("package", Value::parse);
    let dsc = text("dsc");
    let commit = table.optional("commit", |value| value.placed(commit));
    let sha256 = table.optional("sha256", |value| value.placed(digest));
    let strip = table.optional("strip", |value| value.placed(Value::boolean));
    let from = text("from");
    let version = table.optional("version", |value| value.placed(Value::parse));
    let path = table.optional("path", Value::parse::<SourcePath>);
    let (git, srpm, tarball, package, dsc) = (git?, srpm?, tarball?, package?, dsc?);
    let (commit, sha256, strip, from, version, path) =
        (commit?, sha256?, strip?, from?, version?, path?);

    let present = [
        git.is_some(),
        srpm.is_some(),
        // Beside `srpm` it names a file inside the package.
        tarball.is_some() && srpm.is_none(),
        package.is_some(),
        dsc.is_some(),
    ];
    let kinds: Vec<&str> = KINDS
        .into_iter()
        .zip(present)
        .filter_map(|(kind, present)| present.then_some(kind))
        .collect();
    let [kind] = kinds[..] else {
        let message = match kinds[..] {
            [] => "the source names nothing".to_owned(),
            _ => format!("the source is both `{}` and `{}`", kinds[0], kinds[1]),
        };
        let hint = "write one of `git`, `tarball`, `package`, `dsc` and `srpm`".to_owned();
        return Err(table.refuse(ProblemCode::Conflict, message, Some(hint)));
    };
    let others = [
        ("commit", commit.is_some(), &["git"][..]),
        ("sha256", sha256.is_some(), &["tarball", "dsc", "srpm"]),
        ("strip", strip.is_some(), &["tarball"]),
        ("from", from.is_some(), &["package"]),
        ("version", version.is_some(), &["package"]),
    ];
    let mut reported = None;
    for (key, present, kinds) in others {
        let message = if present && !kinds.contains(&kind) {
            format!("`{key}` means nothing beside `{kind}`")
        } else if !present && kinds.contains(&kind) && !matches!(key, "strip" | "version") {
            format!("missing key `{key}`")
        } else {
            continue;
        };
        let code = if present {
            ProblemCode::Conflict
        } else {
            ProblemCode::MissingKey
        };
        reported = Some(table.refuse(code, message, None));
    }
    if let (Some(path), "git") = (&path, kind)
        && path.is_glob()
    {
        let message = "`path` is written out beside `git`: a commit has no versions in its names";
        reported = Some(table.refuse(ProblemCode::BadValue, message, None));
    }
    if kind == "srpm" && tarball.is_none() {
        let message = "missing key `tarball`";
        let hint =
            "name the file in the source package that holds the source, such as `m-1.0.tar.gz`";
        reported = Some(table.refuse(ProblemCode::MissingKey, message, Some(hint.to_owned())));
    }
    if let Some(why) = reported {
        return Err(why);
    }
    let file = |name: Placed<String>| document.folder().join(name.value);
    let sha256 = sha256.map(|digest| digest.value);
    let wanted = match (git, srpm, tarball, package, dsc) {
        (Some(repository), ..) => commit.map(|commit| WantedSource::Commit {
            repository,
            commit: commit.value,
            path,
        }),
        (_, Some(srpm), Some(tarball), ..) => sha256.map(|sha256| WantedSource::SourceRpm {
            file: file(srpm),
            sha256,
            tarball: tarball.value,
            path,
        }),
        (_, _, Some(tarball), ..) => sha256.map(|sha256| WantedSource::Tarball {
            file: file(tarball),
            sha256,
            strip: strip.is_some_and(|strip| strip.value),
            path,
        }),
        (_, _, _, Some(name), _) => from.map(|from| WantedSource::Package {
            name,
            from: from.value,
            version: version.map(|version| version.value),
            path,
        }),
        (.., Some(dsc)) => sha256.map(|sha256| WantedSource::Dsc {
            file: file(dsc),
            sha256,
            path,
        }),
        (None, None | Some(_), None, None, None) => None,
    };
    wanted.ok_or_else(|| table.refuse(ProblemCode::MissingKey, "the source names nothing", None))
}

fn repository(document: &Document, value: Value<'_>) -> Read<Repository> {
    let text = value.text()?;
    if text.contains("://") || text.contains("::") {
        return Ok(Repository::Url(value.parse()?));
    }
    let host = text.split('/').next().unwrap_or_default();
    if host.contains(':') {
        let message = format!("`{text}` is neither a path nor a URL");
        let hint = "write `ssh://user@host/path` for what git calls `user@host:path`".to_owned();
        return Err(value.refuse(ProblemCode::BadValue, message, Some(hint)));
    }
    Ok(Repository::Directory(document.folder().join(text)))
}

/// Reads a commit's id. A branch or a tag is not taken for one: it can be moved.
fn commit(value: Value<'_>) -> Read<CommitId> {
    let text = value.text()?;
    text.parse().map_err(|error| {
        let name: String = text.chars().take(80).collect();
        let hint = format!(
            "a branch or a tag can move; write the digits that `git rev-parse {name}^{{commit}}` prints"
        );
        value.refuse(ProblemCode::BadValue, format!("{error}"), Some(hint))
    })
}

/// Reads 64 hex digits, with or without the `sha256:` that this program prints before them.
fn digest(value: Value<'_>) -> Read<Sha256Digest> {
    let text = value.text()?;
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    Sha256Digest::from_hex(digits).map_err(|error| {
        let hint = "write the 64 digits that `sha256sum` prints".to_owned();
        value.refuse(ProblemCode::BadValue, error.to_string(), Some(hint))
    })
}

/// Reads the closed inputs that are declared; each file once.
pub(super) fn read_declarations(value: Value<'_>) -> Read<Vec<Declaration>> {
    let mut seen: Vec<String> = Vec::new();
    value.tables(|table| {
        let path = table.required("path", |value| {
            let path: SourcePath = value.parse()?;
            if path.is_glob() {
                let message = "a closed input is declared by its own path";
                return Err(value.refuse(ProblemCode::BadValue, message, None));
            }
            if seen.iter().any(|other| other == path.as_str()) {
                let message = format!("`{path}` is declared twice");
                return Err(value.refuse(ProblemCode::Duplicate, message, None));
            }
            seen.push(path.as_str().to_owned());
            Ok(path.as_str().to_owned())
        });
        let sha256 = table.required("sha256", digest);
        let reason = table.required("reason", Value::text);
        Ok(Declaration {
            path: path?,
            sha256: sha256?,
            reason: reason?,
            place: table.place(),
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::document::{Document, Problems};
    use crate::matrix::Matrix;
    use crate::source::WantedSource;

    const TARGET: &str = "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n";
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(module: &str) -> Result<Matrix, Problems> {
        let text = format!("schema = 1\n[[module]]\nname = 'm'\n{module}\n{TARGET}");
        let document = Document::from_bytes("matrix/nightly.toml", text.as_bytes())?;
        Matrix::from_document(&document)
    }

    fn source(value: &str) -> WantedSource {
        let matrix = read(&format!("source = {value}")).unwrap_or_else(|e| panic!("{value}: {e}"));
        matrix.modules[0].source.clone()
    }

    #[test]
    fn every_kind_of_source_is_read() {
        assert!(matches!(source("'../m'"), WantedSource::Directory(_)));
        for value in [
            format!("{{ git = '../r', commit = '{COMMIT}', path = 'sub/dir' }}"),
            format!("{{ git = 'https://example.org/m.git', commit = '{COMMIT}' }}"),
        ] {
            assert!(matches!(source(&value), WantedSource::Commit { .. }));
        }
        assert!(matches!(
            source(&format!(
                "{{ tarball = 'm.tar.xz', sha256 = 'sha256:{DIGEST}', strip = true }}"
            )),
            WantedSource::Tarball { strip: true, .. }
        ));
        assert!(matches!(
            source("{ package = 'm-dkms', from = 'debian-12', path = 'usr/src/m-*' }"),
            WantedSource::Package { version: None, .. }
        ));
        assert!(matches!(
            source(&format!("{{ dsc = 'm_1.dsc', sha256 = '{DIGEST}' }}")),
            WantedSource::Dsc { .. }
        ));
        assert!(matches!(
            source(&format!(
                "{{ srpm = 'm.src.rpm', sha256 = '{DIGEST}', tarball = 'm.tar.gz' }}"
            )),
            WantedSource::SourceRpm { .. }
        ));
    }

    #[test]
    fn sources_that_pin_nothing_or_too_much_are_refused() {
        let problems: Vec<String> = [
            "{ git = '../r', commit = 'main' }".to_owned(),
            "{ git = '../r' }".to_owned(),
            format!("{{ git = 'git@example.org:r', commit = '{COMMIT}' }}"),
            format!("{{ git = 'ext::sh', commit = '{COMMIT}' }}"),
            format!("{{ git = '../r', commit = '{COMMIT}', path = 'a/*' }}"),
            "{ tarball = 'm.tar' }".to_owned(),
            format!("{{ tarball = 'm.tar', sha256 = '{DIGEST}', commit = '{COMMIT}' }}"),
            format!("{{ srpm = 'm.rpm', sha256 = '{DIGEST}' }}"),
            "{ package = 'm' }".to_owned(),
            "{ path = 'm' }".to_owned(),
            format!("{{ dsc = 'm.dsc', git = '../r', commit = '{COMMIT}', sha256 = '{DIGEST}' }}"),
            "{ tarball = 'm.tar', sha256 = 'abc', path = '../m' }".to_owned(),
        ]
        .iter()
        .map(|value| {
            read(&format!("source = {value}"))
                .expect_err(value)
                .to_string()
        })
        .collect();
        insta::assert_snapshot!(problems.join("\n---\n"));
    }

    #[test]
    fn declarations_are_read_and_wrong_ones_are_refused() {
        let declared = |text: &str| read(&format!("source = 'm'\nclosed-inputs = [{text}]"));
        let good = format!("{{ path = 'a/core.o', sha256 = '{DIGEST}', reason = 'the vendor' }}");
        let matrix = declared(&good).expect("a matrix");
        assert_eq!(matrix.modules[0].closed_inputs[0].path, "a/core.o");
        let problems: Vec<String> = [
            format!("{good}, {good}"),
            format!("{{ path = '../core.o', sha256 = '{DIGEST}', reason = 'x' }}"),
            format!("{{ path = '*.o', sha256 = '{DIGEST}', reason = 'x' }}"),
            format!("{{ path = 'core.o', sha256 = '{DIGEST}' }}"),
        ]
        .iter()
        .map(|text| declared(text).expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(problems.join("\n---\n"));
    }
}

//! Reading `kernels/*.toml`.

use std::path::{Path, PathBuf};

use crate::catalog::archive_file::read_archives;
use crate::catalog::facts::{
    BUILD_PLACEHOLDERS, CheckedAgainst, DistroFacts, FlavourFacts, HeaderPackage, KernelFacts,
    Rewriting,
};
use crate::catalog::format::ArchiveFormat;
use crate::catalog::source_facts::{SourceFacts, read_source};
use crate::digest::Sha256Digest;
use crate::document::{Document, Problem, ProblemCode, Problems, Read, Table, Value, toml_files};
use crate::name::{Arch, DistroRelease, Flavour};

/// The version of the file format that this program reads.
const SCHEMA: u32 = 1;

/// What stands for the kernel release in a pattern.
const RELEASE: &str = "{release}";

impl DistroFacts {
    /// Reads one facts file, or returns every problem that it has.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        let document = Document::read(path)?;
        document.decode(|table| read_facts(&document, table))
    }

    /// Returns the name that the facts go by, such as `debian-12`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.distro, self.distro_release)
    }
}

/// Reads every facts file of a folder, ordered by file name, or returns every problem of them all.
pub fn read_all(folder: &Path) -> Result<Vec<DistroFacts>, Problems> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for path in toml_files(folder)? {
        match DistroFacts::read(path) {
            Ok(facts) => all.push(facts),
            Err(more) => problems.extend(more.into_vec()),
        }
    }
    if all.is_empty() && problems.is_empty() {
        problems.push(Problem {
            code: ProblemCode::Empty,
            message: format!("`{}` has no facts of any distribution", folder.display()),
            path: folder.to_owned(),
            place: None,
            hint: Some("add a file such as `debian-12.toml`".to_owned()),
        });
    }
    Problems::from_vec(problems).map_or(Ok(all), Err)
}

/// Finds the facts that go by a name such as `debian-12`.
pub fn find<'f>(all: &'f [DistroFacts], name: &str) -> Option<&'f DistroFacts> {
    all.iter().find(|facts| facts.name() == name)
}

fn read_facts(document: &Document, table: &Table<'_>) -> Read<DistroFacts> {
    let schema = table.schema(SCHEMA);
    let distro = table.required("distro", Value::parse);
    let distro_release = table.required("release", |value| {
        let release: DistroRelease = value.parse()?;
        if let Ok(distro) = &distro {
            document.expect_stem(value, &format!("{distro}-{release}"))?;
        }
        Ok(release)
    });
    let format = table.required("format", Value::parse::<ArchiveFormat>);
    let image = table.required("image", Value::parse);
    let images = table.or("images", Vec::new(), |value| {
        value.table(|table| table.entries(|_: &Arch, value| value.parse()))
    });
    let checked = table.required("checked", Value::date);
    let checked_against = table.required("checked-against", checked_against);
    // Without a format nothing below it can be read.
    let format = format?;
    let archives = read_archives(table, document.folder(), format);
    let kernel = table.required("kernel", |value| {
        value.table(|table| match format {
            ArchiveFormat::Source => {
                let source = read_source(table, document.folder())?;
                Ok((KernelFacts::default(), Some(source)))
            }
            ArchiveFormat::Apt
            | ArchiveFormat::RpmMd
            | ArchiveFormat::Pacman
            | ArchiveFormat::Apk => Ok((read_kernel(table, format)?, None)),
        })
    });
    schema?;
    let (kernel, source) = kernel?;
    Ok(DistroFacts {
        distro: distro?,
        distro_release: distro_release?,
        format,
        image: image?,
        images: images?.into_iter().collect(),
        checked: checked?,
        checked_against: checked_against?,
        archives: archives?,
        kernel,
        digest: digest(document, source.as_ref()),
        source,
    })
}

/// Returns what stands for the facts as they were read: a configuration that is edited makes other
/// facts of a file that is not.
fn digest(document: &Document, source: Option<&SourceFacts>) -> Sha256Digest {
    let configs = source.into_iter().flat_map(SourceFacts::configs);
    let mut all = document.digest().to_string();
    let before = all.len();
    for config in configs {
        all.push_str(&format!("\n{config}"));
    }
    if all.len() == before {
        document.digest()
    } else {
        Sha256Digest::of(all.as_bytes())
    }
}

fn checked_against(value: Value<'_>) -> Read<CheckedAgainst> {
    match value.string()? {
        "live" => Ok(CheckedAgainst::Live),
        "fixture" => Ok(CheckedAgainst::Fixture),
        other => {
            let message = format!("`{}` is neither `live` nor `fixture`", other.escape_debug());
            Err(value.refuse(ProblemCode::BadValue, message, None))
        }
    }
}

fn read_kernel(table: &Table<'_>, format: ArchiveFormat) -> Read<KernelFacts> {
    let named = match format {
        // Kernel by kernel there is another package.
        ArchiveFormat::Apt => {
            let headers = table.required("headers", pattern);
            let requires = table.required("requires", glob);
            headers.and_then(|headers| Ok(Some((headers, requires?))))
        }
        ArchiveFormat::RpmMd
        | ArchiveFormat::Pacman
        | ArchiveFormat::Apk
        | ArchiveFormat::Source => Ok(None),
    };
    let follow = table.or("follow", Vec::new(), |value| value.one_or_list(glob));
    let host = table.or("host", Vec::new(), |value| value.one_or_list(glob));
    let mounts = table.required("mounts", |value| value.one_or_list(mount));
    let build = table.required("build", build);
    let flavours = table.required("flavours", |value| {
        value.table(|table| read_flavours(table, named.as_ref().ok()))
    });
    named?;
    Ok(KernelFacts {
        follow: follow?,
        host: host?,
        mounts: mounts?,
        build: build?,
        flavours: flavours?,
    })
}

/// The pattern of header packages' names and what a real one requires, where names hold releases.
type Named = Option<(String, String)>;

/// Reads the flavours; `named` is `None` if how packages are named could not be read, which has been
/// reported.
fn read_flavours(table: &Table<'_>, named: Option<&Named>) -> Read<Vec<FlavourFacts>> {
    let by_arch: Vec<(Arch, Vec<FlavourFacts>)> =
        table.entries(|arch, value| value.table(|table| read_flavours_of(*arch, table, named)))?;
    if by_arch.is_empty() {
        return Err(table.refuse(ProblemCode::Empty, "no architecture has a flavour", None));
    }
    Ok(by_arch.into_iter().flat_map(|(_, facts)| facts).collect())
}

fn read_flavours_of(
    arch: Arch,
    table: &Table<'_>,
    named: Option<&Named>,
) -> Read<Vec<FlavourFacts>> {
    let mut seen: Vec<HeaderPackage> = Vec::new();
    let flavours: Vec<(Flavour, HeaderPackage)> = table.entries(|_, value| {
        let headers = match named {
            Some(None) => value.table(read_headers)?,
            Some(Some((pattern, requires))) => HeaderPackage::Named {
                pattern: pattern.clone(),
                ending: ending(value)?,
                requires: requires.clone(),
            },
            None => HeaderPackage::Named {
                pattern: String::new(),
                ending: ending(value)?,
                requires: String::new(),
            },
        };
        if seen.contains(&headers) {
            let message = "two flavours are known by the same packages";
            return Err(value.refuse(ProblemCode::Duplicate, message, None));
        }
        seen.push(headers.clone());
        Ok(headers)
    })?;
    let facts = flavours.into_iter().map(|(flavour, headers)| FlavourFacts {
        arch,
        flavour,
        headers,
    });
    Ok(facts.collect())
}

/// Reads how the header packages of a flavour are known where their names hold no release: by a
/// capability that they provide, or by their version.
fn read_headers(table: &Table<'_>) -> Read<HeaderPackage> {
    let name = table.required("headers", Value::parse);
    let capability = table.optional("provides", Value::text);
    let rewritten = table.optional("release", |value| value.one_or_more_tables(read_rewriting));
    match (capability?, rewritten?) {
        (Some(capability), None) => Ok(HeaderPackage::Provides {
            name: name?,
            capability,
        }),
        (None, Some(rewritings)) => Ok(HeaderPackage::Version {
            name: name?,
            rewritings,
        }),
        (Some(_), Some(_)) | (None, None) => {
            let message = "a flavour has either `provides` or `release`";
            let hint = "`provides` is a capability whose version is the kernel release; `release` \
                        makes the release from the package's version"
                .to_owned();
            Err(table.refuse(ProblemCode::BadValue, message, Some(hint)))
        }
    }
}

fn read_rewriting(table: &Table<'_>) -> Read<Rewriting> {
    let from = table.required("from", regex);
    let to = table.required("to", Value::text);
    Ok(Rewriting {
        from: from?,
        to: to?,
    })
}

/// Reads a regular expression, which has to match a whole version.
fn regex(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    match regex::Regex::new(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let message = format!("`{text}` is not a regular expression: {error}");
            Err(value.refuse(ProblemCode::BadValue, message, None))
        }
    }
}

/// Reads the ending of a kernel release.
fn ending(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._+~:-".contains(&b))
    {
        return Ok(text);
    }
    let message = format!("`{text}` cannot end a kernel release");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

/// Reads a text that has `{release}` in it once.
fn pattern(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    if text.matches(RELEASE).count() == 1 {
        return Ok(text);
    }
    let message = format!("`{text}` must have `{RELEASE}` in it once");
    let hint = "it stands for what `uname -r` prints".to_owned();
    Err(value.refuse(ProblemCode::BadValue, message, Some(hint)))
}

/// Reads the directory that a build is pointed at.
///
/// A path that has neither the release nor the release without its flavour in it would be the same for
/// every kernel.
fn build(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let [release, base, flavour, machine] = BUILD_PLACEHOLDERS;
    let names = text.matches(release).count() + text.matches(base).count();
    if names != 1 {
        let message = format!("`{text}` must have `{release}` or `{base}` in it once");
        let hint = format!(
            "`{release}` is what `uname -r` prints, `{base}` the same without the flavour; \
             `{flavour}` and `{machine}` may stand beside them"
        );
        return Err(value.refuse(ProblemCode::BadValue, message, Some(hint)));
    }
    if is_plain_path(text.strip_prefix('/')) {
        return Ok(text);
    }
    let message = format!("`{text}` is not an absolute path without `.` and `..`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

fn glob(value: Value<'_>) -> Read<String> {
    Ok(value.glob()?.glob().to_owned())
}

/// Reads a glob of directories below the root of an unpacked package.
fn mount(value: Value<'_>) -> Read<String> {
    let glob = glob(value)?;
    if is_plain_path(Some(&glob)) {
        return Ok(glob);
    }
    let message = format!("`{glob}` is not a relative path without `.` and `..`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

fn is_plain_path(relative: Option<&str>) -> bool {
    relative.is_some_and(|path| path.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kernels")
    }

    fn problems(text: &str) -> String {
        let document =
            Document::from_bytes("kernels/debian-12.toml", text.as_bytes()).expect("text");
        document
            .decode(|table| read_facts(&document, table))
            .expect_err("problems")
            .to_string()
    }

    #[test]
    fn the_committed_facts_are_valid() {
        let all = read_all(&committed()).unwrap_or_else(|problems| panic!("{problems}"));
        let facts = find(&all, "debian-12").expect("debian-12");
        assert_eq!(facts.image.as_str(), "debian-12");
        assert!(
            facts
                .archives
                .iter()
                .all(|archive| !archive.keys.is_empty())
        );
        assert!(facts.archives[0].keyrings[0].is_absolute());
        let cloud = facts
            .kernel
            .flavours
            .iter()
            .find(|facts| facts.arch == Arch::Arm64 && facts.flavour.as_str() == "cloud");
        assert!(matches!(
            cloud.map(|facts| &facts.headers),
            Some(HeaderPackage::Named { ending, .. }) if ending == "-cloud-arm64"
        ));
        assert!(find(&all, "debian-1").is_none());
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        insta::assert_snapshot!(problems(
            r#"schema = 1
distro = "debian"
release = "13"
format = "apt"
image = "debian-12"
checked = 2026-11-30T00:00:00
checked-against = "hearsay"

[[archive]]
name = "debian"
component = "../main"
keys = ["B8B80B5B"]
keyrings = []
[[archive.suite]]
name = "bookworm"
[[archive.suite]]
name = "bookworm"
accept-expired = { until = 2027-01-01 }

[kernel]
headers = "linux-headers"
requires = "linux-headers-["
follow = "linux-kbuild-*"
mounts = ["/usr/src/*", "lib/../etc"]
build = "lib/modules/{release}/build"
[kernel.flavours.amd64]
generic = "-amd64"
other = "-amd64"
[kernel.flavours.sparc]
generic = "-sparc"
"#
        ));
    }

    #[test]
    fn a_build_directory_and_a_rewriting_say_which_kernel_they_mean() {
        let with = |build: &str, release: &str| {
            problems(&format!(
                "schema = 1\ndistro = \"arch\"\nrelease = \"1\"\nformat = \"pacman\"\n[kernel]\n\
                 build = \"{build}\"\n[kernel.flavours.amd64]\n\
                 x = {{ headers = \"h\", release = {release} }}\n"
            ))
        };
        let one = "{ from = '(.+)', to = '$1' }";
        let twice = "must have `{release}` or `{base}` in it once";
        for (build, release, problem) in [
            ("/usr/src/linux", one, twice),
            ("/usr/src/{release}/{base}", one, twice),
            ("/usr/src/{machine}/{flavour}", one, twice),
            ("/usr/../{base}", one, "is not an absolute path"),
            ("/usr/src/{base}", "[]", "`release` is an empty list"),
            ("/usr/src/{base}", "[1]", "`release`: expected a table"),
        ] {
            let told = with(build, release);
            assert!(told.contains(problem), "{build} {release}: {told}");
        }
        let told = with(
            "/usr/src/{base}-obj/{machine}/{flavour}",
            &format!("[{one}, {one}]"),
        );
        assert!(
            !told.contains("build") && !told.contains("`release`"),
            "{told}"
        );
    }

    #[test]
    fn a_folder_without_facts_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let problems = read_all(folder.path()).expect_err("nothing there");
        assert_eq!(
            problems.iter().next().map(|p| p.code),
            Some(ProblemCode::Empty)
        );
        let problems = read_all(&folder.path().join("x")).expect_err("no folder");
        assert_eq!(
            problems.iter().next().map(|p| p.code),
            Some(ProblemCode::Unreadable)
        );
    }
}

//! Reading `matrix/*.toml`.

use std::path::PathBuf;

use globset::Glob;

use crate::document::{Document, Placed, ProblemCode, Problems, Read, Table, Value, suggest};
use crate::matrix::definition::{
    Axis, Exclude, Include, KernelPick, KernelSelector, Latest, Matrix, ModuleEntry, Produces,
    TargetSelector,
};
use crate::matrix::needs::{self, Need};
use crate::matrix::recipe::{Recipe, read_recipe};
use crate::matrix::settings::{BuildSettings, PolicySettings, read_build, read_policy};
use crate::matrix::source::{read_declarations, read_source};
use crate::name::ModuleName;

/// The version of the file format that this program reads.
const SCHEMA: u32 = 1;

impl Matrix {
    /// Reads a matrix file, or returns every problem that it has.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        Self::from_document(&Document::read(path)?)
    }

    /// Reads a matrix from a file that is already in memory.
    pub fn from_document(document: &Document) -> Result<Self, Problems> {
        document.decode(|table| read_matrix(document, table))
    }
}

fn read_matrix(document: &Document, table: &Table<'_>) -> Read<Matrix> {
    let schema = table.schema(SCHEMA);
    let modules = read_modules(document, table);
    let names = modules.as_deref().map_or_else(
        |_| Names::Unknown,
        |modules| Names::Known(modules.iter().map(|module| &module.name).collect()),
    );
    let targets = table.or("target", Vec::new(), |value| {
        value.tables(|table| read_target(table, &names))
    });
    let includes = table.or("include", Vec::new(), |value| {
        value.tables(|table| read_include(table, &names))
    });
    let excludes = table.or("exclude", Vec::new(), |value| {
        value.tables(|table| read_exclude(table, &names))
    });
    let build = table.or("build", BuildSettings::default(), |value| {
        value.table(read_build)
    });
    let policy = table.or("policy", PolicySettings::default(), |value| {
        value.table(read_policy)
    });
    if let (Ok(targets), Ok(includes)) = (&targets, &includes)
        && targets.is_empty()
        && includes.is_empty()
    {
        let hint = "add a `[[target]]` with a `distro`, a `release` and an `arch`";
        let message = "the matrix asks for no kernel";
        return Err(table.refuse(ProblemCode::Empty, message, Some(hint.to_owned())));
    }
    schema?;
    Ok(Matrix {
        path: document.path().to_owned(),
        digest: document.digest(),
        modules: modules?,
        targets: targets?,
        includes: includes?,
        excludes: excludes?,
        build: build?,
        policy: policy?,
    })
}

fn read_modules(document: &Document, table: &Table<'_>) -> Read<Vec<ModuleEntry>> {
    let modules: Vec<ModuleEntry> = table.or("module", Vec::new(), |value| {
        let mut seen: Vec<Placed<ModuleName>> = Vec::new();
        let mut needs = Vec::new();
        let modules = value.tables(|table| read_module(document, table, &mut seen, &mut needs))?;
        needs::check(&modules, &needs)?;
        Ok(modules)
    })?;
    if !modules.is_empty() {
        return Ok(modules);
    }
    let hint = "add a `[[module]]` with a `name` and a `source`";
    let message = "the matrix has no module";
    Err(table.refuse(ProblemCode::Empty, message, Some(hint.to_owned())))
}

fn read_module<'d>(
    document: &Document,
    table: &Table<'d>,
    seen: &mut Vec<Placed<ModuleName>>,
    needs: &mut Vec<Need<'d>>,
) -> Read<ModuleEntry> {
    let name = table.required("name", |value| {
        let name: Placed<ModuleName> = value.placed(Value::parse)?;
        if let Some(first) = seen.iter().find(|first| **first == name) {
            let message = format!("a module `{name}` stands at {} already", first.place);
            return Err(value.refuse(ProblemCode::Duplicate, message, None));
        }
        seen.push(name.clone());
        Ok(name.value)
    });
    let source = table.required("source", |value| read_source(document, value));
    let closed_inputs = table.or("closed-inputs", Vec::new(), read_declarations);
    let produces = table.optional("produces", |value| value.one_or_list(Value::parse));
    let make = table.or("make", Vec::new(), |value| value.one_or_list(Value::parse));
    let recipe = table.or("recipe", Recipe::Kbuild, read_recipe);
    let needed = table.or("needs", Vec::new(), |value| {
        value.one_or_list(|value| {
            let needed: ModuleName = value.parse()?;
            if let Ok(by) = &name {
                needs.push(Need {
                    by: by.clone(),
                    needed: needed.clone(),
                    value,
                });
            }
            Ok(needed)
        })
    });
    let (produces, make, recipe) = (produces?, make?, recipe?);
    refuse_beside(table, &recipe, produces.is_some(), !make.is_empty())?;
    Ok(ModuleEntry {
        name: name?,
        source: source?,
        closed_inputs: closed_inputs?,
        produces: produces.map_or(Produces::AtLeastOne, Produces::Exactly),
        make,
        recipe,
        needs: needed?,
        place: table.place(),
    })
}

/// Refuses keys that the recipe has no use for.
fn refuse_beside(
    table: &Table<'_>,
    recipe: &Recipe,
    has_produces: bool,
    has_make: bool,
) -> Read<()> {
    let (message, hint) = match recipe {
        Recipe::Kbuild => return Ok(()),
        Recipe::Dkms | Recipe::Command { .. } if has_make => (
            "`make` gives variables to the recipe `kbuild`, and to no other",
            "write them where the command is: in `dkms.conf`, or in `command`",
        ),
        Recipe::Command { modules, .. } if has_produces && !modules.is_empty() => (
            "`produces` and the recipe's `modules` both say what is made",
            "keep `modules`",
        ),
        Recipe::Dkms | Recipe::Command { .. } => return Ok(()),
    };
    Err(table.refuse(ProblemCode::Conflict, message, Some(hint.to_owned())))
}

fn read_target(table: &Table<'_>, names: &Names<'_>) -> Read<TargetSelector> {
    let distro = table.required("distro", |value| value.placed(Value::parse));
    let distro_releases = table.required("release", placed_list(Value::parse));
    let archs = table.required("arch", placed_list(Value::parse));
    let flavours = axis(table, "flavour", Value::parse);
    let everything = KernelSelector {
        pick: KernelPick::Every,
        latest: Latest::All,
    };
    let kernels = table.or("kernel", everything, |value| value.table(read_selector));
    let modules = axis(table, "modules", |value| names.read(value));
    Ok(TargetSelector {
        distro: distro?,
        distro_releases: distro_releases?,
        archs: archs?,
        flavours: flavours?,
        kernels: kernels?,
        modules: modules?,
        place: table.place(),
    })
}

fn read_selector(table: &Table<'_>) -> Read<KernelSelector> {
    let series = table.optional("series", placed_list(Value::parse));
    let release = table.optional("release", placed_list(Value::parse));
    let glob = table.optional("glob", placed_list(Value::glob));
    let latest = table.optional("latest", Value::positive);
    let (series, release, glob, latest) = (series?, release?, glob?, latest?);
    if release.is_some() && latest.is_some() {
        let message = "`latest` cannot stand beside `release`, which names kernels one by one";
        return Err(table.refuse(ProblemCode::Conflict, message, None));
    }
    let pick = match (series, release, glob) {
        (None, None, None) => KernelPick::Every,
        (Some(series), None, None) => KernelPick::Series(series),
        (None, Some(releases), None) => KernelPick::Release(releases),
        (None, None, Some(globs)) => KernelPick::Glob(globs),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            let message = "`series`, `release` and `glob` exclude each other";
            let hint = "write one `[[target]]` for each";
            return Err(table.refuse(ProblemCode::Conflict, message, Some(hint.to_owned())));
        }
    };
    Ok(KernelSelector {
        pick,
        latest: latest.map_or(Latest::All, Latest::Newest),
    })
}

fn read_include(table: &Table<'_>, names: &Names<'_>) -> Read<Include> {
    let distro = table.required("distro", |value| value.placed(Value::parse));
    let distro_release = table.required("release", |value| value.placed(Value::parse));
    let arch = table.required("arch", |value| value.placed(Value::parse));
    let kernels = table.required("kernel", placed_list(Value::parse));
    let modules = axis(table, "modules", |value| names.read(value));
    Ok(Include {
        distro: distro?,
        distro_release: distro_release?,
        arch: arch?,
        kernels: kernels?,
        modules: modules?,
        place: table.place(),
    })
}

fn read_exclude(table: &Table<'_>, names: &Names<'_>) -> Read<Exclude> {
    let distros = axis(table, "distro", Value::parse);
    let distro_releases = axis(table, "release", Value::parse);
    let archs = axis(table, "arch", Value::parse);
    let flavours = axis(table, "flavour", Value::parse);
    let kernels: Read<Axis<Glob>> = axis(table, "kernel", Value::glob);
    let series = axis(table, "series", Value::parse);
    let modules = axis(table, "module", |value| names.read(value));
    let reason = table.required("reason", Value::text);
    let ticket = table.optional("ticket", Value::text);
    let expires = table.optional("expires", Value::date);
    let exclude = Exclude {
        distros: distros?,
        distro_releases: distro_releases?,
        archs: archs?,
        flavours: flavours?,
        kernels: kernels?,
        series: series?,
        modules: modules?,
        reason: reason?,
        ticket: ticket?,
        expires: expires?,
        place: table.place(),
    };
    if exclude.is_narrow() {
        return Ok(exclude);
    }
    let message = "an exclude that names nothing would exclude everything";
    let hint = "name a `distro`, `release`, `arch`, `flavour`, `kernel`, `series` or `module`";
    Err(table.refuse(ProblemCode::Empty, message, Some(hint.to_owned())))
}

impl Exclude {
    /// Returns true if at least one axis is narrowed.
    fn is_narrow(&self) -> bool {
        !(self.distros.written().is_empty()
            && self.distro_releases.written().is_empty()
            && self.archs.written().is_empty()
            && self.flavours.written().is_empty()
            && self.kernels.written().is_empty()
            && self.series.written().is_empty()
            && self.modules.written().is_empty())
    }
}

/// The modules that a matrix has, for those who refer to one.
enum Names<'m> {
    Known(Vec<&'m ModuleName>),
    /// The modules have problems of their own, which are enough.
    Unknown,
}

impl Names<'_> {
    fn read(&self, value: Value<'_>) -> Read<ModuleName> {
        let name: ModuleName = value.parse()?;
        match self {
            Self::Known(names) if !names.contains(&&name) => {
                let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                let message = format!("the matrix has no module `{name}`");
                let hint = suggest(name.as_str(), &known);
                Err(value.refuse(ProblemCode::BadValue, message, Some(hint)))
            }
            Self::Known(_) | Self::Unknown => Ok(name),
        }
    }
}

/// Reads one value or a list, each with its place.
fn placed_list<'d, T: PartialEq + std::fmt::Display>(
    mut read: impl FnMut(Value<'d>) -> Read<T>,
) -> impl FnOnce(Value<'d>) -> Read<Vec<Placed<T>>> {
    move |value| value.one_or_list(|value| value.placed(&mut read))
}

/// Reads one axis; a key that is absent stands for every value.
fn axis<'d, T: PartialEq + std::fmt::Display>(
    table: &Table<'d>,
    key: &'static str,
    read: impl FnMut(Value<'d>) -> Read<T>,
) -> Read<Axis<T>> {
    Ok(table.optional(key, placed_list(read))?.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::document::ByteSize;
    use crate::matrix::{CommandLine, RequiredTier};
    use crate::source::WantedSource;

    const MODULE: &str = "schema = 1\n[[module]]\nname = 'm'\nsource = '../m'\n";
    const TARGET: &str = "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n";

    fn read(text: &str) -> Result<Matrix, Problems> {
        let document = Document::from_bytes("matrix/nightly.toml", text.as_bytes())?;
        Matrix::from_document(&document)
    }

    fn problems(text: &str) -> String {
        read(text).expect_err("problems").to_string()
    }

    #[test]
    fn the_smallest_matrix_has_every_default() {
        let matrix = read(&format!("{MODULE}{TARGET}")).expect("valid");
        assert_eq!(matrix.build, BuildSettings::default());
        assert_eq!(matrix.policy, PolicySettings::default());
        assert_eq!(
            matrix.modules[0].source,
            WantedSource::Directory(PathBuf::from("matrix/../m"))
        );
        assert_eq!(matrix.modules[0].produces, Produces::AtLeastOne);
        let target = &matrix.targets[0];
        assert_eq!((target.place.line, target.place.column), (5, 1));
        assert!(matches!(target.kernels.pick, KernelPick::Every));
        assert_eq!(target.kernels.latest, Latest::All);
        assert_eq!(target.flavours, Axis::Every);
    }

    #[test]
    fn the_reference_file_is_valid_and_shows_every_key() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("matrix/reference.toml");
        let matrix = Matrix::read(path).unwrap_or_else(|problems| panic!("{problems}"));
        let chosen = BuildSettings {
            hold: [crate::variation::Axis::Terminal].into(),
            vary: [crate::variation::Axis::Clock].into(),
            ..BuildSettings::default()
        };
        assert_eq!(
            matrix.build, chosen,
            "defaults are shown, but for the lists"
        );
        assert_eq!(matrix.build.limits.memory.to_string(), "2GiB");
        assert_eq!(matrix.policy.require, Some(RequiredTier::Constrained));
        assert_eq!(matrix.policy.stale_after, Duration::from_secs(30 * 86_400));
        assert_eq!(matrix.build.limits.disk, ByteSize::mebibytes(1024));
        assert!(!matrix.includes.is_empty() && !matrix.excludes.is_empty());
    }

    #[test]
    fn recipes_and_needs_are_read() {
        let module = |more: &str| {
            let text = format!("{MODULE}{more}\n{TARGET}");
            let matrix = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
            matrix.modules[0].recipe.clone()
        };
        assert_eq!(module(""), Recipe::Kbuild);
        assert_eq!(module("recipe = 'kbuild'"), Recipe::Kbuild);
        assert_eq!(module("recipe = 'dkms'"), Recipe::Dkms);
        assert_eq!(
            module("recipe = { command = ['make', '-C', 'a', '-C', 'a'] }"),
            Recipe::Command {
                line: CommandLine::Words(
                    ["make", "-C", "a", "-C", "a"].map(str::to_owned).to_vec()
                ),
                modules: Vec::new(),
            }
        );
        assert_eq!(
            module("recipe = { command = 'make', modules = 'out/a.ko' }"),
            Recipe::Command {
                line: CommandLine::Shell("make".to_owned()),
                modules: vec!["out/a.ko".parse().expect("a path")],
            }
        );
    }

    #[test]
    fn recipes_that_there_are_not_are_refused() {
        insta::assert_snapshot!(problems(
            r#"schema = 1

[[module]]
name = "a"
source = "a"
recipe = "dmks"

[[module]]
name = "b"
source = "b"
recipe = "dkms"
make = "V=1"

[[module]]
name = "c"
source = "c"
recipe = { command = [], module = "c.ko" }

[[module]]
name = "d"
source = "d"
recipe = { command = "make", modules = "d.ko" }
produces = "d.ko"

[[target]]
distro = "debian"
release = "12"
arch = "amd64"
"#
        ));
    }

    #[test]
    fn needs_that_nothing_can_meet_are_refused() {
        insta::assert_snapshot!(problems(
            r#"schema = 1

[[module]]
name = "first"
source = "first"
needs = ["second", "thrid"]

[[module]]
name = "second"
source = "second"
needs = ["third", "fourth"]

[[module]]
name = "third"
source = "third"
needs = ["first"]

[[module]]
name = "fourth"
source = "fourth"
needs = "fourth"

[[target]]
distro = "debian"
release = "12"
arch = "amd64"
"#
        ));
    }

    #[test]
    fn the_quick_start_is_valid() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("matrix/quickstart.toml");
        let matrix = Matrix::read(path).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(matrix.modules[0].name.as_str(), "workload-identity");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        insta::assert_snapshot!(problems(
            r#"schema = 1

[[module]]
name = "workload-identity"
source = ""
produces = ["workload_identity.o"]
make = ["V=1", "CC=clang"]

[[module]]
name = "workload-identity"
source = "x"

[[target]]
distro = "debian"
release = 12
arch = ["amd64", "amd46"]
kernel = { sereis = ["6.1"], latest = 0 }

[[target]]
distro = "debian"
release = "12"
arch = "amd64"
kernel = { series = "6.1", glob = "6.[" }

[[exclude]]
arch = "arm64"
reason = " "
expires = "2027-03-01"

[[exclude]]
reason = "everything"

[build]
memory = "2GB"
time = "10"

[policy]
require = "irreproducible"
stale-after = "30 moons"
fail-when-stale = "no"
"#
        ));
    }

    #[test]
    fn modules_that_the_matrix_does_not_have_are_named() {
        insta::assert_snapshot!(problems(&format!("{MODULE}{TARGET}modules = ['m', 'n']\n")));
    }

    #[test]
    fn a_matrix_without_modules_or_kernels_is_refused() {
        insta::assert_snapshot!(problems("schema = 1\n"));
    }

    #[test]
    fn selectors_that_exclude_each_other_are_refused() {
        for kernel in [
            "{ series = '6.1', release = '6.1.0-1-amd64' }",
            "{ series = '6.1', glob = '6.*' }",
            "{ release = '6.1.0-1-amd64', glob = '6.*' }",
            "{ release = '6.1.0-1-amd64', latest = 1 }",
        ] {
            let problems = read(&format!("{MODULE}{TARGET}kernel = {kernel}\n")).expect_err(kernel);
            let codes: Vec<ProblemCode> = problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, [ProblemCode::Conflict], "{kernel}");
        }
    }

    #[test]
    fn an_unknown_schema_is_refused() {
        let text = format!("{MODULE}{TARGET}").replace("schema = 1", "schema = 2");
        insta::assert_snapshot!(problems(&text));
    }
}

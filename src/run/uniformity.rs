//! How alike a module is over all kernels that it was built for: what is the same everywhere, what the
//! kernels make different, and what else is different. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::ko::Section;
use crate::name::{CellId, ModuleName};
use crate::outcome::{BuiltModule, options};
use crate::recipe::{BuildSpec, CellInputs, toolchain};
use crate::run::Assessment;
use crate::run::commands::of_attempt;

/// What a cell has instead of a value that others have.
const NONE: &str = "none";
/// What stands for a value whose bytes the store has no longer.
const GONE: &str = "not in the store";

/// One module over its cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uniformity {
    pub module: ModuleName,
    /// How many cells were compared.
    pub cells: usize,
    /// Those without modules, which nothing can be compared of.
    pub not_compared: Vec<CellId>,
    /// In the order of the aspects, then of what they are of.
    pub findings: Vec<Uniform>,
}

/// One thing that was compared over all cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uniform {
    pub aspect: Aspect,
    /// The module file or the variable, where there may be several.
    pub of: Option<String>,
    pub cause: Cause,
    /// Each value with the cells that have it, the most frequent first.
    pub sides: Vec<Side>,
}

/// One value, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub value: String,
    pub cells: Vec<CellId>,
}

/// Where a difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// There is none.
    Same,
    /// From the kernels and their architectures alone.
    Kernel,
    /// From something else, or nobody can tell.
    Other,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The digest of the source tree.
    Source,
    /// Those of the modules that it needs.
    NeededSources,
    /// How it is built.
    Recipe,
    /// The make variables that the matrix gives.
    MakeVariables,
    /// What every build is told of its architecture.
    Architecture,
    /// A variable of the reference's environment, `KCFLAGS` among them.
    Environment,
    /// What the kernel's makefiles tell the compiler for every module.
    KernelOptions,
    /// What the module's own tell it beside.
    OwnOptions,
    /// The module files that were made.
    Files,
    Srcversion,
    License,
    Depends,
    Compiler,
    Vermagic,
    /// The CRCs of the symbols that a module uses.
    SymbolVersions,
}

impl Aspect {
    /// Returns the words for people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::NeededSources => "sources of needed modules",
            Self::Recipe => "recipe",
            Self::MakeVariables => "make variables of the matrix",
            Self::Architecture => "architecture's variables",
            Self::Environment => "environment",
            Self::KernelOptions => "kernel's compiler options",
            Self::OwnOptions => "module's own compiler options",
            Self::Files => "files",
            Self::Srcversion => "srcversion",
            Self::License => "license",
            Self::Depends => "depends",
            Self::Compiler => "compiler",
            Self::Vermagic => "vermagic",
            Self::SymbolVersions => "symbol versions",
        }
    }

    /// Says where it comes from that cells have different values. `matches` is true if each of them
    /// has what its kernel asks for, where a kernel does.
    fn cause(self, of: Option<&str>, sides: &[Side], matches: bool) -> Cause {
        if sides.len() < 2 {
            return Cause::Same;
        }
        let is_known = !sides.iter().any(|side| side.value == GONE);
        let from_kernel = match self {
            Self::Architecture | Self::Depends | Self::Vermagic => true,
            Self::SymbolVersions | Self::KernelOptions => is_known,
            Self::Compiler => matches,
            // Whether there is one at all is an option of the kernel (`CONFIG_MODULE_SRCVERSION_ALL`).
            Self::Srcversion => sides.iter().filter(|side| side.value != NONE).count() == 1,
            // Only kernels without symbols need it.
            Self::Environment => of == Some("KBUILD_MODPOST_WARN") && is_known,
            Self::Source
            | Self::NeededSources
            | Self::Recipe
            | Self::MakeVariables
            | Self::OwnOptions
            | Self::Files
            | Self::License => false,
        };
        if from_kernel {
            Cause::Kernel
        } else {
            Cause::Other
        }
    }
}

/// One value of one cell.
struct Observed {
    aspect: Aspect,
    of: Option<String>,
    value: String,
    /// False if the cell's kernel asks for another value, or nobody knows.
    matches: bool,
}

impl Observed {
    fn new(aspect: Aspect, of: Option<&str>, value: impl Into<String>) -> Self {
        Self {
            aspect,
            of: of.map(str::to_owned),
            value: value.into(),
            matches: true,
        }
    }
}

/// Compares the reference builds of every module over their cells, modules in order. `spec` reads a
/// build spec, `commands` the text of an attempt's commands, and `sections` those of a module; `None` if
/// the store has it no longer.
pub fn uniformity(
    assessments: &[Assessment],
    spec: impl Fn(&Sha256Digest) -> Option<BuildSpec>,
    commands: impl Fn(&Sha256Digest) -> Option<Vec<u8>>,
    sections: impl Fn(&Sha256Digest) -> Option<Vec<Section>>,
) -> Vec<Uniformity> {
    let mut by_module: BTreeMap<&ModuleName, Vec<&Assessment>> = BTreeMap::new();
    for assessment in assessments {
        let module = &assessment.cell.id.module;
        by_module.entry(module).or_default().push(assessment);
    }
    by_module
        .into_iter()
        .map(|(module, cells)| {
            let (built, others): (Vec<&Assessment>, Vec<&Assessment>) =
                (cells.iter()).partition(|cell| !cell.modules().is_empty());
            let observed: Vec<(&CellId, Vec<Observed>)> = built
                .iter()
                .map(|assessment| {
                    let mut values = of_inputs(&assessment.cell.inputs);
                    values.extend(of_environment(assessment, &spec));
                    values.extend(of_commands(assessment, &commands));
                    values.extend(of_modules(assessment, &sections));
                    (&assessment.cell.id, values)
                })
                .collect();
            Uniformity {
                module: module.clone(),
                cells: built.len(),
                not_compared: others.iter().map(|cell| cell.cell.id.clone()).collect(),
                findings: compared(&observed),
            }
        })
        .collect()
}

fn compared(cells: &[(&CellId, Vec<Observed>)]) -> Vec<Uniform> {
    let mut keys: BTreeMap<(Aspect, Option<&str>), Vec<Side>> = BTreeMap::new();
    let all = cells.iter().flat_map(|(_, values)| values);
    for value in all {
        keys.entry((value.aspect, value.of.as_deref())).or_default();
    }
    keys.into_iter()
        .map(|((aspect, of), mut sides)| {
            let mut matches = true;
            for (cell, values) in cells {
                let mut values = values.iter();
                let found = values.find(|v| v.aspect == aspect && v.of.as_deref() == of);
                let value = found.map_or(NONE, |observed| observed.value.as_str());
                matches &= found.is_some_and(|observed| observed.matches);
                match sides.iter_mut().find(|side| side.value == value) {
                    Some(side) => side.cells.push(CellId::clone(cell)),
                    None => sides.push(Side {
                        value: value.to_owned(),
                        cells: vec![CellId::clone(cell)],
                    }),
                }
            }
            sides.sort_by(|a, b| {
                let by_count = b.cells.len().cmp(&a.cells.len());
                by_count.then_with(|| a.value.cmp(&b.value))
            });
            Uniform {
                cause: aspect.cause(of, &sides, matches),
                aspect,
                of: of.map(str::to_owned),
                sides,
            }
        })
        .collect()
}

fn of_inputs(inputs: &CellInputs) -> Vec<Observed> {
    let recipe = serde_json::to_string(&(&inputs.built_by, &inputs.produces))
        .expect("plain values serialise");
    let needed: Vec<String> = inputs
        .needed
        .iter()
        .map(|needed| format!("{} {}", needed.module, needed.source_tree))
        .collect();
    let architecture = match &inputs.cross {
        Some(prefix) => format!("{}, with {prefix}", inputs.target.arch),
        None => inputs.target.arch.to_string(),
    };
    vec![
        Observed::new(Aspect::Source, None, inputs.source_tree.to_string()),
        Observed::new(Aspect::NeededSources, None, listed(&needed)),
        Observed::new(Aspect::Recipe, None, recipe),
        Observed::new(Aspect::MakeVariables, None, listed(&inputs.make)),
        Observed::new(Aspect::Architecture, None, architecture),
    ]
}

fn of_environment(
    assessment: &Assessment,
    spec: &impl Fn(&Sha256Digest) -> Option<BuildSpec>,
) -> Vec<Observed> {
    let mut attempts = assessment.attempts.iter();
    let reference = attempts.find(|attempt| attempt.number == 0);
    match reference.and_then(|attempt| spec(&attempt.spec)) {
        Some(spec) => (spec.environment.iter())
            .map(|(name, value)| Observed::new(Aspect::Environment, Some(name), value))
            .collect(),
        None => vec![Observed::new(Aspect::Environment, Some("KCFLAGS"), GONE)],
    }
}

/// Returns what the compiler was told, by the commands that the reference left: the kernel's part by
/// its digest, since it is long and another for each.
fn of_commands(
    assessment: &Assessment,
    read: &impl Fn(&Sha256Digest) -> Option<Vec<u8>>,
) -> Vec<Observed> {
    let mut attempts = assessment.attempts.iter();
    let reference = attempts.find(|attempt| attempt.number == 0);
    let told = reference.and_then(|attempt| {
        let text = read(&attempt.commands.as_ref()?.text)?;
        options(&of_attempt(attempt, &text))
    });
    let (kernel, own) = match told {
        Some(told) => {
            let digest = Sha256Digest::of(told.kernel.join("\n").as_bytes());
            let (count, digest) = (told.kernel.len(), digest.short());
            (format!("{count} options, {digest}"), listed(&told.own))
        }
        None => (GONE.to_owned(), GONE.to_owned()),
    };
    vec![
        Observed::new(Aspect::KernelOptions, None, kernel),
        Observed::new(Aspect::OwnOptions, None, own),
    ]
}

fn of_modules(
    assessment: &Assessment,
    sections: &impl Fn(&Sha256Digest) -> Option<Vec<Section>>,
) -> Vec<Observed> {
    let modules = assessment.modules();
    let files: Vec<String> = modules.iter().map(|module| module.path.clone()).collect();
    let mut attempts = assessment.attempts.iter();
    let reference = attempts.find(|attempt| attempt.number == 0);
    let recorded = reference.and_then(|attempt| attempt.toolchain.compiler.as_deref());
    let mut values = vec![Observed::new(Aspect::Files, None, listed(&files))];
    for module in modules {
        let facts = &module.facts;
        let at = Some(module.path.as_str());
        for (aspect, value) in [
            (Aspect::Srcversion, &facts.srcversion),
            (Aspect::License, &facts.license),
            (Aspect::Depends, &facts.depends),
            (Aspect::Vermagic, &facts.vermagic),
        ] {
            let value = value.as_deref().map_or(NONE, str::trim_end);
            let value = if value.is_empty() { NONE } else { value };
            values.push(Observed::new(aspect, at, value));
        }
        let is_the_kernels = |comment: &String| {
            recorded.is_some_and(|recorded| toolchain::comment_matches(comment, recorded))
        };
        let compiler = Observed::new(Aspect::Compiler, at, listed(&facts.compilers));
        values.push(Observed {
            matches: !facts.compilers.is_empty() && facts.compilers.iter().all(is_the_kernels),
            ..compiler
        });
        let versions = symbol_versions(module, sections);
        values.push(Observed::new(Aspect::SymbolVersions, at, versions));
    }
    values
}

/// Returns a digest of the sections with symbol versions (Linux, `include/linux/module.h`,
/// `struct modversion_info`; since 6.14 also the extended ones, `kernel/module/version.c`).
fn symbol_versions(
    module: &BuiltModule,
    sections: &impl Fn(&Sha256Digest) -> Option<Vec<Section>>,
) -> String {
    let Some(sections) = sections(&module.digest) else {
        return GONE.to_owned();
    };
    let digests: Vec<String> = sections
        .iter()
        .filter(|section| {
            let name = section.name.as_str();
            name == "__versions" || name.starts_with("__version_ext_")
        })
        .map(|section| section.digest.short())
        .collect();
    listed(&digests)
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        NONE.to_owned()
    } else {
        values.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kernel: &str) -> CellId {
        format!("debian-12/amd64/{kernel}=1/m")
            .parse()
            .expect("an id")
    }

    /// Compares cells that have these values of one aspect, and whether their kernels ask for them.
    fn cause(aspect: Aspect, of: Option<&str>, values: &[(&str, bool)]) -> Cause {
        let ids: Vec<CellId> = (0..values.len()).map(|n| id(&format!("6.1.{n}"))).collect();
        let observed: Vec<(&CellId, Vec<Observed>)> = ids
            .iter()
            .zip(values)
            .map(|(id, (value, matches))| {
                let value = Observed::new(aspect, of, *value);
                (
                    id,
                    vec![Observed {
                        matches: *matches,
                        ..value
                    }],
                )
            })
            .collect();
        let found = compared(&observed);
        assert_eq!(found.len(), 1);
        let cells: usize = found[0].sides.iter().map(|side| side.cells.len()).sum();
        assert_eq!(cells, values.len(), "every cell is on a side");
        found[0].cause
    }

    #[test]
    fn differences_come_from_the_kernel_where_only_a_kernel_can_make_them() {
        use {Aspect as A, Cause as C};
        let (a, b, none, gone) = (("a", true), ("b", true), (NONE, true), (GONE, true));
        for (aspect, of, values, expected) in [
            (A::Source, None, &[a, a][..], C::Same),
            (A::Source, None, &[a, b], C::Other),
            (A::MakeVariables, None, &[a, none], C::Other),
            (A::Architecture, None, &[a, b], C::Kernel),
            (A::Environment, Some("KCFLAGS"), &[a, b], C::Other),
            (A::Environment, Some("KCFLAGS"), &[a, gone], C::Other),
            (
                A::Environment,
                Some("KBUILD_MODPOST_WARN"),
                &[a, none],
                C::Kernel,
            ),
            (A::KernelOptions, None, &[a, b], C::Kernel),
            (A::KernelOptions, None, &[a, gone], C::Other),
            (A::OwnOptions, None, &[a, b], C::Other),
            (A::OwnOptions, None, &[a, a], C::Same),
            (A::Files, None, &[a, b], C::Other),
            (A::Srcversion, Some("m.ko"), &[a, a, a], C::Same),
            (A::Srcversion, Some("m.ko"), &[a, none, a], C::Kernel),
            (A::Srcversion, Some("m.ko"), &[a, b], C::Other),
            (A::Srcversion, Some("m.ko"), &[a, b, none], C::Other),
            (A::License, Some("m.ko"), &[a, b], C::Other),
            (A::Vermagic, Some("m.ko"), &[a, b], C::Kernel),
            (A::SymbolVersions, Some("m.ko"), &[a, b], C::Kernel),
            (A::SymbolVersions, Some("m.ko"), &[a, gone], C::Other),
            (A::Compiler, Some("m.ko"), &[a, b], C::Kernel),
            (A::Compiler, Some("m.ko"), &[a, ("b", false)], C::Other),
        ] {
            assert_eq!(cause(aspect, of, values), expected, "{aspect:?} {values:?}");
        }
    }

    #[test]
    fn a_cell_that_lacks_a_value_is_on_a_side_of_its_own() {
        let ids = [id("6.1.1"), id("6.1.2"), id("6.1.3")];
        let set = |value: &str| vec![Observed::new(Aspect::Environment, Some("X"), value)];
        let observed = [
            (&ids[0], Vec::new()),
            (&ids[1], set("1")),
            (&ids[2], set("1")),
        ];
        let found = compared(&observed);
        let sides: Vec<(&str, &[CellId])> = found[0]
            .sides
            .iter()
            .map(|side| (side.value.as_str(), &side.cells[..]))
            .collect();
        assert_eq!(sides, [("1", &ids[1..]), (NONE, &ids[..1])]);
    }
}

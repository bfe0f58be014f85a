//! The parameters of a build under [`BUILD_TYPE`](crate::definition::BUILD_TYPE): what was asked for from
//! outside, and what this program makes of it in every attempt alike. `docs/attestations.md` explains
//! each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::name::{CellId, ModuleName, Target};
use crate::recipe::toolchain::KernelToolchain;
use crate::recipe::{BuildSpec, BuiltBy, Expected, Input, Limits, Preparation};
use crate::source::Origin;
use crate::variation::Axis;

/// The variables of a build's environment that no variation changes.
const FIXED: [&str; 7] = [
    "KBUILD_BUILD_HOST",
    "KBUILD_BUILD_TIMESTAMP",
    "KBUILD_BUILD_USER",
    "KBUILD_MODPOST_WARN",
    "SHELL",
    "SOURCE_DATE_EPOCH",
    "TMPDIR",
];

/// What whoever wrote the matrix asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct External<'a> {
    cell: &'a CellId,
    target: &'a Target,
    module: Asked<'a>,
    /// The modules that are built before it, in their order.
    needs: Vec<Asked<'a>>,
    rebuilds: AskedRebuilds<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preparation: Option<&'a Preparation>,
}

/// One module as the matrix has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    name: &'a ModuleName,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<AskedSource<'a>>,
    #[serde(flatten)]
    recipe: &'a BuiltBy,
    make: &'a [String],
    needs: &'a [ModuleName],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    produces: &'a [String],
}

/// Where a source was to be taken from. A path of the machine that built is nobody else's business, and
/// is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedSource<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedRebuilds<'a> {
    at_least: u32,
    axes: Vec<&'a Axis>,
}

/// What is the same in every attempt, whatever it varies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Internal<'a> {
    /// The version of the recipe.
    recipe: u32,
    /// The digest of the cell's inputs.
    inputs: Sha256Digest,
    spec: InvariantSpec<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross: Option<&'a str>,
    build_directory: &'a str,
    /// What the kernel's headers say of the tools that it was built with.
    kernel_toolchain: &'a KernelToolchain,
    /// What the engine said afterwards of the container.
    observed: ObservedParts,
}

/// The parts of a build spec that no variation changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InvariantSpec<'a> {
    schema_version: u32,
    image: Sha256Digest,
    inputs: BTreeSet<Input>,
    /// The digest of the script that the container runs.
    script: Sha256Digest,
    environment: BTreeMap<&'a str, &'a str>,
    limits: &'a Limits,
    expected: &'a Expected,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObservedParts {
    image: Option<Sha256Digest>,
    sealed: Option<bool>,
}

/// Returns what was asked for from outside.
pub(super) fn external(cell: &CellRecord) -> Map<String, Value> {
    let inputs = &cell.inputs;
    let needs = inputs.needed.iter().map(|needed| Asked {
        name: &needed.module,
        source: cell
            .needed_sources
            .get(&needed.module)
            .map(|source| asked_source(&source.origin)),
        recipe: &needed.built_by,
        make: &needed.make,
        needs: &needed.needs,
        produces: &[],
    });
    object(&External {
        cell: &cell.id,
        target: &inputs.target,
        module: Asked {
            name: &inputs.module,
            source: Some(asked_source(&cell.source.origin)),
            recipe: &inputs.built_by,
            make: &inputs.make,
            needs: &inputs.needs,
            produces: &inputs.produces,
        },
        needs: needs.collect(),
        rebuilds: AskedRebuilds {
            at_least: cell.rebuilds,
            axes: cell.axes.iter().collect(),
        },
        preparation: inputs.prepared.as_ref(),
    })
}

/// Returns what an attempt has in common with every other one of its cell.
pub(super) fn internal(
    cell: &CellRecord,
    attempt: &AttemptRecord,
    spec: &BuildSpec,
) -> Map<String, Value> {
    let observed = attempt.observed.as_ref();
    object(&Internal {
        recipe: cell.inputs.recipe,
        inputs: cell.inputs.digest(),
        spec: invariant(spec),
        cross: cell.inputs.cross.as_deref(),
        build_directory: &cell.inputs.build_directory,
        kernel_toolchain: &attempt.toolchain,
        observed: ObservedParts {
            image: observed.and_then(|observed| observed.image),
            sealed: observed.map(|observed| observed.is_sealed()),
        },
    })
}

fn asked_source(origin: &Origin) -> AskedSource<'_> {
    let (kind, repository) = match origin {
        Origin::Directory => ("directory", None),
        Origin::Git { repository, .. } => {
            let is_url = repository.contains("://") && !repository.starts_with("file://");
            ("git", is_url.then_some(repository.as_str()))
        }
        Origin::Tarball { .. } => ("tarball", None),
        Origin::Package { .. } => ("package", None),
        Origin::Dsc { .. } => ("dsc", None),
        Origin::SourceRpm { .. } => ("source-rpm", None),
    };
    AskedSource {
        kind,
        repository,
        path: origin.path(),
    }
}

fn invariant(spec: &BuildSpec) -> InvariantSpec<'_> {
    // Headers that were moved stand at their own place as well, and have to be the same in both.
    let root = &spec.variation.header_root;
    let in_place = |input: &Input| Input {
        at: match input.at.strip_prefix(root.as_str()) {
            Some(path) if !root.is_empty() => path.to_owned(),
            Some(_) | None => input.at.clone(),
        },
        tree: input.tree,
    };
    let fixed = FIXED.iter().filter_map(|name| {
        let value = spec.environment.get(*name)?;
        Some((*name, value.as_str()))
    });
    InvariantSpec {
        schema_version: spec.schema_version,
        image: spec.image,
        inputs: spec.inputs.iter().map(in_place).collect(),
        // The shell, `-c`, and then the script; what follows are the steps, with what varies in them.
        script: Sha256Digest::of(spec.command.get(2).map_or(&[], |script| script.as_bytes())),
        environment: fixed.collect(),
        limits: &spec.limits,
        expected: &spec.expected,
    }
}

/// Returns a value as a JSON object.
pub(crate) fn object(value: &impl Serialize) -> Map<String, Value> {
    let bytes = serde_json::to_vec(value).expect("plain values serialise");
    serde_json::from_slice(&bytes).expect("it is an object")
}

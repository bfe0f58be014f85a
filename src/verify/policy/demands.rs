//! Reading what a policy asks of modules.

use std::collections::BTreeSet;

use super::file::matcher;
use super::model::{AllowedParameter, AllowedSource, Class, Expected, LeastVersion, Requirement};
use super::parameters;
use crate::attest::{BUILD_TYPE, PredicateType};
use crate::document::{self, ProblemCode, Read, Table, Value};
use crate::label::Tier;

pub(super) fn default_requirement() -> (Requirement, BTreeSet<Expected>) {
    let requirement = Requirement {
        tier: Tier::Constrained,
        independent_rebuilders: 0,
        maximum_age: None,
        fresh_image: false,
        history: false,
        statements: default_statements(),
    };
    (requirement, default_expects())
}

fn default_statements() -> BTreeSet<PredicateType> {
    BTreeSet::from([
        PredicateType::Provenance,
        PredicateType::RebuildComparison,
        PredicateType::Summary,
    ])
}

fn default_expects() -> BTreeSet<Expected> {
    BTreeSet::from([Expected::Kernel, Expected::Arch])
}

pub(super) fn require(table: &Table<'_>) -> Read<(Requirement, BTreeSet<Expected>)> {
    let tier = table.or("tier", Tier::Constrained, Value::parse);
    let independent = table.or("independent-rebuilders", 0, Value::count);
    let maximum_age = table.optional("max-age", Value::duration);
    let fresh_image = table.or("fresh-image", false, Value::boolean);
    let history = table.or("history", false, Value::boolean);
    let statements = table.or("statements", default_statements(), |value| {
        let kinds: BTreeSet<PredicateType> = value.one_or_list(Value::parse)?.into_iter().collect();
        if kinds.contains(&PredicateType::Provenance) {
            return Ok(kinds);
        }
        let message = "`statements` must have `provenance`";
        let hint = "without provenance, nothing leads from a module to who built it from what";
        Err(value.refuse(ProblemCode::BadValue, message, Some(hint.to_owned())))
    });
    let expects = table.or("expect", default_expects(), |value| {
        if value.is_empty_list() {
            return Ok(BTreeSet::new());
        }
        Ok(value.one_or_list(Value::parse)?.into_iter().collect())
    });
    let requirement = Requirement {
        tier: tier?,
        independent_rebuilders: independent?,
        maximum_age: maximum_age?,
        fresh_image: fresh_image?,
        history: history?,
        statements: statements?,
    };
    Ok((requirement, expects?))
}

pub(super) fn build_types(table: &Table<'_>) -> Read<BTreeSet<String>> {
    let types = table.required("types", |value| value.one_or_list(Value::text))?;
    Ok(types.into_iter().collect())
}

pub(super) fn default_build_types() -> BTreeSet<String> {
    BTreeSet::from([BUILD_TYPE.to_owned()])
}

/// Reads one `[[parameter]]`. Where only this program's build type is accepted, every parameter is known,
/// and a name that none of them has would be held against nothing.
pub(super) fn parameter(
    table: &Table<'_>,
    build_types: Option<&BTreeSet<String>>,
) -> Read<AllowedParameter> {
    let is_ours = build_types.is_some_and(|types| types.iter().all(|one| one == BUILD_TYPE));
    let name = table.required("name", |value| {
        let name = matcher(value)?;
        if !is_ours || parameters::is_known(&name) {
            return Ok(name);
        }
        let message = format!("`{}` is no parameter of the build type", name.glob());
        let near = document::suggest(name.glob().glob(), parameters::KNOWN);
        Err(value.refuse(ProblemCode::BadValue, message, Some(near)))
    });
    let values = table.required("values", |value| value.list(matcher));
    Ok(AllowedParameter {
        name: name?,
        values: values?,
    })
}

/// Reads one `[[least-version]]`.
pub(super) fn least_version(table: &Table<'_>) -> Read<LeastVersion> {
    let cells = table.required("cells", matcher);
    let kernel = table.optional("kernel", Value::parse);
    let module = table.optional("module", Value::parse);
    let (kernel, module) = (kernel?, module?);
    if kernel.is_none() && module.is_none() {
        let message = "this `[[least-version]]` names no version";
        let hint = "give `kernel`, `module`, or both";
        return Err(table.refuse(ProblemCode::Empty, message, Some(hint.to_owned())));
    }
    Ok(LeastVersion {
        cells: cells?,
        kernel,
        module,
    })
}

pub(super) fn source(table: &Table<'_>) -> Read<AllowedSource> {
    let uri = table.optional("uri", matcher);
    let commits = table.or("commits", Vec::new(), |value| value.one_or_list(commit));
    let trees = table.or("trees", Vec::new(), |v| v.one_or_list(Value::parse));
    let (uri, commits, trees) = (uri?, commits?, trees?);
    if uri.is_none() && commits.is_empty() && trees.is_empty() {
        let hint = "give `uri`, `commits` or `trees`; `uri = \"**\"` accepts any source";
        let message = "this `[[source]]` names no source";
        return Err(table.refuse(ProblemCode::Empty, message, Some(hint.to_owned())));
    }
    Ok(AllowedSource {
        uri,
        commits: commits.into_iter().collect(),
        trees: trees.into_iter().collect(),
    })
}

/// Reads a whole commit id: SHA-1 or SHA-256, in lower-case hexadecimal (git, `gitglossary`,
/// "object name").
fn commit(value: Value<'_>) -> Read<String> {
    let text = value.string()?;
    let is_hex = text
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if is_hex && matches!(text.len(), 40 | 64) {
        return Ok(text.to_owned());
    }
    let message = format!(
        "`{}` is no commit id of 40 or 64 digits",
        text.escape_debug()
    );
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

pub(super) fn class(table: &Table<'_>) -> Read<Class> {
    let name = table.required("name", Value::text);
    let modules = table.required("modules", |value| value.list(matcher));
    let tier = table.optional("tier", Value::parse);
    let independent = table.optional("independent-rebuilders", Value::count);
    let maximum_age = table.optional("max-age", Value::duration);
    let fresh_image = table.optional("fresh-image", Value::boolean);
    Ok(Class {
        name: name?,
        modules: modules?,
        tier: tier?,
        independent_rebuilders: independent?,
        maximum_age: maximum_age?,
        fresh_image: fresh_image?,
    })
}

//! The external parameters of this program's build type (`docs/attestations.md`), by their paths.

use globset::GlobMatcher;
use serde_json::Value;

/// Every path that a value can have.
pub(super) const KNOWN: &[&str] = &[
    "cell",
    "module.make",
    "module.modules",
    "module.name",
    "module.needs",
    "module.produces",
    "module.recipe",
    "module.source.kind",
    "module.source.path",
    "module.source.repository",
    "module.words",
    "needs.make",
    "needs.modules",
    "needs.name",
    "needs.needs",
    "needs.recipe",
    "needs.source.kind",
    "needs.source.path",
    "needs.source.repository",
    "needs.words",
    "preparation.arch",
    "preparation.config",
    "preparation.cpus",
    "preparation.cross",
    "preparation.image",
    "preparation.kernelRelease",
    "preparation.level",
    "preparation.limits.diskBytes",
    "preparation.limits.logBytes",
    "preparation.limits.memoryBytes",
    "preparation.limits.outputBytes",
    "preparation.limits.processes",
    "preparation.limits.seconds",
    "preparation.make",
    "preparation.recipe",
    "preparation.signers",
    "preparation.tarball",
    "preparation.tree",
    "preparation.unanswered",
    "rebuilds.atLeast",
    "rebuilds.axes",
    "target.arch",
    "target.distro",
    "target.distroRelease",
    "target.flavour",
    "target.kernelRelease",
    "target.packageVersion",
];

/// Returns true if a parameter can have a name that the glob matches.
pub(super) fn is_known(name: &GlobMatcher) -> bool {
    KNOWN.iter().any(|path| name.is_match(path))
}

/// Returns true if a parameter is one of the build type's own, by the first part of its path.
pub(super) fn is_own(path: &str) -> bool {
    let top = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    KNOWN.iter().any(|known| top(known) == top(path))
}

/// Lists the values of an object or a list by their paths; the members of a list have the path of it.
pub(super) fn flatten(path: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => leaves.push((path.to_owned(), value.to_string())),
        Value::String(text) => leaves.push((path.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| flatten(path, value, leaves)),
        Value::Object(object) => {
            for (name, value) in object {
                flatten(&format!("{path}.{name}"), value, leaves);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The provenance that `attest` makes of a recorded cell, as its own tests keep it.
    const PROVENANCE: &str =
        include_str!("../../attest/snapshots/kmatrix__attest__tests__provenance.snap");

    #[test]
    fn every_parameter_that_is_attested_is_known() {
        let text = PROVENANCE.splitn(3, "---\n").nth(2).expect("a snapshot");
        let statement: Value = serde_json::from_str(text).expect("JSON");
        let mut leaves = Vec::new();
        let parameters = &statement["predicate"]["buildDefinition"]["externalParameters"];
        for (name, value) in parameters.as_object().expect("an object") {
            flatten(name, value, &mut leaves);
        }
        assert!(leaves.len() > 10, "{leaves:?}");
        for (path, _) in &leaves {
            assert!(KNOWN.contains(&path.as_str()), "{path}");
        }
    }
}

//! What was built, by what and from what: the rules over provenance.

use globset::GlobMatcher;
use serde_json::Value;

use super::case::Case;
use super::claim::{Claim, Says, is_shipped, sha256_of};
use super::found::Found;
use crate::attest::{PredicateType, Provenance, ResourceDescriptor};
use crate::digest::Sha256Digest;
use crate::verify::policy::AllowedSource;
use crate::verify::policy::parameters::{self, flatten};

/// What a dependency's annotation `role` says of the module's own source.
const SOURCE: &str = "source";

pub(super) fn provenance(case: &Case<'_>) -> Found {
    present(case, PredicateType::Provenance)
        .unwrap_or_else(|| Found::holds("provenance names this file"))
}

/// Says what is wrong if no statement of a kind is there and readable.
pub(super) fn present(case: &Case<'_>, kind: PredicateType) -> Option<Found> {
    let mut found = false;
    for claim in case.claims.iter().filter(|claim| claim.kind == Some(kind)) {
        if let Says::Unreadable(why) = &claim.says {
            return Some(Found::fails(format!(
                "the {kind} is not of its form: {why}"
            )));
        }
        found |= claim.signer.is_some();
    }
    if found {
        return None;
    }
    let elsewhere = case.elsewhere.get(&kind).copied().unwrap_or_default();
    Some(match elsewhere {
        0 => Found::missing(format!("there is no {kind} by a signer of the policy")),
        count => Found::fails(format!(
            "there is {kind} of other modules ({count}), and none of this one"
        )),
    })
}

pub(super) fn payload(case: &Case<'_>) -> Found {
    Found::from_result(case.each_provenance().and_then(|all| {
        let module = case.artifact.module.as_ref();
        let module =
            module.map_err(|why| Found::fails(format!("it is no kernel module: {why}")))?;
        for (claim, _) in &all {
            let subjects = &claim.attestation.statement().subject;
            let payloads: Vec<_> = subjects.iter().filter(|s| !is_shipped(s)).collect();
            let own = subjects.iter().filter(|subject| {
                let digest = sha256_of(&subject.digest);
                digest == Some(case.artifact.digest) || digest == Some(module.payload)
            });
            for subject in own {
                let of_module = subject.annotations.get("module");
                let built = payloads.iter().find(|payload| {
                    sha256_of(&payload.digest) == Some(module.payload)
                        && payload.annotations.get("module") == of_module
                });
                if built.is_none() {
                    return Err(Found::fails(format!(
                        "the module in the file is {}, and `{}` was built as another",
                        module.payload.short(),
                        subject.name
                    )));
                }
            }
        }
        Ok(if module.payload == case.artifact.digest {
            "the file is as it was built".to_owned()
        } else {
            "without its signature and unpacked, the file is as it was built".to_owned()
        })
    }))
}

pub(super) fn same_cell(case: &Case<'_>) -> Found {
    let mut known: Option<(String, String)> = None;
    for claim in &case.claims {
        let word = claim.word();
        let cell = match claim.cell() {
            Ok(None) => continue,
            Ok(Some(cell)) => cell.to_string(),
            Err(why) => return Found::fails(format!("the {word} names no cell: {why}")),
        };
        match &known {
            Some((other, of)) if *other != cell => {
                return Found::fails(format!("the {word} is of {cell}, and the {of} of {other}"));
            }
            Some(_) => {}
            None => known = Some((cell, word)),
        }
    }
    match known {
        Some((cell, _)) => Found::holds(format!("all of it is of {cell}")),
        None => Found::missing("no statement names a cell"),
    }
}

pub(super) fn builder(case: &Case<'_>) -> Found {
    every(case, |claim, provenance| {
        let id = &provenance.run_details.builder.id;
        match claim.signer {
            Some(signer) if signer.builders.contains(id) => Ok(format!("built by {id}")),
            Some(signer) => Err(Found::fails(format!(
                "`{}` may not speak for the builder {id}",
                signer.name
            ))),
            // Who is not named is the rule `signer`'s to tell.
            None => Ok(format!("{id}, by nobody that the policy names")),
        }
    })
}

pub(super) fn build_type(case: &Case<'_>) -> Found {
    every(case, |_, provenance| {
        let found = &provenance.build_definition.build_type;
        if case.policy.build_types.contains(found) {
            return Ok(format!("the build type is {found}"));
        }
        Err(Found::fails(format!(
            "the build type {found} is not accepted"
        )))
    })
}

pub(super) fn parameters(case: &Case<'_>) -> Found {
    every(case, |_, provenance| {
        let external = &provenance.build_definition.external_parameters;
        let mut leaves = Vec::new();
        for (name, value) in external {
            flatten(name, value, &mut leaves);
        }
        for (path, value) in &leaves {
            let mut allowed = case.policy.parameters.iter();
            let mut allowed = allowed
                .by_ref()
                .filter(|entry| entry.name.is_match(path))
                .peekable();
            if allowed.peek().is_none() {
                if parameters::is_own(path) {
                    continue;
                }
                return Err(Found::fails(format!("nobody knows the parameter `{path}`")));
            }
            let fits = allowed.all(|entry| entry.values.iter().any(|glob| glob.is_match(value)));
            if !fits {
                return Err(Found::fails(format!(
                    "the parameter `{path}` must not be `{value}`"
                )));
            }
        }
        let is_idle = |name: &&GlobMatcher| !leaves.iter().any(|(path, _)| name.is_match(path));
        let names = case.policy.parameters.iter().map(|entry| &entry.name);
        let idle: Vec<&str> = names
            .filter(is_idle)
            .map(|name| name.glob().glob())
            .collect();
        Ok(match idle.as_slice() {
            [] => format!("{} parameters", leaves.len()),
            idle => format!(
                "{} parameters; none here is called `{}`, which the policy holds to values",
                leaves.len(),
                idle.join("`, `")
            ),
        })
    })
}

pub(super) fn inputs(case: &Case<'_>) -> Found {
    every(case, |_, provenance| {
        let dependencies = &provenance.build_definition.resolved_dependencies;
        if dependencies.is_empty() {
            return Err(Found::fails("no input of the build is named"));
        }
        match dependencies
            .iter()
            .find(|one| sha256_of(&one.digest).is_none())
        {
            Some(one) => {
                let name = one.name.as_ref().or(one.uri.as_ref());
                let name = name.map_or("one of them", String::as_str);
                Err(Found::fails(format!(
                    "the input `{name}` has no SHA-256 digest"
                )))
            }
            None => Ok(format!("{} inputs by digest", dependencies.len())),
        }
    })
}

pub(super) fn source(case: &Case<'_>) -> Found {
    every(case, |_, provenance| {
        let found = source_of(provenance)?;
        let mut allowed = case.policy.sources.iter();
        if allowed.any(|entry| found.is_allowed_by(entry)) {
            return Ok(format!("the source is {}", found.shown()));
        }
        Err(Found::fails(format!(
            "the source {} is not accepted",
            found.shown()
        )))
    })
}

/// The module's source, as provenance names it.
pub(super) struct SourceClaim<'p> {
    /// Without the commit; empty if it was a directory that has no URI.
    pub uri: &'p str,
    pub commit: Option<&'p str>,
    pub tree: Sha256Digest,
}

impl SourceClaim<'_> {
    fn is_allowed_by(&self, entry: &AllowedSource) -> bool {
        let AllowedSource {
            uri,
            commits,
            trees,
        } = entry;
        uri.as_ref().is_none_or(|glob| glob.is_match(self.uri))
            && (commits.is_empty() || self.commit.is_some_and(|commit| commits.contains(commit)))
            && (trees.is_empty() || trees.contains(&self.tree))
    }

    pub fn shown(&self) -> String {
        let uri = match self.uri {
            "" => "a directory".to_owned(),
            uri => format!("`{uri}`"),
        };
        match self.commit {
            Some(commit) => format!("{uri}, commit {commit}"),
            None => format!("{uri}, tree {}", self.tree),
        }
    }
}

/// Finds the source among the dependencies: exactly one says that it is it.
pub(super) fn source_of(provenance: &Provenance) -> Result<SourceClaim<'_>, Found> {
    let is_source = |one: &&ResourceDescriptor| {
        one.annotations.get("role").and_then(Value::as_str) == Some(SOURCE)
    };
    let all = provenance.build_definition.resolved_dependencies.iter();
    let found: Vec<&ResourceDescriptor> = all.filter(is_source).collect();
    let [source] = found[..] else {
        let count = found.len();
        return Err(Found::fails(format!(
            "{count} of its inputs say that they are the source"
        )));
    };
    let tree = sha256_of(&source.digest)
        .ok_or_else(|| Found::fails("the source has no SHA-256 digest"))?;
    let commit = source.digest.get("gitCommit").map(String::as_str);
    let uri = source.uri.as_deref().unwrap_or_default();
    let without = commit.and_then(|commit| uri.strip_suffix(commit)?.strip_suffix('@'));
    Ok(SourceClaim {
        uri: without.unwrap_or(uri),
        commit,
        tree,
    })
}

/// Asks every provenance; the first that does not hold counts.
pub(super) fn every(
    case: &Case<'_>,
    ask: impl Fn(&Claim<'_>, &Provenance) -> Result<String, Found>,
) -> Found {
    Found::from_result(case.each_provenance().and_then(|all| {
        let mut because = String::new();
        for (claim, provenance) in all {
            because = ask(claim, provenance)?;
        }
        Ok(because)
    }))
}

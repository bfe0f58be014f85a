//! What a header package needs besides itself.

use std::collections::BTreeSet;

use super::candidate::{ByName, Candidate};
use super::patterns::KernelPatterns;
use crate::catalog::PackageRef;
use crate::catalog::dependency::Dependency;
use crate::name::{Arch, PackageVersion};

/// Returns the header package and everything that it needs and the facts say to follow, ordered, or
/// why something of that cannot be had.
pub(super) fn follow(
    header: Candidate,
    arch: Arch,
    patterns: &KernelPatterns,
    by_name: &ByName,
    build_arch: Arch,
) -> Result<Vec<PackageRef>, String> {
    let mut taken = BTreeSet::from([header.to_ref()]);
    let mut open = vec![(header, arch)];
    while let Some((needing, arch)) = open.pop() {
        for dependency in &needing.package.depends {
            match satisfy(dependency, arch, patterns, by_name, build_arch) {
                Satisfied::NotFollowed => {}
                Satisfied::By(candidate, arch) => {
                    if taken.insert(candidate.to_ref()) {
                        open.push((candidate, arch));
                    }
                }
                Satisfied::Not(why) => {
                    return Err(format!(
                        "`{}` needs `{dependency}`, but {why}",
                        needing.package.name
                    ));
                }
            }
        }
    }
    Ok(taken.into_iter().collect())
}

enum Satisfied<'a> {
    /// The dependency is none of the kernel interface's.
    NotFollowed,
    By(Candidate<'a>, Arch),
    Not(String),
}

/// Takes the first alternative that is followed and can be had, in the newest version that will do.
fn satisfy<'a>(
    dependency: &Dependency,
    arch: Arch,
    patterns: &KernelPatterns,
    by_name: &ByName<'a>,
    build_arch: Arch,
) -> Satisfied<'a> {
    let mut missing = Vec::new();
    for alternative in &dependency.alternatives {
        if !patterns.follows(alternative.name.as_str()) {
            continue;
        }
        let arch = if patterns.is_for_the_build_machine(alternative.name.as_str()) {
            build_arch
        } else {
            arch
        };
        let offered = by_name
            .get(&(arch, alternative.name.as_str()))
            .map_or(&[][..], Vec::as_slice);
        let admitted = offered.iter().filter(|(_, version)| {
            alternative.constraint.as_ref().is_none_or(|constraint| {
                version.is_some_and(|version| constraint.admits(version, patterns.order()))
            })
        });
        match admitted.max_by(|(a, _), (b, _)| a.preference(b, patterns.order())) {
            Some((candidate, _)) => return Satisfied::By(*candidate, arch),
            None if offered.is_empty() => {
                missing.push(format!("no suite has `{}` for {arch}", alternative.name));
            }
            None => {
                let versions: Vec<&str> = offered
                    .iter()
                    .map(|(_, version)| version.map_or("no version", PackageVersion::as_str))
                    .collect();
                missing.push(format!(
                    "the suites have `{}` for {arch} in {} only",
                    alternative.name,
                    versions.join(", ")
                ));
            }
        }
    }
    if missing.is_empty() {
        Satisfied::NotFollowed
    } else {
        Satisfied::Not(missing.join(", and "))
    }
}

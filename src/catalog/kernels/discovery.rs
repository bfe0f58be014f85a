//! Finding kernels by their header packages.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{ByName, Candidate, Offer};
use super::needs::follow;
use super::patterns::KernelPatterns;
use crate::catalog::{Kernel, UnresolvedKernel};
use crate::name::{
    Arch, Distro, DistroRelease, Flavour, KernelRelease, PackageName, PackageVersion, Target,
};

/// What was found: the kernels, and those that lack a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Ordered by target.
    pub kernels: Vec<Kernel>,
    /// Ordered.
    pub unresolved: Vec<UnresolvedKernel>,
}

/// Finds the kernels for `archs`, each with every package that it is built against on a machine of
/// `build_arch`.
///
/// Two uploads of one kernel release are two kernels; of one upload in several suites the first suite
/// counts. A release and version that two flavours claim is unresolved.
pub fn discover(
    distro: &Distro,
    distro_release: &DistroRelease,
    patterns: &KernelPatterns,
    offers: &[Offer],
    archs: &BTreeSet<Arch>,
    build_arch: Arch,
) -> Discovery {
    let mut by_name = ByName::new();
    let mut headers: BTreeMap<(Arch, KernelRelease, &PackageVersion), Header> = BTreeMap::new();
    for (order, offer) in offers.iter().enumerate() {
        for package in &offer.packages {
            let candidate = Candidate {
                offer,
                order,
                package,
            };
            by_name
                .entry((offer.arch, package.name.as_str()))
                .or_default()
                .push((candidate, Some(&package.version)));
            for provided in &package.provides {
                by_name
                    .entry((offer.arch, &provided.name))
                    .or_default()
                    .push((candidate, provided.version.as_ref()));
            }
            if !archs.contains(&offer.arch) {
                continue;
            }
            let Some((release, flavour)) = patterns.kernel_of(package, offer.arch) else {
                continue;
            };
            let kept = headers
                .entry((offer.arch, release, &package.version))
                .or_insert_with(|| Header::new(candidate));
            kept.flavours.insert(flavour, &package.name);
            if candidate
                .preference(&kept.candidate, patterns.order())
                .is_gt()
            {
                kept.candidate = candidate;
            }
        }
    }
    let mut discovery = Discovery::default();
    for ((arch, kernel_release, _), found) in headers {
        let header = found.candidate;
        let resolved = found.flavour().and_then(|flavour| {
            Ok((
                flavour,
                follow(header, arch, patterns, &by_name, build_arch)?,
            ))
        });
        match resolved {
            Ok((flavour, packages)) => discovery.kernels.push(Kernel {
                target: Target {
                    distro: distro.clone(),
                    distro_release: distro_release.clone(),
                    arch,
                    kernel_release,
                    package_version: header.package.version.clone(),
                    flavour: flavour.clone(),
                },
                built: header.package.built,
                packages,
                source: None,
            }),
            Err(reason) => discovery.unresolved.push(UnresolvedKernel {
                arch,
                kernel_release,
                package_version: header.package.version.clone(),
                reason,
            }),
        }
    }
    discovery.kernels.sort_by(|a, b| a.target.cmp(&b.target));
    discovery.unresolved.sort();
    discovery
}

/// The header packages of one kernel release and version.
struct Header<'a> {
    /// The one that is taken.
    candidate: Candidate<'a>,
    /// The flavours that the packages stand for, each with a package that does; more than one is one
    /// too many.
    flavours: BTreeMap<&'a Flavour, &'a PackageName>,
}

impl<'a> Header<'a> {
    fn new(candidate: Candidate<'a>) -> Self {
        Self {
            candidate,
            flavours: BTreeMap::new(),
        }
    }

    /// Returns the flavour, or why it cannot be told: release, version and architecture have to
    /// name one kernel alone.
    fn flavour(&self) -> Result<&'a Flavour, String> {
        if let [flavour] = self.flavours.keys().copied().collect::<Vec<_>>()[..] {
            return Ok(flavour);
        }
        let flavours: Vec<String> = self
            .flavours
            .iter()
            .map(|(flavour, package)| format!("`{flavour}` by `{package}`"))
            .collect();
        Err(format!(
            "the facts know it as several flavours ({}), and release and version have to name one \
             kernel alone",
            flavours.join(", ")
        ))
    }
}

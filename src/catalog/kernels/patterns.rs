//! How the kernels of a distribution are recognised among packages.

use globset::{GlobSet, GlobSetBuilder};

use super::header_pattern::{HeaderPattern, glob};
use crate::catalog::facts::KernelFacts;
use crate::catalog::format::ArchiveFormat;
use crate::catalog::indexed_package::IndexedPackage;
use crate::catalog::version_order::VersionOrder;
use crate::name::{Arch, Flavour, KernelRelease};

/// How kernels are recognised, ready to be matched.
pub struct KernelPatterns {
    follow: GlobSet,
    host: GlobSet,
    /// What the names that `follow` or `host` match begin with: nearly every name of an index is told
    /// apart by that, at a fraction of the cost.
    beginnings: Vec<String>,
    flavours: Vec<FlavourPattern>,
    order: VersionOrder,
}

/// How the kernels of one flavour of one architecture are recognised.
struct FlavourPattern {
    arch: Arch,
    flavour: Flavour,
    headers: HeaderPattern,
}

/// Says which pattern of the facts is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{pattern}` is not valid: {reason}")]
pub struct PatternError {
    pub pattern: String,
    pub reason: String,
}

impl KernelPatterns {
    /// Compiles the patterns of the facts.
    pub fn new(facts: &KernelFacts, format: ArchiveFormat) -> Result<Self, PatternError> {
        let flavours: Result<Vec<_>, _> = facts
            .flavours
            .iter()
            .map(|flavour| {
                Ok(FlavourPattern {
                    arch: flavour.arch,
                    flavour: flavour.flavour.clone(),
                    headers: HeaderPattern::new(&flavour.headers)?,
                })
            })
            .collect();
        Ok(Self {
            follow: glob_set(&facts.follow)?,
            host: glob_set(&facts.host)?,
            beginnings: facts
                .follow
                .iter()
                .chain(&facts.host)
                .map(|pattern| beginning(pattern).to_owned())
                .collect(),
            flavours: flavours?,
            order: VersionOrder::of(format),
        })
    }

    /// Returns true if a package of this name may be a kernel's headers or belong to them.
    pub fn wants(&self, name: &str) -> bool {
        self.flavours
            .iter()
            .any(|flavour| flavour.headers.may_be(name))
            || (self.beginnings.iter().any(|begin| name.starts_with(begin))
                && (self.follow.is_match(name) || self.host.is_match(name)))
    }

    /// Returns true if a dependency on this name belongs to the kernel interface.
    pub fn follows(&self, name: &str) -> bool {
        self.follow.is_match(name)
    }

    /// Returns true if a package of this name has programs that run during the build, so that it has to
    /// be the build machine's.
    pub(super) fn is_for_the_build_machine(&self, name: &str) -> bool {
        self.host.is_match(name)
    }

    /// Returns how versions of these packages are compared.
    pub(super) fn order(&self) -> VersionOrder {
        self.order
    }

    /// Returns true if facts ask for this capability of packages.
    pub fn wants_capability(&self, capability: &str) -> bool {
        self.flavours
            .iter()
            .any(|flavour| flavour.headers.wants_capability(capability))
            || self.follow.is_match(capability)
    }

    /// Returns the kernel release and flavour if this is a real kernel's header package.
    pub(super) fn kernel_of(
        &self,
        package: &IndexedPackage,
        arch: Arch,
    ) -> Option<(KernelRelease, &Flavour)> {
        self.flavours
            .iter()
            .filter(|flavour| flavour.arch == arch)
            .filter_map(|flavour| {
                let release = flavour.headers.release(package)?;
                Some((flavour.headers.precedence(), release, &flavour.flavour))
            })
            .max_by_key(|(precedence, ..)| *precedence)
            .map(|(_, release, flavour)| (release, flavour))
    }
}

/// Returns what every name that a glob matches begins with.
pub(super) fn beginning(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[', ']', '{', '}', '\\']);
    &pattern[..end.unwrap_or(pattern.len())]
}

fn glob_set(patterns: &[String]) -> Result<GlobSet, PatternError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|error| PatternError {
        pattern: patterns.join(" "),
        reason: error.kind().to_string(),
    })
}

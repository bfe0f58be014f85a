//! How a header package is recognised, and the kernel release that it is of.

use globset::{Glob, GlobMatcher};
use regex::Regex;

use super::patterns::PatternError;
use crate::catalog::facts::{HeaderPackage, Rewriting};
use crate::catalog::indexed_package::IndexedPackage;
use crate::name::{KernelRelease, PackageName};

/// How the header packages of one flavour are recognised.
pub(super) enum HeaderPattern {
    Named {
        before_release: String,
        after_release: String,
        ending: String,
        requires: GlobMatcher,
    },
    Provides {
        name: PackageName,
        capability: String,
    },
    Version {
        name: PackageName,
        /// Each expression with what a version that it matches becomes.
        rewritings: Vec<(Regex, String)>,
    },
}

impl HeaderPattern {
    pub(super) fn new(facts: &HeaderPackage) -> Result<Self, PatternError> {
        Ok(match facts {
            HeaderPackage::Named {
                pattern,
                ending,
                requires,
            } => {
                let (before, after) =
                    pattern
                        .split_once("{release}")
                        .ok_or_else(|| PatternError {
                            pattern: pattern.clone(),
                            reason: "it has no `{release}`".to_owned(),
                        })?;
                Self::Named {
                    before_release: before.to_owned(),
                    after_release: after.to_owned(),
                    ending: ending.clone(),
                    requires: glob(requires)?.compile_matcher(),
                }
            }
            HeaderPackage::Provides { name, capability } => Self::Provides {
                name: name.clone(),
                capability: capability.clone(),
            },
            HeaderPackage::Version { name, rewritings } => Self::Version {
                name: name.clone(),
                rewritings: rewritings
                    .iter()
                    .map(|Rewriting { from, to }| Ok((whole(from)?, to.clone())))
                    .collect::<Result<_, _>>()?,
            },
        })
    }

    pub(super) fn may_be(&self, name: &str) -> bool {
        match self {
            Self::Named {
                before_release,
                after_release,
                ..
            } => release_in(name, before_release, after_release).is_some(),
            Self::Provides { name: wanted, .. } | Self::Version { name: wanted, .. } => {
                wanted.as_str() == name
            }
        }
    }

    /// Returns true if the release is what a package provides by this name.
    pub(super) fn wants_capability(&self, wanted: &str) -> bool {
        match self {
            Self::Provides { capability, .. } => capability == wanted,
            Self::Named { .. } | Self::Version { .. } => false,
        }
    }

    /// Of several flavours that know a package, the one with the longest ending decides.
    pub(super) fn precedence(&self) -> usize {
        match self {
            Self::Named { ending, .. } => ending.len(),
            Self::Provides { .. } | Self::Version { .. } => 0,
        }
    }

    /// Returns the release of the kernel that a package has the headers of.
    pub(super) fn release(&self, package: &IndexedPackage) -> Option<KernelRelease> {
        match self {
            Self::Named {
                before_release,
                after_release,
                ending,
                requires,
            } => {
                let name = package.name.as_str();
                let release = release_in(name, before_release, after_release)?;
                let is_real = release.ends_with(ending)
                    && package
                        .depends
                        .iter()
                        .flat_map(|dependency| &dependency.alternatives)
                        .any(|alternative| requires.is_match(alternative.name.as_str()));
                release.parse().ok().filter(|_| is_real)
            }
            Self::Provides { name, capability } => {
                let provided = package
                    .provides
                    .iter()
                    .find(|provided| provided.name == *capability)?;
                let release = provided.version.as_ref()?.as_str();
                release.parse().ok().filter(|_| package.name == *name)
            }
            Self::Version { name, rewritings } => {
                if package.name != *name {
                    return None;
                }
                let (captures, to) = rewritings
                    .iter()
                    .find_map(|(from, to)| Some((from.captures(package.version.as_str())?, to)))?;
                let mut release = String::new();
                captures.expand(to, &mut release);
                release.parse().ok()
            }
        }
    }
}

fn release_in<'a>(name: &'a str, before: &str, after: &str) -> Option<&'a str> {
    name.strip_prefix(before)?.strip_suffix(after)
}

/// Compiles an expression that has to match all of a text, whatever it says itself.
fn whole(expression: &str) -> Result<Regex, PatternError> {
    Regex::new(&format!("^(?:{expression})$")).map_err(|error| PatternError {
        pattern: expression.to_owned(),
        reason: error.to_string(),
    })
}

pub(super) fn glob(pattern: &str) -> Result<Glob, PatternError> {
    Glob::new(pattern).map_err(|error| PatternError {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })
}

//! One package as an index of any format describes it.

use std::collections::BTreeMap;

use super::dependency::Dependency;
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion};

/// One package of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedPackage {
    pub name: PackageName,
    pub version: PackageVersion,
    /// The source package that it was built from.
    pub source: PackageName,
    /// The package's own architecture field, such as `amd64`, `x86_64`, `all` or `noarch`.
    pub architecture: String,
    pub depends: Vec<Dependency>,
    /// What it can stand for besides its name; only what facts may ask for needs to be here.
    pub provides: Vec<Provided>,
    /// When it was built, where the index says so.
    pub built: Option<jiff::Timestamp>,
    /// Relative to the archive's root.
    pub path: String,
    pub bytes: u64,
    pub sha256: Sha256Digest,
    /// A detached signature over the package, in base64, where the index has it.
    pub signature: Option<String>,
}

/// A name that a package can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    pub name: String,
    pub version: Option<PackageVersion>,
}

/// Says that an index means two things by one package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it describes `{name}` {version} for {architecture} twice, and not alike")]
pub struct Ambiguous {
    name: PackageName,
    version: PackageVersion,
    architecture: String,
}

/// Returns the packages without those that are described twice and alike.
///
/// # Security
///
/// Readers differ in which of two descriptions they take, so two that are not alike are refused.
pub(super) fn without_repeats(
    packages: Vec<IndexedPackage>,
) -> Result<Vec<IndexedPackage>, Ambiguous> {
    let mut seen = BTreeMap::new();
    let mut kept: Vec<IndexedPackage> = Vec::with_capacity(packages.len());
    for package in packages {
        let key = (
            package.name.clone(),
            package.version.clone(),
            package.architecture.clone(),
        );
        match seen.get(&key) {
            None => {
                seen.insert(key, kept.len());
                kept.push(package);
            }
            Some(first) if kept[*first] == package => {}
            Some(_) => {
                let (name, version, architecture) = key;
                return Err(Ambiguous {
                    name,
                    version,
                    architecture,
                });
            }
        }
    }
    Ok(kept)
}

//! One package as an index of any format describes it.

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
}

/// A name that a package can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    pub name: String,
    pub version: Option<PackageVersion>,
}

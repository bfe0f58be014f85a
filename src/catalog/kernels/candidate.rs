//! Packages and where they are offered.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::catalog::indexed_package::IndexedPackage;
use crate::catalog::version_order::VersionOrder;
use crate::catalog::{Fingerprint, PackageRef};
use crate::name::{Arch, ArchiveName, PackageVersion, Suite};
use crate::package::PackageFormat;

/// What one suite offers for one architecture, in the order of the facts.
#[derive(Debug)]
pub struct Offer {
    pub archive: ArchiveName,
    pub suite: Suite,
    pub arch: Arch,
    /// The format of all its packages.
    pub format: PackageFormat,
    /// See [`PackageRef::signers`].
    pub signers: Vec<Fingerprint>,
    pub packages: Vec<IndexedPackage>,
}

/// What every name can be had from: packages of that name, and those that provide it, each with the
/// version that it has it in.
pub(super) type ByName<'a> =
    BTreeMap<(Arch, &'a str), Vec<(Candidate<'a>, Option<&'a PackageVersion>)>>;

/// A package and where it is offered; `order` counts through the suites of the facts.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) offer: &'a Offer,
    pub(super) order: usize,
    pub(super) package: &'a IndexedPackage,
}

impl Candidate<'_> {
    /// Orders by version, and of one version the suite that the facts name first is the greatest.
    pub(super) fn preference(&self, other: &Self, order: VersionOrder) -> Ordering {
        order
            .compare(&self.package.version, &other.package.version)
            .then(other.order.cmp(&self.order))
    }

    pub(super) fn to_ref(self) -> PackageRef {
        PackageRef {
            name: self.package.name.clone(),
            version: self.package.version.clone(),
            architecture: self.package.architecture.clone(),
            archive: self.offer.archive.clone(),
            suite: self.offer.suite.clone(),
            path: self.package.path.clone(),
            bytes: self.package.bytes,
            sha256: self.package.sha256,
            format: self.offer.format,
            signers: self.offer.signers.clone(),
            signature: self.package.signature.clone(),
        }
    }
}

//! The kernels of all catalogs as one ordered list.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::catalog::DistroKernels;
use crate::catalog::version_order::VersionOrder;
use crate::name::{Arch, Distro, DistroRelease, Flavour, Series, Target};
use crate::plan::order::natural;

/// Every kernel once, ordered as cells are; kernels are named by their index in the order.
pub(super) struct Kernels<'c> {
    all: Vec<(&'c Target, VersionOrder)>,
    /// Also those releases whose catalog has no kernel.
    releases: BTreeSet<(&'c Distro, &'c DistroRelease)>,
}

impl<'c> Kernels<'c> {
    /// Orders the kernels of some catalogs; two package versions of one kernel release are two.
    pub(super) fn new(catalogs: &'c [DistroKernels]) -> Self {
        let mut all: Vec<(&Target, VersionOrder)> = catalogs
            .iter()
            .flat_map(|catalog| {
                let order = VersionOrder::of(catalog.format);
                let kernels = catalog.kernels.iter();
                kernels.map(move |kernel| (&kernel.target, order))
            })
            .collect();
        all.sort_by(|(a, order), (b, _)| in_order(a, b, *order));
        all.dedup_by(|(a, _), (b, _)| a == b);
        Self {
            all,
            releases: catalogs
                .iter()
                .map(|catalog| (&catalog.distro, &catalog.distro_release))
                .collect(),
        }
    }

    /// Returns the kernel of an index.
    pub(super) fn get(&self, index: usize) -> &'c Target {
        self.all[index].0
    }

    /// Returns how the versions of a kernel's packages are ordered.
    pub(super) fn order_of(&self, index: usize) -> VersionOrder {
        self.all[index].1
    }

    /// Walks all kernels with their indexes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &'c Target)> {
        self.all.iter().map(|(target, _)| *target).enumerate()
    }

    /// Returns true if a catalog is of this distribution release.
    pub(super) fn has_release(&self, distro: &Distro, release: &DistroRelease) -> bool {
        self.releases.contains(&(distro, release))
    }

    /// Returns the names of the distributions.
    pub(super) fn distros(&self) -> Vec<&'c str> {
        let names: BTreeSet<&str> = self
            .releases
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.into_iter().collect()
    }

    /// Returns the releases of a distribution, in order.
    pub(super) fn releases_of(&self, distro: &Distro) -> Vec<&'c str> {
        let of_distro = self.releases.iter().filter(|(known, _)| *known == distro);
        let mut releases: Vec<&str> = of_distro.map(|(_, release)| release.as_str()).collect();
        releases.sort_by(|a, b| natural(a, b));
        releases
    }

    /// Returns the series of some kernels, in order.
    pub(super) fn series_among(&self, indexes: &[usize]) -> Vec<String> {
        let series = indexes
            .iter()
            .filter_map(|index| Series::of(&self.get(*index).kernel_release));
        distinct(series.map(String::from))
    }

    /// Returns the architectures of some kernels, in order.
    pub(super) fn archs_among(&self, indexes: &[usize]) -> Vec<Arch> {
        let archs: BTreeSet<Arch> = indexes.iter().map(|index| self.get(*index).arch).collect();
        archs.into_iter().collect()
    }

    /// Returns the flavours of some kernels, in order.
    pub(super) fn flavours_among(&self, indexes: &[usize]) -> Vec<&'c Flavour> {
        let flavours: BTreeSet<&Flavour> = indexes
            .iter()
            .map(|index| &self.get(*index).flavour)
            .collect();
        flavours.into_iter().collect()
    }
}

/// The order of cells: by each part of the id, numbers by their value; of two uploads of one release
/// the older comes first.
fn in_order(a: &Target, b: &Target, order: VersionOrder) -> Ordering {
    natural(a.distro.as_str(), b.distro.as_str())
        .then_with(|| natural(a.distro_release.as_str(), b.distro_release.as_str()))
        .then_with(|| a.arch.as_str().cmp(b.arch.as_str()))
        .then_with(|| natural(a.kernel_release.as_str(), b.kernel_release.as_str()))
        .then_with(|| order.compare(&a.package_version, &b.package_version))
        .then_with(|| a.package_version.cmp(&b.package_version))
        .then_with(|| a.flavour.cmp(&b.flavour))
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_by(|a, b| natural(a, b));
    names.dedup();
    names
}

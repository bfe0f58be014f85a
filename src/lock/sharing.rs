//! What cells share: packages that several of them ask for, each of which the store has once.

use std::collections::BTreeMap;

use crate::catalog::PackageRef;
use crate::digest::Sha256Digest;

/// Packages as each cell asks for its own, and as they are, one of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Cells that are built from packages.
    pub cells: usize,
    /// All that the cells ask for, as if each of them got its own.
    pub asked: PackageSum,
    /// Each of these once, which is what is fetched and unpacked.
    pub distinct: PackageSum,
    /// Of the distinct ones, those that the store has no tree of. They count as nothing unpacked, in
    /// both sums: how much they would be is not known.
    pub not_unpacked: usize,
}

/// Packages, and how much they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackageSum {
    pub packages: usize,
    /// The bytes of the packages themselves, as their index says.
    pub bytes: u64,
    /// The bytes of the files in them.
    pub unpacked_bytes: u64,
}

impl Sharing {
    /// Adds up the packages of cells. `unpacked` says how many bytes of files a package's tree has,
    /// and `None` if the store has no tree of it; it is asked once for each package.
    pub fn of<'a, E>(
        cells: impl IntoIterator<Item = &'a [PackageRef]>,
        mut unpacked: impl FnMut(&PackageRef) -> Result<Option<u64>, E>,
    ) -> Result<Self, E> {
        let mut known: BTreeMap<Sha256Digest, Option<u64>> = BTreeMap::new();
        let mut sharing = Self::default();
        for packages in cells {
            sharing.cells += usize::from(!packages.is_empty());
            for package in packages {
                let bytes = match known.get(&package.sha256) {
                    Some(bytes) => *bytes,
                    None => {
                        let bytes = unpacked(package)?;
                        known.insert(package.sha256, bytes);
                        sharing.distinct.add(package, bytes);
                        sharing.not_unpacked += usize::from(bytes.is_none());
                        bytes
                    }
                };
                sharing.asked.add(package, bytes);
            }
        }
        Ok(sharing)
    }

    /// Returns how many bytes of packages need not be fetched because cells share them.
    pub fn saved_bytes(&self) -> u64 {
        self.asked.bytes.saturating_sub(self.distinct.bytes)
    }

    /// Returns how many bytes of files need not be unpacked because cells share them.
    pub fn saved_unpacked_bytes(&self) -> u64 {
        self.asked
            .unpacked_bytes
            .saturating_sub(self.distinct.unpacked_bytes)
    }
}

impl PackageSum {
    fn add(&mut self, package: &PackageRef, unpacked: Option<u64>) {
        self.packages += 1;
        self.bytes = self.bytes.saturating_add(package.bytes);
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(unpacked.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::PackageFormat;
    use std::convert::Infallible;

    fn package(name: &str, bytes: u64) -> PackageRef {
        PackageRef {
            name: name.parse().expect("a package"),
            version: "1-1".parse().expect("a version"),
            architecture: "amd64".to_owned(),
            archive: "debian".parse().expect("an archive"),
            suite: "bookworm".parse().expect("a suite"),
            path: format!("pool/{name}.deb"),
            bytes,
            sha256: Sha256Digest::of(name.as_bytes()),
            format: PackageFormat::Deb,
            signers: Vec::new(),
            signature: None,
        }
    }

    #[test]
    fn a_package_counts_for_each_cell_that_asks_for_it_and_is_there_once() {
        let (common, kbuild) = (package("common", 100), package("kbuild", 10));
        let headers = |name: &str| package(name, 1);
        let amd64 = vec![headers("amd64"), common.clone(), kbuild.clone()];
        let cloud = vec![headers("cloud"), common, kbuild];
        let prepared_here = Vec::new();
        let cells = [&amd64, &cloud, &cloud, &prepared_here].map(Vec::as_slice);
        let mut asked = Vec::new();
        let sharing = Sharing::of(cells, |package| {
            asked.push(package.name.to_string());
            let is_unpacked = package.name.as_str() != "kbuild";
            Ok::<_, Infallible>(is_unpacked.then_some(package.bytes * 10))
        });
        let Ok(sharing) = sharing;
        assert_eq!(asked, ["amd64", "common", "kbuild", "cloud"]);
        assert_eq!(
            sharing,
            Sharing {
                cells: 3,
                asked: PackageSum {
                    packages: 9,
                    bytes: 333,
                    unpacked_bytes: 3030,
                },
                distinct: PackageSum {
                    packages: 4,
                    bytes: 112,
                    unpacked_bytes: 1020,
                },
                not_unpacked: 1,
            }
        );
        assert_eq!(sharing.saved_bytes(), 221);
        assert_eq!(sharing.saved_unpacked_bytes(), 2010);
    }
}

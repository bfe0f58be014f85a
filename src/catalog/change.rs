//! What is different between two lists of kernels of one distribution release (pure).

use std::collections::BTreeSet;

use super::version_order::VersionOrder;
use super::{DistroKernels, Kernel, UnresolvedKernel};
use crate::name::{Series, Target};

/// What is different from one list to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'k> {
    /// Kernels that were not there before, ordered by target.
    pub new: Vec<&'k Kernel>,
    /// Kernels that are not there any more, ordered by target.
    pub gone: Vec<Replaced<'k>>,
    /// Kernels that are still there and that have a successor which they had not before, ordered by
    /// target.
    pub superseded: Vec<Replaced<'k>>,
    /// All kernels that cannot be had now, new or not.
    pub unresolved: &'k [UnresolvedKernel],
}

/// A kernel and the newest one that stands for it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced<'k> {
    pub kernel: &'k Kernel,
    pub by: Option<&'k Target>,
}

impl<'k> Change<'k> {
    /// Compares what was known with what there is.
    pub fn between(before: &'k [Kernel], now: &'k DistroKernels) -> Self {
        let order = VersionOrder::of(now.format);
        let were: BTreeSet<&Target> = before.iter().map(|kernel| &kernel.target).collect();
        let are: BTreeSet<&Target> = now.kernels.iter().map(|kernel| &kernel.target).collect();
        let mut gone = Vec::new();
        let mut superseded = Vec::new();
        for kernel in before {
            let by = successor(&kernel.target, &now.kernels, order);
            let replaced = Replaced { kernel, by };
            if !are.contains(&kernel.target) {
                gone.push(replaced);
            } else if by.is_some() && successor(&kernel.target, before, order).is_none() {
                superseded.push(replaced);
            }
        }
        Self {
            new: now
                .kernels
                .iter()
                .filter(|kernel| !were.contains(&kernel.target))
                .collect(),
            gone,
            superseded,
            unresolved: &now.unresolved,
        }
    }

    /// Returns true if there is less than before: a kernel has gone, or one cannot be had.
    pub fn is_less(&self) -> bool {
        !self.gone.is_empty() || !self.unresolved.is_empty()
    }
}

/// Returns the newest kernel that supersedes one: a newer upload of the same kernel release, or a
/// newer release of the same series, for the same architecture and flavour.
pub fn successor<'k>(
    target: &Target,
    among: &'k [Kernel],
    order: VersionOrder,
) -> Option<&'k Target> {
    let series = Series::of(&target.kernel_release);
    among
        .iter()
        .map(|kernel| &kernel.target)
        .filter(|other| {
            let is_alike = other.arch == target.arch && other.flavour == target.flavour;
            let is_of_series = series.is_some() && Series::of(&other.kernel_release) == series;
            is_alike && (is_of_series || other.kernel_release == target.kernel_release)
        })
        .max_by(|a, b| {
            order
                .compare(&a.package_version, &b.package_version)
                .then_with(|| a.cmp(b))
        })
        .filter(|newest| {
            order
                .compare(&newest.package_version, &target.package_version)
                .is_gt()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::format::ArchiveFormat;
    use crate::digest::Sha256Digest;

    fn list(kernels: &[(&str, &str)]) -> DistroKernels {
        let kernel = |(release, version): &(&str, &str)| Kernel {
            target: Target {
                distro: "debian".parse().expect("a distro"),
                distro_release: "12".parse().expect("a release"),
                arch: crate::name::Arch::Amd64,
                kernel_release: release.parse().expect("a kernel release"),
                package_version: version.parse().expect("a version"),
                flavour: if release.contains("cloud") {
                    "cloud"
                } else {
                    "generic"
                }
                .parse()
                .expect("a flavour"),
            },
            built: None,
            packages: Vec::new(),
            source: None,
        };
        DistroKernels {
            distro: "debian".parse().expect("a distro"),
            distro_release: "12".parse().expect("a release"),
            format: ArchiveFormat::Apt,
            facts: Sha256Digest::of(b""),
            suites: Vec::new(),
            kernels: kernels.iter().map(kernel).collect(),
            unresolved: Vec::new(),
        }
    }

    /// What changed, as `sign release=version>successor`.
    fn changed(before: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
        let (before, now) = (list(before), list(now));
        let change = Change::between(&before.kernels, &now);
        let name =
            |target: &Target| format!("{}={}", target.kernel_release, target.package_version);
        let replaced = |sign: &str, replaced: &Replaced| match replaced.by {
            Some(by) => format!("{sign}{}>{}", name(&replaced.kernel.target), name(by)),
            None => format!("{sign}{}", name(&replaced.kernel.target)),
        };
        let mut all: Vec<String> = Vec::new();
        all.extend(
            change
                .new
                .iter()
                .map(|kernel| format!("+{}", name(&kernel.target))),
        );
        all.extend(change.gone.iter().map(|gone| replaced("-", gone)));
        all.extend(change.superseded.iter().map(|old| replaced("~", old)));
        assert_eq!(change.is_less(), !change.gone.is_empty());
        all
    }

    #[test]
    fn kernels_are_new_gone_or_superseded() {
        let old = ("6.1.0-9", "6.1.27-1");
        let new = ("6.1.0-56", "6.1.192-2");
        let upload = ("6.1.0-56", "6.1.192-10");
        let other = ("6.12.1", "6.12.1-1");
        let cloud = ("6.1.0-56-cloud", "6.1.192-2");
        for (before, now, expected) in [
            (vec![old, other], vec![old, other], vec![]),
            (vec![], vec![old], vec!["+6.1.0-9=6.1.27-1"]),
            (vec![old, other], vec![other], vec!["-6.1.0-9=6.1.27-1"]),
            (
                vec![old],
                vec![old, new, other, cloud],
                vec![
                    "+6.1.0-56=6.1.192-2",
                    "+6.12.1=6.12.1-1",
                    "+6.1.0-56-cloud=6.1.192-2",
                    "~6.1.0-9=6.1.27-1>6.1.0-56=6.1.192-2",
                ],
            ),
            (
                vec![old],
                vec![new],
                vec![
                    "+6.1.0-56=6.1.192-2",
                    "-6.1.0-9=6.1.27-1>6.1.0-56=6.1.192-2",
                ],
            ),
            (
                vec![new],
                vec![new, upload],
                vec![
                    "+6.1.0-56=6.1.192-10",
                    "~6.1.0-56=6.1.192-2>6.1.0-56=6.1.192-10",
                ],
            ),
            // Superseded before already, so that nothing is to be said.
            (vec![old, new], vec![old, new], vec![]),
            // An older kernel stands for nothing.
            (vec![new, old], vec![old], vec!["-6.1.0-56=6.1.192-2"]),
        ] {
            assert_eq!(changed(&before, &now), expected, "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_kernel_that_cannot_be_had_is_less() {
        let mut now = list(&[]);
        assert!(!Change::between(&[], &now).is_less());
        now.unresolved.push(UnresolvedKernel {
            arch: crate::name::Arch::Amd64,
            kernel_release: "6.1".parse().expect("a release"),
            package_version: "1".parse().expect("a version"),
            reason: "why".to_owned(),
        });
        assert!(Change::between(&[], &now).is_less());
    }
}

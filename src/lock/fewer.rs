//! Which locked cells a new plan loses because the archives hold less than before.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::Lock;
use crate::catalog::DistroKernels;
use crate::catalog::version_order::VersionOrder;
use crate::name::{Arch, CellId, Distro, DistroRelease, Flavour, ModuleName, Series, Target};

/// Cells that stand for each other: when a newer kernel comes, one takes another's place.
type Group<'a> = (
    &'a Distro,
    &'a DistroRelease,
    Arch,
    &'a Flavour,
    Option<Series>,
    &'a ModuleName,
);

/// What a group has: how many cells, and its newest kernel.
#[derive(Default)]
struct Has<'a> {
    cells: usize,
    newest: Option<&'a Target>,
}

/// Returns the locked cells that are lost, ordered as the lock has them.
///
/// A cell is lost if no list has its kernel any more and nothing has taken its place: its group
/// (distribution release, architecture, flavour, series and module) has fewer cells than before, or
/// its newest kernel is older than the newest before. A cell that the matrix no longer asks for is
/// not lost: its kernel is still there. Nor is one of a distribution release that the matrix does
/// not name any more, of which `kernels` has no list.
pub fn lost<'a>(
    before: &'a Lock,
    cells: impl IntoIterator<Item = (&'a CellId, &'a Target)>,
    kernels: &[DistroKernels],
) -> Vec<&'a CellId> {
    let orders: BTreeMap<(&Distro, &DistroRelease), VersionOrder> = kernels
        .iter()
        .map(|list| {
            let place = (&list.distro, &list.distro_release);
            (place, VersionOrder::of(list.format))
        })
        .collect();
    let there: BTreeSet<&Target> = kernels
        .iter()
        .flat_map(|list| list.kernels.iter().map(|kernel| &kernel.target))
        .collect();
    let locked = || {
        before
            .cells
            .iter()
            .filter_map(|cell| Some((&cell.id, &before.targets.get(cell.target)?.target)))
    };
    let had = grouped(locked(), &orders);
    let has = grouped(cells, &orders);
    locked()
        .filter(|(id, target)| {
            let Some(order) = orders.get(&(&target.distro, &target.distro_release)) else {
                return false;
            };
            if there.contains(target) {
                return false;
            }
            let group = group(id, target);
            let (before, now) = (&had[&group], has.get(&group));
            now.is_none_or(|now| {
                now.cells < before.cells
                    || compare(now.newest, before.newest, *order) == Ordering::Less
            })
        })
        .map(|(id, _)| id)
        .collect()
}

fn group<'a>(id: &'a CellId, target: &'a Target) -> Group<'a> {
    (
        &target.distro,
        &target.distro_release,
        target.arch,
        &target.flavour,
        Series::of(&target.kernel_release),
        &id.module,
    )
}

fn grouped<'a>(
    cells: impl IntoIterator<Item = (&'a CellId, &'a Target)>,
    orders: &BTreeMap<(&Distro, &DistroRelease), VersionOrder>,
) -> BTreeMap<Group<'a>, Has<'a>> {
    let mut groups: BTreeMap<Group, Has> = BTreeMap::new();
    for (id, target) in cells {
        let Some(order) = orders.get(&(&target.distro, &target.distro_release)) else {
            continue;
        };
        let has = groups.entry(group(id, target)).or_default();
        has.cells += 1;
        if compare(has.newest, Some(target), *order) == Ordering::Less {
            has.newest = Some(target);
        }
    }
    groups
}

fn compare(a: Option<&Target>, b: Option<&Target>, order: VersionOrder) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => order.compare(&a.package_version, &b.package_version),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Kernel;
    use crate::catalog::format::ArchiveFormat;
    use crate::digest::Sha256Digest;
    use crate::lock::{LockedCell, LockedTarget, SCHEMA};

    fn target((release, version): &(&str, &str)) -> Target {
        Target {
            distro: "debian".parse().expect("a distro"),
            distro_release: "12".parse().expect("a release"),
            arch: Arch::Amd64,
            kernel_release: release.parse().expect("a kernel release"),
            package_version: version.parse().expect("a version"),
            flavour: "generic".parse().expect("a flavour"),
        }
    }

    fn cells(kernels: &[(&str, &str)]) -> Vec<(CellId, Target)> {
        let module = "m".parse().expect("a module");
        kernels
            .iter()
            .map(target)
            .map(|target| (CellId::new(&target, &module), target))
            .collect()
    }

    fn locked(kernels: &[(&str, &str)]) -> Lock {
        let cells = cells(kernels);
        Lock {
            schema_version: SCHEMA,
            plan: Sha256Digest::of(b""),
            facts: BTreeMap::new(),
            sources: BTreeMap::new(),
            images: BTreeMap::new(),
            suites: Vec::new(),
            targets: cells
                .iter()
                .map(|(_, target)| LockedTarget {
                    target: target.clone(),
                    image: "debian-12".parse().expect("an image"),
                    mounts: Vec::new(),
                    build_directory: String::new(),
                    packages: Vec::new(),
                    source: None,
                })
                .collect(),
            cells: cells
                .into_iter()
                .enumerate()
                .map(|(target, (id, _))| LockedCell { id, target })
                .collect(),
            let_go: Vec::new(),
        }
    }

    fn list(kernels: &[(&str, &str)]) -> DistroKernels {
        DistroKernels {
            distro: "debian".parse().expect("a distro"),
            distro_release: "12".parse().expect("a release"),
            format: ArchiveFormat::Apt,
            facts: Sha256Digest::of(b""),
            suites: Vec::new(),
            kernels: kernels
                .iter()
                .map(|kernel| Kernel {
                    target: target(kernel),
                    built: None,
                    packages: Vec::new(),
                    source: None,
                })
                .collect(),
            unresolved: Vec::new(),
        }
    }

    #[test]
    fn a_cell_is_lost_if_its_kernel_has_gone_and_nothing_took_its_place() {
        let a = ("6.1.0-1", "6.1.1-1");
        let b = ("6.1.0-2", "6.1.2-1");
        let c = ("6.1.0-3", "6.1.3-1");
        let other = ("6.12.1", "6.12.1-1");
        for (why, before, planned, there, expected) in [
            (
                "nothing has changed",
                vec![a, b],
                vec![a, b],
                vec![a, b],
                vec![],
            ),
            ("one has gone", vec![a, b], vec![b], vec![b], vec![a]),
            (
                "all of a series have gone",
                vec![a, other],
                vec![other],
                vec![other],
                vec![a],
            ),
            (
                "a newer one took its place",
                vec![a, b],
                vec![b, c],
                vec![b, c],
                vec![],
            ),
            (
                "only an older one is left",
                vec![b],
                vec![a],
                vec![a],
                vec![b],
            ),
            (
                "the matrix asks for less",
                vec![a, b],
                vec![b],
                vec![a, b],
                vec![],
            ),
            (
                "another series is no stand-in",
                vec![a],
                vec![other],
                vec![other],
                vec![a],
            ),
        ] {
            let (lock, cells) = (locked(&before), cells(&planned));
            let planned = cells.iter().map(|(id, target)| (id, target));
            let found: Vec<String> = lost(&lock, planned, &[list(&there)])
                .into_iter()
                .map(|id| id.kernel_release.to_string())
                .collect();
            let expected: Vec<&str> = expected.iter().map(|(release, _)| *release).collect();
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn a_release_that_the_matrix_no_longer_names_loses_nothing() {
        let lock = locked(&[("6.1.0-1", "6.1.1-1")]);
        assert!(lost(&lock, [], &[]).is_empty());
    }
}

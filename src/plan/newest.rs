//! Picking the newest kernels, by package version.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::catalog::version_order::VersionOrder;
use crate::name::{PackageVersion, Target};
use crate::plan::order::natural;

/// Says which package version cannot be compared.
#[derive(Debug)]
pub struct IncomparableVersion(pub PackageVersion);

/// Keeps the newest kernel releases of some kernels, newest first, by their indexes.
///
/// Releases are counted and not uploads: of one release the newest upload alone is kept. `order` is
/// that of the archive's packages.
pub fn newest<'c>(
    kernels: impl IntoIterator<Item = (usize, &'c Target)>,
    order: VersionOrder,
    count: NonZeroU32,
) -> Result<Vec<usize>, IncomparableVersion> {
    let mut kernels: Vec<(usize, &Target)> = kernels.into_iter().collect();
    if let Some((_, target)) = kernels
        .iter()
        .find(|(_, target)| !order.knows(&target.package_version))
    {
        return Err(IncomparableVersion(target.package_version.clone()));
    }
    kernels.sort_by(|(_, a), (_, b)| {
        let by_version = order.compare(&b.package_version, &a.package_version);
        // Of one upload, the choice is only to be the same every time.
        by_version
            .then_with(|| natural(b.kernel_release.as_str(), a.kernel_release.as_str()))
            .then_with(|| b.package_version.cmp(&a.package_version))
    });
    let mut releases = BTreeSet::new();
    kernels.retain(|(_, target)| releases.insert(&target.kernel_release));
    let count = usize::try_from(count.get()).unwrap_or(usize::MAX);
    kernels.truncate(count);
    Ok(kernels.into_iter().map(|(index, _)| index).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample::target;

    fn kept(kernels: &[Target], order: VersionOrder, count: u32) -> Vec<usize> {
        let count = NonZeroU32::new(count).expect("not zero");
        newest(kernels.iter().enumerate(), order, count).expect("comparable")
    }

    #[test]
    fn the_package_version_decides_and_not_the_release() {
        let kernels = [
            target("amd64", "6.1.0-9-amd64", "6.1.27-1", "generic"),
            target("amd64", "6.1.0-56-amd64", "6.1.192-2", "generic"),
            target("amd64", "6.1.0-55-amd64", "6.1.192-2~deb12u1", "generic"),
            target("amd64", "6.1.0-99-amd64", "6.1.100-1", "generic"),
        ];
        assert_eq!(kept(&kernels, VersionOrder::Deb, 2), [1, 2]);
    }

    #[test]
    fn releases_are_counted_and_the_newest_upload_stands_for_each() {
        let kernels = [
            target("amd64", "6.1.0-56-amd64", "6.1.192-1", "generic"),
            target("amd64", "6.1.0-56-amd64", "6.1.192-10", "generic"),
            target("amd64", "6.1.0-56-amd64", "6.1.192-9", "generic"),
            target("amd64", "6.1.0-55-amd64", "6.1.190-1", "generic"),
        ];
        assert_eq!(kept(&kernels, VersionOrder::Deb, 1), [1]);
        assert_eq!(kept(&kernels, VersionOrder::Deb, 2), [1, 3]);
        assert_eq!(kept(&kernels, VersionOrder::Deb, 9), [1, 3]);
    }

    #[test]
    fn the_order_is_that_of_the_archives_family() {
        let kernels = [
            target("amd64", "6.1-a", "6.1.a-1", "generic"),
            target("amd64", "6.1-b", "6.1.1-1", "generic"),
        ];
        // Debian's letters come before other characters, and rpm's after no digits at all.
        assert_eq!(kept(&kernels, VersionOrder::Deb, 1), [0]);
        assert_eq!(kept(&kernels, VersionOrder::Rpm, 1), [1]);
    }

    #[test]
    fn a_version_that_cannot_be_compared_is_named() {
        let kernels = [target("amd64", "6.1.0-9-amd64", "99999999999:1", "generic")];
        let error = newest(
            kernels.iter().enumerate(),
            VersionOrder::Deb,
            NonZeroU32::MIN,
        )
        .expect_err("no version");
        assert_eq!(error.0.as_str(), "99999999999:1");
    }
}

//! Picking the newest kernels, by package version.

use std::cmp::Reverse;
use std::num::NonZeroU32;

use debversion::Version;

use crate::name::{PackageVersion, Target};
use crate::plan::order::natural;

/// Says which package version cannot be compared.
#[derive(Debug)]
pub(super) struct IncomparableVersion(pub(super) PackageVersion);

/// Keeps the newest of some kernels.
pub(super) fn newest<'c>(
    kernels: impl IntoIterator<Item = (usize, &'c Target)>,
    count: NonZeroU32,
) -> Result<Vec<usize>, IncomparableVersion> {
    let mut versioned = Vec::new();
    for (index, target) in kernels {
        versioned.push((version(&target.package_version)?, target, index));
    }
    versioned.sort_by(|(a, left, _), (b, right, _)| {
        let by_version = Reverse(a).cmp(&Reverse(b));
        // Of one upload, the choice is only to be the same every time.
        let (left, right) = (&left.kernel_release, &right.kernel_release);
        by_version.then_with(|| natural(right.as_str(), left.as_str()))
    });
    let count = usize::try_from(count.get()).unwrap_or(usize::MAX);
    let kept = versioned.into_iter().take(count);
    Ok(kept.map(|(_, _, index)| index).collect())
}

/// Returns true if the first version is newer than the second; of two that cannot be compared, the
/// one that is greater as a string.
pub(super) fn is_newer(a: &PackageVersion, b: &PackageVersion) -> bool {
    match (version(a), version(b)) {
        (Ok(x), Ok(y)) => x > y || (x == y && a > b),
        (Ok(_), Err(_)) => true,
        (Err(_), Ok(_)) => false,
        (Err(_), Err(_)) => a > b,
    }
}

fn version(package: &PackageVersion) -> Result<Version, IncomparableVersion> {
    // Tildes, epochs and revisions count as Debian Policy, section 5.6.12, says.
    package
        .as_str()
        .parse()
        .map_err(|_| IncomparableVersion(package.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample::target;

    #[test]
    fn the_package_version_decides_and_not_the_release() {
        let kernels = [
            target("amd64", "6.1.0-9-amd64", "6.1.27-1", "generic"),
            target("amd64", "6.1.0-56-amd64", "6.1.192-2", "generic"),
            target("amd64", "6.1.0-55-amd64", "6.1.192-2~deb12u1", "generic"),
            target("amd64", "6.1.0-99-amd64", "6.1.100-1", "generic"),
        ];
        let two = NonZeroU32::new(2).expect("not zero");
        let kept = newest(kernels.iter().enumerate(), two).expect("comparable");
        assert_eq!(kept, [1, 2]);
    }

    #[test]
    fn a_version_that_cannot_be_compared_is_named() {
        let kernels = [target("amd64", "6.1.0-9-amd64", "99999999999:1", "generic")];
        let error = newest(kernels.iter().enumerate(), NonZeroU32::MIN).expect_err("no version");
        assert_eq!(error.0.as_str(), "99999999999:1");
    }
}

//! Versions: which one a module has, and which of two is the older, by the order of the distribution that
//! it was built for.

use std::cmp::Ordering;

use serde_json::Value;

use super::case::Case;
use crate::attest::Provenance;
use crate::catalog::version_order::VersionOrder;
use crate::name::{Distro, PackageVersion};

/// What a dependency's annotation `role` says of the archive that the module's source was taken out of.
const SOURCE_ARCHIVE: &str = "source-archive";
/// The same of a package with the kernel's headers, whose URI says of which family it is.
const HEADERS: &str = "kernel-headers";

/// The version of a module, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModuleVersion {
    pub version: String,
    pub said_by: &'static str,
}

/// Returns every version that a module is said to have: that of the package that its source was taken out
/// of, as the provenance names it, and the one in its own `.modinfo`.
pub(super) fn all_of_module(case: &Case<'_>) -> Vec<ModuleVersion> {
    let packages = case
        .provenances()
        .flat_map(|(_, provenance)| &provenance.build_definition.resolved_dependencies)
        .filter(|one| one.annotations.get("role").and_then(Value::as_str) == Some(SOURCE_ARCHIVE))
        .filter_map(|one| one.annotations.get("version")?.as_str())
        .map(|version| (version, "its source's package"));
    let module = case.artifact.module.as_ref().ok();
    let own = module.and_then(|module| module.version.as_deref());
    packages
        .chain(own.map(|version| (version, "its `.modinfo`")))
        .map(|(version, said_by)| ModuleVersion {
            version: version.to_owned(),
            said_by,
        })
        .collect()
}

/// Returns the version that counts where one is held against another: the package's before the module's own.
pub(super) fn of_module(case: &Case<'_>) -> Option<ModuleVersion> {
    all_of_module(case).into_iter().next()
}

/// Returns the order of versions that a module's cell has: dpkg's for Debian and Ubuntu, apk's for Alpine,
/// and of others that of their header packages.
pub(super) fn order(case: &Case<'_>) -> VersionOrder {
    let by_name = case.cell().and_then(|cell| order_of(&cell.distro));
    let by_package = || {
        let mut all = case.provenances();
        all.find_map(|(_, provenance)| order_of_headers(provenance))
    };
    by_name.or_else(by_package).unwrap_or(VersionOrder::Rpm)
}

fn order_of(distro: &Distro) -> Option<VersionOrder> {
    match distro.as_str() {
        "debian" | "ubuntu" => Some(VersionOrder::Deb),
        "alpine" => Some(VersionOrder::Apk),
        _ => None,
    }
}

/// Finds the order by the type of a package's URI (Package URL specification, "type").
fn order_of_headers(provenance: &Provenance) -> Option<VersionOrder> {
    let mut all = provenance.build_definition.resolved_dependencies.iter();
    let headers =
        all.find(|one| one.annotations.get("role").and_then(Value::as_str) == Some(HEADERS));
    let kind = headers?.uri.as_deref()?.strip_prefix("pkg:")?;
    match kind.split('/').next() {
        Some("deb") => Some(VersionOrder::Deb),
        Some("apk") => Some(VersionOrder::Apk),
        Some(_) | None => None,
    }
}

/// Compares two versions; `None` if one is no version in that order, so that nothing is known.
pub(super) fn compare(order: VersionOrder, left: &str, right: &str) -> Option<Ordering> {
    let read = |text: &str| {
        // People write `v1.2` in `MODULE_VERSION`, and packagers do not.
        let without = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if !without.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let version: PackageVersion = without.parse().ok()?;
        order.knows(&version).then_some(version)
    };
    Some(order.compare(&read(left)?, &read(right)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_in_the_distributions_order_or_not_at_all() {
        use Ordering::{Equal, Greater, Less};
        for (order, left, right, expected) in [
            (VersionOrder::Deb, "6.1.192-2", "6.1.192-10", Some(Less)),
            (VersionOrder::Deb, "1.0~rc1", "1.0", Some(Less)),
            (VersionOrder::Deb, "1:1.0", "2.0", Some(Greater)),
            (VersionOrder::Deb, "v1.2", "1.2", Some(Equal)),
            (VersionOrder::Rpm, "6.4.0-9", "6.4.0-10", Some(Less)),
            (VersionOrder::Apk, "6.6.9-r0", "6.6.10-r0", Some(Less)),
            (VersionOrder::Deb, "", "1.0", None),
            (VersionOrder::Deb, "1.0", "latest", None),
            (VersionOrder::Rpm, "1.0 beta", "1.0", None),
        ] {
            assert_eq!(compare(order, left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_distribution_that_is_not_known_has_no_order_of_its_own() {
        for (distro, expected) in [
            ("debian", Some(VersionOrder::Deb)),
            ("ubuntu", Some(VersionOrder::Deb)),
            ("alpine", Some(VersionOrder::Apk)),
            ("fedora", None),
        ] {
            assert_eq!(order_of(&distro.parse().expect("a distro")), expected);
        }
    }
}

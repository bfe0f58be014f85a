//! What a cell is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::refusal::{ParseNameError, refuse};
use super::{Arch, Distro, DistroRelease, KernelRelease, ModuleName, PackageVersion, Target};

/// Names a cell, such as `debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2/workload-identity`: its
/// target and its module.
///
/// The target's flavour is not part of it: discovery knows no two flavours of one release and
/// version of one architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellId {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    pub arch: Arch,
    pub kernel_release: KernelRelease,
    pub package_version: PackageVersion,
    pub module: ModuleName,
}

impl CellId {
    /// Names the cell of a module and a target.
    pub fn new(target: &Target, module: &ModuleName) -> Self {
        Self {
            distro: target.distro.clone(),
            distro_release: target.distro_release.clone(),
            arch: target.arch,
            kernel_release: target.kernel_release.clone(),
            package_version: target.package_version.clone(),
            module: module.clone(),
        }
    }

    /// Returns the id without the package version, which the cells of two uploads share. People
    /// may write it where it names one cell alone.
    pub fn without_version(&self) -> String {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version: _,
            module,
        } = self;
        format!("{distro}-{distro_release}/{arch}/{kernel_release}/{module}")
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version,
            module,
        } = self;
        write!(
            f,
            "{distro}-{distro_release}/{arch}/{kernel_release}={package_version}/{module}"
        )
    }
}

impl FromStr for CellId {
    type Err = ParseNameError;

    /// Splits at the slashes; the distribution's release is what follows the last dash before the
    /// first of them, and the package version what follows the `=`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted =
            "a cell id such as `debian-12/amd64/6.1.0-56-amd64=6.1.192-2/workload-identity`";
        let parts: Vec<&str> = text.split('/').collect();
        let [place, arch, kernel, module] = parts[..] else {
            return Err(refuse(text, wanted));
        };
        let (kernel_release, package_version) =
            kernel.split_once('=').ok_or_else(|| refuse(text, wanted))?;
        let (distro, distro_release) =
            place.rsplit_once('-').ok_or_else(|| refuse(text, wanted))?;
        Ok(Self {
            distro: distro.parse()?,
            distro_release: distro_release.parse()?,
            arch: arch.parse()?,
            kernel_release: kernel_release.parse()?,
            package_version: package_version.parse()?,
            module: module.parse()?,
        })
    }
}

impl TryFrom<String> for CellId {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CellId> for String {
    fn from(id: CellId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cell_ids_parse_and_print_as_inverses() {
        for text in [
            "debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2/workload-identity",
            "debian-13/arm64/6.12.115+deb13.1-arm64-16k=6.12.115-1~deb13u1/v4l2loopback",
            "open-suse-15.6/amd64/6.4.0-150600.21-default=2:6.4.0-150600.21/m",
        ] {
            let id: CellId = text.parse().expect(text);
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn broken_cell_ids_are_refused() {
        for text in [
            "",
            "debian-12",
            "debian/amd64/6.1=1/m",
            "debian-12/x86/6.1=1/m",
            "debian-12/amd64/6.1=1/m/n",
            "debian-12/amd64/6.1/m",
            "debian-12/amd64/6.1=/m",
            "debian-12/amd64/=1/m",
            "debian-12/amd64/6.1=1=2/m",
            "debian-12/amd64//m",
            "debian-12/amd64/../m",
            "debian-12/amd64/6.1=../m",
        ] {
            assert!(text.parse::<CellId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_cell_id_that_is_made_is_read_back(
            distro in "[a-z][a-z0-9.+-]{0,8}",
            distro_release in "[0-9][a-z0-9.+]{0,8}",
            arch in proptest::sample::select(Arch::ALL.to_vec()),
            release in "[0-9][A-Za-z0-9._+~:-]{0,30}",
            version in "[0-9][A-Za-z0-9._+~:-]{0,60}",
            module in "[a-z][A-Za-z0-9._+~:-]{0,30}",
        ) {
            let target = Target {
                distro: distro.parse().expect("a distro"),
                distro_release: distro_release.parse().expect("a distro release"),
                arch,
                kernel_release: release.parse().expect("a kernel release"),
                package_version: version.parse().expect("a version"),
                flavour: "generic".parse().expect("a flavour"),
            };
            let id = CellId::new(&target, &module.parse().expect("a module"));
            let text = id.to_string();
            prop_assert_eq!(text.parse::<CellId>().expect("an id"), id.clone());
            prop_assert_eq!(format!("{target}/{module}"), text);
            prop_assert_eq!(id.without_version(), format!("{}/{module}", target.without_version()));
        }

        #[test]
        fn whatever_is_read_as_a_cell_id_is_printed_as_it_was(text in "[a-z0-9]-[0-9]/amd64/[0-9=.]{1,5}/[a-z=]{1,3}") {
            if let Ok(id) = text.parse::<CellId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}

//! What a cell is built for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Arch, Distro, DistroRelease, Flavour, KernelRelease, PackageVersion};

/// What one cell is built for. The whole tuple is the identity: two uploads of one kernel release
/// are two targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    pub arch: Arch,
    pub kernel_release: KernelRelease,
    pub package_version: PackageVersion,
    pub flavour: Flavour,
}

impl Target {
    /// Returns the name without the package version, which two uploads share.
    pub fn without_version(&self) -> String {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version: _,
            flavour: _,
        } = self;
        format!("{distro}-{distro_release}/{arch}/{kernel_release}")
    }
}

/// Prints the name, such as `debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2`: release and version
/// as apt's `package=version` has them. The flavour follows from the rest.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.without_version(), self.package_version)
    }
}

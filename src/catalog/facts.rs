//! What is known of one distribution release, read from `kernels/<distro>-<release>.toml`.

use std::path::PathBuf;

use crate::catalog::Fingerprint;
pub use crate::catalog::facts_file::{find, read_all};
use crate::digest::Sha256Digest;
use crate::name::{Arch, ArchiveName, Distro, DistroRelease, Flavour, ImageName, Suite};

/// The facts of one distribution release.
#[derive(Debug, Clone)]
pub struct DistroFacts {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    /// The builder image (`images/<name>.toml`) that builds for this release.
    pub image: ImageName,
    /// When the facts were last checked against a live archive.
    pub checked: jiff::civil::Date,
    pub archives: Vec<ArchiveFacts>,
    pub kernel: KernelFacts,
    /// The digest of the file that this was read from.
    pub digest: Sha256Digest,
}

/// One archive and the suites that are read from it.
#[derive(Debug, Clone)]
pub struct ArchiveFacts {
    /// The name that site configuration resolves to a mirror.
    pub name: ArchiveName,
    pub component: String,
    pub suites: Vec<SuiteFacts>,
    /// The keys that may sign a Release file here; one good signature by one of them is enough.
    pub keys: Vec<Fingerprint>,
    /// Files of certificates that hold those keys, absolute after reading.
    pub keyrings: Vec<PathBuf>,
}

/// One suite.
#[derive(Debug, Clone)]
pub struct SuiteFacts {
    pub suite: Suite,
    /// Whether a Release file without `Valid-Until` is refused.
    pub valid_until_required: bool,
    /// A named decision to take the suite although its `Valid-Until` has passed.
    pub accept_expired: Option<AcceptExpired>,
}

/// A named decision to accept an expired Release file.
#[derive(Debug, Clone)]
pub struct AcceptExpired {
    pub reason: String,
    /// The last day on which the decision holds.
    pub until: jiff::civil::Date,
}

/// How kernels and the packages that they need are recognised.
#[derive(Debug, Clone)]
pub struct KernelFacts {
    /// The name of a kernel's header package, with `{release}` for the kernel release.
    pub headers: String,
    /// A dependency that a real header package has and a meta-package has not (a glob).
    pub requires: String,
    /// Dependencies that belong to the kernel interface (globs); all others are left alone.
    pub follow: Vec<String>,
    /// Those of `follow` that hold programs which run during the build, and are therefore taken for
    /// the build machine's architecture (globs).
    pub host: Vec<String>,
    /// What of the unpacked packages is mounted into the build (globs of directories).
    pub mounts: Vec<String>,
    /// The directory that the build is pointed at, with `{release}` for the kernel release.
    pub build: String,
    /// Which ending of a kernel release means which flavour on which architecture; the longest
    /// ending that matches decides, and a release that none matches is no kernel of ours.
    pub flavours: Vec<FlavourFacts>,
}

/// One flavour of one architecture.
#[derive(Debug, Clone)]
pub struct FlavourFacts {
    pub arch: Arch,
    pub flavour: Flavour,
    /// Such as `-cloud-amd64`.
    pub ending: String,
}

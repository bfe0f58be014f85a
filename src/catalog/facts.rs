//! What is known of one distribution release, read from `kernels/<distro>-<release>.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::catalog::Fingerprint;
pub use crate::catalog::facts_file::{find, read_all};
use crate::catalog::format::ArchiveFormat;
use crate::catalog::source_facts::SourceFacts;
use crate::digest::Sha256Digest;
use crate::name::{
    Arch, ArchiveName, Distro, DistroRelease, Flavour, ImageName, PackageName, Suite, Target,
};

/// The facts of one distribution release.
#[derive(Debug, Clone)]
pub struct DistroFacts {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    /// What its archives are.
    pub format: ArchiveFormat,
    /// The builder image (`images/<name>.toml`) that builds for this release.
    pub image: ImageName,
    /// Other images for some architectures, such as those that need a cross compiler of their own.
    pub images: BTreeMap<Arch, ImageName>,
    /// When the facts were last checked, and against what.
    pub checked: jiff::civil::Date,
    pub checked_against: CheckedAgainst,
    pub archives: Vec<ArchiveFacts>,
    /// Empty where kernels are prepared here.
    pub kernel: KernelFacts,
    /// The kernels that are prepared here.
    pub source: Option<SourceFacts>,
    /// The digest of the file that this was read from, and of the files that it names for their
    /// content.
    pub digest: Sha256Digest,
}

/// What facts were held against when they were last checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedAgainst {
    /// The archive itself: kernels were listed, and a module was built.
    Live,
    /// An archive of the same layout that was made for the purpose, or nothing but the
    /// distribution's documentation: nobody has seen these facts find a kernel of the real archive.
    Fixture,
}

impl CheckedAgainst {
    /// Returns the word that facts files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Fixture => "fixture",
        }
    }
}

/// One archive and the suites that are read from it.
#[derive(Debug, Clone)]
pub struct ArchiveFacts {
    /// The name that site configuration resolves to a mirror.
    pub name: ArchiveName,
    pub suites: Vec<SuiteFacts>,
    /// The keys that may sign here; one good signature by one of them is enough.
    pub keys: Vec<Fingerprint>,
    /// Files of certificates that hold those keys, absolute after reading.
    pub keyrings: Vec<PathBuf>,
}

/// One suite: what is indexed and signed as one.
#[derive(Debug, Clone)]
pub struct SuiteFacts {
    pub suite: Suite,
    pub location: SuiteLocation,
    /// The architectures that the suite has, if not all that the facts name.
    pub archs: Option<BTreeSet<Arch>>,
    /// Whether a Release file without `Valid-Until` is refused (`apt` only).
    pub valid_until_required: bool,
    pub waivers: Waivers,
}

/// Where a suite stands below its archive's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuiteLocation {
    /// `dists/<suite>/`, of which these components are read; there is at least one.
    Dists { components: Vec<String> },
    /// A path, with `{arch}` for what archives of the format call an architecture.
    Path(String),
}

impl SuiteLocation {
    /// Returns the components of a suite below `dists/`.
    pub fn components(&self) -> &[String] {
        match self {
            Self::Dists { components } => components,
            Self::Path(_) => &[],
        }
    }

    /// Returns the path for an architecture; none of a suite below `dists/`.
    pub fn path(&self, format: ArchiveFormat, arch: Arch) -> Option<String> {
        match self {
            Self::Dists { .. } => None,
            Self::Path(path) => Some(path.replace("{arch}", format.arch_name(arch))),
        }
    }
}

/// Checks that are turned off for a suite, each a named decision that is recorded with what was
/// taken in spite of it, and that lowers the grade of what came from there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers {
    /// A Release file whose `Valid-Until` has passed is taken; always with a last day.
    pub expired: Option<Waiver>,
    /// An index that nobody signed is taken.
    pub unsigned_index: Option<Waiver>,
    /// Packages that nobody signed are taken, on the word of the index alone.
    pub unsigned_packages: Option<Waiver>,
    /// Signatures over SHA-1 digests are taken.
    pub sha1: Option<Waiver>,
}

/// A named decision to do without a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    pub reason: String,
    /// The last day on which the decision holds; `None` if it is for good.
    pub until: Option<jiff::civil::Date>,
}

impl Waiver {
    /// Returns true if the decision holds on a day.
    pub fn holds(&self, today: jiff::civil::Date) -> bool {
        self.until.is_none_or(|until| today <= until)
    }
}

/// How kernels and the packages that they need are recognised.
#[derive(Debug, Clone, Default)]
pub struct KernelFacts {
    /// Dependencies that belong to the kernel interface (globs); all others are left alone.
    pub follow: Vec<String>,
    /// Those of `follow` that hold programs which run during the build, and are therefore taken for
    /// the build machine's architecture (globs).
    pub host: Vec<String>,
    /// What of the unpacked packages is mounted into the build (globs of directories).
    pub mounts: Vec<String>,
    /// The directory that the build is pointed at: a text with [`BUILD_PLACEHOLDERS`] in it, of which
    /// [`KernelFacts::build_directory`] makes a path.
    pub build: String,
    /// The flavours of every architecture, in the order of the file.
    pub flavours: Vec<FlavourFacts>,
}

/// One flavour of one architecture.
#[derive(Debug, Clone)]
pub struct FlavourFacts {
    pub arch: Arch,
    pub flavour: Flavour,
    pub headers: HeaderPackage,
}

/// How the header packages of a flavour are known, and the kernel release of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderPackage {
    /// The package's name has the release in it.
    Named {
        /// The name, with `{release}` for the kernel release.
        pattern: String,
        /// What the release ends in, such as `-cloud-amd64`; of several flavours the longest ending
        /// that matches decides.
        ending: String,
        /// A dependency that a real header package has and a meta-package has not (a glob).
        requires: String,
    },
    /// The package provides a capability whose version is the release.
    Provides {
        name: PackageName,
        capability: String,
    },
    /// The release is the package's version, rewritten.
    Version {
        name: PackageName,
        /// The first that matches counts; a version that none matches is no kernel.
        rewritings: Vec<Rewriting>,
    },
}

/// How a package's version becomes a kernel release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewriting {
    /// A regular expression that the whole version matches.
    pub from: String,
    /// What it becomes, with `$1` for the first group.
    pub to: String,
}

/// What may stand in `build` for a part that kernels differ in: the kernel release, the release without
/// the flavour that it ends in and the dash before that, the flavour, and the architecture as archives of
/// the format call it.
pub const BUILD_PLACEHOLDERS: [&str; 4] = ["{release}", "{base}", "{flavour}", "{machine}"];

impl KernelFacts {
    /// Returns the build directory of a kernel.
    pub fn build_directory(&self, format: ArchiveFormat, target: &Target) -> String {
        let release = target.kernel_release.as_str();
        let flavour = target.flavour.as_str();
        let base = release
            .strip_suffix(flavour)
            .and_then(|rest| rest.strip_suffix('-'))
            .unwrap_or(release);
        let [release_at, base_at, flavour_at, machine_at] = BUILD_PLACEHOLDERS;
        self.build
            .replace(release_at, release)
            .replace(base_at, base)
            .replace(flavour_at, flavour)
            .replace(machine_at, format.arch_name(target.arch))
    }
}

impl DistroFacts {
    /// Returns the name of the image that builds for an architecture.
    pub fn image_for(&self, arch: Arch) -> &ImageName {
        self.images.get(&arch).unwrap_or(&self.image)
    }

    /// Returns the architectures that have a flavour.
    pub fn archs(&self) -> BTreeSet<Arch> {
        self.kernel
            .flavours
            .iter()
            .map(|flavour| flavour.arch)
            .chain(self.source.iter().flat_map(SourceFacts::archs))
            .collect()
    }
}

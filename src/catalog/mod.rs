//! Where kernels come from: facts about distributions, archives that are authenticated, and the
//! list of kernels that they hold.

mod apk;
pub mod apk_entry;
pub mod apk_index;
pub mod apt;
mod apt_sources;
pub(crate) mod archive_file;
pub mod archive_path;
mod attempts;
pub mod change;
mod compression;
pub mod deb822;
pub mod dependency;
pub mod error;
pub mod facts;
mod facts_file;
pub mod fetch;
pub mod fetch_error;
pub mod fetch_source;
pub mod format;
mod index_field;
mod index_tar;
pub mod indexed_package;
pub mod kernel_source;
pub mod kernels;
pub mod keys;
mod local_source;
pub mod look;
pub mod mirror;
pub mod openpgp;
pub mod package;
pub mod package_signature;
pub mod packages_index;
mod pacman;
pub mod pacman_db;
pub mod primary_xml;
pub mod read;
mod redirect;
pub mod release_file;
pub mod repomd;
pub mod rpm_entry;
mod rpm_md;
pub mod rsa;
mod signed_index;
pub mod site;
pub mod source;
pub mod source_facts;
mod suite;
pub mod sums_list;
pub mod surroundings;
mod tarball_signature;
pub mod version_order;
mod xml;

use serde::{Deserialize, Serialize};

use self::format::ArchiveFormat;
use crate::digest::Sha256Digest;
use crate::name::{
    Arch, ArchiveName, Distro, DistroRelease, KernelRelease, PackageName, PackageVersion, Suite,
    Target,
};
use crate::package::PackageFormat;

/// A key's fingerprint in upper-case hex: 40 digits of an OpenPGP v4 key, or 64 of a v6 key (RFC
/// 9580, section 5.5.4) or of a bare RSA key (the SHA-256 of its SubjectPublicKeyInfo in DER).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl std::str::FromStr for Fingerprint {
    type Err = String;

    /// Takes the digits with or without spaces between them, as key listings print them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.split_whitespace().collect();
        if matches!(digits.len(), 40 | 64) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(digits.to_ascii_uppercase()))
        } else {
            Err(format!(
                "`{text}` is not a fingerprint of 40 or 64 hex digits"
            ))
        }
    }
}

impl Fingerprint {
    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Every kernel that one distribution release's archives hold, and who vouched for the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DistroKernels {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    pub format: ArchiveFormat,
    /// The digest of the facts file that the list was made by.
    pub facts: Sha256Digest,
    pub suites: Vec<SuiteRecord>,
    /// Ordered by target.
    pub kernels: Vec<Kernel>,
    /// Kernels that the archives name but whose packages they do not all hold, ordered.
    pub unresolved: Vec<UnresolvedKernel>,
}

impl DistroKernels {
    /// Returns the list of a distribution release that nobody has looked at: it is there, and that
    /// is all.
    pub fn unread(facts: &facts::DistroFacts) -> Self {
        Self {
            distro: facts.distro.clone(),
            distro_release: facts.distro_release.clone(),
            format: facts.format,
            facts: facts.digest,
            suites: Vec::new(),
            kernels: Vec::new(),
            unresolved: Vec::new(),
        }
    }
}

/// A kernel that is left out because a package that it is built against cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedKernel {
    pub arch: Arch,
    pub kernel_release: KernelRelease,
    pub package_version: PackageVersion,
    pub reason: String,
}

/// One authenticated state of one suite of an archive: what it said and who signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuiteRecord {
    pub archive: ArchiveName,
    pub suite: Suite,
    /// The architecture, where every architecture has a signed index of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// When the archive made this state, as the signed index says: `Date` of a Release file, the
    /// newest timestamp of `repomd.xml`, the newest package of a database that has no date itself.
    pub date: jiff::Timestamp,
    /// `Valid-Until` of a Release file, where it has one.
    pub valid_until: Option<jiff::Timestamp>,
    /// The digest of the file that is signed (InRelease, `repomd.xml`, the database, APKINDEX),
    /// signature included where it is inside; the store has its bytes.
    #[serde(alias = "inRelease")]
    pub index: Sha256Digest,
    /// The digest of the signature that stands beside that file, where it is not inside; the store
    /// has it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Sha256Digest>,
    /// The pinned keys whose signatures verified, by their primary keys' fingerprints; empty if
    /// nobody signed and an exception says so.
    pub signed_by: Vec<Fingerprint>,
    /// Checks that were turned off for this suite, each with the reason its facts file gives.
    pub exceptions: Vec<String>,
    /// Decisions to turn a check off that would have passed: they can go from the facts file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unneeded: Vec<String>,
    /// Mirrors that were asked before the one that had this state, or its indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
}

/// A mirror that did not answer, or that lied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// The mirror's address without user name and password.
    pub mirror: String,
    /// What it was asked for, relative to the archive's root.
    pub path: String,
    pub why: String,
}

/// One kernel and the packages that a module is built against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kernel {
    pub target: Target,
    /// When the kernel's own header package was built, where the index says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<jiff::Timestamp>,
    /// Ordered by name; the header package of the kernel itself is among them.
    pub packages: Vec<PackageRef>,
    /// What the kernel is prepared from, where there are no packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<kernel_source::KernelSource>,
}

impl Kernel {
    /// Returns the package of the kernel's own headers: of its version, and of a name with its
    /// release in it where names have releases.
    pub fn header(&self) -> Option<&PackageRef> {
        let release = self.target.kernel_release.as_str();
        let own = || {
            let packages = self.packages.iter();
            packages.filter(|package| package.version == self.target.package_version)
        };
        own()
            .find(|package| package.name.as_str().contains(release))
            .or_else(|| own().next())
    }
}

/// One package, pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageRef {
    pub name: PackageName,
    pub version: PackageVersion,
    /// The package's own architecture field, such as `amd64` or `all`.
    pub architecture: String,
    pub archive: ArchiveName,
    pub suite: Suite,
    /// Relative to the archive's root.
    pub path: String,
    pub bytes: u64,
    pub sha256: Sha256Digest,
    #[serde(default = "deb")]
    pub format: PackageFormat,
    /// The pinned keys of which one must have signed the package itself; empty if the index vouches
    /// for it, or a decision says that nobody needs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Fingerprint>,
    /// The signature of a package that has none in itself, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The format of packages in records from when there was no other.
fn deb() -> PackageFormat {
    PackageFormat::Deb
}

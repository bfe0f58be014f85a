//! The kinds of archives that kernels come from. Which one a distribution release has is a fact in
//! `kernels/*.toml`; nothing else tells distributions apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::Arch;
use crate::package::PackageFormat;

/// How an archive is laid out, signed and indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveFormat {
    /// Debian's repository format: InRelease and Packages.
    Apt,
    /// `repodata/repomd.xml` and what it names.
    RpmMd,
    /// A database of pacman's, such as `core.db`.
    Pacman,
    /// `APKINDEX.tar.gz`.
    Apk,
    /// Source tarballs beside a signed list of their digests, prepared here.
    Source,
}

/// Says why a string is no format of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format of an archive (`apt`, `rpm-md`, `pacman`, `apk`, `source`)")]
pub struct ParseFormatError(String);

impl ArchiveFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Apt,
        Self::RpmMd,
        Self::Pacman,
        Self::Apk,
        Self::Source,
    ];

    /// Returns the name that facts files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::RpmMd => "rpm-md",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Source => "source",
        }
    }

    /// Returns the format of the packages in archives of this format.
    pub fn package_format(self) -> Option<PackageFormat> {
        match self {
            Self::Apt => Some(PackageFormat::Deb),
            Self::RpmMd => Some(PackageFormat::Rpm),
            Self::Pacman => Some(PackageFormat::Pacman),
            Self::Apk => Some(PackageFormat::Apk),
            Self::Source => None,
        }
    }

    /// Returns true if a package that names its architecture so is for machines of another's: by its
    /// name, or because it is for all.
    pub fn has_packages_for(self, architecture: &str, arch: Arch) -> bool {
        let of_all = match self {
            Self::Apt | Self::Source => "all",
            Self::RpmMd | Self::Apk => "noarch",
            Self::Pacman => "any",
        };
        architecture == of_all || architecture == self.arch_name(arch)
    }

    /// Returns what archives of this format call an architecture: Debian's name, or the word that
    /// `uname -m` prints, as rpm, pacman and apk spell it.
    pub fn arch_name(self, arch: Arch) -> &'static str {
        match self {
            Self::Apt | Self::Source => arch.as_str(),
            Self::RpmMd | Self::Pacman | Self::Apk => match arch {
                Arch::Amd64 => "x86_64",
                Arch::Arm64 => "aarch64",
                Arch::Armhf => match self {
                    Self::Apk => "armv7",
                    Self::Pacman => "armv7h",
                    Self::RpmMd | Self::Apt | Self::Source => "armv7hl",
                },
                Arch::Ppc64el => "ppc64le",
                Arch::Riscv64 => "riscv64",
                Arch::S390x => "s390x",
            },
        }
    }
}

impl fmt::Display for ArchiveFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ArchiveFormat {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| ParseFormatError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for format in ArchiveFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("rpm".parse::<ArchiveFormat>().is_err());
    }

    #[test]
    fn archives_have_their_own_names_for_architectures() {
        let cases = [
            (ArchiveFormat::Apt, Arch::Ppc64el, "ppc64el"),
            (ArchiveFormat::RpmMd, Arch::Ppc64el, "ppc64le"),
            (ArchiveFormat::RpmMd, Arch::Amd64, "x86_64"),
            (ArchiveFormat::Apk, Arch::Armhf, "armv7"),
            (ArchiveFormat::Pacman, Arch::Arm64, "aarch64"),
        ];
        for (format, arch, name) in cases {
            assert_eq!(format.arch_name(arch), name, "{format} {arch}");
        }
    }
}

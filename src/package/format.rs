//! The package formats, and one way into all of them.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::apk::unpack_apk;
use super::deb::unpack_deb;
use super::error::PackageError;
use super::identity::PackageIdentity;
use super::limits::Limits;
use super::pacman::unpack_pacman;
use super::rpm::unpack_rpm;
use crate::tree::Entries;

/// A format that kernels are packaged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageFormat {
    Deb,
    Rpm,
    Pacman,
    Apk,
}

/// Says that a string names no package format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a package format (`deb`, `rpm`, `pacman`, `apk`)")]
pub struct ParseFormatError {
    text: String,
}

/// What a package is and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    pub identity: PackageIdentity,
    pub entries: Entries,
}

/// Unpacks a package's files below the existing, empty directory `into`, in one pass that ends at
/// the package's last byte; a file's digest is that of the bytes as they were written.
///
/// Symbolic links with absolute targets are taken: they mean the package's own root, so nothing may
/// follow them in `into` itself. After an error `into` holds some part of the package.
pub fn unpack(
    format: PackageFormat,
    reader: impl Read + Send,
    into: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    match format {
        PackageFormat::Deb => unpack_deb(reader, into, limits),
        PackageFormat::Rpm => unpack_rpm(reader, into, limits),
        PackageFormat::Pacman => unpack_pacman(reader, into, limits),
        PackageFormat::Apk => unpack_apk(reader, into, limits),
    }
}

impl PackageFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Deb, Self::Rpm, Self::Pacman, Self::Apk];

    /// Returns the format's name, as facts files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
        }
    }
}

impl fmt::Display for PackageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PackageFormat {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| ParseFormatError {
                text: text.chars().take(80).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_parse_and_print_as_inverses() {
        for format in PackageFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            let json = serde_json::to_string(&format).expect("JSON");
            assert_eq!(json, format!("\"{format}\""));
        }
        for text in ["", "Deb", "rpm ", "dpkg"] {
            assert!(text.parse::<PackageFormat>().is_err(), "{text}");
        }
    }
}

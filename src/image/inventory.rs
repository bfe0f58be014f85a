//! What packages an image has, by its own package database.

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::image::InstalledPackage;
use crate::image::package_database::{PackageDatabase, parse_packages};

/// The most bytes that a package database may have.
const MAX_STATUS: u64 = 64 << 20;

/// Which package database an image has, and the digest of what it lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryRecord {
    pub database: PackageDatabase,
    /// The SHA-256 of the database's name and the packages as JSON without white space.
    pub digest: Sha256Digest,
}

impl InventoryRecord {
    /// Names what a list of packages holds.
    pub fn of(database: PackageDatabase, packages: &[InstalledPackage]) -> Self {
        let bytes = serde_json::json!({ "database": database, "packages": packages }).to_string();
        Self {
            database,
            digest: Sha256Digest::of(bytes.as_bytes()),
        }
    }
}

/// Says why an image's packages are not known.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("the root file system's tar cannot be read")]
    Read(#[from] io::Error),
    #[error("the root file system has no `var/lib/dpkg/status`")]
    NoDatabase,
    #[error("`var/lib/dpkg/status` has {0} bytes, more than {MAX_STATUS}")]
    TooLarge(u64),
    #[error("the package database is not readable as one: {0}")]
    Malformed(String),
}

/// Reads the list of installed packages out of the tar of a bootstrapped root file system, whose
/// database is dpkg's.
pub fn installed_packages(tar: impl Read + Seek) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = entry.path_bytes();
        if name.strip_prefix(b"./").unwrap_or(&name) != b"var/lib/dpkg/status" {
            continue;
        }
        if entry.size() > MAX_STATUS {
            return Err(InventoryError::TooLarge(entry.size()));
        }
        let mut text = String::new();
        entry.take(MAX_STATUS).read_to_string(&mut text)?;
        return parse_packages(PackageDatabase::Dpkg, &text);
    }
    Err(InventoryError::NoDatabase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_without_a_database_is_no_empty_root() {
        assert!(matches!(
            installed_packages(io::Cursor::new(vec![0; 1024])),
            Err(InventoryError::NoDatabase)
        ));
        let digest = |database| InventoryRecord::of(database, &[]).digest;
        assert_ne!(
            digest(PackageDatabase::Dpkg),
            digest(PackageDatabase::Unknown),
            "nobody knowing is not nothing being there"
        );
    }
}

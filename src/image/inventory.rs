//! What packages a root file system has, by its own package database.

use std::io::{self, Read, Seek};

use crate::image::InstalledPackage;

/// The most bytes that a package database may have.
const MAX_STATUS: u64 = 64 << 20;

/// Says why a root file system's packages are not known.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("the root file system's tar cannot be read")]
    Read(#[from] io::Error),
    #[error("the root file system has no `var/lib/dpkg/status`")]
    NoDatabase,
    #[error("`var/lib/dpkg/status` has {0} bytes, more than {MAX_STATUS}")]
    TooLarge(u64),
    #[error("`var/lib/dpkg/status` is not readable as one: {0}")]
    Malformed(String),
}

/// Reads the list of installed packages out of a root file system's tar (dpkg(1), "FILES",
/// `status`; deb822(5)).
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
        return parse_packages(&text);
    }
    Err(InventoryError::NoDatabase)
}

/// Reads the list of installed packages out of the text of a package database.
pub fn parse_packages(status: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    for stanza in status.split("\n\n").filter(|text| !text.trim().is_empty()) {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                line.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix(": "))
                    .map(str::trim)
            })
        };
        let installed = field("Status").is_some_and(|status| status.ends_with(" installed"));
        if !installed {
            continue;
        }
        let wanted = |name| {
            field(name).ok_or_else(|| {
                let first = stanza.lines().next().unwrap_or_default();
                InventoryError::Malformed(format!("`{first}` has no {name}"))
            })
        };
        packages.push(InstalledPackage {
            name: wanted("Package")?.to_owned(),
            version: wanted("Version")?
                .parse()
                .map_err(|error| InventoryError::Malformed(format!("{error}")))?,
            architecture: wanted("Architecture")?.to_owned(),
        });
    }
    packages.sort();
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count_and_broken_ones_are_errors() {
        let text = "Package: make\nStatus: install ok installed\nArchitecture: amd64\n\
                    Version: 4.3-4.1\nDescription: x\n y\n\nPackage: gone\n\
                    Status: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n";
        let packages = parse_packages(text).expect("a database");
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].name, "make");
        assert!(matches!(
            parse_packages("Package: a\nStatus: install ok installed\nVersion: 1\n"),
            Err(InventoryError::Malformed(_))
        ));
        assert!(matches!(
            installed_packages(io::Cursor::new(vec![0; 1024])),
            Err(InventoryError::NoDatabase)
        ));
    }
}

//! The databases of package managers: which packages are installed, and what each was built from.
//!
//! They come out of images that others made, so they are read as untrusted text: what is not
//! understood is an error, never a shorter list.

use serde::{Deserialize, Serialize};

use crate::image::InstalledPackage;
use crate::image::inventory::InventoryError;
use crate::name::PackageVersion;

/// The most packages that an image may have.
const MAX_PACKAGES: usize = 100_000;

/// The kind of an image's package database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageDatabase {
    /// `/var/lib/dpkg/status` (dpkg(1), "FILES"; deb-control(5)).
    Dpkg,
    /// `/lib/apk/db/installed` (apk's package database, one letter a field).
    Apk,
    /// `desc` of every directory in `/var/lib/pacman/local` (`%FIELD%` and then its lines).
    Pacman,
    /// What `rpm -qa` answers to [`RPM_QUERY`].
    Rpm,
    /// None that is known here, or one that could not be read. Nothing is known of the packages.
    Unknown,
}

/// What rpm is asked of each package (rpm(8), "QUERY OPTIONS", `--queryformat`).
pub(super) const RPM_QUERY: &str =
    r"%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n";

impl PackageDatabase {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Dpkg,
        Self::Apk,
        Self::Pacman,
        Self::Rpm,
        Self::Unknown,
    ];

    /// Returns the name that records and the probe have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Rpm => "rpm",
            Self::Unknown => "unknown",
        }
    }
}

/// Reads the installed packages out of a database's text, ordered.
pub fn parse_packages(
    database: PackageDatabase,
    text: &str,
) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = match database {
        PackageDatabase::Dpkg => dpkg(text)?,
        PackageDatabase::Apk => apk(text)?,
        PackageDatabase::Pacman => pacman(text)?,
        PackageDatabase::Rpm => rpm(text)?,
        PackageDatabase::Unknown => Vec::new(),
    };
    if packages.len() > MAX_PACKAGES {
        return Err(InventoryError::Malformed(format!(
            "it lists more than {MAX_PACKAGES} packages"
        )));
    }
    packages.sort();
    Ok(packages)
}

fn dpkg(text: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    for stanza in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
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
        let name = wanted(stanza, "Package", field("Package"))?;
        let version = version(wanted(stanza, "Version", field("Version"))?)?;
        // `Source: name` or `Source: name (version)`; absent where both are the package's own.
        let (source, source_version) = match field("Source") {
            None => (name, version.clone()),
            Some(source) => match source.split_once(" (") {
                None => (source, version.clone()),
                Some((source, rest)) => (source, self::version(rest.trim_end_matches(')'))?),
            },
        };
        packages.push(InstalledPackage {
            name: name.to_owned(),
            version,
            architecture: wanted(stanza, "Architecture", field("Architecture"))?.to_owned(),
            source: Some(source.to_owned()),
            source_version: Some(source_version),
        });
    }
    Ok(packages)
}

fn apk(text: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    for stanza in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        let field = |letter: &str| stanza.lines().find_map(|line| line.strip_prefix(letter));
        let version = version(wanted(stanza, "version", field("V:"))?)?;
        packages.push(InstalledPackage {
            name: wanted(stanza, "name", field("P:"))?.to_owned(),
            architecture: wanted(stanza, "architecture", field("A:"))?.to_owned(),
            source: field("o:").map(str::to_owned),
            // All packages of one origin are built at once, with its version.
            source_version: field("o:").map(|_| version.clone()),
            version,
        });
    }
    Ok(packages)
}

fn pacman(text: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    let starts = text.match_indices("%NAME%\n").map(|(at, _)| at);
    let mut bounds: Vec<usize> = starts.collect();
    bounds.push(text.len());
    if !text.is_empty() && bounds[0] != 0 {
        return Err(InventoryError::Malformed(
            "it does not begin with a package's name".to_owned(),
        ));
    }
    for pair in bounds.windows(2) {
        let desc = &text[pair[0]..pair[1]];
        let field = |name: &str| {
            let mut lines = desc.lines();
            lines.find(|line| *line == name)?;
            lines.next().filter(|line| !line.is_empty())
        };
        let version = version(wanted(desc, "%VERSION%", field("%VERSION%"))?)?;
        packages.push(InstalledPackage {
            name: wanted(desc, "%NAME%", field("%NAME%"))?.to_owned(),
            architecture: wanted(desc, "%ARCH%", field("%ARCH%"))?.to_owned(),
            source: field("%BASE%").map(str::to_owned),
            source_version: field("%BASE%").map(|_| version.clone()),
            version,
        });
    }
    Ok(packages)
}

fn rpm(text: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, full, architecture, source] = fields[..] else {
            return Err(InventoryError::Malformed(format!(
                "`{}` is not the four words that were asked for",
                shown(line)
            )));
        };
        // Keys that were imported stand among the packages, and were built from nothing.
        if name == "gpg-pubkey" {
            continue;
        }
        let full = full.strip_prefix("0:").unwrap_or(full);
        // `name-version-release.src.rpm`, and `(none)` where it is not recorded.
        let source = source
            .strip_suffix(".src.rpm")
            .or_else(|| source.strip_suffix(".nosrc.rpm"))
            .and_then(|source| {
                let (rest, release) = source.rsplit_once('-')?;
                let (name, version) = rest.rsplit_once('-')?;
                Some((name, format!("{version}-{release}")))
            });
        packages.push(InstalledPackage {
            name: name.to_owned(),
            version: version(full)?,
            architecture: architecture.to_owned(),
            source: source.as_ref().map(|(name, _)| (*name).to_owned()),
            source_version: match &source {
                Some((_, text)) => Some(version(text)?),
                None => None,
            },
        });
    }
    Ok(packages)
}

fn wanted<'t>(
    stanza: &str,
    field: &str,
    value: Option<&'t str>,
) -> Result<&'t str, InventoryError> {
    value.ok_or_else(|| {
        let first = shown(stanza.lines().next().unwrap_or_default());
        InventoryError::Malformed(format!("`{first}` has no {field}"))
    })
}

fn version(text: &str) -> Result<PackageVersion, InventoryError> {
    text.parse()
        .map_err(|error| InventoryError::Malformed(format!("{error}")))
}

fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(database: PackageDatabase, text: &str) -> Vec<String> {
        let packages = parse_packages(database, text).expect(text);
        let word = |package: &InstalledPackage| {
            format!(
                "{} {} {} from {} {}",
                package.name,
                package.version,
                package.architecture,
                package.source.as_deref().unwrap_or("?"),
                package.source_version.as_ref().map_or("?", |v| v.as_str()),
            )
        };
        packages.iter().map(word).collect()
    }

    const DPKG: &str = "Package: make\nStatus: install ok installed\nArchitecture: amd64\n\
        Source: make-dfsg\nVersion: 4.3-4.1\nDescription: x\n y\n\nPackage: gone\n\
        Status: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
        Package: cpp\nStatus: install ok installed\nArchitecture: amd64\n\
        Source: gcc-defaults (1.203)\nVersion: 4:12.2.0-3\n\n\
        Package: dash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 0.5-1\n";
    const APK: &str = "C:Q1abc=\nP:musl-utils\nV:1.2.5-r0\nA:x86_64\no:musl\nF:bin\nR:x\n\n\
        P:musl\nV:1.2.5-r0\nA:x86_64\no:musl\n\n";
    const PACMAN: &str = "%NAME%\ngcc-libs\n\n%VERSION%\n14.2.1-1\n\n%BASE%\ngcc\n\n%DESC%\nx\n\n\
        %ARCH%\nx86_64\n\n%NAME%\nfilesystem\n\n%VERSION%\n2024.1-1\n\n%ARCH%\nany\n";
    const RPM: &str = "bash\t0:5.1.8-6.el9\tx86_64\tbash-5.1.8-6.el9.src.rpm\n\
        shadow-utils\t2:4.9-8.el9\tx86_64\tshadow-utils-4.9-8.el9.src.rpm\n\
        gpg-pubkey\t0:a-b\t(none)\t(none)\nlocal\t0:1-1\tnoarch\t(none)\n";

    #[test]
    fn every_database_gives_versions_and_what_they_were_built_from() {
        let cases: [(PackageDatabase, &str, &[&str]); 5] = [
            (
                PackageDatabase::Dpkg,
                DPKG,
                &[
                    "cpp 4:12.2.0-3 amd64 from gcc-defaults 1.203",
                    "dash 0.5-1 amd64 from dash 0.5-1",
                    "make 4.3-4.1 amd64 from make-dfsg 4.3-4.1",
                ],
            ),
            (
                PackageDatabase::Apk,
                APK,
                &[
                    "musl 1.2.5-r0 x86_64 from musl 1.2.5-r0",
                    "musl-utils 1.2.5-r0 x86_64 from musl 1.2.5-r0",
                ],
            ),
            (
                PackageDatabase::Pacman,
                PACMAN,
                &[
                    "filesystem 2024.1-1 any from ? ?",
                    "gcc-libs 14.2.1-1 x86_64 from gcc 14.2.1-1",
                ],
            ),
            (
                PackageDatabase::Rpm,
                RPM,
                &[
                    "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9",
                    "local 1-1 noarch from ? ?",
                    "shadow-utils 2:4.9-8.el9 x86_64 from shadow-utils 4.9-8.el9",
                ],
            ),
            (PackageDatabase::Unknown, "", &[]),
        ];
        for (database, text, expected) in cases {
            assert_eq!(listed(database, text), expected, "{database:?}");
        }
        for database in PackageDatabase::ALL {
            let written = serde_json::to_value(database).expect("a word");
            assert_eq!(written, database.as_str());
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_no_shorter_list() {
        let cases = [
            (
                PackageDatabase::Dpkg,
                "Package: a\nStatus: install ok installed\nVersion: 1\n",
            ),
            (
                PackageDatabase::Dpkg,
                "Package: a\nStatus: install ok installed\nVersion: a b\nArchitecture: all\n",
            ),
            (PackageDatabase::Apk, "V:1\nA:all\n"),
            (PackageDatabase::Pacman, "%VERSION%\n1\n"),
            (PackageDatabase::Pacman, "%NAME%\na\n\n%VERSION%\n1\n"),
            (PackageDatabase::Rpm, "error: cannot open the database\n"),
        ];
        for (database, text) in cases {
            assert!(
                matches!(
                    parse_packages(database, text),
                    Err(InventoryError::Malformed(_))
                ),
                "{text}"
            );
        }
    }
}

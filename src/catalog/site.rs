//! Where archives live: facts files name archives, and the site says which mirrors hold them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::apt_sources;
use super::mirror::{Mirror, MirrorSource, MirrorUrlError};
use crate::name::ArchiveName;

const DEFAULT_SITE_FILE: &str = "/etc/kmatrix/site.toml";
const DEFAULT_APT_ROOT: &str = "/etc/apt";
const SITE_FILE_VARIABLE: &str = "KMATRIX_SITE";
const MIRROR_VARIABLE: &str = "KMATRIX_MIRROR_";

/// Everything that can name mirrors, in the order in which it is asked.
///
/// The first source that names any mirror of an archive decides alone: a site that names an
/// internal mirror is never bypassed by what the machine happens to be configured with.
///
/// # Security
///
/// The environment's addresses may hold passwords, so this has no `Debug`.
#[derive(Clone)]
pub struct Site {
    pub flags: Vec<MirrorFlag>,
    /// `KMATRIX_MIRROR_<NAME>` and its value.
    pub environment: BTreeMap<String, String>,
    pub file: SiteFile,
    /// The directory that apt is configured in.
    pub apt_root: PathBuf,
}

/// `NAME=URL`, as `--mirror` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFlag {
    pub archive: ArchiveName,
    pub mirror: Mirror,
}

/// Which site file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteFile {
    /// Somebody named it, so it has to be there.
    Named(PathBuf),
    /// It is read if it is there.
    Default(PathBuf),
}

/// Says why an archive cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("no mirror is known for the archive `{archive}` (looked in {})", .asked.join(", "))]
    NoMirror {
        archive: ArchiveName,
        asked: Vec<String>,
        variable: String,
    },
    #[error("{origin} names no usable mirror of `{archive}`")]
    BadMirror {
        archive: ArchiveName,
        origin: String,
        source: MirrorUrlError,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the site file `{}` is not valid: {reason}", path.display())]
    BadFile { path: PathBuf, reason: String },
}

impl SiteError {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoMirror {
                archive, variable, ..
            } => format!(
                "pass `--mirror {archive}=URL`, set `{variable}`, or name it under `[mirrors]` in a site file"
            ),
            Self::BadMirror { .. } => {
                "give an `http` or `https` URL of the archive's root".to_owned()
            }
            Self::Read { path, .. } => {
                format!("make `{}` readable, or name another", path.display())
            }
            Self::BadFile { .. } => {
                "a site file holds one table: `[mirrors]`, with `archive = [\"URL\", ...]`"
                    .to_owned()
            }
        }
    }
}

impl Site {
    /// Reads what this process and this machine are configured with.
    pub fn of_this_machine(flags: Vec<MirrorFlag>, site_file: Option<PathBuf>) -> Self {
        let file = site_file
            .or_else(|| std::env::var_os(SITE_FILE_VARIABLE).map(PathBuf::from))
            .map_or_else(
                || SiteFile::Default(PathBuf::from(DEFAULT_SITE_FILE)),
                SiteFile::Named,
            );
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(MIRROR_VARIABLE))
            .collect();
        Self {
            flags,
            environment,
            file,
            apt_root: PathBuf::from(DEFAULT_APT_ROOT),
        }
    }

    /// Returns the mirrors of an archive, in the order in which they are to be tried.
    pub fn resolve(&self, archive: &ArchiveName) -> Result<Vec<Mirror>, SiteError> {
        let variable = variable_of(archive);
        let mut mirrors = self.flagged(archive);
        if mirrors.is_empty() {
            mirrors = self.in_environment(archive, &variable)?;
        }
        if mirrors.is_empty() {
            mirrors = self.in_file(archive)?;
        }
        if mirrors.is_empty() {
            mirrors = apt_sources::mirrors_of(archive, &self.apt_root)?;
        }
        if !mirrors.is_empty() {
            tracing::debug!(%archive, from = %mirrors[0].source(), count = mirrors.len(), "resolved an archive");
            return Ok(mirrors);
        }
        Err(SiteError::NoMirror {
            archive: archive.clone(),
            asked: vec![
                "`--mirror`".to_owned(),
                format!("`{variable}`"),
                self.file.to_string(),
                format!("the apt sources in `{}`", self.apt_root.display()),
            ],
            variable,
        })
    }

    fn flagged(&self, archive: &ArchiveName) -> Vec<Mirror> {
        self.flags
            .iter()
            .filter(|flag| flag.archive == *archive)
            .map(|flag| flag.mirror.clone())
            .collect()
    }

    fn in_environment(
        &self,
        archive: &ArchiveName,
        variable: &str,
    ) -> Result<Vec<Mirror>, SiteError> {
        let urls = self
            .environment
            .get(variable)
            .map_or("", String::as_str)
            .split_whitespace();
        usable_mirrors(
            urls,
            archive,
            &MirrorSource::Environment(variable.to_owned()),
        )
    }

    fn in_file(&self, archive: &ArchiveName) -> Result<Vec<Mirror>, SiteError> {
        let Some((path, content)) = self.file.read()? else {
            return Ok(Vec::new());
        };
        let urls = content.mirrors.get(archive).into_iter().flatten();
        usable_mirrors(
            urls.map(String::as_str),
            archive,
            &MirrorSource::SiteFile(path.to_owned()),
        )
    }
}

fn usable_mirrors<'a>(
    urls: impl Iterator<Item = &'a str>,
    archive: &ArchiveName,
    source: &MirrorSource,
) -> Result<Vec<Mirror>, SiteError> {
    urls.map(|url| {
        Mirror::new(url, source.clone()).map_err(|error| SiteError::BadMirror {
            archive: archive.clone(),
            origin: source.to_string(),
            source: error,
        })
    })
    .collect()
}

/// Returns the environment variable that names an archive's mirrors.
fn variable_of(archive: &ArchiveName) -> String {
    let name: String = archive
        .as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("{MIRROR_VARIABLE}{name}")
}

/// What a site file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFileContent {
    #[serde(default)]
    mirrors: BTreeMap<ArchiveName, Vec<String>>,
}

impl SiteFile {
    fn read(&self) -> Result<Option<(&Path, SiteFileContent)>, SiteError> {
        let (path, may_be_absent) = match self {
            Self::Named(path) => (path, false),
            Self::Default(path) => (path, true),
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if may_be_absent && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(source) => {
                return Err(SiteError::Read {
                    path: path.clone(),
                    source,
                });
            }
        };
        let content = toml::from_str(&text).map_err(|error| SiteError::BadFile {
            path: path.clone(),
            // Only the message: the rest quotes the file, and a URL in it may hold a password.
            reason: error.message().to_owned(),
        })?;
        Ok(Some((path, content)))
    }
}

impl fmt::Display for SiteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Named(path) | Self::Default(path)) = self;
        write!(f, "the site file `{}`", path.display())
    }
}

impl FromStr for MirrorFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (archive, url) = text
            .split_once('=')
            .ok_or("a mirror is written `NAME=URL`")?;
        Ok(Self {
            archive: archive.parse().map_err(|error| format!("{error}"))?,
            mirror: Mirror::new(url, MirrorSource::Flag)
                .map_err(|error| format!("the mirror of `{archive}` cannot be used: {error}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str) -> ArchiveName {
        name.parse().expect("an archive name")
    }

    /// A site whose four sources all name `debian`, and whose apt alone names `debian-security`.
    fn site(root: &Path) -> Site {
        let apt_root = root.join("apt");
        std::fs::create_dir_all(apt_root.join("sources.list.d")).expect("a directory");
        std::fs::write(
            apt_root.join("sources.list"),
            "deb http://apt.test/debian bookworm main\n\
             deb http://apt.test/debian-security/ bookworm-security main\n",
        )
        .expect("a file");
        let file = root.join("site.toml");
        std::fs::write(
            &file,
            "[mirrors]\ndebian = [\"http://file.test/a\", \"http://file.test/b\"]\n",
        )
        .expect("a file");
        Site {
            flags: vec!["debian=http://flag.test/debian".parse().expect("a flag")],
            environment: BTreeMap::from([(
                "KMATRIX_MIRROR_DEBIAN".to_owned(),
                "http://one.test/ http://two.test/".to_owned(),
            )]),
            file: SiteFile::Named(file),
            apt_root,
        }
    }

    fn resolved(site: &Site, name: &str) -> Vec<String> {
        site.resolve(&archive(name))
            .expect("mirrors")
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_first_source_that_names_a_mirror_decides_alone() {
        let root = tempfile::tempdir().expect("a directory");
        let mut site = site(root.path());
        assert_eq!(resolved(&site, "debian"), ["http://flag.test/debian/"]);
        site.flags.clear();
        assert_eq!(
            resolved(&site, "debian"),
            ["http://one.test/", "http://two.test/"]
        );
        site.environment.clear();
        assert_eq!(
            resolved(&site, "debian"),
            ["http://file.test/a/", "http://file.test/b/"]
        );
        site.file = SiteFile::Default(root.path().join("absent.toml"));
        assert_eq!(resolved(&site, "debian"), ["http://apt.test/debian/"]);
        assert_eq!(
            resolved(&site, "debian-security"),
            ["http://apt.test/debian-security/"]
        );
    }

    #[test]
    fn an_unknown_archive_names_every_place_that_was_asked() {
        let root = tempfile::tempdir().expect("a directory");
        let site = site(root.path());
        let error = site
            .resolve(&archive("debian-ports"))
            .expect_err("no mirror");
        let text = error.to_string();
        for place in [
            "`debian-ports`",
            "`--mirror`",
            "KMATRIX_MIRROR_DEBIAN_PORTS",
            "site.toml",
            "apt",
        ] {
            assert!(text.contains(place), "{place} in {text}");
        }
        assert!(error.hint().contains("--mirror debian-ports=URL"));
    }

    #[test]
    fn a_site_file_with_an_unknown_key_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let mut site = site(root.path());
        site.flags.clear();
        site.environment.clear();
        let file = root.path().join("wrong.toml");
        std::fs::write(&file, "mirror = 1\n").expect("a file");
        site.file = SiteFile::Named(file);
        assert!(matches!(
            site.resolve(&archive("debian")),
            Err(SiteError::BadFile { .. })
        ));
    }

    #[test]
    fn a_named_site_file_has_to_be_there() {
        let root = tempfile::tempdir().expect("a directory");
        let mut site = site(root.path());
        site.flags.clear();
        site.environment.clear();
        site.file = SiteFile::Named(root.path().join("absent.toml"));
        assert!(matches!(
            site.resolve(&archive("debian")),
            Err(SiteError::Read { .. })
        ));
    }

    #[test]
    fn a_refused_address_is_not_repeated() {
        let root = tempfile::tempdir().expect("a directory");
        let mut site = site(root.path());
        site.flags.clear();
        site.environment.clear();
        site.environment.insert(
            "KMATRIX_MIRROR_DEBIAN".to_owned(),
            "ftp://me:secret@one.test/".to_owned(),
        );
        let error = site.resolve(&archive("debian")).expect_err("not http");
        assert!(!format!("{error:?} {error}").contains("secret"));
        let flag = "debian=ftp://me:secret@one.test/".parse::<MirrorFlag>();
        assert!(!flag.expect_err("not http").contains("secret"));
    }
}

//! Where a matrix says that a module's source comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::digest::Sha256Digest;
use crate::git::{CommitId, Repository};
use crate::name::{PackageName, PackageVersion};
use crate::tree::{Entries, Entry};

/// Where a module's source comes from, as the matrix says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedSource {
    /// The files as they stand in a directory.
    Directory(PathBuf),
    /// The files of one commit.
    Commit {
        repository: Repository,
        commit: CommitId,
        path: Option<SourcePath>,
    },
    /// A tar archive, packed or not.
    Tarball {
        file: PathBuf,
        sha256: Sha256Digest,
        /// Whether the one directory that all files are in is left out of their names.
        strip: bool,
        path: Option<SourcePath>,
    },
    /// A package that carries sources, out of an archive that a facts file authenticates.
    Package {
        name: PackageName,
        /// The name of the facts file, such as `debian-12`.
        from: String,
        /// The newest if absent.
        version: Option<PackageVersion>,
        path: Option<SourcePath>,
    },
    /// A Debian source package; its other files stand beside the `.dsc`.
    Dsc {
        file: PathBuf,
        sha256: Sha256Digest,
        path: Option<SourcePath>,
    },
    /// A tarball inside an RPM source package.
    SourceRpm {
        file: PathBuf,
        sha256: Sha256Digest,
        /// The tarball's file name in the package.
        tarball: String,
        path: Option<SourcePath>,
    },
}

/// The directory of a larger tree that is the source: plain parts, in which `*`, `?` and `[..]` may
/// stand for what changes from version to version.
#[derive(Debug, Clone)]
pub struct SourcePath {
    text: String,
    matcher: GlobMatcher,
}

impl PartialEq for SourcePath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SourcePath {}

/// Says why a string is no path of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a relative path without `.` and `..`")]
pub struct ParseSourcePathError(String);

/// Says why a path does not name one directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("no directory in it is `{path}`")]
    Nothing { path: String },
    #[error("`{path}` can be `{first}` and `{second}`")]
    Several {
        path: String,
        first: String,
        second: String,
    },
}

impl SourcePath {
    /// Returns the path as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if it stands for more than what it says.
    pub fn is_glob(&self) -> bool {
        self.text.contains(['*', '?', '[', '{'])
    }

    /// Finds the one directory that it means.
    pub fn resolve(&self, entries: &Entries) -> Result<String, ResolveError> {
        let mut found = entries.iter().filter(|(name, entry)| {
            matches!(entry, Entry::Directory)
                && (**name == self.text || self.matcher.is_match(name))
        });
        let path = self.text.clone();
        match (found.next(), found.next()) {
            (None, _) => Err(ResolveError::Nothing { path }),
            (Some((first, _)), None) => Ok(first.clone()),
            (Some((first, _)), Some((second, _))) => Err(ResolveError::Several {
                path,
                first: first.clone(),
                second: second.clone(),
            }),
        }
    }
}

impl FromStr for SourcePath {
    type Err = ParseSourcePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseSourcePathError(text.chars().take(80).collect());
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.contains(|c: char| c.is_control() || c == '\\')
                && !part.eq_ignore_ascii_case(".git")
        };
        if text.len() > 1024 || !text.split('/').all(is_part) {
            return Err(refuse());
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map_err(|_| refuse())?;
        Ok(Self {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_and_means_one_directory() {
        for text in ["", "/a", "a/", "a/../b", "./a", "a//b", ".git", "a\nb", "["] {
            assert!(text.parse::<SourcePath>().is_err(), "{text}");
        }
        let mut entries = Entries::new();
        for name in [
            "usr",
            "usr/src",
            "usr/src/m-1.0",
            "usr/src/n-1",
            "usr/src/n-2",
        ] {
            entries.insert(name.to_owned(), Entry::Directory);
        }
        let resolve = |text: &str| {
            let path: SourcePath = text.parse().expect(text);
            path.resolve(&entries)
        };
        assert_eq!(resolve("usr/src/m-*").as_deref(), Ok("usr/src/m-1.0"));
        assert_eq!(resolve("usr/src").as_deref(), Ok("usr/src"));
        assert!(matches!(
            resolve("usr/src/n-*"),
            Err(ResolveError::Several { .. })
        ));
        assert!(matches!(
            resolve("usr/*/*/*"),
            Err(ResolveError::Nothing { .. })
        ));
    }
}

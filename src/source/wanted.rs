//! Where a matrix says that a module's source comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::digest::Sha256Digest;
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

/// Where a git repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repository {
    Directory(PathBuf),
    Url(RepositoryUrl),
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// The address of a git repository, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    text: String,
    scheme: &'static str,
}

impl RepositoryUrl {
    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the transport, by the name that git has for it.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Says why a string is no address of a repository; it does not repeat what may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRepositoryUrlError {
    #[error("the address of a repository begins with `https`, `http`, `ssh`, `git` or `file`")]
    Scheme,
    #[error("the address of a repository must not hold a password")]
    Password,
    #[error("the address of a repository has characters that no address has")]
    Characters,
}

impl FromStr for RepositoryUrl {
    type Err = ParseRepositoryUrlError;

    /// # Security
    ///
    /// Only transports that run no command of the address's choosing are taken; `ext::` is one that
    /// does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(ParseRepositoryUrlError::Scheme)?;
        let scheme = ["https", "http", "ssh", "git", "file"]
            .into_iter()
            .find(|known| *known == scheme)
            .ok_or(ParseRepositoryUrlError::Scheme)?;
        let host = rest.split('/').next().unwrap_or_default();
        let user = host.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') {
            return Err(ParseRepositoryUrlError::Password);
        }
        let plain = |c: char| c.is_ascii_graphic() && c != '\\';
        // ssh takes a host that begins with a dash for an option.
        if !rest.chars().all(plain) || host.starts_with('-') || rest.is_empty() {
            return Err(ParseRepositoryUrlError::Characters);
        }
        Ok(Self {
            text: text.to_owned(),
            scheme,
        })
    }
}

/// The id of a git commit: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

/// Says that a string is no commit's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a commit, which is 40 or 64 lower-case hex digits")]
pub struct ParseCommitIdError(String);

impl CommitId {
    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommitId {
    type Err = ParseCommitIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if matches!(text.len(), 40 | 64) && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseCommitIdError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
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
    fn only_whole_ids_are_commits() {
        for text in ["0123456789abcdef0123456789abcdef01234567", &"a".repeat(64)] {
            assert_eq!(text.parse::<CommitId>().expect(text).to_string(), text);
        }
        for text in [
            "",
            "main",
            "v1.0",
            "0123456",
            "HEAD^{commit}",
            &"A".repeat(40),
            &"a".repeat(41),
            &"g".repeat(40),
        ] {
            assert!(text.parse::<CommitId>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_that_could_run_something_or_tell_a_password_are_refused() {
        for text in [
            "https://example.org/m.git",
            "ssh://git@example.org:22/m.git",
            "file:///srv/m.git",
        ] {
            let url: RepositoryUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), text);
        }
        for text in [
            "ext::sh -c id",
            "ext://sh",
            "m.git",
            "git@example.org:m.git",
            "https://me:secret@example.org/m.git",
            "ssh://-oProxyCommand=id/m",
            "https://example.org/a b",
            "file://",
        ] {
            let error = text.parse::<RepositoryUrl>().expect_err(text);
            assert!(!error.to_string().contains("secret"));
        }
    }

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

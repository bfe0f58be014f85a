//! Where a commit is: its repository, and its whole id.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a git repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Repository {
    Directory(PathBuf),
    Url(RepositoryUrl),
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl TryFrom<String> for Repository {
    type Error = ParseRepositoryUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains("://") || text.contains("::") {
            text.parse().map(Self::Url)
        } else {
            Ok(Self::Directory(text.into()))
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

impl From<CommitId> for String {
    fn from(commit: CommitId) -> Self {
        commit.0
    }
}

impl TryFrom<String> for CommitId {
    type Error = ParseCommitIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
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
}

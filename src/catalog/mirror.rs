//! One place that an archive can be had from.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

use super::archive_path::{ArchivePathError, check_archive_path};

/// One place that an archive can be had from, and who named it.
///
/// # Security
///
/// The address may hold a user name and a password. `Display` and `Debug` leave them out, and
/// nothing else prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mirror {
    root: Url,
    source: MirrorSource,
}

/// Where a mirror was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MirrorSource {
    /// `--mirror NAME=URL`.
    Flag,
    /// An environment variable, by its name.
    Environment(String),
    /// A site file.
    SiteFile(PathBuf),
    /// A file of the machine's own apt configuration.
    Apt(PathBuf),
}

impl fmt::Display for MirrorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(f, "`--mirror`"),
            Self::Environment(name) => write!(f, "`{name}`"),
            Self::SiteFile(path) => write!(f, "the site file `{}`", path.display()),
            Self::Apt(path) => write!(f, "the apt source `{}`", path.display()),
        }
    }
}

/// Says why an address is no mirror; it does not repeat the address, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorUrlError {
    #[error("it is not a URL")]
    NotAUrl,
    #[error("its scheme is `{0}`, not `http` or `https`")]
    Scheme(String),
    #[error("it has a query or a fragment")]
    Query,
}

impl Mirror {
    /// Takes an `http` or `https` URL of an archive's root.
    pub fn new(url: &str, source: MirrorSource) -> Result<Self, MirrorUrlError> {
        let mut root = Url::parse(url.trim()).map_err(|_| MirrorUrlError::NotAUrl)?;
        if !matches!(root.scheme(), "http" | "https") {
            return Err(MirrorUrlError::Scheme(root.scheme().to_owned()));
        }
        if root.query().is_some() || root.fragment().is_some() {
            return Err(MirrorUrlError::Query);
        }
        let path = format!("{}/", root.path().trim_end_matches('/'));
        root.set_path(&path);
        Ok(Self { root, source })
    }

    /// Returns who named this mirror.
    pub fn source(&self) -> &MirrorSource {
        &self.source
    }

    /// Returns the archive's root for an apt source line.
    ///
    /// # Security
    ///
    /// It has the user name and password, which apt needs: it is never to be printed.
    pub fn address_for_apt(&self) -> &str {
        self.root.as_str()
    }

    /// Returns the last segment of the root's path, which apt sources call an archive by.
    pub(super) fn last_segment(&self) -> Option<&str> {
        self.root
            .path_segments()?
            .rev()
            .find(|segment| !segment.is_empty())
    }

    /// Returns the address of a file in the archive, user name and password included.
    pub(super) fn address(&self, path: &str) -> Result<Url, ArchivePathError> {
        check_archive_path(path)?;
        let mut address = self.root.clone();
        address.set_path(&format!("{}{path}", self.root.path()));
        Ok(address)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(without_user(&self.root).as_str())
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirror({self} from {})", self.source)
    }
}

/// Returns the address without its user name and password.
pub(super) fn without_user(url: &Url) -> Url {
    let mut bare = url.clone();
    // These fail only for addresses that cannot have a user, and then there is none to leave out.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_used_and_never_printed() {
        let mirror = Mirror::new("https://me:secret@archive.test/debian", MirrorSource::Flag)
            .expect("a mirror");
        assert_eq!(mirror.to_string(), "https://archive.test/debian/");
        assert!(!format!("{mirror:?}").contains("secret"));
        let address = mirror.address("dists/x/InRelease").expect("a path");
        assert_eq!(
            address.as_str(),
            "https://me:secret@archive.test/debian/dists/x/InRelease"
        );
    }

    #[test]
    fn other_addresses_are_refused() {
        let cases = [
            ("archive.test/debian", MirrorUrlError::NotAUrl),
            ("file:///srv/x", MirrorUrlError::Scheme("file".to_owned())),
            (
                "ftp://archive.test/x",
                MirrorUrlError::Scheme("ftp".to_owned()),
            ),
            ("http://archive.test/?x", MirrorUrlError::Query),
        ];
        for (url, error) in cases {
            assert_eq!(
                Mirror::new(url, MirrorSource::Flag).err(),
                Some(error),
                "{url}"
            );
        }
    }

    #[test]
    fn a_path_stays_inside_the_archive() {
        let mirror =
            Mirror::new("http://archive.test/debian/", MirrorSource::Flag).expect("a mirror");
        assert!(mirror.address("../secret").is_err());
        assert_eq!(mirror.last_segment(), Some("debian"));
    }
}

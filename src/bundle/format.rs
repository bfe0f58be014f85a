//! The form of an archive: a tar of which every byte is decided by the index.
//!
//! Headers are ustar (POSIX.1-1988) with fixed mode, owner and time, so that one index has one form and
//! a header that is read can be held against the one that was to be written. No long names, no
//! extensions, no links, no directories.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many bytes are read and written at once. With more, the same bytes took four times as long to write to
/// an ext4 of Linux 6.18, which then keeps its cache in larger pieces.
pub(super) const AT_ONCE: usize = 64 << 10;

/// The unit of tar: headers are one, and contents are filled up to whole ones.
pub(super) const RECORD: usize = 512;

/// What an archive ends with.
pub(super) const END: usize = 2 * RECORD;

/// The members that are not in the index: the index itself, its signature in both forms, and last the
/// checks by which damage is found.
pub(super) const INDEX: &str = "index.json";
pub(super) const ENVELOPE: &str = "index.dsse.json";
pub(super) const BUNDLE: &str = "index.sigstore.json";
pub(super) const CHECKS: &str = "checks.crc32";

/// The most bytes of what has to be held in memory, of one member, and of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub index: u64,
    pub signature: u64,
    pub member: u64,
    pub total: u64,
    pub members: usize,
    /// The most records.
    pub rows: usize,
}

impl Default for Limits {
    /// Enough for a release of 100,000 cells with everything that they were built from.
    fn default() -> Self {
        Self {
            index: 256 << 20,
            signature: 4 << 20,
            member: 8 << 30,
            total: 1 << 40,
            members: 2_000_000,
            rows: 4_000_000,
        }
    }
}

/// Where a member stands: relative, plain, and short enough for a tar header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberPath(String);

impl MemberPath {
    /// Reads a path; `None` if it is not plain, is one of the archive's own, or no header holds it.
    pub fn new(path: impl Into<String>) -> Option<Self> {
        let path = path.into();
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let known = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=~:@,%#".contains(&b);
        let is_own = [INDEX, ENVELOPE, BUNDLE, CHECKS].contains(&path.as_str());
        let is_good = path.bytes().all(known) && path.split('/').all(plain) && !is_own;
        (is_good && header(&path, 0).is_some()).then_some(Self(path))
    }

    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MemberPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::new(path.clone()).ok_or_else(|| format!("{path:?} is no path of an archive"))
    }
}

impl From<MemberPath> for String {
    fn from(path: MemberPath) -> Self {
        path.0
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the one header that a member has; `None` if none holds its name or its size.
pub(super) fn header(path: &str, bytes: u64) -> Option<[u8; RECORD]> {
    // Eleven octal digits.
    if bytes >= 1 << 33 {
        return None;
    }
    let mut header = tar::Header::new_ustar();
    header.set_path(path).ok()?;
    // What cannot be written as it is might have been shortened.
    if header.path_bytes() != path.as_bytes() {
        return None;
    }
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes);
    header.set_cksum();
    Some(*header.as_bytes())
}

/// Returns how many bytes of zeros follow contents of this size.
pub(super) fn padding(bytes: u64) -> usize {
    (bytes.next_multiple_of(RECORD as u64) - bytes) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_fit_a_header() {
        let long = format!("release/{}", "x/".repeat(200));
        let deep = format!("{}/{}", "a".repeat(120), "b".repeat(90));
        let cell = "release/debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2~bpo+1/m/m_n.ko.xz";
        for (path, good) in [
            ("lock.json", true),
            (cell, true),
            (deep.as_str(), true),
            ("", false),
            ("/etc/passwd", false),
            ("a/../b", false),
            ("./a", false),
            ("a//b", false),
            ("a/", false),
            ("a\\b", false),
            ("a\nb", false),
            ("ä", false),
            ("index.json", false),
            ("checks.crc32", false),
            (long.as_str(), false),
        ] {
            assert_eq!(MemberPath::new(path).is_some(), good, "{path}");
        }
    }

    #[test]
    fn a_header_says_nothing_of_who_made_it_and_when() {
        let bytes = header("a/b", 1000).expect("a header");
        let read = tar::Header::from_byte_slice(&bytes);
        assert_eq!(read.size().expect("a size"), 1000);
        assert_eq!(read.mode().expect("a mode"), 0o644);
        assert_eq!((read.uid().ok(), read.gid().ok()), (Some(0), Some(0)));
        assert_eq!(read.mtime().ok(), Some(0));
        assert_eq!(read.username().ok().flatten(), Some(""));
        assert!(header("a", 1 << 33).is_none());
    }
}

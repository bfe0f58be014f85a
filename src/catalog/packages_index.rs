//! Packages indexes (repository format of Debian's wiki, "Packages indices"), read as a stream.
//!
//! An index has tens of thousands of stanzas, of which some dozens are wanted. Stanzas are told
//! apart by searching for blank lines, and only those with a wanted name are looked at closer.

use std::io::Read;

use memchr::memmem;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::deb822::{Stanza, StanzaError, StanzaLimits};
use super::dependency::{DependencyError, parse_depends};
use super::indexed_package::IndexedPackage;
use crate::digest::{ParseDigestError, Sha256Digest};
use crate::name::ParseNameError;

const PIECE: usize = 1 << 20;
const MOST_STANZA_BYTES: usize = 4 << 20;
const MOST_STANZAS: usize = 1_000_000;
const MOST_WANTED: usize = 100_000;
const LIMITS: StanzaLimits = StanzaLimits {
    fields: 128,
    line: 1 << 20,
};

/// Says why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("cannot read on after {stanzas} packages")]
    Read {
        stanzas: usize,
        source: std::io::Error,
    },
    #[error("a stanza has more than {MOST_STANZA_BYTES} bytes, after {stanzas} packages")]
    LongStanza { stanzas: usize },
    #[error("it has more than {MOST_STANZAS} packages")]
    TooManyStanzas,
    #[error("more than {MOST_WANTED} of its packages have to be looked at")]
    TooManyWanted,
    #[error("a stanza is not UTF-8, after {stanzas} packages")]
    NotUtf8 { stanzas: usize },
    #[error("the package `{package}` is not described as it has to be: {reason}")]
    Package {
        package: String,
        reason: PackageError,
    },
}

/// Says why one stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error("`Size` is no size: `{0}`")]
    Size(String),
    #[error("`SHA256` is no digest")]
    Digest(#[from] ParseDigestError),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error(transparent)]
    Depends(#[from] DependencyError),
    #[error("`Architecture` is not one word: `{0}`")]
    Architecture(String),
}

/// Reads an index to its end and returns the packages whose names are wanted, in its order.
pub fn read_packages(
    mut reader: impl Read,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<IndexedPackage>, IndexError> {
    let blank = memmem::Finder::new(b"\n\n");
    let mut packages = Vec::new();
    let mut stanzas = 0;
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * PIECE);
    loop {
        let before = buffer.len();
        let piece = reader
            .by_ref()
            .take(PIECE as u64)
            .read_to_end(&mut buffer)
            .map_err(|source| IndexError::Read { stanzas, source })?;
        let at_end = piece == 0;
        // What was searched before holds no blank line, save for one that is cut in two.
        let mut search = before.saturating_sub(1);
        let mut start = 0;
        loop {
            let end = match blank.find(&buffer[search..]) {
                Some(offset) => search + offset + 1,
                None if at_end => buffer.len(),
                None => break,
            };
            let stanza = trim_blank_lines(&buffer[start..end]);
            if !stanza.is_empty() {
                if stanza.len() > MOST_STANZA_BYTES {
                    return Err(IndexError::LongStanza { stanzas });
                }
                if stanzas == MOST_STANZAS {
                    return Err(IndexError::TooManyStanzas);
                }
                packages.extend(read_stanza(stanza, &wanted, stanzas)?);
                if packages.len() > MOST_WANTED {
                    return Err(IndexError::TooManyWanted);
                }
                stanzas += 1;
            }
            start = end;
            search = end;
            if start == buffer.len() {
                break;
            }
        }
        if at_end {
            return Ok(packages);
        }
        buffer.drain(..start);
        if buffer.len() > MOST_STANZA_BYTES {
            return Err(IndexError::LongStanza { stanzas });
        }
    }
}

fn trim_blank_lines(stanza: &[u8]) -> &[u8] {
    let start = stanza
        .iter()
        .position(|byte| *byte != b'\n')
        .unwrap_or(stanza.len());
    &stanza[start..]
}

/// Reads one stanza, or returns `None` if its package is not wanted.
fn read_stanza(
    stanza: &[u8],
    wanted: impl Fn(&str) -> bool,
    stanzas: usize,
) -> Result<Option<IndexedPackage>, IndexError> {
    // Nearly every stanza is left here, at its first line.
    let first = stanza.strip_prefix(b"Package: ").and_then(|rest| {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        std::str::from_utf8(&rest[..end]).ok()
    });
    if first.is_some_and(|name| !wanted(name.trim_end())) {
        return Ok(None);
    }
    let text = std::str::from_utf8(stanza).map_err(|_| IndexError::NotUtf8 { stanzas })?;
    let refused = |package: &str, reason| IndexError::Package {
        package: package.chars().take(80).collect(),
        reason,
    };
    let stanza =
        Stanza::parse(text, LIMITS).map_err(|e| refused(first.unwrap_or("?"), e.into()))?;
    let name = stanza
        .require("Package")
        .map_err(|error| refused("?", error.into()))?;
    if !wanted(name) {
        return Ok(None);
    }
    described(&stanza)
        .map(Some)
        .map_err(|error| refused(name, error))
}

fn described(stanza: &Stanza<'_>) -> Result<IndexedPackage, PackageError> {
    let name = stanza.require("Package")?;
    let source = stanza
        .get("Source")
        .and_then(|source| source.split_whitespace().next());
    let architecture = stanza.require("Architecture")?;
    let one_word = |text: &str| {
        !text.is_empty()
            && text.len() <= 32
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !one_word(architecture) {
        return Err(PackageError::Architecture(
            architecture.chars().take(80).collect(),
        ));
    }
    let path = stanza.require("Filename")?;
    check_archive_path(path)?;
    let size = stanza.require("Size")?;
    let digits = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
    Ok(IndexedPackage {
        name: name.parse()?,
        version: stanza.require("Version")?.parse()?,
        source: source.unwrap_or(name).parse()?,
        architecture: architecture.to_owned(),
        depends: parse_depends(stanza.get("Depends").unwrap_or(""))?,
        // No kernel's packages of this format are asked for by another name.
        provides: Vec::new(),
        built: None,
        path: path.to_owned(),
        bytes: Some(size)
            .filter(|_| digits)
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| PackageError::Size(size.chars().take(80).collect()))?,
        sha256: Sha256Digest::from_hex(stanza.require("SHA256")?)?,
        signature: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn stanza(name: &str) -> String {
        format!(
            "Package: {name}\nSource: linux (6.1)\nVersion: 6.1.192-2\nArchitecture: amd64\n\
             Depends: linux-kbuild-6.1 (>= 6.1.192-2)\nDescription: what it is\n\
             Filename: pool/main/l/linux/{name}_6.1.192-2_amd64.deb\nSize: 12\nSHA256: {DIGEST}\n"
        )
    }

    fn names(index: &str) -> Result<Vec<String>, IndexError> {
        let packages = read_packages(index.as_bytes(), |name| name.starts_with("linux-"))?;
        Ok(packages.iter().map(|p| p.name.to_string()).collect())
    }

    /// Gives one byte at a time, so that every boundary falls between two reads.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = usize::from(!self.0.is_empty() && !buffer.is_empty());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn wanted_packages_are_found_among_others() {
        let index = [
            stanza("aaa"),
            stanza("linux-a"),
            stanza("z"),
            stanza("linux-b"),
        ]
        .join("\n");
        assert_eq!(names(&index).expect("an index"), ["linux-a", "linux-b"]);
        let spaced = format!(
            "\n\n\n{}\n\n\n\n{}",
            stanza("linux-a"),
            stanza("linux-b").trim_end()
        );
        assert_eq!(names(&spaced).expect("an index"), ["linux-a", "linux-b"]);
        assert_eq!(names("").expect("an empty index"), Vec::<String>::new());
        let dripped = read_packages(Dripping(index.as_bytes()), |name| {
            name.starts_with("linux-")
        });
        assert_eq!(dripped.expect("an index").len(), 2);
    }

    #[test]
    fn stanzas_that_span_pieces_are_whole() {
        let filler: String = (0..3000)
            .map(|n| stanza(&format!("other-{n}")) + "\n")
            .collect();
        let index = format!(
            "{filler}{}\n{filler}{}",
            stanza("linux-a"),
            stanza("linux-b")
        );
        assert!(index.len() > PIECE);
        assert_eq!(names(&index).expect("an index"), ["linux-a", "linux-b"]);
    }

    #[test]
    fn all_that_is_needed_is_read() {
        let index = stanza("linux-a");
        let [package] = &read_packages(index.as_bytes(), |_| true).expect("an index")[..] else {
            panic!("one package");
        };
        assert_eq!(package.version.as_str(), "6.1.192-2");
        assert_eq!(package.source.as_str(), "linux");
        assert_eq!(package.architecture, "amd64");
        assert_eq!(package.depends.len(), 1);
        assert_eq!(package.bytes, 12);
        assert_eq!(package.sha256, Sha256Digest::of(b""));
    }

    #[test]
    fn a_name_that_is_not_the_first_field_is_found() {
        let index = stanza("linux-a").replace("Package: linux-a\n", "") + "Package: linux-a\n";
        assert_eq!(names(&index).expect("an index"), ["linux-a"]);
    }

    #[test]
    fn broken_packages_are_refused() {
        let with = |from: &str, to: &str| names(&stanza("linux-a").replace(from, to)).is_err();
        assert!(with("pool/main", "../main"), "traversal");
        assert!(with("Filename: ", "Filename: /"), "an absolute path");
        assert!(with("Size: 12", "Size: -12"), "a negative size");
        assert!(with("Size: 12", "Size: +12"), "a signed size");
        assert!(
            with("Size: 12", "Size: 99999999999999999999"),
            "a size too large"
        );
        assert!(with(DIGEST, "e3b0"), "a short digest");
        assert!(with("SHA256", "SHA1"), "no digest");
        assert!(with("Description", "version"), "a field twice");
        assert!(with("Version: 6", "Version: \u{7}6"), "a control character");
        assert!(with("(>= 6", "(>=> 6"), "a broken dependency");
        assert!(
            with("Architecture: amd64", "Architecture: a/b"),
            "an architecture"
        );
        assert!(with("Package: linux-a", "Package: linux-a b"), "two names");
        assert!(with("Package: ", "Pack: "), "no name");
    }

    #[test]
    fn a_stanza_without_end_is_refused() {
        struct Endless(bool);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b'x');
                if !std::mem::replace(&mut self.0, true) {
                    buffer[..9].copy_from_slice(b"Package: ");
                }
                Ok(buffer.len())
            }
        }
        assert!(matches!(
            read_packages(Endless(false), |_| true),
            Err(IndexError::LongStanza { .. })
        ));
    }
}

//! `APKINDEX.tar.gz`: the index of an apk archive (apk-tools, "Apk spec", "Index Format V2"), and the
//! signature in front of it.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::bufread::{GzDecoder, MultiGzDecoder};
use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::dependency::{Dependency, DependencyError, parse_requirement};
use super::index_tar::{IndexTarError, TarEnd, TarLimits, for_each_file};
use super::indexed_package::{IndexedPackage, Provided};
use super::kernels::KernelPatterns;
use super::rsa::{RsaDigest, RsaSignature};
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion, ParseNameError};

/// The most bytes of the index, unpacked.
const MOST_BYTES: u64 = 256 << 20;
const MOST_SIGNATURE_BYTES: u64 = 64 << 10;
const MOST_PACKAGES: usize = 400_000;
const MOST_WANTED: usize = 10_000;

/// What an index holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApkIndex {
    /// When the newest of its packages was built: an index has no date of its own.
    pub date: Timestamp,
    /// Those whose names are wanted, in its order.
    pub packages: Vec<ApkEntry>,
}

/// One package of an index, which has no digest of it that would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApkEntry {
    pub name: PackageName,
    pub version: PackageVersion,
    pub source: PackageName,
    pub architecture: String,
    pub depends: Vec<Dependency>,
    pub provides: Vec<Provided>,
    pub built: Timestamp,
    pub bytes: u64,
    /// The SHA-1 of the package's control part, in base64 behind `Q1`, as the index has it.
    pub checksum: String,
}

/// An index apart from the signatures in front of it.
#[derive(Debug)]
pub struct SignedIndex<'a> {
    /// Empty if there are none.
    pub signatures: Vec<RsaSignature>,
    /// What they cover: the rest of the file as it is.
    pub signed: &'a [u8],
}

/// Says why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApkIndexError {
    #[error("it cannot be unpacked")]
    Unpack(#[source] std::io::Error),
    #[error(transparent)]
    Tar(#[from] IndexTarError),
    #[error("it has `{0}`, which no index has")]
    Unexpected(String),
    #[error("it has `{0}` twice")]
    TwoFiles(String),
    #[error("it has no `APKINDEX`")]
    NoIndex,
    #[error("its `APKINDEX` is not UTF-8")]
    NotUtf8,
    #[error("it has no package")]
    Empty,
    #[error("it has more than {MOST_PACKAGES} packages")]
    TooManyPackages,
    #[error("more than {MOST_WANTED} of its packages have to be looked at")]
    TooManyWanted,
    #[error("it describes `{0}` twice")]
    TwoEntries(PackageName),
    #[error("the package `{package}` is not described as it has to be: {reason}")]
    Package {
        package: String,
        reason: ApkEntryError,
    },
}

/// Says why the description of one package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApkEntryError {
    #[error("`{0}` is no field")]
    NotAField(String),
    #[error("it has the field `{0}` twice")]
    Twice(char),
    #[error("it has no field `{0}`")]
    Lacks(char),
    #[error("the field `{field}` is no number: `{text}`")]
    Number { field: char, text: String },
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error("its architecture is not one word: `{0}`")]
    Architecture(String),
    #[error("its checksum `{0}` is not `Q1` and a SHA-1 digest in base64")]
    Checksum(String),
    #[error(transparent)]
    Dependency(#[from] DependencyError),
}

impl<'a> SignedIndex<'a> {
    /// Cuts the signatures off, which are the first of the file's gzip members.
    pub fn split(file: &'a [u8]) -> Result<Self, ApkIndexError> {
        let mut decoder = GzDecoder::new(file);
        let mut first = Vec::new();
        decoder
            .by_ref()
            .take(MOST_SIGNATURE_BYTES)
            .read_to_end(&mut first)
            .map_err(ApkIndexError::Unpack)?;
        if !first.starts_with(b".SIGN.") {
            return Ok(Self {
                signatures: Vec::new(),
                signed: file,
            });
        }
        let limits = TarLimits {
            entries: 16,
            file_bytes: MOST_SIGNATURE_BYTES,
        };
        let mut end = [0];
        if decoder.read(&mut end).map_err(ApkIndexError::Unpack)? > 0 {
            return Err(ApkIndexError::Unexpected("a long signature".to_owned()));
        }
        let signed = decoder.into_inner();
        let mut signatures = Vec::new();
        for_each_file(&first[..], limits, TarEnd::Cut, |name, content| {
            // A signature's name ends in that of its key, which is a hint and no more.
            let kind = name
                .strip_prefix(".SIGN.")
                .and_then(|rest| rest.split('.').next());
            let digest = match kind {
                Some("RSA") => RsaDigest::sha1(signed),
                Some("RSA256") => RsaDigest::Sha256(Sha256Digest::of(signed)),
                // Of other kinds nothing is known here, and nobody is taken to have signed by them.
                Some(_) => return Ok(()),
                None => {
                    return Err(ApkIndexError::Unexpected(name.chars().take(80).collect()));
                }
            };
            signatures.push(RsaSignature {
                digest,
                bytes: content.to_vec(),
            });
            Ok(())
        })?;
        Ok(Self { signatures, signed })
    }
}

impl ApkIndex {
    /// Reads what [`SignedIndex::signed`] holds.
    pub fn read(signed: &[u8], patterns: &KernelPatterns) -> Result<Self, ApkIndexError> {
        let limits = TarLimits {
            entries: 16,
            file_bytes: MOST_BYTES,
        };
        let unpacked = MultiGzDecoder::new(signed).take(MOST_BYTES + (1 << 20));
        let mut index = None;
        let mut seen = Vec::new();
        for_each_file(unpacked, limits, TarEnd::Marked, |name, content| {
            if seen.iter().any(|seen| seen == name) {
                return Err(ApkIndexError::TwoFiles(name.to_owned()));
            }
            seen.push(name.to_owned());
            match name {
                "APKINDEX" => index = Some(read_index(content, patterns)?),
                "DESCRIPTION" => {}
                other => {
                    return Err(ApkIndexError::Unexpected(other.chars().take(80).collect()));
                }
            }
            Ok(())
        })?;
        index.ok_or(ApkIndexError::NoIndex)
    }
}

/// Reads the packages of an index, which empty lines part.
fn read_index(content: &[u8], patterns: &KernelPatterns) -> Result<ApkIndex, ApkIndexError> {
    let text = std::str::from_utf8(content).map_err(|_| ApkIndexError::NotUtf8)?;
    let mut date = None;
    let mut packages: Vec<ApkEntry> = Vec::new();
    let mut count = 0;
    for record in text.split("\n\n").map(|record| record.trim_matches('\n')) {
        if record.is_empty() {
            continue;
        }
        if count == MOST_PACKAGES {
            return Err(ApkIndexError::TooManyPackages);
        }
        count += 1;
        let named = record.lines().find_map(|line| line.strip_prefix("P:"));
        let refused = |reason| ApkIndexError::Package {
            package: named.unwrap_or("?").chars().take(80).collect(),
            reason,
        };
        let record = Record::parse(record).map_err(refused)?;
        let name = record.require('P').map_err(refused)?;
        let built = record.built().map_err(refused)?;
        date = date.max(Some(built));
        if !patterns.wants(name) {
            continue;
        }
        let entry = record.entry(built, patterns).map_err(refused)?;
        let is_same =
            |other: &&ApkEntry| other.name == entry.name && other.version == entry.version;
        if packages.iter().find(is_same).is_some() {
            return Err(ApkIndexError::TwoEntries(entry.name));
        }
        if packages.len() == MOST_WANTED {
            return Err(ApkIndexError::TooManyWanted);
        }
        packages.push(entry);
    }
    Ok(ApkIndex {
        date: date.ok_or(ApkIndexError::Empty)?,
        packages,
    })
}

/// The fields of one package, each of one letter and one line.
struct Record<'a>(BTreeMap<char, &'a str>);

impl<'a> Record<'a> {
    fn parse(text: &'a str) -> Result<Self, ApkEntryError> {
        let mut fields = BTreeMap::new();
        for line in text.lines() {
            let (field, value) = line
                .split_once(':')
                .ok_or_else(|| ApkEntryError::NotAField(line.chars().take(80).collect()))?;
            let mut letters = field.chars();
            let (Some(letter), None) = (letters.next(), letters.next()) else {
                return Err(ApkEntryError::NotAField(line.chars().take(80).collect()));
            };
            if fields.insert(letter, value).is_some() {
                return Err(ApkEntryError::Twice(letter));
            }
        }
        Ok(Self(fields))
    }

    fn require(&self, field: char) -> Result<&'a str, ApkEntryError> {
        self.0
            .get(&field)
            .copied()
            .ok_or(ApkEntryError::Lacks(field))
    }

    fn words(&self, field: char) -> impl Iterator<Item = &'a str> {
        self.0.get(&field).copied().unwrap_or("").split_whitespace()
    }

    fn number(&self, field: char) -> Result<i64, ApkEntryError> {
        let text = self.require(field)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        Some(text)
            .filter(|_| digits)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ApkEntryError::Number {
                field,
                text: text.chars().take(40).collect(),
            })
    }

    fn built(&self) -> Result<Timestamp, ApkEntryError> {
        let seconds = self.number('t')?;
        Timestamp::from_second(seconds).map_err(|_| ApkEntryError::Number {
            field: 't',
            text: seconds.to_string(),
        })
    }

    fn entry(
        &self,
        built: Timestamp,
        patterns: &KernelPatterns,
    ) -> Result<ApkEntry, ApkEntryError> {
        let name: PackageName = self.require('P')?.parse()?;
        let version: PackageVersion = self.require('V')?.parse()?;
        check_archive_path(&format!("{name}-{version}.apk"))?;
        let architecture = self.require('A')?;
        let one_word = !architecture.is_empty()
            && architecture.len() <= 32
            && architecture
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !one_word {
            return Err(ApkEntryError::Architecture(
                architecture.chars().take(80).collect(),
            ));
        }
        let checksum = self.require('C')?;
        let sha1 = checksum
            .strip_prefix("Q1")
            .and_then(|text| BASE64.decode(text).ok());
        if sha1.is_none_or(|sha1| sha1.len() != 20) {
            return Err(ApkEntryError::Checksum(checksum.chars().take(80).collect()));
        }
        let mut depends = Vec::new();
        // A word with `!` is a conflict.
        for text in self.words('D').filter(|text| !text.starts_with('!')) {
            if let Some(dependency) = parse_requirement(text, |name| patterns.follows(name))? {
                depends.push(dependency);
            }
        }
        let mut provides = Vec::new();
        for text in self.words('p') {
            let (name, version) = match text.split_once('=') {
                Some((name, version)) => (name, Some(version)),
                None => (text, None),
            };
            if patterns.wants_capability(name) {
                provides.push(Provided {
                    name: name.to_owned(),
                    version: version.map(str::parse).transpose()?,
                });
            }
        }
        let source = self
            .0
            .get(&'o')
            .copied()
            .filter(|source| !source.is_empty());
        Ok(ApkEntry {
            source: match source {
                Some(source) => source.parse()?,
                None => name.clone(),
            },
            name,
            version,
            architecture: architecture.to_owned(),
            depends,
            provides,
            built,
            bytes: self.number('S')?.unsigned_abs(),
            checksum: checksum.to_owned(),
        })
    }
}

impl ApkEntry {
    /// Returns the name of the package's file, beside the index.
    pub fn file(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }

    /// Returns what an index with digests would have said.
    pub fn with_digest(self, path: String, sha256: Sha256Digest) -> IndexedPackage {
        IndexedPackage {
            name: self.name,
            version: self.version,
            source: self.source,
            architecture: self.architecture,
            depends: self.depends,
            provides: self.provides,
            built: Some(self.built),
            path,
            bytes: self.bytes,
            sha256,
            signature: None,
        }
    }
}

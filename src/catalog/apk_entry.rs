//! One package of an apk archive's index (apk-tools, "Apk spec", "Index Format V2").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::dependency::{Dependency, DependencyError};
use super::index_field::{followed, is_architecture, moment, number, wanted};
use super::indexed_package::{IndexedPackage, Provided};
use super::kernels::KernelPatterns;
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion, ParseNameError};

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

/// The fields of one package, each of one letter and one line.
pub(super) struct Record<'a>(BTreeMap<char, &'a str>);

impl<'a> Record<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ApkEntryError> {
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

    pub(super) fn require(&self, field: char) -> Result<&'a str, ApkEntryError> {
        self.0
            .get(&field)
            .copied()
            .ok_or(ApkEntryError::Lacks(field))
    }

    fn words(&self, field: char) -> impl Iterator<Item = &'a str> {
        self.0.get(&field).copied().unwrap_or("").split_whitespace()
    }

    fn number(&self, field: char) -> Result<u64, ApkEntryError> {
        let text = self.require(field)?;
        number(text).ok_or_else(|| not_a_number(field, text))
    }

    pub(super) fn built(&self) -> Result<Timestamp, ApkEntryError> {
        let text = self.require('t')?;
        moment(text).ok_or_else(|| not_a_number('t', text))
    }

    pub(super) fn entry(
        &self,
        built: Timestamp,
        patterns: &KernelPatterns,
    ) -> Result<ApkEntry, ApkEntryError> {
        let name: PackageName = self.require('P')?.parse()?;
        let version: PackageVersion = self.require('V')?.parse()?;
        check_archive_path(&format!("{name}-{version}.apk"))?;
        let architecture = self.require('A')?;
        if !is_architecture(architecture) {
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
        // A word with `!` is a conflict.
        let requirements = self.words('D').filter(|text| !text.starts_with('!'));
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
            depends: followed(requirements, patterns)?,
            provides: wanted(self.words('p'), patterns)?,
            built,
            bytes: self.number('S')?,
            checksum: checksum.to_owned(),
        })
    }
}

fn not_a_number(field: char, text: &str) -> ApkEntryError {
    ApkEntryError::Number {
        field,
        text: text.chars().take(40).collect(),
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

//! Databases of pacman's archives, such as `core.db` (repo-add(8)): a tar archive with a file `desc`
//! for every package (libalpm, `be_sync.c`; there is no other specification).

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::dependency::{DependencyError, parse_requirement};
use super::index_tar::{IndexTarError, TarEnd, TarLimits, for_each_file};
use super::indexed_package::{Ambiguous, IndexedPackage, Provided, without_repeats};
use super::kernels::KernelPatterns;
use crate::digest::{ParseDigestError, Sha256Digest};
use crate::name::ParseNameError;

const LIMITS: TarLimits = TarLimits {
    entries: 400_000,
    file_bytes: 1 << 20,
};
const MOST_WANTED: usize = 100_000;
const MOST_SIGNATURE: usize = 16 << 10;

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacmanDb {
    /// When the newest of its packages was built: a database has no date of its own.
    pub date: Timestamp,
    /// Those whose names are wanted, in its order; their paths are relative to the database's
    /// directory.
    pub packages: Vec<IndexedPackage>,
}

/// Says why a database is refused.
#[derive(Debug, thiserror::Error)]
pub enum PacmanDbError {
    #[error("cannot unpack it")]
    Unpack(#[from] std::io::Error),
    #[error(transparent)]
    Tar(#[from] IndexTarError),
    #[error("it has no package")]
    Empty,
    #[error("more than {MOST_WANTED} of its packages have to be looked at")]
    TooManyWanted,
    #[error("the package `{package}` is not described as it has to be: {reason}")]
    Package { package: String, reason: DescError },
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

/// Says why one package's `desc` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescError {
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("`{0}` stands where a field's name is due")]
    NotAField(String),
    #[error("it has the field `{0}` twice")]
    Twice(String),
    #[error("it has no `{0}`")]
    Lacks(&'static str),
    #[error("`{0}` has more than one line")]
    NotOneLine(&'static str),
    #[error("it is of {0}")]
    OtherPackage(String),
    #[error("`{field}` is no number: `{text}`")]
    Number { field: &'static str, text: String },
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error("`SHA256SUM` is no digest")]
    Digest(#[from] ParseDigestError),
    #[error("`FILENAME` is not the name of a file: `{0}`")]
    NotAFile(String),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error("`ARCH` is not one word: `{0}`")]
    Architecture(String),
    #[error("`PGPSIG` is not base64, or too long")]
    Signature,
    #[error(transparent)]
    Dependency(#[from] DependencyError),
}

impl PacmanDb {
    /// Reads a database, unpacked, to its end.
    pub fn read(reader: impl Read, patterns: &KernelPatterns) -> Result<Self, PacmanDbError> {
        let mut date = None;
        let mut packages = Vec::new();
        for_each_file(reader, LIMITS, TarEnd::Marked, |path, content| {
            // The archive with the files' names beside has more than `desc`.
            let Some((directory, "desc")) = path.rsplit_once('/') else {
                return Ok(());
            };
            let refused = |reason| PacmanDbError::Package {
                package: directory.chars().take(80).collect(),
                reason,
            };
            let desc = Desc::parse(content).map_err(refused)?;
            let built = desc.built().map_err(refused)?;
            date = date.max(Some(built));
            let name = desc.one("NAME").map_err(refused)?;
            let version = desc.one("VERSION").map_err(refused)?;
            if directory != format!("{name}-{version}") {
                let other = format!("`{name}` {version}").chars().take(120).collect();
                return Err(refused(DescError::OtherPackage(other)));
            }
            if patterns.wants(name) {
                if packages.len() == MOST_WANTED {
                    return Err(PacmanDbError::TooManyWanted);
                }
                packages.push(desc.indexed(built, patterns).map_err(refused)?);
            }
            Ok(())
        })?;
        Ok(Self {
            date: date.ok_or(PacmanDbError::Empty)?,
            packages: without_repeats(packages)?,
        })
    }
}

/// The fields of one `desc`, each with its lines.
struct Desc<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Desc<'a> {
    /// Parses `%NAME%`, its lines, and an empty one after them.
    fn parse(content: &'a [u8]) -> Result<Self, DescError> {
        let text = std::str::from_utf8(content).map_err(|_| DescError::NotUtf8)?;
        let mut fields = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let name = line
                .strip_prefix('%')
                .and_then(|rest| rest.strip_suffix('%'))
                .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()))
                .ok_or_else(|| DescError::NotAField(line.chars().take(80).collect()))?;
            let values = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            if fields.insert(name, values).is_some() {
                return Err(DescError::Twice(name.chars().take(80).collect()));
            }
        }
        Ok(Self(fields))
    }

    fn lines(&self, field: &str) -> &[&'a str] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    fn optional(&self, field: &'static str) -> Result<Option<&'a str>, DescError> {
        match self.lines(field) {
            [] => Ok(None),
            [line] => Ok(Some(line)),
            [_, _, ..] => Err(DescError::NotOneLine(field)),
        }
    }

    fn one(&self, field: &'static str) -> Result<&'a str, DescError> {
        self.optional(field)?.ok_or(DescError::Lacks(field))
    }

    fn number(&self, field: &'static str) -> Result<i64, DescError> {
        let text = self.one(field)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        Some(text)
            .filter(|_| digits)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| DescError::Number {
                field,
                text: text.chars().take(40).collect(),
            })
    }

    fn built(&self) -> Result<Timestamp, DescError> {
        let seconds = self.number("BUILDDATE")?;
        Timestamp::from_second(seconds).map_err(|_| DescError::Number {
            field: "BUILDDATE",
            text: seconds.to_string(),
        })
    }

    fn indexed(
        &self,
        built: Timestamp,
        patterns: &KernelPatterns,
    ) -> Result<IndexedPackage, DescError> {
        let name = self.one("NAME")?;
        let architecture = self.one("ARCH")?;
        let one_word = |text: &str| {
            !text.is_empty()
                && text.len() <= 32
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !one_word(architecture) {
            return Err(DescError::Architecture(
                architecture.chars().take(80).collect(),
            ));
        }
        let file = self.one("FILENAME")?;
        if file.contains('/') {
            return Err(DescError::NotAFile(file.chars().take(120).collect()));
        }
        // The first segment of a path has no colon, which epochs do; it never stands alone.
        check_archive_path(&format!("x/{file}"))?;
        let signature = self.optional("PGPSIG")?;
        if let Some(signature) = signature
            && (signature.len() > MOST_SIGNATURE || BASE64.decode(signature).is_err())
        {
            return Err(DescError::Signature);
        }
        let mut depends = Vec::new();
        for text in self.lines("DEPENDS") {
            if let Some(dependency) = parse_requirement(text, |name| patterns.follows(name))? {
                depends.push(dependency);
            }
        }
        let mut provides = Vec::new();
        for text in self.lines("PROVIDES") {
            let (name, version) = match text.split_once('=') {
                Some((name, version)) => (name, Some(version)),
                None => (*text, None),
            };
            if patterns.wants_capability(name) {
                provides.push(Provided {
                    name: name.to_owned(),
                    version: version.map(str::parse).transpose()?,
                });
            }
        }
        Ok(IndexedPackage {
            name: name.parse()?,
            version: self.one("VERSION")?.parse()?,
            source: self.optional("BASE")?.unwrap_or(name).parse()?,
            architecture: architecture.to_owned(),
            depends,
            provides,
            built: Some(built),
            path: file.to_owned(),
            bytes: self.number("CSIZE")?.unsigned_abs(),
            sha256: Sha256Digest::from_hex(self.one("SHA256SUM")?)?,
            signature: signature.map(str::to_owned),
        })
    }
}

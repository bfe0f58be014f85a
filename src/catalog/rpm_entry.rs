//! One package of an rpm-md archive's index (createrepo_c, "primary.xml").

use std::io::Read;

use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::dependency::{Dependency, DependencyError, Relation};
use super::index_field::{self, is_architecture};
use super::indexed_package::{IndexedPackage, Provided};
use super::kernels::KernelPatterns;
use super::xml::{Element, Xml, XmlError};
use crate::digest::{ParseDigestError, Sha256Digest};
use crate::name::ParseNameError;

const MOST_CAPABILITIES: usize = 10_000;

/// Says why one package's description is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpmEntryError {
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("it has no `{0}`")]
    Lacks(&'static str),
    #[error("it has two `{0}`")]
    Twice(&'static str),
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error("its checksum is of type `{0}`, and only `sha256` is taken")]
    ChecksumType(String),
    #[error("its checksum is no digest")]
    Digest(#[from] ParseDigestError),
    #[error("it stands at another base, `{0}`")]
    Base(String),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error("`{field}` is no number: `{text}`")]
    Number { field: &'static str, text: String },
    #[error("its architecture is not one word: `{0}`")]
    Architecture(String),
    #[error("its source package `{0}` is not called `name-version-release.src.rpm`")]
    Source(String),
    #[error(transparent)]
    Dependency(#[from] DependencyError),
    #[error("more than {MOST_CAPABILITIES} of its capabilities have to be looked at")]
    TooManyCapabilities,
}

/// What has been read of one package.
#[derive(Default)]
pub(super) struct RpmEntry {
    pub(super) name: Option<String>,
    arch: Option<String>,
    version: Option<String>,
    checksum: Option<(String, String)>,
    href: Option<String>,
    bytes: Option<u64>,
    built: Option<Timestamp>,
    source: Option<String>,
    requires: Vec<Dependency>,
    provides: Vec<Provided>,
}

impl RpmEntry {
    /// Reads the elements of one `<package>`; returns false as soon as its name is not wanted.
    pub(super) fn read(
        &mut self,
        xml: &mut Xml<impl Read>,
        patterns: &KernelPatterns,
    ) -> Result<bool, RpmEntryError> {
        while let Some(element) = xml.child()? {
            match element.name() {
                "name" => {
                    let name = xml.text()?;
                    let wanted = patterns.wants(&name);
                    once(&mut self.name, "name", name)?;
                    if !wanted {
                        xml.leave()?;
                        return Ok(false);
                    }
                }
                "arch" => once(&mut self.arch, "arch", xml.text()?)?,
                "version" => {
                    let version = version_of(&element)?.ok_or(RpmEntryError::Lacks("version"))?;
                    once(&mut self.version, "version", version)?;
                    xml.leave()?;
                }
                "checksum" => {
                    let kind = element.attribute("type")?.unwrap_or_default();
                    once(&mut self.checksum, "checksum", (kind, xml.text()?))?;
                }
                "time" => {
                    if let Some(text) = element.attribute("build")? {
                        once(&mut self.built, "time", time(&text)?)?;
                    }
                    xml.leave()?;
                }
                "size" => {
                    let text = element.attribute("package")?;
                    let text = text.ok_or(RpmEntryError::Lacks("package size"))?;
                    once(&mut self.bytes, "size", number("size", &text)?)?;
                    xml.leave()?;
                }
                "location" => {
                    if let Some(base) = element.attribute("xml:base")? {
                        return Err(RpmEntryError::Base(base.chars().take(80).collect()));
                    }
                    let href = element.attribute("href")?;
                    let href = href.ok_or(RpmEntryError::Lacks("location href"))?;
                    once(&mut self.href, "location", href)?;
                    xml.leave()?;
                }
                "format" => self.read_format(xml, patterns)?,
                _ => xml.leave()?,
            }
        }
        Ok(true)
    }

    fn read_format(
        &mut self,
        xml: &mut Xml<impl Read>,
        patterns: &KernelPatterns,
    ) -> Result<(), RpmEntryError> {
        while let Some(element) = xml.child()? {
            match element.name() {
                "rpm:sourcerpm" => once(&mut self.source, "rpm:sourcerpm", xml.text()?)?,
                "rpm:requires" => {
                    while let Some(capability) = xml.child()? {
                        self.requires.extend(required(&capability, patterns)?);
                        bounded(self.requires.len())?;
                        xml.leave()?;
                    }
                }
                "rpm:provides" => {
                    while let Some(capability) = xml.child()? {
                        self.provides.extend(provided(&capability, patterns)?);
                        bounded(self.provides.len())?;
                        xml.leave()?;
                    }
                }
                _ => xml.leave()?,
            }
        }
        Ok(())
    }

    pub(super) fn indexed(&self) -> Result<IndexedPackage, RpmEntryError> {
        let owned = |place: &Option<String>, name| place.clone().ok_or(RpmEntryError::Lacks(name));
        let name = owned(&self.name, "name")?;
        let architecture = owned(&self.arch, "arch")?;
        if !is_architecture(&architecture) {
            return Err(RpmEntryError::Architecture(
                architecture.chars().take(80).collect(),
            ));
        }
        let checksum = self.checksum.as_ref();
        let (kind, digest) = checksum.ok_or(RpmEntryError::Lacks("checksum"))?;
        if kind != "sha256" {
            return Err(RpmEntryError::ChecksumType(kind.chars().take(40).collect()));
        }
        let path = owned(&self.href, "location")?;
        check_archive_path(&path)?;
        Ok(IndexedPackage {
            source: match self.source.as_deref() {
                None | Some("") => name.parse()?,
                Some(source) => source_name(source)?.parse()?,
            },
            name: name.parse()?,
            version: owned(&self.version, "version")?.parse()?,
            architecture,
            depends: self.requires.clone(),
            provides: self.provides.clone(),
            built: self.built,
            path,
            bytes: self.bytes.ok_or(RpmEntryError::Lacks("size"))?,
            sha256: Sha256Digest::from_hex(digest.trim())?,
            signature: None,
        })
    }
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), RpmEntryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(RpmEntryError::Twice(name)),
    }
}

fn bounded(count: usize) -> Result<(), RpmEntryError> {
    if count > MOST_CAPABILITIES {
        return Err(RpmEntryError::TooManyCapabilities);
    }
    Ok(())
}

/// Returns `[epoch:]version[-release]` of an element's attributes, without an epoch of 0.
fn version_of(element: &Element) -> Result<Option<String>, RpmEntryError> {
    let Some(version) = element.attribute("ver")? else {
        return Ok(None);
    };
    let epoch = match element.attribute("epoch")? {
        Some(epoch) => number("epoch", &epoch)?,
        None => 0,
    };
    let mut text = String::new();
    if epoch > 0 {
        text += &format!("{epoch}:");
    }
    text += &version;
    if let Some(release) = element.attribute("rel")? {
        text += &format!("-{release}");
    }
    Ok(Some(text))
}

/// Returns a dependency, if it is followed. What is not a capability but a condition over several
/// cannot be followed, and is passed over if it names nothing that is.
fn required(
    capability: &Element,
    patterns: &KernelPatterns,
) -> Result<Option<Dependency>, RpmEntryError> {
    let name = capability.attribute("name")?;
    let name = name.ok_or(RpmEntryError::Lacks("name of a capability"))?;
    if name.starts_with('(') {
        let is_followed = name
            .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
            .any(|word| !word.is_empty() && patterns.follows(word));
        return if is_followed {
            Err(DependencyError::Malformed(name.chars().take(120).collect()).into())
        } else {
            Ok(None)
        };
    }
    if !patterns.follows(&name) {
        return Ok(None);
    }
    let relation = match capability.attribute("flags")?.as_deref() {
        None => None,
        Some("LT") => Some(Relation::Earlier),
        Some("LE") => Some(Relation::EarlierOrEqual),
        Some("EQ") => Some(Relation::Equal),
        Some("GE") => Some(Relation::LaterOrEqual),
        Some("GT") => Some(Relation::Later),
        Some(other) => {
            let text = format!("{name} {other}");
            return Err(DependencyError::Malformed(text.chars().take(120).collect()).into());
        }
    };
    let constraint = match relation {
        None => None,
        Some(relation) => {
            let version = version_of(capability)?;
            Some((
                relation,
                version.ok_or(RpmEntryError::Lacks("version of a capability"))?,
            ))
        }
    };
    Ok(Some(Dependency::single(&name, constraint)?))
}

/// Returns a capability, if facts ask for it.
fn provided(
    capability: &Element,
    patterns: &KernelPatterns,
) -> Result<Option<Provided>, RpmEntryError> {
    let name = capability.attribute("name")?;
    let name = name.ok_or(RpmEntryError::Lacks("name of a capability"))?;
    if !patterns.wants_capability(&name) {
        return Ok(None);
    }
    let version = match capability.attribute("flags")?.as_deref() {
        Some("EQ") => version_of(capability)?,
        // A range provides no version that could be the release of a kernel.
        Some(_) | None => None,
    };
    Ok(Some(Provided {
        name,
        version: version.map(|version| version.parse()).transpose()?,
    }))
}

/// Returns the name in `name-version-release.src.rpm`.
fn source_name(file: &str) -> Result<&str, RpmEntryError> {
    file.strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))
        .and_then(|rest| rest.rsplit_once('-'))
        .and_then(|(rest, _)| rest.rsplit_once('-'))
        .map(|(name, _)| name)
        .ok_or_else(|| RpmEntryError::Source(file.chars().take(120).collect()))
}

fn number(field: &'static str, text: &str) -> Result<u64, RpmEntryError> {
    index_field::number(text).ok_or_else(|| not_a_number(field, text))
}

fn time(text: &str) -> Result<Timestamp, RpmEntryError> {
    index_field::moment(text).ok_or_else(|| not_a_number("build", text))
}

fn not_a_number(field: &'static str, text: &str) -> RpmEntryError {
    RpmEntryError::Number {
        field,
        text: text.chars().take(40).collect(),
    }
}

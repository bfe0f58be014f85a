//! `repodata/repomd.xml`: the file of an rpm-md archive that is signed, and that names its indexes by
//! digest (createrepo_c, "repomd.xml"; there is no other specification).

use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::index_field;
use super::xml::{Xml, XmlError};
use crate::digest::{ParseDigestError, Sha256Digest};

const MOST_BYTES: usize = 4 << 20;
const MOST_DATA: usize = 256;
const MOST_PRIMARY_BYTES: u64 = 1 << 30;

/// What is known of an rpm-md archive before its indexes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repomd {
    /// The newest time that any of its indexes was made; the archive's own date.
    pub date: Timestamp,
    /// The index that lists the packages.
    pub primary: PrimaryFile,
}

/// The index that lists the packages, as the signed file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryFile {
    /// Relative to the archive's directory.
    pub path: String,
    pub sha256: Sha256Digest,
    pub bytes: u64,
    /// How many bytes it unpacks to, where that is said.
    pub open_bytes: Option<u64>,
}

/// Says why a file is no usable `repomd.xml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepomdError {
    #[error("it has more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("it is no `repomd` but `{0}`")]
    OtherRoot(String),
    #[error("it names more than {MOST_DATA} indexes")]
    TooMany,
    #[error("it names no index of type `primary`")]
    NoPrimary,
    #[error("it names two indexes of type `primary`")]
    TwoPrimaries,
    #[error("its `primary` has no `{0}`")]
    Lacks(&'static str),
    #[error("its `primary` has two `{0}`")]
    Twice(&'static str),
    #[error("its `primary` has a checksum of type `{0}`, and only `sha256` is taken")]
    ChecksumType(String),
    #[error("the checksum of its `primary` is no digest")]
    Digest(#[from] ParseDigestError),
    #[error("its `primary` stands at another base, `{0}`")]
    Base(String),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error("`{field}` is no number: `{text}`")]
    Number { field: &'static str, text: String },
    #[error("its `primary` has {0} bytes, more than {MOST_PRIMARY_BYTES}")]
    HugePrimary(u64),
    #[error("none of its indexes has a time")]
    NoDate,
}

/// What one `<data>` says.
#[derive(Default)]
struct Data {
    checksum: Option<(String, String)>,
    href: Option<String>,
    size: Option<u64>,
    open_size: Option<u64>,
}

impl Repomd {
    /// Parses the file.
    pub fn parse(file: &[u8]) -> Result<Self, RepomdError> {
        if file.len() > MOST_BYTES {
            return Err(RepomdError::TooLarge);
        }
        let mut xml = Xml::new(file);
        let root = xml.root()?;
        if root.name() != "repomd" {
            return Err(RepomdError::OtherRoot(
                root.name().chars().take(80).collect(),
            ));
        }
        let mut date = None;
        let mut primary = None;
        let mut count = 0;
        while let Some(element) = xml.child()? {
            if element.name() != "data" {
                xml.leave()?;
                continue;
            }
            count += 1;
            if count > MOST_DATA {
                return Err(RepomdError::TooMany);
            }
            let is_primary = element.attribute("type")?.as_deref() == Some("primary");
            let (data, made) = read_data(&mut xml)?;
            date = date.max(made);
            if is_primary && primary.replace(data).is_some() {
                return Err(RepomdError::TwoPrimaries);
            }
        }
        xml.finish()?;
        Ok(Self {
            primary: primary.ok_or(RepomdError::NoPrimary)?.checked()?,
            date: date.ok_or(RepomdError::NoDate)?,
        })
    }
}

/// Reads to the end of one `<data>`.
fn read_data(xml: &mut Xml<&[u8]>) -> Result<(Data, Option<Timestamp>), RepomdError> {
    let mut data = Data::default();
    let mut made = None;
    while let Some(element) = xml.child()? {
        match element.name() {
            "checksum" => {
                let kind = element.attribute("type")?.unwrap_or_default();
                once(&mut data.checksum, "checksum", (kind, xml.text()?))?;
            }
            "location" => {
                if let Some(base) = element.attribute("xml:base")? {
                    return Err(RepomdError::Base(base.chars().take(80).collect()));
                }
                let href = element.attribute("href")?;
                let href = href.ok_or(RepomdError::Lacks("location href"))?;
                once(&mut data.href, "location", href)?;
                xml.leave()?;
            }
            "size" => once(&mut data.size, "size", number("size", &xml.text()?)?)?,
            "open-size" => {
                let size = number("open-size", &xml.text()?)?;
                once(&mut data.open_size, "open-size", size)?;
            }
            "timestamp" => once(&mut made, "timestamp", timestamp(&xml.text()?)?)?,
            _ => xml.leave()?,
        }
    }
    Ok((data, made))
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), RepomdError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(RepomdError::Twice(name)),
    }
}

impl Data {
    fn checked(self) -> Result<PrimaryFile, RepomdError> {
        let (kind, digest) = self.checksum.ok_or(RepomdError::Lacks("checksum"))?;
        if kind != "sha256" {
            return Err(RepomdError::ChecksumType(kind.chars().take(40).collect()));
        }
        let path = self.href.ok_or(RepomdError::Lacks("location"))?;
        check_archive_path(&path)?;
        let bytes = self.size.ok_or(RepomdError::Lacks("size"))?;
        if bytes > MOST_PRIMARY_BYTES {
            return Err(RepomdError::HugePrimary(bytes));
        }
        Ok(PrimaryFile {
            path,
            sha256: Sha256Digest::from_hex(digest.trim())?,
            bytes,
            open_bytes: self.open_size,
        })
    }
}

fn number(field: &'static str, text: &str) -> Result<u64, RepomdError> {
    let text = text.trim();
    index_field::number(text).ok_or_else(|| not_a_number(field, text))
}

/// Reads seconds since 1970; older createrepo wrote fractions of them too.
fn timestamp(text: &str) -> Result<Timestamp, RepomdError> {
    let whole = text.trim().split('.').next().unwrap_or_default();
    index_field::moment(whole).ok_or_else(|| not_a_number("timestamp", text))
}

fn not_a_number(field: &'static str, text: &str) -> RepomdError {
    RepomdError::Number {
        field,
        text: text.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn file() -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1700000000</revision>
  <tags><content>binary</content></tags>
  <data type="primary">
    <checksum type="sha256">{DIGEST}</checksum>
    <open-checksum type="sha256">{DIGEST}</open-checksum>
    <location href="repodata/{DIGEST}-primary.xml.zst"/>
    <timestamp>1700000000</timestamp>
    <size>120</size>
    <open-size>4000</open-size>
  </data>
  <data type="other"><timestamp>1700000001.25</timestamp><size>x</size></data>
</repomd>
"#
        )
        .replace("<size>x</size>", "<size>1</size>")
    }

    fn parse(text: &str) -> Result<Repomd, RepomdError> {
        Repomd::parse(text.as_bytes())
    }

    #[test]
    fn the_primary_index_is_named_by_digest() {
        let repomd = parse(&file()).expect("a repomd.xml");
        assert_eq!(
            repomd.date,
            Timestamp::from_second(1_700_000_001).expect("a time")
        );
        assert_eq!(
            repomd.primary,
            PrimaryFile {
                path: format!("repodata/{DIGEST}-primary.xml.zst"),
                sha256: Sha256Digest::from_hex(DIGEST).expect("a digest"),
                bytes: 120,
                open_bytes: Some(4000),
            }
        );
    }

    #[test]
    fn files_that_do_not_say_it_well_are_refused() {
        let cases = [
            ("type=\"primary\"", "type=\"filelists\"", "no index of type"),
            ("type=\"other\"", "type=\"primary\"", "two indexes"),
            (
                "<checksum type=\"sha256\"",
                "<checksum type=\"sha\"",
                "of type `sha`",
            ),
            ("<checksum type=\"sha256\"", "<checksum", "of type ``"),
            ("<size>120", "<size>-120", "no number"),
            ("<size>120", "<size>99999999999999999999", "no number"),
            ("<size>120", "<size>2000000000", "more than"),
            ("<size>120</size>", "", "no `size`"),
            (
                "<size>120</size>",
                "<size>120</size><size>120</size>",
                "two `size`",
            ),
            (
                "href=\"repodata/",
                "href=\"../repodata/",
                "not a plain relative path",
            ),
            (
                "href=\"repodata/",
                "href=\"/repodata/",
                "not a plain relative path",
            ),
            (
                "href=\"repodata/",
                "href=\"http://elsewhere/",
                "not a plain relative path",
            ),
            (
                "href=\"repodata/",
                "xml:base=\"http://x/\" href=\"repodata/",
                "another base",
            ),
            ("<repomd ", "<html ", "it is no `repomd`"),
            ("<timestamp>1700000000<", "<timestamp>17e9<", "no number"),
            (
                "1700000000</timestamp>",
                "99999999999999</timestamp>",
                "no number",
            ),
            (
                "<tags>",
                "<!DOCTYPE x [<!ENTITY a 'b'>]><tags>",
                "document type",
            ),
            ("binary", "&x;", "entity"),
        ];
        for (from, to, why) in cases {
            let text = file().replacen(from, to, 1);
            assert_ne!(text, file(), "{from}");
            let error = parse(&text).expect_err(to);
            assert!(error.to_string().contains(why), "{to}: {error}");
        }
        assert!(matches!(
            parse("<html></html>"),
            Err(RepomdError::OtherRoot(_))
        ));
        let dateless = file()
            .replace("<timestamp>1700000000</timestamp>", "")
            .replace("<timestamp>1700000001.25</timestamp>", "");
        assert_eq!(parse(&dateless), Err(RepomdError::NoDate));
        let many = file().replace(
            "</repomd>",
            &("<data type=\"x\"></data>".repeat(MOST_DATA) + "</repomd>"),
        );
        assert_eq!(parse(&many), Err(RepomdError::TooMany));
        assert_eq!(
            Repomd::parse(&vec![b' '; MOST_BYTES + 1]),
            Err(RepomdError::TooLarge)
        );
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_refused() {
        let file = file();
        for end in 0..file.trim_end().len() {
            assert!(parse(&file[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn any_other_byte_anywhere_never_panics() {
        let file = file().into_bytes();
        for at in 0..file.len() {
            for byte in [0, b'<', b'>', b'&', b'"', 0xff] {
                let mut other = file.clone();
                other[at] = byte;
                let _ = Repomd::parse(&other);
            }
        }
    }
}

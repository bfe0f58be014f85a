//! `primary.xml`: the index of packages of an rpm-md archive (createrepo_c, "primary.xml"), read as a
//! stream.
//!
//! An index has tens of thousands of packages, of which some dozens are wanted. Only those with a
//! wanted name are looked at closer.

use std::io::Read;

use super::indexed_package::{Ambiguous, IndexedPackage, without_repeats};
use super::kernels::KernelPatterns;
use super::rpm_entry::{RpmEntry, RpmEntryError};
use super::xml::{Xml, XmlError};

const MOST_PACKAGES: usize = 1_000_000;
const MOST_WANTED: usize = 100_000;

/// Says why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum PrimaryError {
    #[error("cannot unpack it")]
    Unpack(#[from] std::io::Error),
    #[error("after {packages} packages: {reason}")]
    Xml { packages: usize, reason: XmlError },
    #[error("it is no `metadata` but `{0}`")]
    OtherRoot(String),
    #[error("it has more than {MOST_PACKAGES} packages")]
    TooManyPackages,
    #[error("more than {MOST_WANTED} of its packages have to be looked at")]
    TooManyWanted,
    #[error("the package `{package}` is not described as it has to be: {reason}")]
    Package {
        package: String,
        reason: RpmEntryError,
    },
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

/// Reads an index to its end and returns the packages whose names are wanted, in its order.
///
/// Their paths are those of the index: relative to the archive's directory.
pub fn read_primary(
    reader: impl Read,
    patterns: &KernelPatterns,
) -> Result<Vec<IndexedPackage>, PrimaryError> {
    let mut xml = Xml::new(reader);
    let mut packages = Vec::new();
    let mut count = 0;
    let malformed = |packages| move |reason| PrimaryError::Xml { packages, reason };
    let root = xml.root().map_err(malformed(0))?;
    if root.name() != "metadata" {
        return Err(PrimaryError::OtherRoot(
            root.name().chars().take(80).collect(),
        ));
    }
    while let Some(element) = xml.child().map_err(malformed(count))? {
        if element.name() != "package" {
            xml.leave().map_err(malformed(count))?;
            continue;
        }
        if count == MOST_PACKAGES {
            return Err(PrimaryError::TooManyPackages);
        }
        count += 1;
        packages.extend(read_package(&mut xml, patterns)?);
        if packages.len() > MOST_WANTED {
            return Err(PrimaryError::TooManyWanted);
        }
    }
    xml.finish().map_err(malformed(count))?;
    Ok(without_repeats(packages)?)
}

/// Reads to the end of one `<package>`, or returns `None` if it is not wanted.
fn read_package(
    xml: &mut Xml<impl Read>,
    patterns: &KernelPatterns,
) -> Result<Option<IndexedPackage>, PrimaryError> {
    let mut entry = RpmEntry::default();
    let read = entry.read(xml, patterns);
    let refused = |reason| PrimaryError::Package {
        package: entry
            .name
            .as_deref()
            .unwrap_or("?")
            .chars()
            .take(80)
            .collect(),
        reason,
    };
    match read {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(reason) => return Err(refused(reason)),
    }
    entry.indexed().map(Some).map_err(refused)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::catalog::facts::{FlavourFacts, HeaderPackage, KernelFacts};
    use crate::catalog::format::ArchiveFormat;
    use crate::name::Arch;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn patterns() -> KernelPatterns {
        let facts = KernelFacts {
            follow: vec!["kernel-devel".to_owned()],
            host: Vec::new(),
            mounts: Vec::new(),
            build: String::new(),
            flavours: vec![FlavourFacts {
                arch: Arch::Amd64,
                flavour: "generic".parse().expect("a flavour"),
                headers: HeaderPackage::Provides {
                    name: "kernel-default-devel".parse().expect("a name"),
                    capability: "kernel-devel-uname-r".to_owned(),
                },
            }],
        };
        KernelPatterns::new(&facts, ArchiveFormat::RpmMd).expect("patterns")
    }

    fn package(name: &str) -> String {
        format!(
            r#"<package type="rpm">
  <name>{name}</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="6.4.0" rel="150600.21.1"/>
  <checksum type="sha256" pkgid="YES">{DIGEST}</checksum>
  <summary>headers &amp; more</summary><description>a &lt;b&gt;</description>
  <time file="1700000002" build="1700000001"/>
  <size package="120" installed="5000" archive="5100"/>
  <location href="x86_64/{name}-6.4.0.rpm"/>
  <format>
    <rpm:license>GPL-2.0-only</rpm:license>
    <rpm:sourcerpm>kernel-default-6.4.0-150600.21.1.nosrc.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="5000"/>
    <rpm:provides>
      <rpm:entry name="{name}" flags="EQ" epoch="0" ver="6.4.0" rel="150600.21.1"/>
      <rpm:entry name="kernel-devel-uname-r" flags="EQ" epoch="0" ver="6.4.0" rel="150600.21-default"/>
      <rpm:entry name="multiversion(kernel)"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="kernel-devel" flags="EQ" epoch="1" ver="6.4.0"/>
      <rpm:entry name="/bin/sh" pre="1"/>
      <rpm:entry name="(gcc or clang)"/>
      <rpm:entry name="libelf.so.1()(64bit)" flags="WEIRD"/>
    </rpm:requires>
    <file>/usr/src</file>
  </format>
</package>
"#
        )
    }

    fn metadata(packages: &[String]) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"x\" xmlns:rpm=\"y\" \
             packages=\"{}\">\n{}</metadata>\n",
            packages.len(),
            packages.concat()
        )
    }

    fn read(text: &str) -> Result<Vec<IndexedPackage>, PrimaryError> {
        read_primary(text.as_bytes(), &patterns())
    }

    fn index() -> String {
        metadata(&[
            package("aaa"),
            package("kernel-default-devel"),
            package("zzz"),
        ])
    }

    #[test]
    fn wanted_packages_are_found_among_others() {
        let [package] = &read(&index()).expect("an index")[..] else {
            panic!("one package");
        };
        assert_eq!(package.name.as_str(), "kernel-default-devel");
        assert_eq!(package.version.as_str(), "6.4.0-150600.21.1");
        assert_eq!(package.source.as_str(), "kernel-default");
        assert_eq!(package.architecture, "x86_64");
        assert_eq!(package.path, "x86_64/kernel-default-devel-6.4.0.rpm");
        assert_eq!(
            (package.bytes, package.sha256.to_hex().as_str()),
            (120, DIGEST)
        );
        assert_eq!(package.built.map(Timestamp::as_second), Some(1_700_000_001));
        let depends: Vec<String> = package.depends.iter().map(ToString::to_string).collect();
        assert_eq!(depends, ["kernel-devel (= 1:6.4.0)"]);
        let [provided] = &package.provides[..] else {
            panic!("one capability");
        };
        assert_eq!(provided.name, "kernel-devel-uname-r");
        let version = provided.version.as_ref().expect("a version");
        assert_eq!(version.as_str(), "6.4.0-150600.21-default");
    }

    #[test]
    fn packages_that_are_not_described_well_are_refused() {
        let cases = [
            ("type=\"sha256\"", "type=\"sha512\"", "of type `sha512`"),
            ("type=\"sha256\"", "type=\"md5\"", "of type `md5`"),
            (DIGEST, "abc", "no digest"),
            ("package=\"120\"", "package=\"-1\"", "no number"),
            (
                "package=\"120\"",
                "package=\"99999999999999999999\"",
                "no number",
            ),
            ("build=\"1700000001\"", "build=\"x\"", "no number"),
            (
                "href=\"x86_64/",
                "href=\"../../",
                "not a plain relative path",
            ),
            (
                "href=\"x86_64/",
                "href=\"http://elsewhere/",
                "not a plain relative path",
            ),
            (
                "href=\"x86_64/",
                "xml:base=\"http://x/\" href=\"x86_64/",
                "another base",
            ),
            ("<arch>x86_64", "<arch>x86 64", "not one word"),
            ("<arch>x86_64</arch>", "", "no `arch`"),
            (
                "<arch>x86_64</arch>",
                "<arch>a</arch><arch>b</arch>",
                "two `arch`",
            ),
            (
                "<arch>",
                "<name>kernel-default-devel</name><arch>",
                "two `name`",
            ),
            (
                "ver=\"6.4.0\" rel=\"150600.21.1\"/>\n  <ch",
                "ver=\"6 4\"/>\n  <ch",
                "not a package version",
            ),
            (
                "epoch=\"0\" ver=\"6.4.0\" rel=\"150600.21.1\"/>\n  <ch",
                "/>\n  <ch",
                "no `version`",
            ),
            ("nosrc.rpm", "tar", "not called"),
            (
                "epoch=\"1\" ver=\"6.4.0\"/>",
                "/>",
                "no `version of a capability`",
            ),
            (
                "\"kernel-devel\" flags=\"EQ\"",
                "\"kernel-devel\" flags=\"NE\"",
                "cannot be read",
            ),
            ("(gcc or clang)", "(gcc or kernel-devel)", "cannot be read"),
            ("<file>", "<file>&xxe;", "entity"),
        ];
        for (from, to, why) in cases {
            let broken = package("kernel-default-devel").replacen(from, to, 1);
            assert_ne!(broken, package("kernel-default-devel"), "{from}");
            let error = read(&metadata(&[package("aaa"), broken])).expect_err(to);
            let text = error.to_string();
            assert!(text.contains(why), "{to}: {text}");
            assert!(text.contains("`kernel-default-devel`"), "{to}: {text}");
        }
        // Nobody looks closer at what nobody wants.
        let unwanted = package("aaa").replace("sha256", "md5");
        assert_eq!(read(&metadata(&[unwanted])).expect("an index"), []);
    }

    #[test]
    fn a_package_that_is_described_twice_has_to_be_described_alike() {
        let wanted = package("kernel-default-devel");
        let twice = metadata(&[wanted.clone(), wanted.clone()]);
        assert_eq!(read(&twice).expect("an index").len(), 1);
        let other = wanted.replace(DIGEST, &DIGEST.replace('e', "f"));
        let error = read(&metadata(&[wanted, other])).expect_err("two digests");
        assert!(matches!(error, PrimaryError::Ambiguous(_)), "{error}");
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for text in [
            "",
            "<html/>",
            "<metadata>",
            "<metadata/><metadata/>",
            "\u{feff}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let bomb = format!("<!DOCTYPE m [<!ENTITY a \"aaaa\">]>{}", index());
        let error = read(&bomb).expect_err("a document type");
        assert!(error.to_string().contains("document type"), "{error}");
        let not_utf8 = index().replace("GPL", "\u{1}").into_bytes();
        let not_utf8: Vec<u8> = not_utf8
            .iter()
            .map(|byte| if *byte == 1 { 0xff } else { *byte })
            .collect();
        assert!(read_primary(&not_utf8[..], &patterns()).is_err());
    }

    #[test]
    fn an_index_that_is_cut_anywhere_is_refused() {
        let index = index();
        for end in 0..index.trim_end().len() {
            assert!(read(&index[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn any_other_byte_anywhere_never_panics() {
        let index = metadata(&[package("kernel-default-devel")]).into_bytes();
        for at in 0..index.len() {
            for byte in [0, b'<', b'"', b'&', 0xff] {
                let mut other = index.clone();
                other[at] = byte;
                let _ = read_primary(&other[..], &patterns());
            }
        }
    }
}

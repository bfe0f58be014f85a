//! `APKINDEX.tar.gz`: the index of an apk archive (apk-tools, "Apk spec", "Index Format V2"), and the
//! signature in front of it.

use std::io::Read;

use flate2::bufread::{GzDecoder, MultiGzDecoder};
use jiff::Timestamp;

use super::apk_entry::{ApkEntry, ApkEntryError, Record};
use super::index_tar::{IndexTarError, TarEnd, TarLimits, for_each_file};
use super::kernels::KernelPatterns;
use super::rsa::{RsaDigest, RsaSignature};
use crate::digest::Sha256Digest;
use crate::name::PackageName;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::facts::{FlavourFacts, HeaderPackage, KernelFacts, Rewriting};
    use crate::catalog::format::ArchiveFormat;
    use crate::name::Arch;

    const INDEX: &str = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:aaa\nV:1-r0\nA:x86_64\nS:1\nt:1700000009\n\n\
        C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:linux-lts-dev\nV:6.6.58-r0\nA:x86_64\nS:120\nI:500\n\
        T:headers: more\nU:https://kernel.org\nL:GPL-2.0-only\no:linux-lts\nm:A B <a@b.c>\n\
        t:1700000001\nc:0123\nD:linux-lts-gcc>=13 !old so:libc.musl-x86_64.so.1\n\
        p:linux-lts-dev-virtual=6.6.58-r0\n\n";

    fn patterns() -> KernelPatterns {
        let facts = KernelFacts {
            follow: vec!["linux-lts-gcc".to_owned()],
            host: Vec::new(),
            mounts: Vec::new(),
            build: String::new(),
            flavours: vec![FlavourFacts {
                arch: Arch::Amd64,
                flavour: "lts".parse().expect("a flavour"),
                headers: HeaderPackage::Version {
                    name: "linux-lts-dev".parse().expect("a name"),
                    rewritings: vec![Rewriting {
                        from: "(.*)".to_owned(),
                        to: "$1".to_owned(),
                    }],
                },
            }],
        };
        KernelPatterns::new(&facts, ArchiveFormat::Apk).expect("patterns")
    }

    /// A tar archive of files, with or without an end, in one gzip member.
    fn member(files: &[(&str, &[u8])], end: TarEnd) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, *content)
                .expect("memory");
        }
        let mut tar = builder.into_inner().expect("memory");
        if end == TarEnd::Cut {
            tar.truncate(tar.len() - 1024);
        }
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(&tar[..], flate2::Compression::fast())
            .read_to_end(&mut packed)
            .expect("memory");
        packed
    }

    fn signed(text: &str) -> Vec<u8> {
        member(
            &[("DESCRIPTION", b"v3.22"), ("APKINDEX", text.as_bytes())],
            TarEnd::Marked,
        )
    }

    fn file(signature: &str) -> Vec<u8> {
        let signature = member(&[(signature, b"signature")], TarEnd::Cut);
        [signature, signed(INDEX)].concat()
    }

    fn read(signed: &[u8]) -> Result<ApkIndex, ApkIndexError> {
        ApkIndex::read(signed, &patterns())
    }

    #[test]
    fn wanted_packages_are_found_among_others() {
        let index = read(&signed(INDEX)).expect("an index");
        assert_eq!(index.date.as_second(), 1_700_000_009);
        let [package] = &index.packages[..] else {
            panic!("one package");
        };
        assert_eq!(package.file(), "linux-lts-dev-6.6.58-r0.apk");
        assert_eq!(package.source.as_str(), "linux-lts");
        assert_eq!(
            (package.bytes, package.built.as_second()),
            (120, 1_700_000_001)
        );
        assert_eq!(package.depends.len(), 1);
        assert_eq!(package.depends[0].to_string(), "linux-lts-gcc (>= 13)");
        assert_eq!(package.checksum, "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    }

    #[test]
    fn signatures_are_cut_off_and_cover_the_rest() {
        let whole = file(".SIGN.RSA256.key.rsa.pub");
        let split = SignedIndex::split(&whole).expect("an index");
        assert_eq!(split.signed, signed(INDEX));
        let [signature] = &split.signatures[..] else {
            panic!("one signature");
        };
        assert_eq!(signature.bytes, b"signature");
        assert_eq!(
            signature.digest,
            RsaDigest::Sha256(Sha256Digest::of(split.signed))
        );
        let whole = file(".SIGN.RSA.key.rsa.pub");
        let split = SignedIndex::split(&whole).expect("an index");
        assert_eq!(split.signatures[0].digest, RsaDigest::sha1(split.signed));
        let unknown = file(".SIGN.RSA512.key.rsa.pub");
        let split = SignedIndex::split(&unknown).expect("an index");
        assert_eq!(split.signatures, []);
        assert_eq!(split.signed, signed(INDEX));
        let unsigned = signed(INDEX);
        let split = SignedIndex::split(&unsigned).expect("an index");
        assert_eq!((split.signatures.len(), split.signed), (0, &unsigned[..]));
    }

    #[test]
    fn other_files_than_an_index_has_are_refused() {
        let mixed = member(
            &[(".SIGN.RSA.k", b"x"), ("APKINDEX", b"P:x\n")],
            TarEnd::Cut,
        );
        let mixed = [mixed, signed(INDEX)].concat();
        assert!(matches!(
            SignedIndex::split(&mixed),
            Err(ApkIndexError::Unexpected(_))
        ));
        let hidden = [file(".SIGN.RSA.k"), signed("P:x\n")].concat();
        let split = SignedIndex::split(&hidden).expect("an index");
        assert!(read(split.signed).is_err(), "two archives in a row");
        let two = member(&[("APKINDEX", b""), ("APKINDEX", b"")], TarEnd::Marked);
        assert!(read(&two).is_err());
        let more = member(
            &[("APKINDEX", INDEX.as_bytes()), ("x", b"")],
            TarEnd::Marked,
        );
        assert!(matches!(read(&more), Err(ApkIndexError::Unexpected(_))));
        let none = member(&[("DESCRIPTION", b"x")], TarEnd::Marked);
        assert!(matches!(read(&none), Err(ApkIndexError::NoIndex)));
        assert!(matches!(read(&signed("")), Err(ApkIndexError::Empty)));
        assert!(SignedIndex::split(b"<html>please log in</html>").is_err());
        let not_utf8 = member(&[("APKINDEX", b"P:\xff\n")], TarEnd::Marked);
        assert!(matches!(read(&not_utf8), Err(ApkIndexError::NotUtf8)));
    }

    #[test]
    fn packages_that_are_not_described_well_are_refused() {
        let cases = [
            ("\nV:6.6.58-r0", "\nV:6 6", "not a package version"),
            ("\nV:6.6.58-r0", "\nV:../../x", "not a package version"),
            ("\nV:6.6.58-r0", "", "no field `V`"),
            ("\nV:6.6.58-r0", "\nV:1\nV:2", "field `V` twice"),
            ("\nV:6.6.58-r0", "\nversion", "is no field"),
            ("\nV:6.6.58-r0", "\nVV:1", "is no field"),
            ("\nS:120", "\nS:-120", "no number"),
            ("\nS:120", "\nS:99999999999999999999", "no number"),
            ("\nt:1700000001", "\nt:x", "no number"),
            ("x86_64\nS:120", "x86/64\nS:120", "not one word"),
            ("AAA=\nP:linux", "AA=\nP:linux", "is not `Q1`"),
            (
                "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:l",
                "Q2AAAA\nP:l",
                "is not `Q1`",
            ),
            ("linux-lts-gcc>=13", "linux-lts-gcc~13", "cannot be read"),
        ];
        for (from, to, why) in cases {
            let broken = INDEX.replacen(from, to, 1);
            assert_ne!(broken, INDEX, "{from}");
            let error = read(&signed(&broken)).expect_err(to);
            assert!(error.to_string().contains(why), "{to}: {error}");
        }
        let twice = format!("{INDEX}{INDEX}");
        assert!(matches!(
            read(&signed(&twice)),
            Err(ApkIndexError::TwoEntries(_))
        ));
    }

    #[test]
    fn an_index_that_is_cut_anywhere_is_refused() {
        let whole = file(".SIGN.RSA256.k");
        for end in 0..whole.len() {
            let read = SignedIndex::split(&whole[..end]).and_then(|split| read(split.signed));
            assert!(read.is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_bomb_is_cut_off_before_it_unpacks() {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(
            std::io::repeat(0).take(MOST_BYTES + (2 << 20)),
            flate2::Compression::fast(),
        )
        .read_to_end(&mut packed)
        .expect("memory");
        assert!(packed.len() < 4 << 20);
        assert!(read(&packed).is_err());
        let mut header = tar::Header::new_ustar();
        header.set_path(".SIGN.RSA.k").expect("a name");
        header.set_size(1 << 30);
        header.set_cksum();
        let absurd = [header.as_bytes().as_slice(), &[0; 1024]].concat();
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(&absurd[..], flate2::Compression::fast())
            .read_to_end(&mut packed)
            .expect("memory");
        assert!(SignedIndex::split(&packed).is_err());
    }
}

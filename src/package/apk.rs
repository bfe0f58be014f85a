//! apk packages of version 2 (apk-package(5)): three gzip streams one behind another, of signatures,
//! metadata and files. Each is a tar archive; the first two stop without an end.
//!
//! A signature covers the compressed bytes of the metadata, whose `.PKGINFO` has the digest of the
//! compressed files, which is checked as they pass.

use std::io::{BufRead, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::entry::Kind;
use super::error::PackageError;
use super::format::Unpacked;
use super::identity::PackageIdentity;
use super::inflate::{Behind, Compression, Inflated};
use super::limits::Limits;
use super::metadata::read_metadata;
use super::pkginfo::{PkgInfo, refuse};
use super::source::{Watched, peek};
use super::tar_entries::{End, for_each_entry};
use super::unpack::{Links, Unpacking};
use crate::digest::Sha256Digest;

const PKGINFO: &str = ".PKGINFO";
const SIGNATURE: &str = ".SIGN.";
const CONTROL: &str = "control.tar.gz";
const DATA: &str = "data.tar.gz";

/// Scripts that are not written, and never run here.
const SCRIPTS: [&str; 7] = [
    ".pre-install",
    ".post-install",
    ".pre-upgrade",
    ".post-upgrade",
    ".pre-deinstall",
    ".post-deinstall",
    ".trigger",
];

/// The most files that the first two streams may hold.
const CONTROL_ENTRIES: usize = 32;

/// The digest that a signature is over, with RSA as in PKCS #1 v1.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApkSignatureKind {
    Sha1,
    Sha256,
}

/// A signature over a package's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApkSignature {
    /// The name of the public key's file, such as `builder-6165ee59.rsa.pub`: one part of a path.
    pub key: String,
    pub kind: ApkSignatureKind,
    pub bytes: Vec<u8>,
}

/// What a package's signatures are over, and the signatures; none of them is checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApkSigned {
    /// Empty if the package is not signed.
    pub signatures: Vec<ApkSignature>,
    /// The exact bytes that signatures cover: the compressed metadata.
    pub control: Vec<u8>,
    /// The SHA-1 digest of `control`.
    pub sha1: [u8; 20],
    /// The SHA-256 digest of `control`.
    pub sha256: Sha256Digest,
    /// The name that an index (`APKINDEX`, `C:`) has for the package: `Q1` and `sha1` in base64.
    pub checksum: String,
    pub identity: PackageIdentity,
}

/// Reads a package up to its files.
pub fn apk_signed(apk: impl Read + Send, limits: &Limits) -> Result<ApkSigned, PackageError> {
    let front = read_front(&mut open(apk)?, limits)?;
    let sha1: [u8; 20] = Sha1::digest(&front.control).into();
    Ok(ApkSigned {
        signatures: front.signatures,
        sha1,
        sha256: Sha256Digest::of(&front.control),
        checksum: format!("Q1{}", STANDARD.encode(sha1)),
        control: front.control,
        identity: PkgInfo::parse(&front.info)?.identity()?,
    })
}

/// Unpacks a package as `unpack` says.
pub(super) fn unpack_apk(
    apk: impl Read + Send,
    into: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    let mut source = open(apk)?;
    let front = read_front(&mut source, limits)?;
    let info = PkgInfo::parse(&front.info)?;
    let identity = info.identity()?;
    let wanted = Sha256Digest::from_hex(info.once("datahash")?)
        .map_err(|_| refuse("its `datahash` is not 64 lower-case hex digits"))?;
    let mut tree = Unpacking::open(into, Links::Package, limits)?;
    let mut hash = Sha256::new();
    let watched = Watched::new(source, |bytes: &[u8]| hash.update(bytes));
    let data = Inflated::open(DATA, Compression::Gzip, watched, Behind::Nothing, limits)?;
    for_each_entry(data, End::Marked, limits, |entry, bytes| {
        // Metadata that stands among the files is read by some readers, and written by others.
        if entry.name.starts_with('.') {
            return Err(PackageError::UnexpectedMember { member: entry.name });
        }
        tree.write(entry, bytes)
    })?;
    let found = hex::encode(hash.finalize());
    if found != wanted.to_hex() {
        return Err(PackageError::WrongDigest {
            member: DATA.to_owned(),
            wanted: wanted.to_hex(),
            found,
        });
    }
    Ok(Unpacked {
        identity,
        entries: tree.finish(),
    })
}

fn open(apk: impl Read + Send) -> Result<impl BufRead + Send, PackageError> {
    let (magic, source) = peek(apk, Compression::MAGIC_BYTES)?;
    // `ADB.`, and `ADBd` and `ADBc` where it is compressed.
    if magic.starts_with(b"ADB") {
        return Err(PackageError::Unsupported {
            what: "an apk package of version 3 (ADB)",
        });
    }
    match Compression::of_magic(&magic) {
        Some(Compression::Gzip) => Ok(source),
        Some(_) | None => Err(PackageError::NotApk),
    }
}

/// Everything before the files.
struct Front {
    signatures: Vec<ApkSignature>,
    control: Vec<u8>,
    info: Vec<u8>,
}

fn read_front(source: &mut (impl BufRead + Send), limits: &Limits) -> Result<Front, PackageError> {
    let mut stream = read_stream(source, limits)?;
    let signed = stream
        .files
        .first()
        .is_some_and(|(name, _)| name.starts_with(SIGNATURE));
    let mut signatures = Vec::new();
    if signed {
        for (name, bytes) in stream.files {
            signatures.push(signature(name, bytes)?);
        }
        stream = read_stream(source, limits)?;
    }
    let mut info = None;
    for (name, bytes) in stream.files {
        if name == PKGINFO {
            info = Some(bytes);
        } else if !SCRIPTS.contains(&name.as_str()) {
            return Err(PackageError::UnexpectedMember { member: name });
        }
    }
    Ok(Front {
        signatures,
        control: stream.compressed,
        info: info.ok_or_else(|| refuse("the package has none"))?,
    })
}

fn signature(name: String, bytes: Vec<u8>) -> Result<ApkSignature, PackageError> {
    let kinds = [
        ("RSA.", ApkSignatureKind::Sha1),
        ("RSA256.", ApkSignatureKind::Sha256),
    ];
    let rest = name.strip_prefix(SIGNATURE).unwrap_or_default();
    for (prefix, kind) in kinds {
        match rest.strip_prefix(prefix) {
            Some(key) if !key.is_empty() && !key.contains('/') && !key.starts_with('.') => {
                let key = key.to_owned();
                return Ok(ApkSignature { key, kind, bytes });
            }
            Some(_) | None => {}
        }
    }
    Err(PackageError::UnexpectedMember { member: name })
}

/// One of the first two streams.
struct Stream {
    files: Vec<(String, Vec<u8>)>,
    compressed: Vec<u8>,
}

/// Reads a stream of small files to its last byte.
fn read_stream(
    source: &mut (impl BufRead + Send),
    limits: &Limits,
) -> Result<Stream, PackageError> {
    let limits = Limits {
        entries: CONTROL_ENTRIES.min(limits.entries),
        total_bytes: limits.control_bytes,
        ..*limits
    };
    let mut compressed = Vec::new();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    // Even where nothing can be compressed a stream is hardly larger than what it holds.
    let mut source = source.take(2 * limits.archive_bytes());
    let watched = Watched::new(&mut source, |bytes: &[u8]| {
        compressed.extend_from_slice(bytes);
    });
    let tar = Inflated::open(CONTROL, Compression::Gzip, watched, Behind::Parts, &limits)?;
    for_each_entry(tar, End::Open, &limits, |entry, bytes| {
        let Kind::File { bytes: size, .. } = entry.kind else {
            return Err(PackageError::UnexpectedMember { member: entry.name });
        };
        if files.iter().any(|(name, _)| *name == entry.name) {
            return Err(PackageError::Duplicate { name: entry.name });
        }
        let read = read_metadata(&entry.name, size, bytes, &limits)?;
        files.push((entry.name, read));
        Ok(())
    })?;
    Ok(Stream { files, compressed })
}

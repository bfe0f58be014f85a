//! Who signed a package: every format carries its signature elsewhere, and all are held against the
//! keys that facts pin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::CatalogError;
use super::facts::DistroFacts;
use super::keys::{ArchiveKeys, SignatureError};
use super::openpgp::{self, OpenPgpError, PinnedKeys};
use super::rsa::{RsaDigest, RsaKeys, RsaSignature, RsaSigned, Sha1};
use super::{Fingerprint, PackageRef};
use crate::package::{
    ApkSignatureKind, ApkSigned, Limits, PackageError, PackageFormat, PackageIdentity, RpmSigned,
    apk_signed, rpm_signed,
};
use crate::store::Store;

const MOST_PACKAGE_BYTES: u64 = 2 << 30;

/// The keys that may have signed a package, as the facts pin them now.
struct Signers {
    keys: Vec<ArchiveKeys>,
    sha1: Sha1,
}

/// Checks a package in the store: that its own signature is by one of [`PackageRef::signers`], and
/// that what is signed says the package's name and version. A package whose index vouches for it, and
/// which therefore has no signers, is only as good as its digest.
///
/// # Security
///
/// The keys have to be pinned by the facts still: a lock cannot bring a key back. Packages are read
/// before anything is unpacked, each time one is asked for, since the store may have been written by
/// an earlier run under other facts.
pub fn verify_package(
    store: &Store,
    package: &PackageRef,
    facts: &[DistroFacts],
    now: Timestamp,
) -> Result<(), CatalogError> {
    if package.signers.is_empty() {
        return Ok(());
    }
    let refused = |source| CatalogError::PackageNotAuthenticated {
        archive: package.archive.clone(),
        name: package.name.clone(),
        version: package.version.clone(),
        source: Box::new(source),
    };
    let malformed = |source: PackageError| CatalogError::MalformedPackage {
        archive: package.archive.clone(),
        path: package.path.clone(),
        source: Box::new(source),
    };
    let signers = Signers::of(package, facts, now).map_err(refused)?;
    let limits = Limits::default();
    let blob = store.open_blob(&package.sha256)?;
    let identity = match package.format {
        // Packages of this format are not signed, so nothing can have said that they are.
        PackageFormat::Deb => return Err(refused(SignatureError::Unsigned)),
        PackageFormat::Rpm => {
            let signed = rpm_signed(blob, &limits).map_err(malformed)?;
            // Packages of before 2017 have no digest of their files, and a signature over it all.
            let whole = match signed.payload_digest {
                true => None,
                false => Some(store.read_blob(&package.sha256, MOST_PACKAGE_BYTES)?),
            };
            signers
                .any(|keys| check_rpm(&signed, whole.as_deref(), keys.openpgp()?, now))
                .map_err(refused)?;
            signed.identity
        }
        PackageFormat::Pacman => {
            let signature = package.signature.as_deref().ok_or(SignatureError::Unsigned);
            let signature = signature.map_err(refused)?;
            let signature = BASE64
                .decode(signature)
                .map_err(|_| refused(SignatureError::Unsigned))?;
            let content = store.read_blob(&package.sha256, MOST_PACKAGE_BYTES)?;
            signers
                .any(|keys| {
                    openpgp::verify_detached(&content, &signature, keys.openpgp()?, now)?;
                    Ok(())
                })
                .map_err(refused)?;
            // Unpacking reads what the package says it is, and holds it against what was asked for.
            return Ok(());
        }
        PackageFormat::Apk => {
            let signed = apk_signed(blob, &limits).map_err(malformed)?;
            signers
                .any(|keys| {
                    check_apk(&signed, keys.rsa()?, signers.sha1)?;
                    Ok(())
                })
                .map_err(refused)?;
            signed.identity
        }
    };
    check_identity(package, &identity)
}

impl Signers {
    /// Reads those keys of the package's signers that facts pin for its archive.
    fn of(
        package: &PackageRef,
        facts: &[DistroFacts],
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let mut keys = Vec::new();
        let mut sha1 = Sha1::Refused;
        for facts in facts {
            if facts.format.package_format() != Some(package.format) {
                continue;
            }
            let archives = facts.archives.iter();
            for archive in archives.filter(|archive| archive.name == package.archive) {
                let pinned: Vec<Fingerprint> = archive
                    .keys
                    .iter()
                    .filter(|key| package.signers.contains(key))
                    .cloned()
                    .collect();
                let mut suites = archive.suites.iter();
                let suite = suites.find(|suite| suite.suite == package.suite);
                if pinned.is_empty() || suite.is_none() {
                    continue;
                }
                let waiver = suite.and_then(|suite| suite.waivers.sha1.as_ref());
                if waiver.is_some_and(|waiver| waiver.holds(today)) {
                    sha1 = Sha1::Taken;
                }
                keys.push(ArchiveKeys::read_only(archive, facts.format, &pinned)?);
            }
        }
        if keys.is_empty() {
            return Err(SignatureError::NotPinned {
                keys: package.signers.clone(),
            });
        }
        Ok(Self { keys, sha1 })
    }

    /// Succeeds with the first keys that a check succeeds with; the first failure is told.
    fn any(
        &self,
        check: impl Fn(&ArchiveKeys) -> Result<(), SignatureError>,
    ) -> Result<(), SignatureError> {
        let mut first = None;
        for keys in &self.keys {
            match check(keys) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or(SignatureError::Unsigned))
    }
}

/// Checks the signature over an RPM's header, which has the digest of the files; or, if it has not,
/// the one over header and files together.
fn check_rpm(
    signed: &RpmSigned,
    whole: Option<&[u8]>,
    keys: &PinnedKeys,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let (content, signatures) = match whole {
        None => (&signed.header[..], &signed.signatures),
        Some(whole) => {
            let start = usize::try_from(signed.header_offset).unwrap_or(usize::MAX);
            let content = whole.get(start..).unwrap_or_default();
            (content, &signed.package_signatures)
        }
    };
    if signatures.is_empty() {
        return Err(match whole {
            Some(_) if !signed.signatures.is_empty() => SignatureError::FilesUnsigned,
            Some(_) | None => SignatureError::Unsigned,
        });
    }
    any_signature(signatures, |signature| {
        openpgp::verify_detached(content, signature, keys, now)
    })
}

fn any_signature(
    signatures: &[Vec<u8>],
    verify: impl Fn(&[u8]) -> Result<Vec<Fingerprint>, OpenPgpError>,
) -> Result<(), SignatureError> {
    let mut first = None;
    for signature in signatures {
        match verify(signature) {
            Ok(_) => return Ok(()),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(OpenPgpError::NoSignature).into())
}

/// Checks the signatures over an apk package's metadata, which has the digest of the files.
pub(super) fn check_apk(
    signed: &ApkSigned,
    keys: &RsaKeys,
    sha1: Sha1,
) -> Result<RsaSigned, SignatureError> {
    let signatures: Vec<RsaSignature> = signed
        .signatures
        .iter()
        .map(|signature| RsaSignature {
            digest: match signature.kind {
                ApkSignatureKind::Sha1 => RsaDigest::Sha1(signed.sha1),
                ApkSignatureKind::Sha256 => RsaDigest::Sha256(signed.sha256),
            },
            bytes: signature.bytes.clone(),
        })
        .collect();
    if signatures.is_empty() {
        return Err(SignatureError::Unsigned);
    }
    Ok(keys.verify(&signatures, sha1)?)
}

/// Checks that a signed package is the one that was asked for, and not another one of the archive's.
fn check_identity(package: &PackageRef, identity: &PackageIdentity) -> Result<(), CatalogError> {
    if identity.name == package.name && identity.version == package.version {
        return Ok(());
    }
    Err(CatalogError::OtherPackage {
        wanted: format!("{} {}", package.name, package.version),
        found: format!("{} {}", identity.name, identity.version),
    })
}

//! Archives of apk's kind: a signed index that has no digest of its packages that would do.
//!
//! `APKINDEX` names each package by the SHA-1 of its control part. So the packages that facts want,
//! which are few, are fetched while the list is read; each has to be the one that the index names and
//! to be signed itself, and from then on its SHA-256 stands for it.

use std::sync::Arc;

use super::apk_entry::ApkEntry;
use super::apk_index::{ApkIndex, SignedIndex};
use super::attempts::Attempts;
use super::error::CatalogError;
use super::format::ArchiveFormat;
use super::indexed_package::IndexedPackage;
use super::kernels::KernelPatterns;
use super::keys::SignatureError;
use super::mirror::Mirror;
use super::package_signature::check_apk;
use super::rsa::{RsaError, Sha1};
use super::signed_index::{IndexPlace, Voucher};
use super::{PassedOver, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::name::Arch;

const FORMAT: ArchiveFormat = ArchiveFormat::Apk;
const MOST_INDEX_BYTES: u64 = 64 << 20;

/// Returns the state of a suite for an architecture, from the first mirror that has a good one, and
/// its wanted packages.
pub(super) async fn read_suite(
    place: IndexPlace<'_>,
    arch: Arch,
    mirrors: &[Mirror],
    patterns: &Arc<KernelPatterns>,
) -> Result<(SuiteRecord, Vec<IndexedPackage>), CatalogError> {
    let path = place.path(FORMAT, arch, "APKINDEX.tar.gz")?;
    let mut attempts = Attempts::new(&place.archive.name, &place.suite.suite, &path);
    for mirror in mirrors {
        match authenticate(&place, mirror, &path, patterns).await {
            Ok((index, mut record)) => {
                record.passed_over = attempts.succeeded();
                let mut packages = Vec::new();
                let mut over_sha1 = Vec::new();
                for entry in index.packages {
                    if !FORMAT.has_packages_for(&entry.architecture, arch) {
                        continue;
                    }
                    let path = place.path(FORMAT, arch, &entry.file())?;
                    let (pinned, on_the_way) = pin(&place, mirrors, &path, &entry).await?;
                    record.passed_over.extend(on_the_way);
                    if pinned.over_sha1 {
                        over_sha1.push(entry.file());
                    }
                    packages.push(entry.with_digest(path, pinned.sha256));
                }
                record_sha1(&place, &mut record, &over_sha1);
                return Ok((record, packages));
            }
            Err(error) => attempts.pass_over(mirror, error)?,
        }
    }
    Err(attempts.failed())
}

async fn authenticate(
    place: &IndexPlace<'_>,
    mirror: &Mirror,
    path: &str,
    patterns: &Arc<KernelPatterns>,
) -> Result<(ApkIndex, SuiteRecord), CatalogError> {
    let file = place.fetch(mirror, path, MOST_INDEX_BYTES).await?;
    let split = SignedIndex::split(&file).map_err(|error| place.malformed(path, error))?;
    let voucher = check_index(place, &split)?;
    let index =
        ApkIndex::read(split.signed, patterns).map_err(|error| place.malformed(path, error))?;
    let record = place.record(&file, index.date, voucher)?;
    Ok((index, record))
}

fn check_index(place: &IndexPlace<'_>, index: &SignedIndex<'_>) -> Result<Voucher, CatalogError> {
    let keys = place.keys.rsa().map_err(|error| place.refused(error))?;
    let waiver = place.holding(place.suite.waivers.sha1.as_ref());
    let sha1 = waiver.map_or(Sha1::Refused, |_| Sha1::Taken);
    match keys.verify(&index.signatures, sha1) {
        Ok(signed) => {
            let mut voucher = Voucher {
                signed_by: signed.by,
                ..place.signed()
            };
            if let Some(waiver) = waiver.filter(|_| signed.over_sha1) {
                voucher.exceptions.push(format!(
                    "sha1: the index is signed over SHA-1 only, taken all the same: {}",
                    waiver.reason
                ));
            }
            Ok(voucher)
        }
        Err(RsaError::NoSignature) => place.unsigned(),
        Err(error) => Err(place.refused(SignatureError::from(error))),
    }
}

/// Records which packages are signed over SHA-1 only, or that none is although that is allowed.
fn record_sha1(place: &IndexPlace<'_>, record: &mut SuiteRecord, over_sha1: &[String]) {
    let Some(waiver) = place.holding(place.suite.waivers.sha1.as_ref()) else {
        return;
    };
    if !over_sha1.is_empty() {
        record.exceptions.push(format!(
            "sha1: {} signed over SHA-1 only, taken all the same: {}",
            over_sha1.join(", "),
            waiver.reason
        ));
    }
    if !record
        .exceptions
        .iter()
        .any(|exception| exception.starts_with("sha1: "))
    {
        let unneeded = "accept-sha1: all is signed over SHA-256";
        tracing::warn!(archive = %record.archive, suite = %record.suite, unneeded, "a decision is not needed any more");
        record.unneeded.push(unneeded.to_owned());
    }
}

/// A package that is known by a digest from now on.
struct Pinned {
    sha256: Sha256Digest,
    over_sha1: bool,
}

/// Fetches a package from the first mirror that has the one that the index names, and returns the
/// digest that stands for it from now on.
async fn pin(
    place: &IndexPlace<'_>,
    mirrors: &[Mirror],
    path: &str,
    entry: &ApkEntry,
) -> Result<(Pinned, Vec<PassedOver>), CatalogError> {
    let at = place.at;
    let mut attempts = Attempts::new(&place.archive.name, &place.suite.suite, path);
    for mirror in mirrors {
        let one = std::slice::from_ref(mirror);
        let fetched = at
            .fetcher
            .fetch_unpinned(at.store, one, path, entry.bytes)
            .await;
        let fetched =
            fetched.map_err(|error| CatalogError::of_fetch(&place.archive.name, path, error));
        let checked = match fetched {
            Ok(sha256) => check(place, path, entry, sha256),
            Err(error) => Err(error),
        };
        match checked {
            Ok(pinned) => return Ok((pinned, attempts.succeeded())),
            Err(error) => attempts.pass_over(mirror, error)?,
        }
    }
    Err(attempts.failed())
}

/// Checks that a package is the one that the index names, and that it is signed.
fn check(
    place: &IndexPlace<'_>,
    path: &str,
    entry: &ApkEntry,
    sha256: Sha256Digest,
) -> Result<Pinned, CatalogError> {
    let malformed = |source| CatalogError::MalformedPackage {
        archive: place.archive.name.clone(),
        path: path.to_owned(),
        source: Box::new(source),
    };
    let blob = place.at.store.open_blob(&sha256)?;
    let signed =
        crate::package::apk_signed(blob, &crate::package::Limits::default()).map_err(malformed)?;
    if signed.checksum != entry.checksum {
        return Err(CatalogError::OtherPackage {
            wanted: format!("{} {} ({})", entry.name, entry.version, entry.checksum),
            found: format!(
                "{} {} ({})",
                signed.identity.name, signed.identity.version, signed.checksum
            ),
        });
    }
    let signers = place.package_signers();
    if signers.is_empty() {
        return Ok(Pinned {
            sha256,
            over_sha1: false,
        });
    }
    let keys = place
        .keys
        .rsa()
        .map_err(|error| place.refused(error))?
        .only(&signers);
    let waiver = place.holding(place.suite.waivers.sha1.as_ref());
    let sha1 = waiver.map_or(Sha1::Refused, |_| Sha1::Taken);
    let signed = check_apk(&signed, &keys, sha1);
    let signed = signed.map_err(|source| CatalogError::PackageNotAuthenticated {
        archive: place.archive.name.clone(),
        name: entry.name.clone(),
        version: entry.version.clone(),
        source: Box::new(source),
    })?;
    Ok(Pinned {
        sha256,
        over_sha1: signed.over_sha1,
    })
}

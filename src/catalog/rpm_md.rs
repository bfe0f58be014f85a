//! Archives of rpm-md's kind: a signed `repomd.xml`, and the index of packages that it names by
//! digest.

use std::sync::Arc;

use super::attempts::Attempts;
use super::compression::unpack_by_magic;
use super::error::CatalogError;
use super::fetch::{ExpectedFile, ExpectedSize};
use super::format::ArchiveFormat;
use super::indexed_package::IndexedPackage;
use super::kernels::KernelPatterns;
use super::mirror::Mirror;
use super::primary_xml::{PrimaryError, read_primary};
use super::repomd::Repomd;
use super::signed_index::IndexPlace;
use super::{PassedOver, SuiteRecord};
use crate::name::Arch;

const FORMAT: ArchiveFormat = ArchiveFormat::RpmMd;
const MOST_REPOMD_BYTES: u64 = 4 << 20;
/// The most bytes of an index, unpacked; the largest that there are have a fifth of that.
const MOST_PRIMARY_BYTES: u64 = 4 << 30;

/// Returns the state of a suite for an architecture, from the first mirror that has a good one, and
/// its wanted packages.
pub(super) async fn read_suite(
    place: IndexPlace<'_>,
    arch: Arch,
    mirrors: &[Mirror],
    patterns: &Arc<KernelPatterns>,
) -> Result<(SuiteRecord, Vec<IndexedPackage>), CatalogError> {
    let path = place.path(FORMAT, arch, "repodata/repomd.xml")?;
    let mut attempts = Attempts::new(&place.archive.name, &place.suite.suite, &path);
    for mirror in mirrors {
        match authenticate(&place, mirror, &path).await {
            Ok((repomd, mut record)) => {
                let (packages, on_the_way) =
                    read_packages(&place, arch, mirrors, &repomd, patterns).await?;
                record.passed_over = attempts.succeeded();
                record.passed_over.extend(on_the_way);
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
) -> Result<(Repomd, SuiteRecord), CatalogError> {
    let file = place.fetch(mirror, path, MOST_REPOMD_BYTES).await?;
    let signature = format!("{path}.asc");
    let voucher = place.check_detached(mirror, &file, &signature).await?;
    let repomd = Repomd::parse(&file).map_err(|error| place.malformed(path, error))?;
    let record = place.record(&file, repomd.date, voucher)?;
    Ok((repomd, record))
}

/// Fetches the index of packages, from whichever mirror has the bytes that are signed for.
async fn read_packages(
    place: &IndexPlace<'_>,
    arch: Arch,
    mirrors: &[Mirror],
    repomd: &Repomd,
    patterns: &Arc<KernelPatterns>,
) -> Result<(Vec<IndexedPackage>, Vec<PassedOver>), CatalogError> {
    let primary = &repomd.primary;
    let path = place.path(FORMAT, arch, &primary.path)?;
    let expected = ExpectedFile {
        path: &path,
        sha256: primary.sha256,
        bytes: ExpectedSize::Exactly(primary.bytes),
    };
    let store = place.at.store;
    let fetched = place.at.fetcher.fetch_blob(store, mirrors, &expected).await;
    let tried =
        fetched.map_err(|error| CatalogError::of_fetch(&place.archive.name, &path, error))?;
    let blob = store.open_blob(&primary.sha256)?;
    let most = primary
        .open_bytes
        .map_or(MOST_PRIMARY_BYTES, |bytes| bytes.min(MOST_PRIMARY_BYTES));
    let patterns = patterns.clone();
    // Unpacking and searching takes a processor for a while.
    let packages = tokio::task::spawn_blocking(move || -> Result<_, PrimaryError> {
        read_primary(unpack_by_magic(blob, most)?, &patterns)
    })
    .await
    .map_err(|error| CatalogError::Internal {
        reason: error.to_string(),
    })?
    .map_err(|error| place.malformed(&path, error))?;
    let mut of_arch = Vec::new();
    for mut package in packages {
        if FORMAT.has_packages_for(&package.architecture, arch) {
            package.path = place.path(FORMAT, arch, &package.path)?;
            of_arch.push(package);
        }
    }
    Ok((of_arch, PassedOver::on_the_way(&path, tried)))
}

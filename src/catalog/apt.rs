//! Archives of Debian's kind: their suites, and what these offer.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::SuiteRecord;
use super::error::CatalogError;
use super::facts::{ArchiveFacts, SuiteFacts};
use super::format::ArchiveFormat;
use super::kernels::{KernelPatterns, Offer};
use super::keys::ArchiveKeys;
use super::mirror::Mirror;
use super::openpgp::PinnedKeys;
use super::suite::authenticate;
use super::surroundings::Surroundings;
use crate::name::Arch;
use crate::package::PackageFormat;

/// Authenticates every suite of these archives and returns their states, in the order of the facts.
pub async fn read_suites(
    archives: &[ArchiveFacts],
    at: &Surroundings<'_>,
) -> Result<Vec<SuiteRecord>, CatalogError> {
    let mut records = Vec::new();
    for archive in archives {
        let of_archive = |source| CatalogError::Keys {
            archive: archive.name.clone(),
            source,
        };
        let keys = ArchiveKeys::read(archive, ArchiveFormat::Apt).map_err(of_archive)?;
        let keys = keys.openpgp().map_err(of_archive)?;
        let mirrors = at.site.resolve(&archive.name)?;
        for suite in &archive.suites {
            let authentic = authenticate(archive, suite, keys, &mirrors, at).await?;
            records.push(authentic.record);
        }
    }
    Ok(records)
}

/// Reads one suite: its state, and what it offers for `archs`.
pub(super) async fn read_suite(
    archive: &ArchiveFacts,
    suite: &SuiteFacts,
    keys: &PinnedKeys,
    mirrors: &[Mirror],
    archs: &[Arch],
    patterns: &Arc<KernelPatterns>,
    at: &Surroundings<'_>,
) -> Result<(SuiteRecord, Vec<Offer>), CatalogError> {
    let authentic = authenticate(archive, suite, keys, mirrors, at).await?;
    let read = archs
        .iter()
        .map(|arch| authentic.packages(*arch, patterns, at));
    let read = try_join_all(read).await?;
    let mut record = authentic.record;
    let mut offers = Vec::new();
    for (arch, (packages, passed_over)) in archs.iter().zip(read) {
        record.passed_over.extend(passed_over);
        offers.push(Offer {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            arch: *arch,
            format: PackageFormat::Deb,
            // The signed index names every package by its SHA-256.
            signers: Vec::new(),
            packages,
        });
    }
    Ok((record, offers))
}

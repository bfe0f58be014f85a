//! Archives of Debian's kind: their suites, and what these offer.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::error::CatalogError;
use super::facts::{ArchiveFacts, DistroFacts, SuiteFacts};
use super::format::ArchiveFormat;
use super::indexed_package::IndexedPackage;
use super::kernels::{KernelPatterns, Offer};
use super::keys::ArchiveKeys;
use super::mirror::Mirror;
use super::openpgp::PinnedKeys;
use super::suite::{Wanted, authenticate};
use super::surroundings::Surroundings;
use super::version_order::VersionOrder;
use super::{PackageRef, SuiteRecord};
use crate::name::{Arch, PackageName, PackageVersion};
use crate::package::PackageFormat;

/// The states of an archive's suites as one mirror gives them, all of them.
#[derive(Debug, Clone)]
pub struct ArchiveStates {
    /// In the order of the facts.
    pub suites: Vec<SuiteRecord>,
    pub mirror: Mirror,
}

/// Authenticates every suite of an archive at one mirror alone, so that what is read from it
/// afterwards is of one state.
pub async fn read_suites_of(
    archive: &ArchiveFacts,
    mirror: &Mirror,
    at: &Surroundings<'_>,
) -> Result<ArchiveStates, CatalogError> {
    let keys = read_keys(archive)?;
    let mut suites = Vec::new();
    for suite in &archive.suites {
        let one = std::slice::from_ref(mirror);
        let authentic = authenticate(archive, suite, &keys, one, at).await;
        suites.push(authentic.map_err(CatalogError::of_only_mirror)?.record);
    }
    Ok(ArchiveStates {
        suites,
        mirror: mirror.clone(),
    })
}

/// Authenticates every suite of these archives and returns, in the order of the facts, its state
/// and the packages that it offers to an architecture, of those whose names are wanted.
pub async fn read_packages_of(
    archives: &[ArchiveFacts],
    arch: Arch,
    wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    at: &Surroundings<'_>,
) -> Result<Vec<(SuiteRecord, Vec<IndexedPackage>)>, CatalogError> {
    let wanted: Wanted = Arc::new(wanted);
    let mut found = Vec::new();
    for archive in archives {
        let keys = read_keys(archive)?;
        let mirrors = at.site.resolve(&archive.name)?;
        for suite in &archive.suites {
            let authentic = authenticate(archive, suite, &keys, &mirrors, at).await?;
            let (packages, passed_over) = authentic.packages(arch, &wanted, at).await?;
            let mut record = authentic.record;
            record.passed_over.extend(passed_over);
            found.push((record, packages));
        }
    }
    Ok(found)
}

/// Returns the keys that facts pin for an archive of this format.
fn read_keys(archive: &ArchiveFacts) -> Result<PinnedKeys, CatalogError> {
    ArchiveKeys::read(archive, ArchiveFormat::Apt)
        .and_then(|keys| keys.openpgp().cloned())
        .map_err(|source| CatalogError::Keys {
            archive: archive.name.clone(),
            source,
        })
}

/// Finds a package by its name: the newest that is built for `arch` or for all, or the one of
/// `version`; of two suites with one version, the one that the facts name first. Returns it with the
/// state of the suite that names it.
///
/// # Errors
///
/// As for [`read_distro`](super::read::read_distro), and [`CatalogError::NoPackage`] if no suite has it.
pub async fn find_package(
    facts: &DistroFacts,
    name: &PackageName,
    version: Option<&PackageVersion>,
    arch: Arch,
    at: &Surroundings<'_>,
) -> Result<(PackageRef, SuiteRecord), CatalogError> {
    let text = name.to_string();
    let wanted: Wanted = Arc::new(move |name| name == text);
    let mut best: Option<(PackageRef, SuiteRecord)> = None;
    let mut others = BTreeSet::new();
    for archive in &facts.archives {
        let keys = read_keys(archive)?;
        let mirrors = at.site.resolve(&archive.name)?;
        for suite in &archive.suites {
            let authentic = authenticate(archive, suite, &keys, &mirrors, at).await?;
            for package in authentic.packages(arch, &wanted, at).await?.0 {
                if version.is_some_and(|version| *version != package.version) {
                    others.insert(package.version.to_string());
                    continue;
                }
                let is_newer = best.as_ref().is_none_or(|(best, _)| {
                    VersionOrder::Deb
                        .compare(&package.version, &best.version)
                        .is_gt()
                });
                if is_newer {
                    let package = PackageRef {
                        name: package.name,
                        version: package.version,
                        architecture: package.architecture,
                        archive: archive.name.clone(),
                        suite: suite.suite.clone(),
                        path: package.path,
                        bytes: package.bytes,
                        sha256: package.sha256,
                        format: PackageFormat::Deb,
                        signers: Vec::new(),
                        signature: None,
                    };
                    best = Some((package, authentic.record.clone()));
                }
            }
        }
    }
    best.ok_or_else(|| CatalogError::NoPackage {
        name: name.clone(),
        version: version.cloned(),
        from: facts.name(),
        others: others.into_iter().collect(),
    })
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
    let patterns = patterns.clone();
    let wanted: Wanted = Arc::new(move |name| patterns.wants(name));
    let read = archs
        .iter()
        .map(|arch| authentic.packages(*arch, &wanted, at));
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

//! Archives of Debian's kind: from facts to the kernels that the archives hold today.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::error::CatalogError;
use super::facts::{ArchiveFacts, DistroFacts, SuiteFacts};
use super::kernels::{Discovery, KernelPatterns, Offer, discover};
use super::mirror::Mirror;
use super::openpgp::PinnedKeys;
use super::suite::{Wanted, authenticate};
use super::surroundings::Surroundings;
use super::version_order::VersionOrder;
use super::{DistroKernels, PackageRef, SuiteRecord};
use crate::name::{Arch, PackageName, PackageVersion};

/// Authenticates every suite of these archives and returns their states, in the order of the facts.
pub async fn read_suites(
    archives: &[ArchiveFacts],
    at: &Surroundings<'_>,
) -> Result<Vec<SuiteRecord>, CatalogError> {
    let mut records = Vec::new();
    for archive in archives {
        let keys = read_keys(archive)?;
        let mirrors = at.site.resolve(&archive.name)?;
        for suite in &archive.suites {
            let authentic = authenticate(archive, suite, &keys, &mirrors, at).await?;
            records.push(authentic.record);
        }
    }
    Ok(records)
}

fn read_keys(archive: &ArchiveFacts) -> Result<PinnedKeys, CatalogError> {
    PinnedKeys::read(&archive.keyrings, &archive.keys).map_err(|source| CatalogError::Keys {
        archive: archive.name.clone(),
        source,
    })
}

/// Reads every suite of a distribution release and returns its kernels for `archs`, as they are
/// built on a machine of `build_arch`.
///
/// # Errors
///
/// Any suite that cannot be read, authenticated or understood is an error of the whole: a list that
/// silently lacks a suite would read as kernels having gone.
pub async fn read_distro(
    facts: &DistroFacts,
    archs: &BTreeSet<Arch>,
    build_arch: Arch,
    at: &Surroundings<'_>,
) -> Result<DistroKernels, CatalogError> {
    let patterns = KernelPatterns::new(&facts.kernel, facts.format).map_err(|error| {
        CatalogError::Pattern {
            pattern: error.pattern,
            reason: error.reason,
        }
    })?;
    let patterns = Arc::new(patterns);
    let mut indexed = archs.clone();
    indexed.insert(build_arch);
    let mut places = Vec::new();
    for archive in &facts.archives {
        places.push((
            archive,
            read_keys(archive)?,
            at.site.resolve(&archive.name)?,
        ));
    }
    let suites = places.iter().flat_map(|(archive, keys, mirrors)| {
        archive
            .suites
            .iter()
            .map(|suite| read_suite(archive, suite, keys, mirrors, &indexed, &patterns, at))
    });
    let mut records = Vec::new();
    let mut offers = Vec::new();
    for (record, of_suite) in try_join_all(suites).await? {
        records.push(record);
        offers.extend(of_suite);
    }
    let Discovery {
        kernels,
        unresolved,
    } = discover(
        &facts.distro,
        &facts.distro_release,
        &patterns,
        &offers,
        archs,
        build_arch,
    );
    for kernel in &unresolved {
        tracing::warn!(arch = %kernel.arch, kernel = %kernel.kernel_release, reason = kernel.reason, "left out a kernel");
    }
    Ok(DistroKernels {
        distro: facts.distro.clone(),
        distro_release: facts.distro_release.clone(),
        format: facts.format,
        facts: facts.digest,
        suites: records,
        kernels,
        unresolved,
    })
}

/// Finds a package by its name: the newest that is built for `arch` or for all, or the one of
/// `version`; of two suites with one version, the one that the facts name first. Returns it with the
/// state of the suite that names it.
///
/// # Errors
///
/// As for [`read_distro`], and [`CatalogError::NoPackage`] if no suite has it.
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
            for package in authentic.packages(arch, &wanted, at).await? {
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

async fn read_suite(
    archive: &ArchiveFacts,
    suite: &SuiteFacts,
    keys: &PinnedKeys,
    mirrors: &[Mirror],
    archs: &BTreeSet<Arch>,
    patterns: &Arc<KernelPatterns>,
    at: &Surroundings<'_>,
) -> Result<(SuiteRecord, Vec<Offer>), CatalogError> {
    let authentic = authenticate(archive, suite, keys, mirrors, at).await?;
    let patterns = patterns.clone();
    let wanted: Wanted = Arc::new(move |name| patterns.wants(name));
    let wanted = &wanted;
    let authentic = &authentic;
    let offered = archs
        .iter()
        .filter(|arch| suite.archs.as_ref().is_none_or(|has| has.contains(arch)));
    let offers = offered.map(|arch| async move {
        Ok::<_, CatalogError>(Offer {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            arch: *arch,
            packages: authentic.packages(*arch, wanted, at).await?,
        })
    });
    let offers = try_join_all(offers).await?;
    Ok((authentic.record.clone(), offers))
}

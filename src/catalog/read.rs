//! The kernels that a distribution release's archives hold today, whatever their format.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::try_join_all;

use super::error::CatalogError;
use super::facts::{ArchiveFacts, DistroFacts, SuiteFacts, SuiteLocation};
use super::format::ArchiveFormat;
use super::kernels::{Discovery, KernelPatterns, Offer, discover};
use super::keys::{ArchiveKeys, SignatureError};
use super::mirror::Mirror;
use super::signed_index::IndexPlace;
use super::surroundings::Surroundings;
use super::{DistroKernels, Kernel, PackageRef, SuiteRecord, apk, apt, pacman, rpm_md, source};
use crate::name::Arch;
use crate::package::PackageFormat;

/// The most bytes of a signature beside a package.
const MOST_SIGNATURE_BYTES: u64 = 16 << 10;

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
    if let Some(of_source) = &facts.source {
        return source::read(facts, of_source, archs, at).await;
    }
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
        let keys = ArchiveKeys::read(archive, facts.format);
        places.push((
            archive,
            keys.map_err(|source| CatalogError::Keys {
                archive: archive.name.clone(),
                source,
            })?,
            at.site.resolve(&archive.name)?,
        ));
    }
    let suites = places.iter().flat_map(|(archive, keys, mirrors)| {
        archive.suites.iter().map(|suite| {
            let reading = Reading {
                format: facts.format,
                archive,
                suite,
                keys,
                mirrors,
                patterns: &patterns,
                at,
            };
            async { reading.suite(&indexed).await }
        })
    });
    let mut records = Vec::new();
    let mut offers = Vec::new();
    for (of_suite, offered) in try_join_all(suites).await? {
        records.extend(of_suite);
        offers.extend(offered);
    }
    let Discovery {
        mut kernels,
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
    fetch_signatures(&mut kernels, at).await?;
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

/// One suite, and what it is read with.
struct Reading<'a> {
    format: ArchiveFormat,
    archive: &'a ArchiveFacts,
    suite: &'a SuiteFacts,
    keys: &'a ArchiveKeys,
    mirrors: &'a [Mirror],
    patterns: &'a Arc<KernelPatterns>,
    at: &'a Surroundings<'a>,
}

impl Reading<'_> {
    /// Returns the states of the suite, and what it offers for those of `archs` that it has.
    async fn suite(
        self,
        archs: &BTreeSet<Arch>,
    ) -> Result<(Vec<SuiteRecord>, Vec<Offer>), CatalogError> {
        let has = |arch: &&Arch| {
            self.suite
                .archs
                .as_ref()
                .is_none_or(|has| has.contains(arch))
        };
        let archs: Vec<Arch> = archs.iter().filter(has).copied().collect();
        match self.format {
            ArchiveFormat::Apt => {
                let keys = self.keys.openpgp().map_err(|source| CatalogError::Keys {
                    archive: self.archive.name.clone(),
                    source,
                })?;
                let (record, offers) = apt::read_suite(
                    self.archive,
                    self.suite,
                    keys,
                    self.mirrors,
                    &archs,
                    self.patterns,
                    self.at,
                )
                .await?;
                Ok((vec![record], offers))
            }
            ArchiveFormat::RpmMd | ArchiveFormat::Pacman | ArchiveFormat::Apk => {
                let read = archs.iter().map(|arch| self.arch(*arch));
                let read = try_join_all(read).await?;
                let (mut records, offers): (Vec<SuiteRecord>, Vec<Offer>) =
                    read.into_iter().unzip();
                // One index for all architectures is read for each of them, and recorded once.
                records.dedup_by(|b, a| a.arch.is_none() && a.arch == b.arch);
                Ok((records, offers))
            }
            ArchiveFormat::Source => Err(CatalogError::NoReader {
                format: self.format,
            }),
        }
    }

    async fn arch(&self, arch: Arch) -> Result<(SuiteRecord, Offer), CatalogError> {
        let has_own = match &self.suite.location {
            SuiteLocation::Path(path) => path.contains("{arch}"),
            SuiteLocation::Dists { .. } => false,
        };
        let place = IndexPlace {
            archive: self.archive,
            suite: self.suite,
            arch: has_own.then_some(arch),
            keys: self.keys,
            at: self.at,
        };
        let (mirrors, patterns) = (self.mirrors, self.patterns);
        let (format, (record, packages)) = match self.format {
            ArchiveFormat::RpmMd => (
                PackageFormat::Rpm,
                rpm_md::read_suite(place, arch, mirrors, patterns).await?,
            ),
            ArchiveFormat::Pacman => (
                PackageFormat::Pacman,
                pacman::read_suite(place, arch, mirrors, patterns).await?,
            ),
            ArchiveFormat::Apk => (
                PackageFormat::Apk,
                apk::read_suite(place, arch, mirrors, patterns).await?,
            ),
            ArchiveFormat::Apt | ArchiveFormat::Source => {
                return Err(CatalogError::NoReader {
                    format: self.format,
                });
            }
        };
        let offer = Offer {
            archive: self.archive.name.clone(),
            suite: self.suite.suite.clone(),
            arch,
            format,
            signers: place.package_signers(),
            packages,
        };
        Ok((record, offer))
    }
}

/// Fetches the signatures that stand beside packages, where the index has none. They are part of the
/// list, so that packages can be verified again when the archive is out of reach.
async fn fetch_signatures(
    kernels: &mut [Kernel],
    at: &Surroundings<'_>,
) -> Result<(), CatalogError> {
    let packages = kernels.iter_mut().flat_map(|kernel| &mut kernel.packages);
    let lacking = packages.filter(|package| match package.format {
        PackageFormat::Pacman => !package.signers.is_empty() && package.signature.is_none(),
        PackageFormat::Deb | PackageFormat::Rpm | PackageFormat::Apk => false,
    });
    for package in lacking {
        package.signature = Some(fetch_signature(package, at).await?);
    }
    Ok(())
}

async fn fetch_signature(
    package: &PackageRef,
    at: &Surroundings<'_>,
) -> Result<String, CatalogError> {
    let path = format!("{}.sig", package.path);
    let mirrors = at.site.resolve(&package.archive)?;
    match at
        .fetcher
        .fetch_small(&mirrors, &path, MOST_SIGNATURE_BYTES)
        .await
    {
        Ok(signature) => Ok(BASE64.encode(signature)),
        Err(error) if error.is_not_found() => Err(CatalogError::PackageNotAuthenticated {
            archive: package.archive.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            source: Box::new(SignatureError::Unsigned),
        }),
        Err(error) => Err(CatalogError::of_fetch(&package.archive, &path, error)),
    }
}

//! One suite of an archive: its Release file, authenticated and present, and its package indexes.

use std::fs::File;

use super::attempts::Attempts;
use super::compression::{Compression, unpack};
use super::error::CatalogError;
use super::facts::{ArchiveFacts, SuiteFacts};
use super::fetch::{ExpectedFile, ExpectedSize};
use super::fetch_error::Tried;
use super::indexed_package::IndexedPackage;
use super::mirror::Mirror;
use super::openpgp::{self, PinnedKeys};
use super::packages_index::{IndexError, read_packages};
use super::release_file::{Checked, IndexFile, ReleaseFile};
use super::signed_index::keep;
use super::surroundings::Surroundings;
use super::{PassedOver, SuiteRecord};
use crate::name::Arch;

const MOST_RELEASE_BYTES: u64 = 16 << 20;
const MOST_INDEX_BYTES: u64 = 1 << 30;

/// Says which packages of an index are wanted, by their names.
pub(super) type Wanted = std::sync::Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A suite whose Release file has been authenticated and found to be its present state.
pub(super) struct AuthenticSuite<'a> {
    archive: &'a ArchiveFacts,
    suite: &'a SuiteFacts,
    mirrors: &'a [Mirror],
    release: ReleaseFile,
    pub(super) record: SuiteRecord,
}

/// Reads the Release file of a suite from the first mirror that has a good one.
///
/// A mirror whose Release file is refused is passed over like one that does not answer: what it
/// serves says nothing about the archive. If no mirror has a good one, the first refusal is told,
/// since it says more than silence.
pub(super) async fn authenticate<'a>(
    archive: &'a ArchiveFacts,
    suite: &'a SuiteFacts,
    keys: &PinnedKeys,
    mirrors: &'a [Mirror],
    at: &Surroundings<'_>,
) -> Result<AuthenticSuite<'a>, CatalogError> {
    let path = format!("dists/{}/InRelease", suite.suite);
    let mut attempts = Attempts::new(&archive.name, &suite.suite, &path);
    for mirror in mirrors {
        let one = std::slice::from_ref(mirror);
        let fetched = at.fetcher.fetch_small(one, &path, MOST_RELEASE_BYTES).await;
        let taken = fetched
            .map_err(|error| CatalogError::of_fetch(&archive.name, &path, error))
            .and_then(|file| take_release(&file, archive, suite, keys, at));
        match taken {
            Ok((release, mut record)) => {
                record.passed_over = attempts.succeeded();
                return Ok(AuthenticSuite {
                    archive,
                    suite,
                    mirrors,
                    release,
                    record,
                });
            }
            Err(error) => attempts.pass_over(mirror, error)?,
        }
    }
    Err(attempts.failed())
}

/// Authenticates and checks a Release file, and keeps its bytes.
fn take_release(
    file: &[u8],
    archive: &ArchiveFacts,
    suite: &SuiteFacts,
    keys: &PinnedKeys,
    at: &Surroundings<'_>,
) -> Result<(ReleaseFile, SuiteRecord), CatalogError> {
    let signed =
        openpgp::verify(file, keys, at.now).map_err(|source| CatalogError::NotAuthenticated {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            source: Box::new(source.into()),
        })?;
    let release =
        ReleaseFile::parse(&signed.text).map_err(|source| CatalogError::MalformedRelease {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            source,
        })?;
    let seen = at.newest_seen(&archive.name, &suite.suite, None);
    let Checked {
        exceptions,
        unneeded,
    } = release
        .check(suite, at.now, seen)
        .map_err(|refused| CatalogError::of_refusal(&archive.name, &suite.suite, refused))?;
    for exception in &exceptions {
        tracing::warn!(archive = %archive.name, suite = %suite.suite, exception, "a check is turned off");
    }
    for decision in &unneeded {
        tracing::warn!(archive = %archive.name, suite = %suite.suite, decision, "a decision is not needed any more");
    }
    let components = suite.location.components();
    if components.is_empty() {
        return Err(CatalogError::Internal {
            reason: format!("the suite `{}` does not stand below `dists`", suite.suite),
        });
    }
    let mut components = components.iter();
    if let Some(component) = components.find(|component| !release.has_component(component)) {
        return Err(CatalogError::NoComponent {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            component: component.clone(),
        });
    }
    let record = SuiteRecord {
        archive: archive.name.clone(),
        suite: suite.suite.clone(),
        arch: None,
        date: release.date,
        valid_until: release.valid_until,
        index: keep(file, suite, at)?,
        signature: None,
        signed_by: signed.signed_by,
        exceptions,
        unneeded,
        passed_over: Vec::new(),
    };
    Ok((release, record))
}

impl AuthenticSuite<'_> {
    /// Returns the packages of an architecture whose names are wanted, of every component that is read.
    pub(super) async fn packages(
        &self,
        arch: Arch,
        wanted: &Wanted,
        at: &Surroundings<'_>,
    ) -> Result<(Vec<IndexedPackage>, Vec<PassedOver>), CatalogError> {
        let (mut packages, mut passed_over) = (Vec::new(), Vec::new());
        for component in self.suite.location.components() {
            let (found, on_the_way) = self
                .index(component, arch.as_str(), wanted, at)
                .await?
                .ok_or_else(|| CatalogError::NoIndex {
                    archive: self.archive.name.clone(),
                    suite: self.suite.suite.clone(),
                    component: component.clone(),
                    arch,
                })?;
            packages.extend(found);
            passed_over.extend(on_the_way);
            if self.release.separate_all
                && let Some((of_all, on_the_way)) = self.index(component, "all", wanted, at).await?
            {
                packages.extend(of_all);
                passed_over.extend(on_the_way);
            }
        }
        Ok((packages, passed_over))
    }

    /// Fetches and reads one index, or returns `None` if the Release file has none.
    async fn index(
        &self,
        component: &str,
        architecture: &str,
        wanted: &Wanted,
        at: &Surroundings<'_>,
    ) -> Result<Option<(Vec<IndexedPackage>, Vec<PassedOver>)>, CatalogError> {
        let plain = format!("{component}/binary-{architecture}/Packages");
        let Some((compression, name, file)) =
            Compression::OF_APT.into_iter().find_map(|compression| {
                let name = format!("{plain}{}", compression.ending());
                let file = *self.release.files.get(&name)?;
                Some((compression, name, file))
            })
        else {
            return Ok(None);
        };
        let path = format!("dists/{}/{name}", self.suite.suite);
        let tried = self.fetch_index(&path, file, at).await?;
        let passed_over = PassedOver::on_the_way(&path, tried);
        let blob = at
            .store
            .blob_path(&file.sha256)
            .ok_or_else(|| CatalogError::Internal {
                reason: format!("`{path}` is not in the store although it was fetched"),
            })?;
        let most = self
            .release
            .files
            .get(&plain)
            .map_or(MOST_INDEX_BYTES, |plain| plain.bytes.min(MOST_INDEX_BYTES));
        let wanted = wanted.clone();
        // Unpacking and searching takes a processor for a while.
        let packages = tokio::task::spawn_blocking(move || {
            let malformed = |source| IndexError::Read { stanzas: 0, source };
            let file = File::open(blob).map_err(malformed)?;
            let reader = unpack(file, compression, most).map_err(malformed)?;
            read_packages(reader, |name| wanted(name))
        })
        .await
        .map_err(|error| CatalogError::Internal {
            reason: error.to_string(),
        })?
        .map_err(|source| CatalogError::MalformedIndex {
            archive: self.archive.name.clone(),
            path,
            source: Box::new(source),
        })?;
        tracing::debug!(suite = %self.suite.suite, architecture, kept = packages.len(), "read an index");
        Ok(Some((packages, passed_over)))
    }

    /// Fetches an index by its digest where the archive offers that, since under its name there may
    /// already be a newer one.
    async fn fetch_index(
        &self,
        path: &str,
        file: IndexFile,
        at: &Surroundings<'_>,
    ) -> Result<Vec<Tried>, CatalogError> {
        let expected = |path| ExpectedFile {
            path,
            sha256: file.sha256,
            bytes: ExpectedSize::Exactly(file.bytes),
        };
        let fetch = |path| async move {
            at.fetcher
                .fetch_blob(at.store, self.mirrors, &expected(path))
                .await
        };
        let directory = path
            .rsplit_once('/')
            .map_or(path, |(directory, _)| directory);
        let by_hash = format!("{directory}/by-hash/SHA256/{}", file.sha256.to_hex());
        let fetched = if self.release.by_hash {
            match fetch(by_hash.as_str()).await {
                Err(error) if error.is_not_found() => fetch(path).await,
                fetched => fetched,
            }
        } else {
            fetch(path).await
        };
        fetched.map_err(|error| CatalogError::of_fetch(&self.archive.name, path, error))
    }
}

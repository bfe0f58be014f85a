//! One suite of an archive: its Release file, authenticated and present, and its package indexes.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::SuiteRecord;
use super::error::CatalogError;
use super::facts::{ArchiveFacts, SuiteFacts};
use super::fetch::ExpectedFile;
use super::fetch_error::FetchError;
use super::indexed_package::IndexedPackage;
use super::mirror::Mirror;
use super::openpgp::{self, PinnedKeys};
use super::packages_index::{IndexError, read_packages};
use super::release_file::{IndexFile, ReleaseFile};
use super::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::name::Arch;

const MOST_RELEASE_BYTES: u64 = 16 << 20;
const MOST_INDEX_BYTES: u64 = 1 << 30;
const XZ_MEMORY: u64 = 256 << 20;

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

/// How an index is compressed, and how its name ends.
#[derive(Debug, Clone, Copy)]
enum Compression {
    Xz,
    Gzip,
    None,
}

impl Compression {
    const BY_PREFERENCE: [Self; 3] = [Self::Xz, Self::Gzip, Self::None];

    fn ending(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }
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
    let mut silent = Vec::new();
    let mut refused = None;
    for mirror in mirrors {
        let one = std::slice::from_ref(mirror);
        match at.fetcher.fetch_small(one, &path, MOST_RELEASE_BYTES).await {
            Ok(file) => match take_release(&file, archive, suite, keys, at) {
                Ok((release, record)) => {
                    return Ok(AuthenticSuite {
                        archive,
                        suite,
                        mirrors,
                        release,
                        record,
                    });
                }
                Err(error) => {
                    tracing::warn!(%mirror, suite = %suite.suite, %error, "refused a Release file");
                    refused.get_or_insert(error);
                }
            },
            Err(FetchError::NoMirrorHasIt { tried, .. }) => silent.extend(tried),
            Err(error) => return Err(CatalogError::of_fetch(&archive.name, &path, error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let error = FetchError::NoMirrorHasIt {
            path: path.clone(),
            tried: silent,
        };
        CatalogError::of_fetch(&archive.name, &path, error)
    }))
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
            source,
        })?;
    let release =
        ReleaseFile::parse(&signed.text).map_err(|source| CatalogError::MalformedRelease {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            source,
        })?;
    let seen = at
        .seen
        .iter()
        .filter(|record| record.archive == archive.name && record.suite == suite.suite)
        .map(|record| record.date)
        .max();
    let exceptions = release
        .check(suite, at.now, seen)
        .map_err(|refused| CatalogError::of_refusal(&archive.name, &suite.suite, refused))?;
    for exception in &exceptions {
        tracing::warn!(archive = %archive.name, suite = %suite.suite, exception, "a check is turned off");
    }
    let component = component(suite)?;
    if !release.has_component(component) {
        return Err(CatalogError::NoComponent {
            archive: archive.name.clone(),
            suite: suite.suite.clone(),
            component: component.to_owned(),
        });
    }
    let mut writer = at.store.blob_writer()?;
    let sha256 = Sha256Digest::of(file);
    writer
        .write_all(file)
        .map_err(|source| CatalogError::Keep {
            suite: suite.suite.clone(),
            source,
        })?;
    writer.commit(Some((sha256, file.len() as u64)))?;
    let record = SuiteRecord {
        archive: archive.name.clone(),
        suite: suite.suite.clone(),
        arch: None,
        date: release.date,
        valid_until: release.valid_until,
        index: sha256,
        signed_by: signed.signed_by,
        exceptions,
    };
    Ok((release, record))
}

/// Returns the component that is read; facts of this format always name one.
fn component(suite: &SuiteFacts) -> Result<&str, CatalogError> {
    suite
        .location
        .component()
        .ok_or_else(|| CatalogError::Internal {
            reason: format!("the suite `{}` does not stand below `dists`", suite.suite),
        })
}

impl AuthenticSuite<'_> {
    /// Returns the packages of an architecture whose names are wanted.
    pub(super) async fn packages(
        &self,
        arch: Arch,
        wanted: &Wanted,
        at: &Surroundings<'_>,
    ) -> Result<Vec<IndexedPackage>, CatalogError> {
        let mut packages = self
            .index(arch.as_str(), wanted, at)
            .await?
            .ok_or_else(|| CatalogError::NoIndex {
                archive: self.archive.name.clone(),
                suite: self.suite.suite.clone(),
                arch,
            })?;
        if self.release.separate_all {
            packages.extend(self.index("all", wanted, at).await?.unwrap_or_default());
        }
        Ok(packages)
    }

    /// Fetches and reads one index, or returns `None` if the Release file has none.
    async fn index(
        &self,
        architecture: &str,
        wanted: &Wanted,
        at: &Surroundings<'_>,
    ) -> Result<Option<Vec<IndexedPackage>>, CatalogError> {
        let component = component(self.suite)?;
        let plain = format!("{component}/binary-{architecture}/Packages");
        let Some((compression, name, file)) =
            Compression::BY_PREFERENCE
                .into_iter()
                .find_map(|compression| {
                    let name = format!("{plain}{}", compression.ending());
                    let file = *self.release.files.get(&name)?;
                    Some((compression, name, file))
                })
        else {
            return Ok(None);
        };
        let path = format!("dists/{}/{name}", self.suite.suite);
        self.fetch_index(&path, file, at).await?;
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
            let reader = unpack(BufReader::new(file), compression).map_err(malformed)?;
            read_packages(Bounded::new(reader, most), |name| wanted(name))
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
        Ok(Some(packages))
    }

    /// Fetches an index by its digest where the archive offers that, since under its name there may
    /// already be a newer one.
    async fn fetch_index(
        &self,
        path: &str,
        file: IndexFile,
        at: &Surroundings<'_>,
    ) -> Result<(), CatalogError> {
        let expected = |path| ExpectedFile {
            path,
            sha256: file.sha256,
            bytes: file.bytes,
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

fn unpack(
    reader: impl Read + Send + 'static,
    compression: Compression,
) -> std::io::Result<Box<dyn Read>> {
    Ok(match compression {
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            Box::new(XzDecoder::new_stream(reader, stream))
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Compression::None => Box::new(reader),
    })
}

/// Fails once more comes than was announced, so that a small file cannot unpack without end.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| std::io::Error::other("it unpacks to more bytes than announced"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &[u8] = b"Package: a\n";

    fn unpacked(packed: Vec<u8>, compression: Compression, most: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let reader = unpack(std::io::Cursor::new(packed), compression)?;
        Bounded::new(reader, most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn packed(compression: Compression) -> Vec<u8> {
        let mut bytes = Vec::new();
        match compression {
            Compression::Xz => liblzma::read::XzEncoder::new(INDEX, 1).read_to_end(&mut bytes),
            Compression::Gzip => flate2::read::GzEncoder::new(INDEX, flate2::Compression::fast())
                .read_to_end(&mut bytes),
            Compression::None => bytes.write(INDEX),
        }
        .expect("memory");
        bytes
    }

    #[test]
    fn indexes_are_unpacked_whichever_way_they_are_packed() {
        for compression in Compression::BY_PREFERENCE {
            let size = INDEX.len() as u64;
            let bytes = unpacked(packed(compression), compression, size).expect("an index");
            assert_eq!(bytes, INDEX, "{compression:?}");
            let cut = packed(compression);
            let cut = cut[..cut.len() - 4].to_vec();
            assert_ne!(
                unpacked(cut, compression, size).ok().as_deref(),
                Some(INDEX)
            );
        }
    }

    #[test]
    fn an_index_that_unpacks_to_more_than_announced_is_refused() {
        for compression in Compression::BY_PREFERENCE {
            let most = INDEX.len() as u64 - 1;
            let error = unpacked(packed(compression), compression, most).expect_err("too much");
            assert!(error.to_string().contains("announced"), "{error}");
        }
    }
}

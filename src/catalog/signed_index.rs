//! What the signed indexes of rpm-md, pacman and apk archives have in common: whether a state may be
//! taken as the present one, and the record of it.

use std::error::Error;
use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::CatalogError;
use super::facts::{ArchiveFacts, SuiteFacts, Waiver};
use super::fetch_error::FetchError;
use super::keys::{ArchiveKeys, SignatureError};
use super::mirror::Mirror;
use super::openpgp;
use super::release_file::check_date;
use super::surroundings::Surroundings;
use super::{Fingerprint, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::name::Arch;

/// The most bytes of a detached signature: armour, and several signers.
const MOST_SIGNATURE_BYTES: u64 = 256 << 10;

/// One index that is being authenticated, and all that is known of where it stands.
#[derive(Clone, Copy)]
pub(super) struct IndexPlace<'a> {
    pub(super) archive: &'a ArchiveFacts,
    pub(super) suite: &'a SuiteFacts,
    pub(super) arch: Option<Arch>,
    pub(super) keys: &'a ArchiveKeys,
    pub(super) at: &'a Surroundings<'a>,
}

/// Who vouches for an index, and by which decisions.
#[derive(Debug, Default)]
pub(super) struct Voucher {
    pub(super) signed_by: Vec<Fingerprint>,
    pub(super) exceptions: Vec<String>,
    pub(super) unneeded: Vec<String>,
    /// The digest of the detached signature, which the store has.
    pub(super) signature: Option<Sha256Digest>,
}

impl IndexPlace<'_> {
    /// Fetches a file of the index from one mirror.
    pub(super) async fn fetch(
        &self,
        mirror: &Mirror,
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, CatalogError> {
        let mirrors = std::slice::from_ref(mirror);
        let fetched = self.at.fetcher.fetch_small(mirrors, path, limit).await;
        fetched.map_err(|error| CatalogError::of_fetch(&self.archive.name, path, error))
    }

    /// Checks the detached OpenPGP signature that stands beside an index.
    ///
    /// # Security
    ///
    /// A decision to take an index that nobody signed does not cover one that is signed badly, nor
    /// one by other keys.
    pub(super) async fn check_detached(
        &self,
        mirror: &Mirror,
        content: &[u8],
        path: &str,
    ) -> Result<Voucher, CatalogError> {
        let mirrors = std::slice::from_ref(mirror);
        let fetcher = self.at.fetcher;
        match fetcher
            .fetch_small(mirrors, path, MOST_SIGNATURE_BYTES)
            .await
        {
            Ok(signature) => {
                let keys = self.keys.openpgp().map_err(|error| self.refused(error))?;
                let signed_by = openpgp::verify_detached(content, &signature, keys, self.at.now)
                    .map_err(|error| self.refused(error.into()))?;
                Ok(Voucher {
                    signed_by,
                    signature: Some(self.keep(&signature)?),
                    ..self.signed()
                })
            }
            Err(error) if error.is_not_found() => self.unsigned(),
            Err(error) => Err(CatalogError::of_fetch(&self.archive.name, path, error)),
        }
    }

    /// Returns the decisions about an index that somebody signed.
    pub(super) fn signed(&self) -> Voucher {
        let waiver = self.suite.waivers.unsigned_index.as_ref();
        Voucher {
            unneeded: waiver
                .map(|_| "accept-unsigned-index: the index is signed".to_owned())
                .into_iter()
                .collect(),
            ..Voucher::default()
        }
    }

    /// Returns the decision to take an index that nobody signed.
    pub(super) fn unsigned(&self) -> Result<Voucher, CatalogError> {
        match self.holding(self.suite.waivers.unsigned_index.as_ref()) {
            Some(waiver) => Ok(Voucher {
                exceptions: vec![format!(
                    "unsigned index: nobody signed it, taken all the same: {}",
                    waiver.reason
                )],
                ..Voucher::default()
            }),
            None => Err(self.refused(SignatureError::Unsigned)),
        }
    }

    /// Returns a decision, if it holds today.
    pub(super) fn holding<'w>(&self, waiver: Option<&'w Waiver>) -> Option<&'w Waiver> {
        let today = TimeZone::UTC.to_datetime(self.at.now).date();
        waiver.filter(|waiver| waiver.holds(today))
    }

    /// Returns the keys of which one must have signed each package; none if a decision says that
    /// nobody needs to.
    pub(super) fn package_signers(&self) -> Vec<Fingerprint> {
        match self.holding(self.suite.waivers.unsigned_packages.as_ref()) {
            Some(_) => Vec::new(),
            None => self.archive.keys.clone(),
        }
    }

    /// Checks that a state is not from the future and not older than one that was seen, and records
    /// it; the store then has its bytes.
    pub(super) fn record(
        &self,
        index: &[u8],
        date: Timestamp,
        voucher: Voucher,
    ) -> Result<SuiteRecord, CatalogError> {
        let refused =
            |refused| CatalogError::of_refusal(&self.archive.name, &self.suite.suite, refused);
        let seen = self
            .at
            .newest_seen(&self.archive.name, &self.suite.suite, self.arch);
        check_date(date, self.at.now, seen).map_err(refused)?;
        let Voucher {
            signed_by,
            mut exceptions,
            unneeded,
            signature,
        } = voucher;
        if let Some(waiver) = self.holding(self.suite.waivers.unsigned_packages.as_ref()) {
            exceptions.push(format!(
                "unsigned packages: no package's own signature is looked at: {}",
                waiver.reason
            ));
        }
        for exception in &exceptions {
            tracing::warn!(archive = %self.archive.name, suite = %self.suite.suite, exception, "a check is turned off");
        }
        for decision in &unneeded {
            tracing::warn!(archive = %self.archive.name, suite = %self.suite.suite, decision, "a decision is not needed any more");
        }
        Ok(SuiteRecord {
            archive: self.archive.name.clone(),
            suite: self.suite.suite.clone(),
            arch: self.arch,
            date,
            valid_until: None,
            index: self.keep(index)?,
            signature,
            signed_by,
            exceptions,
            unneeded,
            passed_over: Vec::new(),
        })
    }

    fn keep(&self, bytes: &[u8]) -> Result<Sha256Digest, CatalogError> {
        keep(bytes, self.suite, self.at)
    }

    pub(super) fn refused(&self, source: SignatureError) -> CatalogError {
        CatalogError::NotAuthenticated {
            archive: self.archive.name.clone(),
            suite: self.suite.suite.clone(),
            source: Box::new(source),
        }
    }

    pub(super) fn malformed(
        &self,
        path: &str,
        error: impl Error + Send + Sync + 'static,
    ) -> CatalogError {
        CatalogError::MalformedIndex {
            archive: self.archive.name.clone(),
            path: path.to_owned(),
            source: Box::new(error),
        }
    }

    /// Returns the path of a file beside the index.
    pub(super) fn path(
        &self,
        format: super::format::ArchiveFormat,
        arch: Arch,
        file: &str,
    ) -> Result<String, CatalogError> {
        let directory = self.suite.location.path(format, arch);
        let directory = directory.ok_or_else(|| CatalogError::Internal {
            reason: format!("the suite `{}` has no path", self.suite.suite),
        })?;
        let path = format!("{directory}/{file}");
        super::archive_path::check_archive_path(&path).map_err(|error| {
            CatalogError::of_fetch(&self.archive.name, &path, FetchError::Path(error))
        })?;
        Ok(path)
    }
}

/// Puts the bytes of a signed file into the store.
pub(super) fn keep(
    bytes: &[u8],
    suite: &SuiteFacts,
    at: &Surroundings<'_>,
) -> Result<Sha256Digest, CatalogError> {
    let mut writer = at.store.blob_writer()?;
    writer
        .write_all(bytes)
        .map_err(|source| CatalogError::Keep {
            suite: suite.suite.clone(),
            source,
        })?;
    Ok(writer.commit(None)?.0)
}

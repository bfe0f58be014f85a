//! Who signed a tarball itself. kernel.org's people sign the tar archive, before it is compressed, in a
//! file beside it (kernel.org, "Linux kernel releases PGP signatures").

use std::fs;

use super::Fingerprint;
use super::error::CatalogError;
use super::facts::DistroFacts;
use super::format::ArchiveFormat;
use super::kernel_source::TarballSignature;
use super::keys::{ArchiveKeys, SignatureError};
use super::openpgp::{self, OpenPgpError};
use super::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::name::ArchiveName;
use crate::package::{Limits, expanded_tarball};
use crate::store::{SourceKind, Store, StoreError};
use crate::tree::{self, WalkRules};

/// The most bytes of a signature: armour, and several signers.
const MOST_SIGNATURE_BYTES: u64 = 256 << 10;
/// The file of a tree that has nothing but a signature.
const NAME: &str = "signature";

/// Holds a tarball in the store against its signature: the one that was found good before, or one that
/// is fetched, and kept if it is good.
///
/// # Errors
///
/// A tarball without a signature, with one of other keys than those that are locked and pinned still,
/// or with one over other bytes.
pub(super) async fn check_signature(
    archive: &ArchiveName,
    signature: &TarballSignature,
    tarball: &Sha256Digest,
    facts: &[DistroFacts],
    at: &Surroundings<'_>,
) -> Result<(), CatalogError> {
    let refused = |source: SignatureError| CatalogError::KernelNotAuthenticated {
        archive: archive.clone(),
        path: signature.path.clone(),
        source: Box::new(source),
    };
    let keys = pinned(archive, &signature.signers, facts).map_err(refused)?;
    let check = |bytes: Vec<u8>| check(at, *tarball, bytes, keys.clone());
    let mut first = None;
    if let Some(bytes) = kept(at.store, &signature.kept)? {
        match check(bytes).await? {
            Ok(()) => return Ok(()),
            // A key may have ended since, and another one have signed.
            Err(error) => first = Some(refused(error)),
        }
    }
    if at.offline {
        return Err(first.unwrap_or_else(|| CatalogError::OfflineKernel {
            source_name: format!("`{}` of `{archive}`", signature.path),
        }));
    }
    for mirror in at.site.resolve(archive)? {
        let mirrors = std::slice::from_ref(&mirror);
        let fetched = at
            .fetcher
            .fetch_small(mirrors, &signature.path, MOST_SIGNATURE_BYTES)
            .await;
        let error = match fetched {
            Ok(bytes) => match check(bytes.clone()).await? {
                Ok(()) => return Ok(keep(at.store, &signature.kept, &bytes)?),
                Err(error) => refused(error),
            },
            Err(error) if error.is_not_found() => refused(SignatureError::Unsigned),
            Err(error) => CatalogError::of_fetch(archive, &signature.path, error),
        };
        tracing::warn!(%mirror, why = error.in_one_line(), "passed over a mirror");
        first.get_or_insert(error);
    }
    Err(first.unwrap_or_else(|| refused(SignatureError::Unsigned)))
}

/// Reads those of the signers' keys that facts pin for the archive.
fn pinned(
    archive: &ArchiveName,
    signers: &[Fingerprint],
    facts: &[DistroFacts],
) -> Result<Vec<ArchiveKeys>, SignatureError> {
    let mut keys = Vec::new();
    let facts = facts
        .iter()
        .filter(|facts| facts.format == ArchiveFormat::Source);
    for facts in facts.flat_map(|facts| &facts.archives) {
        let pinned: Vec<Fingerprint> = facts
            .keys
            .iter()
            .filter(|key| signers.contains(key))
            .cloned()
            .collect();
        if facts.name == *archive && !pinned.is_empty() {
            keys.push(ArchiveKeys::read_only(
                facts,
                ArchiveFormat::Source,
                &pinned,
            )?);
        }
    }
    if keys.is_empty() {
        return Err(SignatureError::NotPinned {
            keys: signers.to_vec(),
        });
    }
    Ok(keys)
}

/// Reads the tarball, which takes a processor for a while, and succeeds with the first keys that fit.
async fn check(
    at: &Surroundings<'_>,
    tarball: Sha256Digest,
    signature: Vec<u8>,
    keys: Vec<ArchiveKeys>,
) -> Result<Result<(), SignatureError>, CatalogError> {
    let (store, now) = (at.store.clone(), at.now);
    let checked = tokio::task::spawn_blocking(move || {
        let mut first = None;
        for keys in &keys {
            let blob = store.open_blob(&tarball)?;
            let verified = expanded_tarball(blob, &Limits::tarball())
                .map_err(|error| {
                    let reason = error.to_string();
                    SignatureError::from(OpenPgpError::Malformed { reason })
                })
                .and_then(|archive| {
                    let keys = keys.openpgp()?;
                    openpgp::verify_detached_stream(archive, &signature, keys, now)?;
                    Ok(())
                });
            match verified {
                Ok(()) => return Ok(Ok(())),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Ok::<_, StoreError>(Err(first.unwrap_or(SignatureError::Unsigned)))
    });
    let checked = checked.await.map_err(|error| CatalogError::Internal {
        reason: error.to_string(),
    })?;
    Ok(checked?)
}

/// Returns the signature that was found good before.
fn kept(store: &Store, name: &Sha256Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((directory, _)) = store.made_source(SourceKind::Signature, name)? else {
        return Ok(None);
    };
    let path = directory.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) => Err(StoreError::Io {
            doing: "read",
            path,
            source,
        }),
    }
}

fn keep(store: &Store, name: &Sha256Digest, bytes: &[u8]) -> Result<(), StoreError> {
    let made = store.make_source()?;
    let path = made.root().join(NAME);
    let written = fs::write(&path, bytes);
    let io = |source| StoreError::Io {
        doing: "write",
        path: path.clone(),
        source,
    };
    written.map_err(io)?;
    let rules = WalkRules {
        limit: 1,
        skip: &[],
    };
    let entries = tree::read_directory(made.root(), rules)
        .map_err(|error| io(std::io::Error::other(error)))?;
    store.keep_source(SourceKind::Signature, name, made, entries)?;
    Ok(())
}

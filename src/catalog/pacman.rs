//! Archives of pacman's kind: a database with the digest of every package, and signatures beside the
//! database and the packages.

use std::io::Cursor;
use std::sync::Arc;

use super::SuiteRecord;
use super::attempts::Attempts;
use super::compression::unpack_by_magic;
use super::error::CatalogError;
use super::format::ArchiveFormat;
use super::indexed_package::IndexedPackage;
use super::kernels::KernelPatterns;
use super::mirror::Mirror;
use super::pacman_db::{PacmanDb, PacmanDbError};
use super::signed_index::IndexPlace;
use crate::name::Arch;

const FORMAT: ArchiveFormat = ArchiveFormat::Pacman;
const MOST_DB_BYTES: u64 = 128 << 20;
const MOST_UNPACKED_BYTES: u64 = 2 << 30;

/// Returns the state of a suite for an architecture, from the first mirror that has a good one, and
/// its wanted packages. The database is called as the suite is.
pub(super) async fn read_suite(
    place: IndexPlace<'_>,
    arch: Arch,
    mirrors: &[Mirror],
    patterns: &Arc<KernelPatterns>,
) -> Result<(SuiteRecord, Vec<IndexedPackage>), CatalogError> {
    let path = place.path(FORMAT, arch, &format!("{}.db", place.suite.suite))?;
    let mut attempts = Attempts::new(&place.archive.name, &place.suite.suite, &path);
    for mirror in mirrors {
        match authenticate(&place, arch, mirror, &path, patterns).await {
            Ok((mut record, packages)) => {
                record.passed_over = attempts.succeeded();
                return Ok((record, packages));
            }
            Err(error) => attempts.pass_over(mirror, error)?,
        }
    }
    Err(attempts.failed())
}

async fn authenticate(
    place: &IndexPlace<'_>,
    arch: Arch,
    mirror: &Mirror,
    path: &str,
    patterns: &Arc<KernelPatterns>,
) -> Result<(SuiteRecord, Vec<IndexedPackage>), CatalogError> {
    let file = place.fetch(mirror, path, MOST_DB_BYTES).await?;
    let signature = format!("{path}.sig");
    let voucher = place.check_detached(mirror, &file, &signature).await?;
    let (file, db) = {
        let patterns = patterns.clone();
        // Unpacking and searching takes a processor for a while.
        let read = tokio::task::spawn_blocking(move || {
            let file = Arc::<[u8]>::from(file);
            let unpacked = unpack_by_magic(Cursor::new(file.clone()), MOST_UNPACKED_BYTES);
            let db = unpacked
                .map_err(PacmanDbError::from)
                .and_then(|reader| PacmanDb::read(reader, &patterns));
            (file, db)
        });
        read.await.map_err(|error| CatalogError::Internal {
            reason: error.to_string(),
        })?
    };
    let db = db.map_err(|error| place.malformed(path, error))?;
    let record = place.record(&file, db.date, voucher)?;
    let mut packages = Vec::new();
    for mut package in db.packages {
        if FORMAT.has_packages_for(&package.architecture, arch) {
            package.path = place.path(FORMAT, arch, &package.path)?;
            packages.push(package);
        }
    }
    Ok((record, packages))
}

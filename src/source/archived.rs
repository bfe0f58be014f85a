//! Sources that come in one file, pinned by its digest: tarballs, packages, source packages.

use std::path::{Path, PathBuf};

use super::dsc;
use super::error::{Refused, SourceError};
use super::origin::{Origin, PinnedFile};
use super::wanted::SourcePath;
use super::{Found, RULES, Revision, Source};
use crate::catalog::{PackageRef, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::name::ModuleName;
use crate::package::{Limits, PackageFormat, Strip};
use crate::store::{SourceKind, Store, StoreError};
use crate::tree::{self, Entries, Entry};

/// Reads a tarball.
pub fn read_tarball(
    module: &ModuleName,
    file: &Path,
    sha256: &Sha256Digest,
    strip: bool,
    path: Option<&SourcePath>,
    store: &Store,
) -> Result<Source, SourceError> {
    let found = || -> Result<Found, Refused> {
        let bytes = keep(store, file, sha256)?;
        let strip = if strip {
            Strip::TopDirectory
        } else {
            Strip::Nothing
        };
        let tree = store.tarball_tree(sha256, strip, &Limits::tarball())?;
        let (directory, path) = below(&tree.directory, &tree.entries, path)?;
        Ok(archived(
            directory,
            Origin::Tarball {
                sha256: *sha256,
                bytes,
                path,
            },
        ))
    };
    finish(module, found())
}

/// Reads a package that carries sources; its bytes are in the store.
pub fn read_package(
    module: &ModuleName,
    package: PackageRef,
    vouched: SuiteRecord,
    from: String,
    path: Option<&SourcePath>,
    store: &Store,
) -> Result<Source, SourceError> {
    let found = || -> Result<Found, Refused> {
        let tree = store.package_tree(&package.sha256, PackageFormat::Deb, &Limits::default())?;
        let says = &tree.identity;
        if says.name != package.name || says.version != package.version {
            return Err(Refused::OtherPackage {
                wanted: format!("{} {}", package.name, package.version),
                found: format!("{} {}", says.name, says.version),
            });
        }
        let (directory, path) = below(&tree.directory, &tree.entries, path)?;
        Ok(archived(
            directory,
            Origin::Package {
                package,
                vouched: Box::new(vouched),
                from,
                path,
            },
        ))
    };
    finish(module, found())
}

/// Reads a Debian source package; the files that it names stand beside it.
pub fn read_dsc(
    module: &ModuleName,
    file: &Path,
    sha256: &Sha256Digest,
    path: Option<&SourcePath>,
    store: &Store,
) -> Result<Source, SourceError> {
    let found = || -> Result<Found, Refused> {
        keep(store, file, sha256)?;
        let dsc = dsc::parse(&store.read_blob(sha256, dsc::MOST_BYTES)?)?;
        let (directory, entries, patches) = assembled(file, sha256, &dsc, store)?;
        let (directory, path) = below(&directory, &entries, path)?;
        Ok(archived(
            directory,
            Origin::Dsc {
                sha256: *sha256,
                source: dsc.source,
                version: dsc.version,
                files: dsc.files,
                patches,
                path,
            },
        ))
    };
    finish(module, found())
}

/// Returns where the tree of a Debian source package is, and puts it together if it is not there.
fn assembled(
    file: &Path,
    sha256: &Sha256Digest,
    dsc: &dsc::Dsc,
    store: &Store,
) -> Result<(PathBuf, Entries, Vec<String>), Refused> {
    let folder = file.parent().unwrap_or(Path::new(""));
    for file in &dsc.files {
        let path = folder.join(&file.name);
        let bytes = keep(store, &path, &file.sha256)?;
        if bytes != file.bytes {
            return Err(Refused::Dsc(dsc::DscError::Malformed {
                why: format!("`{}` has {bytes} bytes, not {}", file.name, file.bytes),
            }));
        }
    }
    if let Some((directory, _)) = store.made_source(SourceKind::Dsc, sha256)? {
        let entries = tree::read_directory(&directory, RULES)?;
        let patches = dsc::applied(dsc, &directory)?;
        return Ok((directory, entries, patches));
    }
    let made = store.make_source()?;
    dsc::assemble(dsc, store, &made)?;
    let entries = tree::read_directory(made.root(), RULES)?;
    let directory = store.keep_source(SourceKind::Dsc, sha256, made, entries.clone())?;
    let patches = dsc::applied(dsc, &directory)?;
    Ok((directory, entries, patches))
}

/// Reads one tarball that an RPM source package holds. Its patches and its `.spec` are left alone.
pub fn read_source_rpm(
    module: &ModuleName,
    file: &Path,
    sha256: &Sha256Digest,
    tarball: &str,
    path: Option<&SourcePath>,
    store: &Store,
) -> Result<Source, SourceError> {
    let found = || -> Result<Found, Refused> {
        keep(store, file, sha256)?;
        let package = store.package_tree(sha256, PackageFormat::Rpm, &Limits::tarball())?;
        let Some(Entry::File { digest, bytes, .. }) = package.entries.get(tarball) else {
            return Err(Refused::NoMember {
                name: tarball.to_owned(),
            });
        };
        keep(store, &package.directory.join(tarball), digest)?;
        let tree = store.tarball_tree(digest, Strip::Nothing, &Limits::tarball())?;
        // Nearly every upstream tarball has one directory, which is named after the version.
        let (top, entries) = match tree::top_directory(&tree.entries) {
            Some(top) => (tree.directory.join(top), tree::below(&tree.entries, top)),
            None => (tree.directory.clone(), tree.entries.clone()),
        };
        let (directory, path) = below(&top, &entries, path)?;
        Ok(archived(
            directory,
            Origin::SourceRpm {
                sha256: *sha256,
                package: package.identity.name,
                version: package.identity.version,
                tarball: PinnedFile {
                    name: tarball.to_owned(),
                    sha256: *digest,
                    bytes: *bytes,
                },
                path,
            },
        ))
    };
    finish(module, found())
}

/// Brings a file into the store and returns its size; one with another digest is refused.
fn keep(store: &Store, file: &Path, sha256: &Sha256Digest) -> Result<u64, Refused> {
    store.put_file(file, sha256).map_err(|error| match error {
        StoreError::Mismatch {
            expected, found, ..
        } => Refused::OtherDigest {
            path: file.to_owned(),
            expected,
            found,
        },
        error => Refused::Store(error),
    })
}

/// Finds the directory of a tree that is the source.
fn below(
    directory: &Path,
    entries: &Entries,
    path: Option<&SourcePath>,
) -> Result<(PathBuf, Option<String>), Refused> {
    let Some(path) = path else {
        return Ok((directory.to_owned(), None));
    };
    let resolved = path.resolve(entries)?;
    Ok((directory.join(&resolved), Some(resolved)))
}

fn archived(directory: PathBuf, origin: Origin) -> Found {
    Found {
        directory,
        origin,
        revision: Some(Revision::Archived),
    }
}

fn finish(module: &ModuleName, found: Result<Found, Refused>) -> Result<Source, SourceError> {
    found
        .map_err(|why| SourceError::new(module, why))?
        .read(module)
}

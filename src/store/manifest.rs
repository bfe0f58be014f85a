//! What a tree's manifest files hold (`tree.json` and `entries.json`).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{StoreError, failed};
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion};
use crate::package::PackageIdentity;
use crate::tree::{self, Entries};

/// The version that both files carry; it changes together with the keys of trees.
const SCHEMA_VERSION: u32 = 1;

/// `tree.json`: what there is to know of a tree without its entries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TreeFile {
    schema_version: u32,
    pub(super) digest: Sha256Digest,
    /// The bytes of all files; absent in a tree that was made before this was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// Absent for a source tree and for a tarball.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) package: Option<PackageFile>,
}

/// What the package says it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PackageFile {
    name: PackageName,
    version: PackageVersion,
    architecture: String,
}

/// `entries.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EntriesFile {
    schema_version: u32,
    pub(super) entries: Entries,
}

/// A manifest file: where it stands in a tree's directory, and the version it must have.
pub(super) trait ManifestFile: Serialize + DeserializeOwned {
    const NAME: &'static str;
    fn schema_version(&self) -> u32;
}

impl ManifestFile for TreeFile {
    const NAME: &'static str = "tree.json";

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl ManifestFile for EntriesFile {
    const NAME: &'static str = "entries.json";

    fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl TreeFile {
    pub(super) fn new(entries: &Entries, package: Option<PackageIdentity>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            digest: tree::digest(entries),
            bytes: Some(tree::file_bytes(entries)),
            package: package.map(PackageFile::from),
        }
    }
}

impl EntriesFile {
    pub(super) fn new(entries: Entries) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            entries,
        }
    }
}

impl From<PackageIdentity> for PackageFile {
    fn from(identity: PackageIdentity) -> Self {
        let PackageIdentity {
            name,
            version,
            architecture,
        } = identity;
        Self {
            name,
            version,
            architecture,
        }
    }
}

impl From<PackageFile> for PackageIdentity {
    fn from(file: PackageFile) -> Self {
        let PackageFile {
            name,
            version,
            architecture,
        } = file;
        Self {
            name,
            version,
            architecture,
        }
    }
}

/// Writes a manifest file into a tree's directory.
pub(super) fn write<T: ManifestFile>(directory: &Path, manifest: &T) -> Result<(), StoreError> {
    let path = directory.join(T::NAME);
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create_new(&path)?);
        serde_json::to_writer(&mut file, manifest)?;
        file.write_all(b"\n")?;
        file.flush()
    };
    write().map_err(failed("write", &path))
}

/// Reads a manifest file; `None` if the tree's directory is not there.
pub(super) fn read<T: ManifestFile>(directory: &Path) -> Result<Option<T>, StoreError> {
    let path = directory.join(T::NAME);
    let corrupt = |why: String| StoreError::CorruptTree {
        path: directory.to_owned(),
        why,
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !directory.exists() => {
            return Ok(None);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(corrupt(format!("it has no `{}`", T::NAME)));
        }
        Err(error) => return Err(failed("read", path)(error)),
    };
    let manifest: T = serde_json::from_slice(&bytes)
        .map_err(|error| corrupt(format!("`{}` cannot be read: {error}", T::NAME)))?;
    if manifest.schema_version() != SCHEMA_VERSION {
        let version = manifest.schema_version();
        return Err(corrupt(format!(
            "`{}` has schema version {version}, not {SCHEMA_VERSION}",
            T::NAME
        )));
    }
    Ok(Some(manifest))
}

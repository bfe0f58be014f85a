//! The trees of a kernel that is prepared here: what it is made from, and what a preparation handed out.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::catalog::kernel_source::{KernelOrigin, PrepareLevel};
use crate::digest::Sha256Digest;
use crate::outcome::{PreparationFailure, PreparedKernel};
use crate::package::{Limits, Strip, unpack_tarball};
use crate::recipe::toolchain::{self, KernelToolchain};
use crate::recipe::{BtfJobs, CONFIG_NAME, Preparation};
use crate::run::exports;
use crate::run::prepare::BTF_SCRIPTS;
use crate::store::{SourceKind, Store, StoreError};
use crate::tree::{self, Entries, Entry};

/// The most bytes of a file of the prepared kernel that is read here.
const MAX_RECORD: u64 = 16 << 20;
/// The files that are named where two preparations differ.
const MOST_DIFFERING: usize = 20;

/// Stores what a preparation handed out and looks whether it is a kernel.
pub(super) fn take_in(
    store: &Store,
    output: &[u8],
    wanted: &Preparation,
) -> Result<Result<(PreparedKernel, Entries), PreparationFailure>, StoreError> {
    let bad = |reason: String| Ok(Err(PreparationFailure::BadOutput { reason }));
    // What cannot be unpacked is the build's doing, and the store need not have it.
    let trial = match tempfile::tempdir_in(store.root().join("tmp")) {
        Ok(trial) => trial,
        Err(source) => {
            return Err(StoreError::Io {
                doing: "create a directory in",
                path: store.root().join("tmp"),
                source,
            });
        }
    };
    let limits = Limits::tarball();
    let entries = match unpack_tarball(output, Strip::Nothing, trial.path(), &limits) {
        Ok(entries) => entries,
        Err(error @ crate::package::PackageError::Write { .. }) => {
            return Err(StoreError::Package {
                digest: Sha256Digest::of(output),
                source: error,
            });
        }
        Err(error) => return bad(error.to_string()),
    };
    for name in [
        ".config",
        "Makefile",
        "scripts/mod/modpost",
        "include/generated/autoconf.h",
    ] {
        if !matches!(entries.get(name), Some(Entry::File { .. })) {
            return bad(format!("it has no `{name}`"));
        }
    }
    let release = read_text(trial.path(), "include/config/kernel.release", &entries)?;
    let release = release.unwrap_or_default();
    if release.trim_end_matches('\n') != wanted.kernel_release.as_str() {
        return Ok(Err(PreparationFailure::OtherRelease {
            wanted: wanted.kernel_release.to_string(),
            found: release
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect(),
        }));
    }
    let has_symbols =
        matches!(entries.get("Module.symvers"), Some(Entry::File { bytes, .. }) if *bytes > 0);
    if wanted.level == PrepareLevel::Modules && !has_symbols {
        return bad("its `Module.symvers` is missing or empty".to_owned());
    }
    let kernel = PreparedKernel {
        tarball: store.put(output)?,
        tree: tree::digest(&entries),
        files: entries.len(),
        has_symbols,
    };
    Ok(Ok((kernel, entries)))
}

/// Returns where the store has the files of a commit.
pub(super) fn kept_tree(
    store: &Store,
    origin: Option<&KernelOrigin>,
    tree: &Sha256Digest,
) -> Result<PathBuf, StoreError> {
    let kept = match origin {
        Some(KernelOrigin::Git { kept, .. }) => store.made_source(SourceKind::Commit, kept)?,
        Some(KernelOrigin::Archive { .. } | KernelOrigin::File { .. }) | None => None,
    };
    kept.filter(|(_, found)| found == tree)
        .map(|(directory, _)| directory)
        .ok_or(StoreError::NoBlob { digest: *tree })
}

/// Makes the tree that has nothing but the configuration.
pub(super) fn config_tree(
    store: &Store,
    config: &Sha256Digest,
) -> Result<(Sha256Digest, PathBuf), StoreError> {
    let bytes = store.read_blob(config, MAX_RECORD)?;
    let entries = Entries::from([(
        CONFIG_NAME.to_owned(),
        Entry::File {
            digest: *config,
            bytes: bytes.len() as u64,
            executable: false,
        },
    )]);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io {
            doing: "write",
            path,
            source,
        }
    };
    let temporary = store.root().join("tmp");
    let directory = tempfile::tempdir_in(&temporary).map_err(io(&temporary))?;
    let path = directory.path().join(CONFIG_NAME);
    std::fs::write(&path, bytes).map_err(io(&path))?;
    let place = store.source_tree(&entries, directory.path())?;
    Ok((tree::digest(&entries), place))
}

/// Returns the first files that are not the same in two preparations.
pub(super) fn differing(reference: &Entries, other: &Entries) -> Vec<String> {
    let names = reference.keys().chain(other.keys());
    let mut names: Vec<&String> = names
        .filter(|name| reference.get(*name) != other.get(*name))
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().take(MOST_DIFFERING).cloned().collect()
}

/// Reads the kernel's record of its tools.
pub(super) fn read_toolchain(
    directory: &Path,
    entries: &Entries,
) -> Result<KernelToolchain, StoreError> {
    let config = read_text(directory, ".config", entries)?.unwrap_or_default();
    let has_vmlinux = entries.contains_key("vmlinux");
    let mut record = toolchain::read_record(&config, None, has_vmlinux);
    if record.makes_btf {
        record.btf_base = exports::read_btf_base(directory, "", entries)?;
    }
    Ok(record)
}

/// Reads how the kernel's makefiles call pahole.
pub(super) fn btf_jobs(source: &Path) -> Result<BtfJobs, StoreError> {
    for name in BTF_SCRIPTS {
        let path = source.join(name);
        if !std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let script = std::fs::read(&path).map_err(|source| StoreError::Io {
            doing: "read",
            path,
            source,
        })?;
        return Ok(BtfJobs::read(&String::from_utf8_lossy(&script)));
    }
    Ok(BtfJobs::Unknown)
}

/// Reads a small file of an unpacked tree.
pub(super) fn read_text(
    directory: &Path,
    name: &str,
    entries: &Entries,
) -> Result<Option<String>, StoreError> {
    match entries.get(name) {
        Some(Entry::File { bytes, .. }) if *bytes <= MAX_RECORD => {}
        Some(Entry::File { .. } | Entry::Directory | Entry::Symlink { .. }) | None => {
            return Ok(None);
        }
    }
    let path = directory.join(name);
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(MAX_RECORD).read_to_end(&mut bytes))
        .map_err(|source| StoreError::Io {
            doing: "read",
            path,
            source,
        })?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(files: &[(&str, &str)]) -> Entries {
        let file = |(name, text): &(&str, &str)| {
            let entry = Entry::File {
                digest: Sha256Digest::of(text.as_bytes()),
                bytes: text.len() as u64,
                executable: false,
            };
            ((*name).to_owned(), entry)
        };
        files.iter().map(file).collect()
    }

    #[test]
    fn the_first_files_that_differ_are_named() {
        let one = entries(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let other = entries(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(differing(&one, &other), ["b", "c", "d"]);
        assert_eq!(differing(&one, &one), Vec::<String>::new());
    }
}

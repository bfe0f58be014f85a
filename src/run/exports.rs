//! What a kernel's tree says of what modules are built against: its exports, and its types.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::gate::Symvers;
use crate::ko::{self, BtfBase};
use crate::store::StoreError;
use crate::tree::{Entries, Entry};

const MAX_SYMVERS: u64 = 64 << 20;
/// The most bytes of a `vmlinux`; one with debug information has some hundred million.
const MAX_VMLINUX: u64 = 1 << 30;

/// Reads `Module.symvers` of the directory `root` of a tree; `None` if there is none, or it cannot be
/// understood: gates that need it then say so.
pub(super) fn read_symvers(
    directory: &Path,
    root: &str,
    entries: &Entries,
) -> Result<Option<Arc<Symvers>>, StoreError> {
    let bytes = read(directory, root, "Module.symvers", entries, MAX_SYMVERS)?;
    Ok(bytes
        .and_then(|bytes| Symvers::parse(&bytes).ok())
        .map(Arc::new))
}

/// Reads from `vmlinux` where the kernel's own types end; `None` if it has none that can be read.
pub(super) fn read_btf_base(
    directory: &Path,
    root: &str,
    entries: &Entries,
) -> Result<Option<BtfBase>, StoreError> {
    let bytes = read(directory, root, "vmlinux", entries, MAX_VMLINUX)?;
    Ok(bytes.and_then(|bytes| ko::btf_base_of_kernel(&bytes)))
}

fn read(
    directory: &Path,
    root: &str,
    name: &str,
    entries: &Entries,
    limit: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let relative = if root.is_empty() {
        name.to_owned()
    } else {
        format!("{root}/{name}")
    };
    match entries.get(&relative) {
        Some(Entry::File { bytes, .. }) if *bytes <= limit => {}
        Some(Entry::File { .. } | Entry::Directory | Entry::Symlink { .. }) | None => {
            return Ok(None);
        }
    }
    let path = directory.join(relative);
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|source| StoreError::Io {
            doing: "read",
            path,
            source,
        })?;
    Ok(Some(bytes))
}

//! Finding prebuilt objects among sources.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::source::SourceError;
use crate::tree::{Entries, Entry};

/// A file among the sources that was compiled elsewhere, or says so by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedInput {
    pub path: String,
    pub digest: Sha256Digest,
    /// Why it counts as prebuilt.
    pub reason: String,
}

/// Endings by which the kernel build system and vendors mark prebuilt objects
/// (Linux, `Documentation/kbuild/makefiles.rst`, "$(obj)/%: $(src)/%_shipped").
const ENDINGS: [&str; 6] = ["_shipped", ".o_binary", ".o", ".a", ".ko", ".so"];

/// Looks at every file's name and first bytes.
pub fn scan(root: &Path, entries: &Entries) -> Result<Vec<ClosedInput>, SourceError> {
    let mut found = Vec::new();
    for (name, entry) in entries {
        let Entry::File { digest, .. } = entry else {
            continue;
        };
        let path = root.join(name);
        let mut start = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(8).read_to_end(&mut start))
            .map_err(|source| SourceError::Scan { path, source })?;
        let reason = if start.starts_with(b"\x7fELF") {
            "it is an ELF file".to_owned()
        } else if start.starts_with(b"!<arch>\n") || start.starts_with(b"!<thin>\n") {
            "it is an archive of objects".to_owned()
        } else if let Some(ending) = ENDINGS.iter().find(|ending| name.ends_with(**ending)) {
            format!("its name ends in `{ending}`")
        } else {
            continue;
        };
        found.push(ClosedInput {
            path: name.clone(),
            digest: *digest,
            reason,
        });
    }
    Ok(found)
}

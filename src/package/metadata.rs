//! The small files of a package that are read and not written.

use std::io::Read;

use super::error::{PackageError, recover};
use super::limits::Limits;

/// Reads a file that is metadata, of which all bytes must be there.
pub(super) fn read_metadata(
    name: &str,
    size: u64,
    bytes: &mut dyn Read,
    limits: &Limits,
) -> Result<Vec<u8>, PackageError> {
    let limit = limits.control_bytes;
    let read = read_at_most(bytes, limit)?.ok_or_else(|| PackageError::FileTooLarge {
        name: name.to_owned(),
        bytes: size,
        limit,
    })?;
    if read.len() as u64 != size {
        return Err(PackageError::Truncated {
            part: format!("`{name}`"),
        });
    }
    Ok(read)
}

/// Reads to the end, or returns `None` if there are more bytes than `limit`.
pub(super) fn read_at_most(
    bytes: &mut dyn Read,
    limit: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    let mut read = Vec::new();
    bytes
        .take(limit.saturating_add(1))
        .read_to_end(&mut read)
        .map_err(|error| recover(error, |source| PackageError::Read { source }))?;
    Ok((read.len() as u64 <= limit).then_some(read))
}

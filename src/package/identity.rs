//! What a package says it is.

use super::error::shown;
use crate::name::{PackageName, PackageVersion};

/// What a package says it is. The index that named the package says it too, and the two must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageIdentity {
    pub name: PackageName,
    /// The whole version as the format's own tools print it: `[epoch:]version[-release]`.
    pub version: PackageVersion,
    /// The package's own architecture field, such as `amd64` or `all`, `x86_64` or `noarch`.
    pub architecture: String,
}

impl PackageIdentity {
    /// Checks the three fields of a package's metadata, or says why one cannot be used.
    pub(super) fn parse(name: &str, version: &str, architecture: &str) -> Result<Self, String> {
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if architecture.is_empty() || architecture.len() > 32 || !architecture.bytes().all(plain) {
            let shown = shown(architecture.as_bytes());
            return Err(format!("`{shown}` is not an architecture"));
        }
        Ok(Self {
            name: name.parse().map_err(|error| format!("{error}"))?,
            version: version.parse().map_err(|error| format!("{error}"))?,
            architecture: architecture.to_owned(),
        })
    }
}

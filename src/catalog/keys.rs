//! The keys that facts pin for an archive, of the kind that its format signs with.

use std::path::Path;

use super::Fingerprint;
use super::facts::ArchiveFacts;
use super::format::ArchiveFormat;
use super::openpgp::{OpenPgpError, PinnedKeys};
use super::rsa::{RsaError, RsaKeys};

/// The keys that may sign for an archive.
#[derive(Debug, Clone)]
pub enum ArchiveKeys {
    OpenPgp(PinnedKeys),
    Rsa(RsaKeys),
}

/// Says why something is not taken as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error(transparent)]
    OpenPgp(#[from] OpenPgpError),
    #[error(transparent)]
    Rsa(#[from] RsaError),
    #[error("nobody signed it")]
    Unsigned,
    #[error("it is signed, but neither are its files, nor does what is signed have their digest")]
    FilesUnsigned,
    #[error("no facts pin the keys {} for its archive any more", .keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotPinned { keys: Vec<Fingerprint> },
}

impl ArchiveKeys {
    /// Reads the keyrings of an archive.
    pub fn read(archive: &ArchiveFacts, format: ArchiveFormat) -> Result<Self, SignatureError> {
        Self::read_only(archive, format, &archive.keys)
    }

    /// Reads some of the keys of an archive.
    pub fn read_only(
        archive: &ArchiveFacts,
        format: ArchiveFormat,
        keys: &[Fingerprint],
    ) -> Result<Self, SignatureError> {
        Ok(match format {
            ArchiveFormat::Apt
            | ArchiveFormat::RpmMd
            | ArchiveFormat::Pacman
            | ArchiveFormat::Source => Self::OpenPgp(PinnedKeys::read(&archive.keyrings, keys)?),
            ArchiveFormat::Apk => Self::Rsa(RsaKeys::read(&archive.keyrings, keys)?),
        })
    }

    /// Returns the keys of an archive that signs with OpenPGP.
    pub(super) fn openpgp(&self) -> Result<&PinnedKeys, SignatureError> {
        match self {
            Self::OpenPgp(keys) => Ok(keys),
            Self::Rsa(_) => Err(SignatureError::Unsigned),
        }
    }

    /// Returns the keys of an archive that signs with bare RSA.
    pub(super) fn rsa(&self) -> Result<&RsaKeys, SignatureError> {
        match self {
            Self::Rsa(keys) => Ok(keys),
            Self::OpenPgp(_) => Err(SignatureError::Unsigned),
        }
    }
}

impl SignatureError {
    /// Returns true if it is about what a mirror served, and not about the keys.
    pub(super) fn is_of_mirror(&self) -> bool {
        match self {
            Self::OpenPgp(OpenPgpError::Keyring { .. } | OpenPgpError::PinnedKeyMissing { .. })
            | Self::Rsa(RsaError::Keyring { .. } | RsaError::PinnedKeyMissing { .. })
            | Self::NotPinned { .. } => false,
            Self::OpenPgp(_) | Self::Rsa(_) | Self::Unsigned | Self::FilesUnsigned => true,
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        let mirror = "the mirror or a proxy before it may be broken; name another with `--mirror`";
        let keyrings = "`keys` and `keyrings` of the facts file have to name the same certificates";
        let other_key = "if the archive has new keys, check them and pin them in the facts file";
        let text = match self {
            Self::OpenPgp(error) => match error {
                OpenPgpError::UnknownKeys { .. } => other_key,
                OpenPgpError::UnusableKey { .. } => {
                    "update the keyring that the facts file names, or pin the archive's newer key"
                }
                OpenPgpError::NotClearSigned { .. }
                | OpenPgpError::TextOutside
                | OpenPgpError::Malformed { .. }
                | OpenPgpError::NoSignature
                | OpenPgpError::BadSignature { .. } => mirror,
                OpenPgpError::Keyring { path, .. } => return missing(path),
                OpenPgpError::PinnedKeyMissing { .. } => keyrings,
            },
            Self::Rsa(error) => match error {
                RsaError::Keyring { path, .. } => return missing(path),
                RsaError::PinnedKeyMissing { .. } => keyrings,
                RsaError::NoSignature => mirror,
                RsaError::NotByPinned => other_key,
                RsaError::OnlySha1 => {
                    "if the archive signs by nothing else, say so with a reason in the facts file (`accept-sha1`)"
                }
            },
            Self::Unsigned => {
                "if the archive never signs it, say so with a reason in the facts file (`accept-unsigned-index`, `accept-unsigned-packages`)"
            }
            Self::FilesUnsigned => {
                "the package is older than its format's way to sign files; if it has to be taken, say so in the facts file (`accept-unsigned-packages`)"
            }
            Self::NotPinned { .. } => "lock afresh with `kmatrix lock --update`",
        };
        text.to_owned()
    }
}

fn missing(path: &Path) -> String {
    format!(
        "put the keys that the facts file pins into `{}`, in armour or as PEM, from a source that you \
         trust",
        path.display()
    )
}

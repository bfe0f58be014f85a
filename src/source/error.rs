//! Why a module's source cannot be used.

use std::path::PathBuf;

use super::dsc::DscError;
use super::wanted::ResolveError;
use crate::digest::Sha256Digest;
use crate::git::GitError;
use crate::name::ModuleName;
use crate::store::StoreError;
use crate::tree::TreeError;

/// Says of which module the source cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the source of `{module}`")]
pub struct SourceError {
    module: ModuleName,
    #[source]
    why: Box<Refused>,
}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("it is not there: `{}` is no directory", directory.display())]
    Missing { directory: PathBuf },
    #[error("`{}` has no `Kbuild` and no `Makefile`", directory.display())]
    NoMakefile { directory: PathBuf },
    #[error("`{}` has no `dkms.conf`", directory.display())]
    NoDkmsConf { directory: PathBuf },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Git(GitError),
    #[error("`{}` has {found}, not {expected}", path.display())]
    OtherDigest {
        path: PathBuf,
        expected: Sha256Digest,
        found: Sha256Digest,
    },
    #[error("cannot find the source in it")]
    Path(#[from] ResolveError),
    #[error("the source package has no file `{name}`")]
    NoMember { name: String },
    #[error("the package that the index calls {wanted} says that it is {found}")]
    OtherPackage { wanted: String, found: String },
    #[error(transparent)]
    Dsc(#[from] DscError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GitError> for Refused {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Tree(error) => Self::Tree(error),
            GitError::Store(error) => Self::Store(error),
            error => Self::Git(error),
        }
    }
}

impl SourceError {
    /// Says of a module why its source cannot be used.
    pub fn new(module: &ModuleName, why: Refused) -> Self {
        Self {
            module: module.clone(),
            why: Box::new(why),
        }
    }

    /// Returns the reason.
    pub fn why(&self) -> &Refused {
        &self.why
    }
}

impl Refused {
    /// Returns true if the source cannot be had or is not the one that is pinned, rather than being
    /// one that cannot be built.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Git(error) => error.is_unavailable(),
            // These are the bytes that were asked for, and no tree can be made of them.
            Self::Store(StoreError::Package { .. }) => false,
            Self::Store(_) | Self::OtherDigest { .. } | Self::OtherPackage { .. } => true,
            Self::Path(_) | Self::NoMember { .. } | Self::Dsc(_) => false,
            Self::Missing { .. }
            | Self::NoMakefile { .. }
            | Self::NoDkmsConf { .. }
            | Self::Tree(_) => false,
        }
    }

    /// Returns true if the disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Store(error) => error.is_full(),
            Self::Missing { .. }
            | Self::NoMakefile { .. }
            | Self::NoDkmsConf { .. }
            | Self::Tree(_)
            | Self::Git(_)
            | Self::OtherDigest { .. }
            | Self::Path(_)
            | Self::NoMember { .. }
            | Self::OtherPackage { .. }
            | Self::Dsc(_) => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => {
                "correct `source` in the matrix; it is relative to the matrix file"
            }
            Self::NoMakefile { .. } => {
                "an out-of-tree module has a `Kbuild` with a line such as `obj-m := name.o`; one that \
                 is built in another way says so with `recipe`"
            }
            Self::NoDkmsConf { .. } => {
                "a DKMS package has a `dkms.conf` at the top of its source; `path` names a directory \
                 below that, and without `recipe = \"dkms\"` the kernel build system is called"
            }
            Self::Tree(TreeError::LinkLeaves { .. }) => {
                "copy the file into the source tree; what a link leads out to is not covered by \
                 the source's digest"
            }
            Self::Tree(
                TreeError::Read { .. }
                | TreeError::Special { .. }
                | TreeError::NotUtf8 { .. }
                | TreeError::TooMany { .. },
            ) => "point `source` at a directory that holds the module's sources and nothing else",
            Self::Git(error) => return error.hint(),
            Self::OtherDigest { .. } => {
                "find out who changed the file; correct `sha256` only if you trust the new bytes"
            }
            Self::Path(_) => "correct `path` in the matrix; it must mean one directory",
            Self::NoMember { .. } => {
                "`rpm -qpl FILE` lists its files; correct `tarball` in the matrix"
            }
            Self::OtherPackage { .. } => {
                "the archive's index is wrong about it; tell those who sign the archive"
            }
            Self::Dsc(_) => {
                "unpack it with `dpkg-source -x`, check what comes out, and name that as a directory \
                 or a tarball"
            }
            Self::Store(error) => return error.hint(),
        };
        Some(hint.to_owned())
    }
}

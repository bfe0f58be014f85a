//! Everything that decides what a cell's build can produce, as one value with one digest.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::name::{ModuleName, PackageName, Target};
use crate::recipe::{BuiltBy, Limits, NeededModule, Preparation};

/// The version of this recipe. It changes whenever the same inputs would be built in another way,
/// so that results of an older recipe are never taken for results of this one.
pub const RECIPE: u32 = 7;

/// The inputs of one cell. The digest of the canonical form is the cell's identity in the ledger:
/// a cell whose inputs have been built and rebuilt is not built again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CellInputs {
    pub recipe: u32,
    pub module: ModuleName,
    pub target: Target,
    pub source_tree: Sha256Digest,
    // Left out where it is the default, so that what older versions recorded keeps its digest.
    #[serde(default, skip_serializing_if = "BuiltBy::is_kbuild")]
    pub built_by: BuiltBy,
    /// The modules that this one needs itself, ordered by name; all are in `needed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ModuleName>,
    /// Every module that has to be built before this one, in the order in which they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<NeededModule>,
    /// The builder image, by the digest of its configuration.
    pub image: Sha256Digest,
    /// The header packages by name and digest, ordered.
    pub packages: Vec<(PackageName, Sha256Digest)>,
    /// How the kernel is prepared, where there are no packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Preparation>,
    /// What of the packages is mounted (globs of directories).
    pub mounts: Vec<String>,
    /// The kernel's build directory, absolute.
    pub build_directory: String,
    /// The prefix of the cross tools, such as `aarch64-linux-gnu-`; `None` for a native build.
    pub cross: Option<String>,
    /// Extra make variables, as the matrix gives them.
    pub make: Vec<String>,
    /// The modules that the build must make, by their paths below the source; empty means
    /// whichever it makes, at least one.
    pub produces: Vec<String>,
    pub limits: Limits,
}

/// Whose architecture the tools of a build ran on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Executed {
    /// The target's: the compiler made code for the machine that it ran on.
    Native,
    /// Another one: a cross compiler, and the build machine's own host tools.
    Cross,
}

impl std::fmt::Display for Executed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Cross => "cross",
        })
    }
}

impl CellInputs {
    /// Returns whether the build is native or crosses architectures.
    pub fn executed(&self) -> Executed {
        match self.cross {
            Some(_) => Executed::Cross,
            None => Executed::Native,
        }
    }

    /// Returns what the matrix gives the build beside its source: variables of make, and the words of a
    /// command.
    pub fn given(&self) -> Vec<String> {
        let words = match &self.built_by {
            BuiltBy::Command { words, .. } => words.as_slice(),
            BuiltBy::Kbuild | BuiltBy::Dkms => &[],
        };
        self.make.iter().chain(words).cloned().collect()
    }

    /// Returns the digest of the canonical form: this value as JSON without white space, the fields
    /// in the order of their declaration.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&serde_json::to_vec(self).expect("plain values serialise"))
    }
}

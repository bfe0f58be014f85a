//! How a cell's sources become modules, as it is locked.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::matrix::{CommandLine, Recipe};
use crate::name::ModuleName;

/// The way from a source to its modules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "recipe", rename_all = "camelCase")]
pub enum BuiltBy {
    /// The kernel build system is called on the source.
    #[default]
    Kbuild,
    /// The source's `dkms.conf` is followed, inside the build container.
    Dkms,
    /// A command is run in a copy of the source.
    Command {
        words: Vec<String>,
        /// The modules that it leaves behind; empty stands for every `.ko` file.
        modules: Vec<String>,
    },
}

/// A module that another one needs: built before it in every attempt, from its own source, only for
/// the symbols that it exports.
///
/// Attempts stay independent and comparable that way: what an attempt uses of another module is made
/// in that attempt, under its variation, and never comes from another cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeededModule {
    pub module: ModuleName,
    pub source_tree: Sha256Digest,
    pub built_by: BuiltBy,
    /// Extra make variables, as the matrix gives them.
    pub make: Vec<String>,
    /// Which of the modules before it it needs itself.
    pub needs: Vec<ModuleName>,
}

impl BuiltBy {
    /// Returns true if the kernel build system is called on the source.
    pub fn is_kbuild(&self) -> bool {
        *self == Self::Kbuild
    }

    /// Returns true if the source may say by itself that it is not for a kernel.
    pub fn may_exclude(&self) -> bool {
        match self {
            Self::Dkms => true,
            Self::Kbuild | Self::Command { .. } => false,
        }
    }
}

impl From<&Recipe> for BuiltBy {
    fn from(recipe: &Recipe) -> Self {
        match recipe {
            Recipe::Kbuild => Self::Kbuild,
            Recipe::Dkms => Self::Dkms,
            Recipe::Command { line, modules } => Self::Command {
                words: match line {
                    CommandLine::Words(words) => words.clone(),
                    CommandLine::Shell(text) => ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
                },
                modules: modules.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

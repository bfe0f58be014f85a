//! What two modules may differ in without differing in what is loaded, each by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is taken away before two modules are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// `.ko.gz`, `.ko.xz` and `.ko.zst` are unpacked.
    Compression,
    /// The signature that is appended is cut off.
    Signature,
    /// Where sections stand in the file, and the zeros between them, are left out.
    Layout,
    /// The note `.note.gnu.build-id` is left out.
    BuildId,
    /// The types in `.BTF` are put in an order of their own.
    BtfOrder,
    /// `.debug_*` and the relocations of these are left out.
    Debug,
    /// What tables number and point to is compared, and not the numbers.
    Tables,
}

impl Normalisation {
    /// Every normalisation, in the order in which they are applied.
    pub const ALL: [Self; 7] = [
        Self::Compression,
        Self::Signature,
        Self::Layout,
        Self::BuildId,
        Self::BtfOrder,
        Self::Debug,
        Self::Tables,
    ];

    /// Returns the name that records and messages use.
    pub fn id(self) -> &'static str {
        match self {
            Self::Compression => "compression",
            Self::Signature => "signature",
            Self::Layout => "layout",
            Self::BuildId => "build-id",
            Self::BtfOrder => "btf-order",
            Self::Debug => "debug",
            Self::Tables => "tables",
        }
    }

    /// Says why what it takes away says nothing about what the module does.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Compression => "the kernel loads what it unpacks to",
            Self::Signature => "a signature is made after the build, of what was built",
            Self::Layout => "the kernel finds sections by the table, wherever they stand",
            Self::BuildId => {
                "the linker makes it of all other bytes, so it only repeats that they differ"
            }
            Self::BtfOrder => {
                "`pahole -j` numbers types as its threads end; what each type is and refers to is the same"
            }
            Self::Debug => "it is for debuggers, and the kernel does not load it",
            Self::Tables => {
                "numbers of sections and symbols shift with what stands before; what they stand for is compared"
            }
        }
    }
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

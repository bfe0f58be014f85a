//! What two modules differ in, taken as what it is: the value that causes are read from.

use serde::{Deserialize, Serialize};

use super::layers::{Agreement, Layers};
use crate::digest::Sha256Digest;
use crate::ko::{AppendedSignature, BtfBase, ByteOrder, Compression, ModuleFacts, Width};

/// Two modules held against each other. Bounded, whatever the modules are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    pub first: ModuleView,
    pub second: ModuleView,
    /// Where they are the same after all; `None` if no normalisation makes them so.
    pub agreement: Option<Agreement>,
    /// Every section that is not the same.
    pub sections: Vec<SectionDifference>,
    /// The first of the places that differ, in the order of the sections.
    pub places: Vec<Difference>,
    /// How many places more were found.
    pub left_out: u64,
}

/// What one of two modules is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleView {
    pub bytes: u64,
    pub layers: Layers,
    pub compression: Option<Compression>,
    pub signature: Option<AppendedSignature>,
    pub width: Width,
    pub byte_order: ByteOrder,
    /// `None` if it has no readable `.modinfo`.
    pub facts: Option<ModuleFacts>,
    /// In hexadecimal digits.
    pub build_id: Option<String>,
    /// How many types it has, where it has any.
    pub btf_types: Option<u64>,
    /// Where the kernel's own types were taken to end, where that could be seen.
    pub btf_base: Option<BtfBase>,
    /// True if it wants the symbol that a compiler's plugin mixes constants of its own into (Linux,
    /// `scripts/gcc-plugins/latent_entropy_plugin.c`).
    #[serde(default)]
    pub latent_entropy: bool,
    pub sections: Vec<SectionFacts>,
}

/// One section of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionFacts {
    pub name: String,
    /// `sh_type` and `sh_flags` (System V ABI, "Sections").
    pub kind: u32,
    pub flags: u64,
    pub alignment: u64,
    pub bytes: u64,
    pub digest: Sha256Digest,
}

/// One ELF section that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionDifference {
    pub name: String,
    /// The size in bytes; `None` if the section is not there.
    pub reference_bytes: Option<u64>,
    pub rebuild_bytes: Option<u64>,
    /// True if nothing of it differs after normalisation.
    #[serde(default)]
    pub normalised: bool,
}

/// One place in which two modules differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "what",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Difference {
    /// The machine, or another field of the file's own header.
    Header {
        field: String,
        first: String,
        second: String,
    },
    /// A section's attributes; or one of the modules does not have it.
    Section {
        name: String,
        first: Option<SectionFacts>,
        second: Option<SectionFacts>,
    },
    /// A run of bytes.
    Bytes {
        section: String,
        /// In bytes from the section's begin.
        offset: u64,
        /// What the symbol table says is there, in the first module.
        symbol: Option<String>,
        /// What these bytes are a part of: the time in the header of an archive, by its format, or
        /// `seconds`, if they belong to a number that in both is a time of these decades.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inside: Option<String>,
        first: Excerpt,
        second: Excerpt,
    },
    /// A string, where only one of the modules has it.
    Text {
        section: String,
        offset: u64,
        /// What the symbol table says is there, in the first module, where it is no section of
        /// strings alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        symbol: Option<String>,
        /// Exactly one of both, unless the same place has one in each.
        first: Option<String>,
        second: Option<String>,
    },
    Relocation {
        /// The section that is relocated.
        section: String,
        offset: u64,
        symbol: Option<String>,
        first: Option<String>,
        second: Option<String>,
    },
    Symbol {
        name: String,
        first: Option<String>,
        second: Option<String>,
    },
    /// A field of `.modinfo`, with all of its values.
    Modinfo {
        key: String,
        first: Vec<String>,
        second: Vec<String>,
    },
    /// The CRC of a symbol that the module wants.
    Version {
        symbol: String,
        first: Option<u32>,
        second: Option<u32>,
    },
}

/// The first bytes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Excerpt {
    /// How many bytes the run has.
    pub bytes: u64,
    /// At most the first [`Excerpt::MOST`], in hexadecimal digits.
    pub hex: String,
    /// The same where all of it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Excerpt {
    /// The most bytes that are shown of one run.
    pub const MOST: usize = 48;

    pub(crate) fn of(run: &[u8]) -> Self {
        let shown = &run[..run.len().min(Self::MOST)];
        let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        Self {
            bytes: run.len() as u64,
            hex: hex::encode(shown),
            text: (!shown.is_empty() && shown.iter().all(is_text))
                .then(|| String::from_utf8_lossy(shown).into_owned()),
        }
    }
}

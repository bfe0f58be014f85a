//! The layers of a module, from the file as it is to what is left of it after every normalisation.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::form::{self, Form};
use super::normalisation::Normalisation;
use crate::digest::Sha256Digest;
use crate::ko::{
    Btf, BtfBase, Compression, Expanded, Module, ModuleError, Signed, cut_signature, expand,
};

/// What is held against each other, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The bytes as they are.
    File,
    /// Unpacked.
    Decompressed,
    /// Without the signature.
    Unsigned,
    /// Section by section: header, order, attributes and bytes of each.
    Sections,
    /// After every normalisation.
    Normalised,
}

impl Layer {
    pub const ALL: [Self; 5] = [
        Self::File,
        Self::Decompressed,
        Self::Unsigned,
        Self::Sections,
        Self::Normalised,
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Decompressed => "decompressed",
            Self::Unsigned => "unsigned",
            Self::Sections => "sections",
            Self::Normalised => "normalised",
        })
    }
}

/// The digest of each layer of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layers {
    pub file: Sha256Digest,
    pub decompressed: Sha256Digest,
    pub unsigned: Sha256Digest,
    pub sections: Sha256Digest,
    pub normalised: Sha256Digest,
}

impl Layers {
    /// Returns the digest of one layer.
    pub fn get(&self, layer: Layer) -> Sha256Digest {
        match layer {
            Layer::File => self.file,
            Layer::Decompressed => self.decompressed,
            Layer::Unsigned => self.unsigned,
            Layer::Sections => self.sections,
            Layer::Normalised => self.normalised,
        }
    }
}

/// The layers of one of the modules that an attempt made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleLayers {
    /// The path below the source directory.
    pub path: String,
    #[serde(flatten)]
    pub layers: Layers,
}

/// Where two modules are the same, and what had to be taken away for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// The first layer at which they agree.
    pub layer: Layer,
    /// Empty if every bit is the same.
    pub normalisations: BTreeSet<Normalisation>,
}

/// Where the kernel's own types end, for the order of a module's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// As recorded of the kernel that the module was built against; without a record, types are
    /// compared as they are written.
    Recorded(Option<BtfBase>),
    /// As the module itself lets it be seen. Good enough to explain a difference, and not to
    /// label one.
    Inferred,
}

/// A module that is unpacked.
#[derive(Debug)]
pub struct Opened<'a> {
    file: &'a [u8],
    expanded: Expanded<'a>,
}

/// A module taken apart, with each of its layers.
#[derive(Debug)]
pub struct Apart<'a> {
    pub compression: Option<Compression>,
    pub signed: Signed<'a>,
    pub module: Module<'a>,
    pub layers: Layers,
    /// The section by section digests of the bytes, in the order of the module's parts.
    pub digests: Vec<Sha256Digest>,
    pub(super) form: Form,
}

impl<'a> Opened<'a> {
    /// Unpacks a module.
    pub fn open(file: &'a [u8]) -> Result<Self, ModuleError> {
        let expanded = expand(file)?;
        Ok(Self { file, expanded })
    }

    /// Takes it apart.
    pub fn apart(&self, basis: Basis) -> Result<Apart<'_>, ModuleError> {
        let signed = cut_signature(&self.expanded.bytes)?;
        let module = Module::parse(signed.module)?;
        let digests: Vec<Sha256Digest> = module
            .parts
            .iter()
            .map(|part| Sha256Digest::of(part.data))
            .collect();
        let base = base(&module, basis);
        let form = form::form(&module, &digests, base)?;
        let file = Sha256Digest::of(self.file);
        let decompressed = match self.expanded.compression {
            Some(_) => Sha256Digest::of(&self.expanded.bytes),
            None => file,
        };
        let unsigned = match signed.signature {
            Some(_) => Sha256Digest::of(signed.module),
            None => decompressed,
        };
        Ok(Apart {
            compression: self.expanded.compression,
            layers: Layers {
                file,
                decompressed,
                unsigned,
                sections: form::sections(&module, &digests),
                normalised: form.digest(),
            },
            signed,
            module,
            digests,
            form,
        })
    }
}

/// Returns where the kernel's own types end: as pahole wrote it down beside the module's, or by
/// the basis.
pub(super) fn base(module: &Module<'_>, basis: Basis) -> Option<BtfBase> {
    if let Some(part) = module.part(".BTF.base") {
        return Btf::parse(part.data).ok().map(|base| base.as_base());
    }
    match basis {
        Basis::Recorded(base) => base,
        Basis::Inferred => {
            let part = module.part(".BTF")?;
            Btf::parse(part.data).ok()?.inferred_base()
        }
    }
}

/// Finds the first layer at which two modules agree.
pub fn agreement(first: &Apart<'_>, second: &Apart<'_>) -> Option<Agreement> {
    let layer = Layer::ALL
        .into_iter()
        .find(|layer| first.layers.get(*layer) == second.layers.get(*layer))?;
    let mut normalisations = BTreeSet::new();
    let mut add = |normalisation, is_needed: bool| {
        if is_needed {
            normalisations.insert(normalisation);
        }
    };
    if layer > Layer::File {
        // Two compressions of one file are told by the file; of two files, by what they unpack to.
        let is_packed = first.compression.is_some() || second.compression.is_some();
        add(
            Normalisation::Compression,
            is_packed && (layer == Layer::Decompressed || first.compression != second.compression),
        );
    }
    if layer > Layer::Decompressed {
        add(
            Normalisation::Signature,
            first.signed.signature != second.signed.signature,
        );
    }
    if layer == Layer::Sections {
        add(Normalisation::Layout, true);
    }
    if layer == Layer::Normalised {
        normalisations.extend(first.form.needed(&second.form));
        if places(first) != places(second) {
            normalisations.insert(Normalisation::Layout);
        }
    }
    Some(Agreement {
        layer,
        normalisations,
    })
}

/// Returns where everything stands in a module.
fn places<'m>(apart: &'m Apart<'_>) -> (usize, Vec<(&'m str, u64)>) {
    let parts = apart.module.parts.iter();
    let parts = parts.map(|part| (part.name.as_str(), part.at)).collect();
    (apart.module.bytes.len(), parts)
}

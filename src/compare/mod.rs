//! Reference against rebuild. Pure.

mod archive;
mod bytes;
pub mod cause;
mod differences;
mod form;
mod inquiry;
mod layers;
mod normalisation;
mod places;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::ko::BtfBase;
use crate::outcome::{BuiltModule, ModuleFile};

use cause::{Context, Named};

pub use differences::{
    Difference, Differences, Excerpt, ModuleView, SectionDifference, SectionFacts,
};
pub use inquiry::{
    Answer, Inquiry, MOST_ALIKE, MOST_TRIALS, Trial, agreeing_with, inquire, rate_not_excluded,
};
pub use layers::{Agreement, Apart, Basis, Layer, Layers, ModuleLayers, Opened};
pub use normalisation::Normalisation;
pub use search::{Which, differences};

/// What came of holding a rebuild against the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The modules that differ; empty if every bit is the same.
    pub differences: Vec<ModuleDifference>,
    /// True if the deterministic part of the two attempts' provenance is the same, byte for byte.
    pub metadata_equal: bool,
}

impl Comparison {
    /// Returns true if every module of both attempts has the same bytes.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// Returns the normalisations after which every module of both attempts is the same: none if
    /// every bit is, and `None` if some module differs whatever is taken away.
    pub fn normalisations(&self) -> Option<BTreeSet<Normalisation>> {
        let mut all = BTreeSet::new();
        for difference in &self.differences {
            all.extend(&difference.agreement.as_ref()?.normalisations);
        }
        Some(all)
    }
}

/// One module that is not the same in both attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleDifference {
    pub path: String,
    /// `None` if only the rebuild made it.
    pub reference: Option<Sha256Digest>,
    /// `None` if only the reference made it.
    pub rebuild: Option<Sha256Digest>,
    pub sections: Vec<SectionDifference>,
    /// Set if the files differ although every section is the same, or a file cannot be read.
    pub note: Option<String>,
    /// The digests of the layers of both; `None` in records of before there were any, or if one of
    /// them cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<LayerPair>,
    /// Where they are the same after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// The first of the places that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Difference>,
    /// How many places more were found.
    #[serde(default, skip_serializing_if = "is_none_left")]
    pub left_out: u64,
    /// Why they differ; empty in records of before causes were named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Named>,
}

fn is_none_left(count: &u64) -> bool {
    *count == 0
}

/// The digests of the layers of two modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerPair {
    pub reference: Layers,
    pub rebuild: Layers,
}

/// Finds the modules that differ, by digest.
pub fn differing<'a>(
    reference: &'a [BuiltModule],
    rebuild: &'a [BuiltModule],
) -> Vec<(&'a str, Option<Sha256Digest>, Option<Sha256Digest>)> {
    let mut pairs: BTreeMap<&str, (Option<Sha256Digest>, Option<Sha256Digest>)> = BTreeMap::new();
    for module in reference {
        pairs.entry(&module.path).or_default().0 = Some(module.digest);
    }
    for module in rebuild {
        pairs.entry(&module.path).or_default().1 = Some(module.digest);
    }
    pairs
        .into_iter()
        .filter(|(_, (a, b))| a != b)
        .map(|(path, (a, b))| (path, a, b))
        .collect()
}

/// Says in which sections and places two modules of one path differ, and why. `base` is where the types
/// of the kernel end that both were built against, as recorded.
pub fn explain(
    path: &str,
    digests: (Option<Sha256Digest>, Option<Sha256Digest>),
    reference: Option<&ModuleFile>,
    rebuild: Option<&ModuleFile>,
    base: Option<BtfBase>,
    context: &Context<'_>,
) -> ModuleDifference {
    let mut difference = ModuleDifference {
        path: path.to_owned(),
        reference: digests.0,
        rebuild: digests.1,
        sections: Vec::new(),
        note: None,
        layers: None,
        agreement: None,
        places: Vec::new(),
        left_out: 0,
        causes: Vec::new(),
    };
    let (Some(reference), Some(rebuild)) = (reference, rebuild) else {
        difference.note = Some("only one of the attempts made it".to_owned());
        return difference;
    };
    match differences(&reference.bytes, &rebuild.bytes, Basis::Recorded(base)) {
        Ok(found) => {
            difference.causes = cause::causes(&found, context);
            if found.sections.is_empty() {
                difference.note =
                    Some("every section is the same; the bytes outside them differ".to_owned());
            }
            difference.sections = found.sections;
            difference.layers = Some(LayerPair {
                reference: found.first.layers,
                rebuild: found.second.layers,
            });
            difference.agreement = found.agreement;
            difference.places = found.places;
            difference.left_out = found.left_out;
        }
        Err((_, error)) => {
            difference.note = Some(format!("its sections cannot be read: {error}"));
        }
    }
    difference
}

/// Returns a rebuild's modules as they are after the normalisations by which they agree with the
/// reference: for the provenance, in which a module stands by its digest.
pub fn as_agreed(
    reference: &[BuiltModule],
    rebuild: &[BuiltModule],
    differences: &[ModuleDifference],
) -> Vec<BuiltModule> {
    let agrees = |path: &str| {
        let found = differences.iter().find(|found| found.path == path);
        found.is_some_and(|found| found.agreement.is_some())
    };
    let mut modules = rebuild.to_vec();
    for module in &mut modules {
        let same_path = |other: &&BuiltModule| other.path == module.path;
        if agrees(&module.path)
            && let Some(original) = reference.iter().find(same_path)
        {
            (module.digest, module.bytes) = (original.digest, original.bytes);
        }
    }
    modules
}

//! Reference against rebuild. Pure.

mod inquiry;
mod metadata;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::ko::{self, Section};
use crate::outcome::{BuiltModule, ModuleFile};

pub use inquiry::{Finding, Inquiry, MOST_TRIALS, Trial, inquire, rate_not_excluded};
pub use metadata::{AttemptFacts, metadata_digest};

/// What came of holding a rebuild against the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The modules that differ; empty if every bit is the same.
    pub differences: Vec<ModuleDifference>,
    /// True if the deterministic part of the two attempts' provenance is the same.
    pub metadata_equal: bool,
}

impl Comparison {
    /// Returns true if every module of both attempts has the same bytes.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
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
}

/// One ELF section that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionDifference {
    pub name: String,
    /// The size in bytes; `None` if the section is not there.
    pub reference_bytes: Option<u64>,
    pub rebuild_bytes: Option<u64>,
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

/// Names the sections in which two modules of one path differ.
pub fn explain(
    path: &str,
    digests: (Option<Sha256Digest>, Option<Sha256Digest>),
    reference: Option<&ModuleFile>,
    rebuild: Option<&ModuleFile>,
) -> ModuleDifference {
    let mut difference = ModuleDifference {
        path: path.to_owned(),
        reference: digests.0,
        rebuild: digests.1,
        sections: Vec::new(),
        note: None,
    };
    let (Some(reference), Some(rebuild)) = (reference, rebuild) else {
        difference.note = Some("only one of the attempts made it".to_owned());
        return difference;
    };
    match (ko::sections(&reference.bytes), ko::sections(&rebuild.bytes)) {
        (Ok(a), Ok(b)) => {
            difference.sections = section_differences(&a, &b);
            if difference.sections.is_empty() {
                difference.note =
                    Some("every section is the same; the bytes outside them differ".to_owned());
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            difference.note = Some(format!("its sections cannot be read: {error}"));
        }
    }
    difference
}

fn section_differences(reference: &[Section], rebuild: &[Section]) -> Vec<SectionDifference> {
    let mut pairs: BTreeMap<&str, (Option<&Section>, Option<&Section>)> = BTreeMap::new();
    for section in reference {
        pairs.entry(&section.name).or_default().0 = Some(section);
    }
    for section in rebuild {
        pairs.entry(&section.name).or_default().1 = Some(section);
    }
    pairs
        .into_iter()
        .filter(|(_, (a, b))| a.map(|s| s.digest) != b.map(|s| s.digest))
        .map(|(name, (a, b))| SectionDifference {
            name: name.to_owned(),
            reference_bytes: a.map(|s| s.bytes),
            rebuild_bytes: b.map(|s| s.bytes),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, content: &[u8]) -> Section {
        Section {
            name: name.to_owned(),
            bytes: content.len() as u64,
            digest: Sha256Digest::of(content),
        }
    }

    #[test]
    fn only_the_sections_that_differ_are_named() {
        let reference = [section(".text", b"a"), section(".data", b"b")];
        let rebuild = [
            section(".text", b"x"),
            section(".data", b"b"),
            section(".n", b""),
        ];
        let names: Vec<String> = section_differences(&reference, &rebuild)
            .into_iter()
            .map(|d| d.name)
            .collect();
        assert_eq!(names, [".n", ".text"]);
        assert!(section_differences(&reference, &reference).is_empty());
    }

    #[test]
    fn a_module_that_only_one_attempt_made_is_a_difference() {
        let module = |path: &str| BuiltModule {
            path: path.to_owned(),
            digest: Sha256Digest::of(path.as_bytes()),
            bytes: 1,
            facts: crate::ko::ModuleFacts {
                machine: 62,
                vermagic: None,
                srcversion: None,
                name: None,
                license: None,
                depends: None,
                compilers: Vec::new(),
            },
        };
        let both = [module("a.ko"), module("b.ko")];
        let one = [module("a.ko")];
        assert!(differing(&both, &both).is_empty());
        let found = differing(&both, &one);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].2), ("b.ko", None));
    }
}

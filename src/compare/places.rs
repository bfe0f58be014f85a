//! The list of places that differ, bounded; and what the symbol table calls a place.

use std::collections::BTreeMap;

use super::differences::Difference;
use crate::ko::{Module, SymbolPlace};

/// The most places of one section, and of all.
const MOST_OF_ONE: u32 = 16;
const MOST: usize = 200;

/// The places that were found.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub places: Vec<Difference>,
    /// How many more there are.
    pub left_out: u64,
    of_section: BTreeMap<String, u32>,
}

impl Places {
    /// Adds a place of a section, or counts it.
    pub fn add(&mut self, section: &str, difference: Difference) {
        let count = self.of_section.entry(section.to_owned()).or_insert(0);
        if *count == MOST_OF_ONE || self.places.len() == MOST {
            self.left_out += 1;
            return;
        }
        *count += 1;
        self.places.push(difference);
    }

    /// Adds a place that several sections together have, once.
    pub fn add_once(&mut self, section: &str, difference: Difference) {
        if !self.places.contains(&difference) {
            self.add(section, difference);
        }
    }

    /// Returns true if no more places of a section are kept, so that they need not be described.
    pub fn is_full(&self, section: &str) -> bool {
        self.places.len() == MOST || self.of_section.get(section) == Some(&MOST_OF_ONE)
    }

    /// Counts places that need not be described.
    pub fn count(&mut self, more: u64) {
        self.left_out += more;
    }
}

/// The named places of a module, by section and offset.
#[derive(Debug)]
pub(super) struct NamedPlaces(BTreeMap<(usize, u64), (u64, String)>);

/// Returns the symbols of a module that stand for something in a section.
pub(super) fn named_places(module: &Module<'_>) -> NamedPlaces {
    let mut places: BTreeMap<(usize, u64), (u64, String)> = BTreeMap::new();
    for symbol in &module.symbols {
        if let SymbolPlace::In(index) = symbol.place
            && !symbol.is_section()
            && !symbol.name.is_empty()
        {
            let place = places.entry((index, symbol.value)).or_default();
            // Of several names of one place, the one that covers most.
            if place.1.is_empty() || place.0 < symbol.bytes {
                *place = (symbol.bytes, symbol.shown());
            }
        }
    }
    NamedPlaces(places)
}

impl NamedPlaces {
    /// Returns the symbol that covers an offset, and how far behind its begin that is.
    pub fn at(&self, section: usize, offset: u64) -> Option<String> {
        let range = (section, 0)..=(section, offset);
        let ((_, begin), (bytes, name)) = self.0.range(range).next_back()?;
        let behind = offset - begin;
        (behind < *bytes || behind == 0).then(|| match behind {
            0 => name.clone(),
            _ => format!("{name}+{behind:#x}"),
        })
    }
}

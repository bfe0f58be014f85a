//! The catalogue: what each cause looks like, where it comes from and what helps; one file per kind
//! of cause.

mod chance;
mod drift;
mod elsewhere;
mod machine;
mod order;
mod packing;
mod paths;
mod tools;

use super::Cause;
use crate::variation::Axis;

/// What is known of one cause.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub cause: Cause,
    pub id: &'static str,
    /// What it is, for a sentence.
    pub noun: &'static str,
    /// What it looks like in the modules.
    pub bytes: &'static str,
    /// What it looks like in the build's own files, and where it comes from.
    pub build: &'static str,
    /// The axis whose variation shows it.
    pub axis: Option<Axis>,
    /// The suspicions that point at the line which takes it in, by their rules.
    pub rules: &'static [&'static str],
    pub fix: &'static str,
    pub tried: Tried,
}

/// What has shown that a fix helps: that modules differ by the cause, that it is named, and that they
/// are the same with the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// The row of `tests/causes.rs` that has the cause's name: two modules of a real compiler.
    ByCompiler,
    /// The row of `tests/end_to_end/tools` that has the cause's name: modules of the tools of several
    /// builder images or of the kernel, or for several kernels.
    ByTools,
    /// A module of `tests/corpus`, and the same in its directory `mended`: real builds for a kernel,
    /// held against each other by their rebuilds.
    InCorpus(&'static str),
    /// Nothing has, for this reason.
    Not(&'static str),
}

impl Tried {
    /// Returns why nothing has.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::ByCompiler | Self::ByTools | Self::InCorpus(_) => None,
            Self::Not(reason) => Some(reason),
        }
    }
}

const KINDS: [&[Entry]; 9] = [
    &paths::ENTRIES,
    &machine::ENTRIES,
    &chance::ENTRIES,
    &order::ENTRIES,
    &elsewhere::ENTRIES,
    &tools::ENTRIES,
    &packing::ENTRIES,
    &drift::ENTRIES,
    &[UNEXPLAINED],
];

const UNEXPLAINED: Entry = Entry {
    cause: Cause::Unexplained,
    id: "unexplained",
    noun: "no cause that is known",
    bytes: "what nothing else accounts for, shown as it is",
    build: "hold the `.cmd` files and generated files of both builds against each other",
    axis: None,
    rules: &[],
    fix: "let `kmatrix build` find the axis that does it, or look at the bytes shown: section, offset, symbol, both values",
    tried: Tried::Not("there is nothing to try"),
};

/// Every cause, in the order of [`Cause`].
pub static CATALOGUE: [Entry; 47] = {
    let mut all = [UNEXPLAINED; 47];
    let (mut kind, mut place) = (0, 0);
    while kind < KINDS.len() {
        let mut of_kind = 0;
        while of_kind < KINDS[kind].len() {
            all[place] = KINDS[kind][of_kind];
            of_kind += 1;
            place += 1;
        }
        kind += 1;
    }
    assert!(place == all.len());
    all
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::SUSPICIONS;

    #[test]
    fn every_cause_stands_in_its_place_under_the_name_of_records() {
        let ids: BTreeSet<&str> = CATALOGUE.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        for (place, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.cause as usize, place, "{}", entry.id);
            let written = serde_json::to_value(entry.cause).expect("a word");
            assert_eq!(written, entry.id);
            assert_eq!(entry.cause.entry().id, entry.id);
        }
    }

    #[test]
    fn every_rule_of_suspicion_points_at_a_cause_and_every_axis_is_one() {
        for rule in &SUSPICIONS {
            let has = |entry: &&Entry| entry.rules.contains(&rule.id);
            assert!(CATALOGUE.iter().any(|entry| has(&entry)), "{}", rule.id);
        }
        for entry in &CATALOGUE {
            for rule in entry.rules {
                let known = SUSPICIONS.iter().any(|known| known.id == *rule);
                assert!(known, "`{}` has a rule `{rule}` that is none", entry.id);
            }
        }
        for axis in Axis::ALL {
            assert_eq!(Cause::of_axis(axis).entry().axis, Some(axis));
        }
    }
}

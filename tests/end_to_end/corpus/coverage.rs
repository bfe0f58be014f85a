//! What of the catalogue of causes stands in the corpus, and what cannot.

use std::collections::BTreeSet;

use super::planted::Module;
use crate::common::Place;

/// The causes that no module of the corpus has, since they do not show between attempts of one cell, each
/// with what it would take. They are planted in pairs of modules instead, where they can be at all.
const ELSEWHERE: [(&str, &str); 11] = [
    (
        "randstruct-seed",
        "two kernels: the seed is the kernel's, and a cell has one kernel",
    ),
    (
        "latent-entropy-seed",
        "another kernel: the plugin is the kernel's, and none of Debian's has it on",
    ),
    (
        "link-order-wildcard",
        "another make: that of every image sorts what `wildcard` finds, and an image is made for it",
    ),
    ("network-content", "a network, which no build reaches"),
    ("pahole-version", "two images: each has one pahole"),
    ("compiler-version", "two images: each has one compiler"),
    (
        "binutils-version",
        "two images: each has one set of binutils",
    ),
    (
        "compression",
        "a packed module: what a build hands out has to be an ELF file, and is packed by whoever ships it",
    ),
    ("kernel-drift", "two kernels: a cell has one"),
    ("source-drift", "two sources: a cell has one"),
    ("other-machine", "two architectures: a cell has one"),
];

#[test]
fn every_cause_of_the_catalogue_is_in_the_corpus_or_has_a_reason_not_to_be() {
    let place = Place::empty();
    let ran = place.kmatrix(&["explain", "--causes", "--format", "json"]);
    let listed = ran.expect(0).json();
    let causes = listed["causes"].as_array().expect("causes");
    let catalogue: BTreeSet<&str> = causes
        .iter()
        .map(|cause| cause["id"].as_str().expect("an id"))
        .collect();
    let corpus = Module::all();
    let planted: BTreeSet<&str> = corpus
        .iter()
        .flat_map(|module| &module.expected.causes)
        .map(String::as_str)
        .collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(cause, _)| *cause).collect();
    let both: Vec<&&str> = planted.intersection(&elsewhere).collect();
    assert!(both.is_empty(), "in the corpus after all: {both:?}");
    let named: BTreeSet<&str> = planted.union(&elsewhere).copied().collect();
    let missing: Vec<&&str> = catalogue.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "neither in the corpus nor listed: {missing:?}"
    );
    let unknown: Vec<&&str> = named.difference(&catalogue).collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
}

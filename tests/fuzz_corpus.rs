//! Every file of the fuzzing corpus through the parser that it is for: what fuzzing found once is
//! looked at in every run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "../fuzz/parsers.rs"]
mod parsers;

#[test]
fn no_file_of_the_corpus_does_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, parse) in parsers::ALL {
        let mut seen = 0;
        let folder = corpus.join(name);
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{name} has no corpus: {e}")) {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).expect("a file");
            parse(&bytes);
            // Every file cut short as well, which is the commonest way to be broken.
            for end in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
                parse(&bytes[..end]);
            }
            seen += 1;
        }
        assert!(seen > 0, "`{name}` has an empty corpus");
    }
}

#[test]
fn every_parser_has_a_target_and_every_target_a_parser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let targets: BTreeSet<String> = fs::read_dir(folder)
        .expect("the targets")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let parsers: BTreeSet<String> = parsers::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(targets, parsers);
}

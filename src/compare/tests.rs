//! Pairs of modules with one thing different each.

use super::*;

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

use super::cause::Context;
use crate::ko::testing::{Form, Piece, build_id_note, module, pieces};

const PATH: &str = "x.ko";

/// Returns the module of the tests with one section changed.
pub(super) fn with(form: Form, change: impl FnOnce(&mut Vec<Piece>)) -> Vec<u8> {
    let mut all = pieces(form);
    change(&mut all);
    form.file(&all)
}

/// Changes the bytes of a section.
pub(super) fn changed(name: &'static str, data: &[u8]) -> Vec<u8> {
    with(Form::AMD64, |all| {
        let piece = all.iter_mut().find(|piece| piece.name == name);
        piece.expect("it is there").data = data.to_vec();
    })
}

fn found(first: &[u8], second: &[u8]) -> Differences {
    differences(first, second, Basis::Recorded(Some(KERNEL))).expect("both are modules")
}

fn agreed(first: &[u8], second: &[u8]) -> Option<(Layer, Vec<Normalisation>)> {
    let agreement = found(first, second).agreement?;
    Some((
        agreement.layer,
        agreement.normalisations.into_iter().collect(),
    ))
}

const KERNEL: BtfBase = BtfBase {
    types: 1000,
    strings: 9000,
};

/// Writes two types of a module that refer to each other, in one order or the other. `kind` is that
/// of what the pointer points to.
pub(super) fn types(is_turned: bool, size: u32) -> Vec<u8> {
    let (structure, pointer) = if is_turned {
        (1001, 1000)
    } else {
        (1000, 1001)
    };
    let structure_words = [9000, 4 << 24 | 1, size, 9006, pointer, 0];
    let pointer_words = [0, 2 << 24, structure];
    let words: Vec<u32> = if is_turned {
        [&pointer_words[..], &structure_words].concat()
    } else {
        [&structure_words[..], &pointer_words].concat()
    };
    let strings = b"state\0next\0";
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let length = words.len() as u32 * 4;
    for word in [24, 0, length, length, strings.len() as u32] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(strings);
    bytes
}

pub(super) fn with_types(types: Vec<u8>) -> Vec<u8> {
    with(Form::AMD64, |all| all.push(Piece::plain(".BTF", types)))
}

#[test]
fn the_same_bytes_agree_at_the_file() {
    for form in Form::ALL {
        let bytes = module(form);
        assert_eq!(agreed(&bytes, &bytes), Some((Layer::File, vec![])));
    }
}

#[test]
fn each_normalisation_takes_away_what_it_names() {
    use Normalisation as N;
    let plain = module(Form::AMD64);
    let packed = |level| zstd::encode_all(&plain[..], level).expect("memory");
    let mut signed = plain.clone();
    signed.extend(b"SIG\0\0\x02\0\0\0\0\0\0\0\0\x03~Module signature appended~\n");
    let mut moved = plain.clone();
    moved.extend([0; 16]);
    let debug = |text: &[u8]| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".debug_line", text));
        })
    };
    // The debug section stands before the tables, whose numbers shift.
    let before = with(Form::AMD64, |all| {
        all.insert(5, Piece::plain(".debug_line", *b"a"));
        for piece in all.iter_mut() {
            piece.link += u32::from(piece.link > 5);
        }
    });
    let layout = N::Layout;
    for (name, first, second, expected) in [
        (
            "packed",
            plain.clone(),
            packed(3),
            (Layer::Decompressed, vec![N::Compression]),
        ),
        (
            "packed otherwise",
            packed(1),
            {
                let mut gz = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                std::io::Write::write_all(&mut gz, &plain).expect("memory");
                gz.finish().expect("memory")
            },
            (Layer::Decompressed, vec![N::Compression]),
        ),
        (
            "signed",
            plain.clone(),
            signed,
            (Layer::Unsigned, vec![N::Signature]),
        ),
        (
            "moved",
            plain.clone(),
            moved,
            (Layer::Sections, vec![layout]),
        ),
        (
            "another build id",
            plain.clone(),
            changed(".note.gnu.build-id", &build_id_note(Form::AMD64, &[2; 20])),
            (Layer::Normalised, vec![N::BuildId]),
        ),
        (
            "types in another order",
            with_types(types(false, 8)),
            with_types(types(true, 8)),
            (Layer::Normalised, vec![N::BtfOrder]),
        ),
        (
            "other debug bytes",
            debug(b"a"),
            debug(b"b"),
            (Layer::Normalised, vec![N::Debug]),
        ),
        (
            "stripped of debug sections",
            plain.clone(),
            before,
            (Layer::Normalised, vec![layout, N::Debug, N::Tables]),
        ),
    ] {
        assert_eq!(agreed(&first, &second), Some(expected.clone()), "{name}");
        assert_eq!(agreed(&second, &first), Some(expected), "{name}, turned");
    }
}

#[test]
fn what_is_loaded_is_never_normalised() {
    let plain = module(Form::AMD64);
    let mut hidden = plain.clone();
    hidden.extend(b"hidden");
    let other_machine = Form {
        machine: 183,
        ..Form::AMD64
    };
    let ids = |types: Vec<u8>| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".BTF", types));
            all.push(Piece::plain(".BTF_ids", [0xe8, 3, 0, 0]));
        })
    };
    let two_notes = [build_id_note(Form::AMD64, &[1; 20]), vec![1; 20]].concat();
    for (name, first, second) in [
        (
            "code",
            plain.clone(),
            changed(".text", b"\x90\x90\x90\x90\0\0\0\0\xc4"),
        ),
        (
            "a string",
            plain.clone(),
            changed(".rodata.str1.1", b"hello\0World\0"),
        ),
        ("bytes between sections", plain.clone(), hidden),
        ("the machine", plain.clone(), module(other_machine)),
        (
            "a relocation's symbol",
            plain.clone(),
            changed(".rela.text", &Form::AMD64.relocation(4, 2, 2)),
        ),
        (
            "a symbol's name",
            plain.clone(),
            changed(".strtab", b"\0start\0Printk\0"),
        ),
        (
            "a name that nothing has",
            plain.clone(),
            changed(".strtab", b"\0start\0printk\0x\0"),
        ),
        (
            "a build id that is more",
            plain.clone(),
            changed(".note.gnu.build-id", &two_notes),
        ),
        (
            "types",
            with_types(types(false, 8)),
            with_types(types(true, 16)),
        ),
        (
            "types against none",
            plain.clone(),
            with_types(types(true, 16)),
        ),
        (
            "types that are named by number",
            ids(types(false, 8)),
            ids(types(true, 8)),
        ),
        ("the header", plain.clone(), {
            let mut other = plain.clone();
            other[24] = 1;
            other
        }),
        ("the null symbol", plain.clone(), {
            let mut symbols = pieces(Form::AMD64).remove(6).data;
            symbols[8] = 1;
            changed(".symtab", &symbols)
        }),
        (
            "a second table of symbols",
            plain.clone(),
            with(Form::AMD64, |all| {
                let table = all[6].clone();
                all.push(table);
            }),
        ),
        (
            "a flag",
            plain.clone(),
            with(Form::AMD64, |all| all[2].flags |= 1),
        ),
        (
            "a debug section that is loaded",
            plain.clone(),
            with(Form::AMD64, |all| {
                all.push(Piece::plain(".debug_line", *b"a").flags(crate::ko::SHF_ALLOC));
            }),
        ),
    ] {
        assert_eq!(agreed(&first, &second), None, "{name}");
        let difference = found(&first, &second);
        assert!(!difference.places.is_empty(), "{name} has no place");
    }
}

#[test]
fn without_a_base_types_are_compared_as_written() {
    let (first, second) = (with_types(types(false, 8)), with_types(types(true, 8)));
    let found = differences(&first, &second, Basis::Recorded(None)).expect("both are modules");
    assert_eq!(found.agreement, None);
}

#[test]
fn places_are_told_as_what_they_are() {
    let plain = module(Form::AMD64);
    let place = |second: &[u8]| found(&plain, second).places.remove(0);
    let bytes = |run: &[u8], text: Option<&str>| Excerpt {
        bytes: run.len() as u64,
        hex: hex::encode(run),
        text: text.map(str::to_owned),
    };
    assert_eq!(
        place(&changed(".text", b"\x90\x90\x90\x90\0\0\0\0\xc4")),
        Difference::Bytes {
            section: ".text".to_owned(),
            offset: 8,
            symbol: None,
            inside: None,
            first: bytes(b"\xc3", None),
            second: bytes(b"\xc4", None),
        }
    );
    assert_eq!(
        place(&changed(".rodata.str1.1", b"hello\0World\0")),
        Difference::Text {
            section: ".rodata.str1.1".to_owned(),
            offset: 6,
            symbol: None,
            first: Some("world".to_owned()),
            second: Some("World".to_owned()),
        }
    );
    assert_eq!(
        place(&changed(".rela.text", &Form::AMD64.relocation(4, 2, 2))),
        Difference::Relocation {
            section: ".text".to_owned(),
            offset: 4,
            symbol: None,
            first: Some("type 2 printk+0x10".to_owned()),
            second: Some("type 2 start+0x10".to_owned()),
        }
    );
    let modinfo = b"license=GPL\0name=y\0vermagic=6.12.1-x SMP mod_unload \0";
    assert_eq!(
        place(&changed(".modinfo", modinfo)),
        Difference::Modinfo {
            key: "name".to_owned(),
            first: vec!["x".to_owned()],
            second: vec!["y".to_owned()],
        }
    );
}

#[test]
fn the_number_of_places_is_bounded() {
    let first = with(Form::AMD64, |all| {
        all.push(Piece::plain(".data", vec![0; 64 * 1024]));
    });
    let second = with(Form::AMD64, |all| {
        let every: Vec<u8> = (0..64 * 1024).map(|n| u8::from(n % 32 == 0)).collect();
        all.push(Piece::plain(".data", every));
    });
    let found = found(&first, &second);
    assert_eq!(found.places.len(), 16);
    assert_eq!(found.left_out, 2048 - 16);
}

#[test]
fn a_comparison_says_by_what_it_agrees() {
    let file = |bytes: &[u8]| ModuleFile {
        path: PATH.to_owned(),
        bytes: bytes.to_vec(),
    };
    let compared = |second: &[u8]| {
        let first = module(Form::AMD64);
        let digests = (
            Some(Sha256Digest::of(&first)),
            Some(Sha256Digest::of(second)),
        );
        let (one, two) = (file(&first), file(second));
        Comparison {
            differences: vec![explain(
                PATH,
                digests,
                Some(&one),
                Some(&two),
                None,
                &Context::default(),
            )],
            metadata_equal: true,
        }
    };
    let id = compared(&changed(
        ".note.gnu.build-id",
        &build_id_note(Form::AMD64, &[2; 20]),
    ));
    assert!(!id.is_same());
    let names = id.normalisations().expect("they agree");
    assert!(names.contains(&Normalisation::BuildId), "{names:?}");
    let code = compared(&changed(".text", b"other"));
    assert_eq!(code.normalisations(), None);
    // What is written is read again, and what was written before there were layers too.
    for comparison in [id, code] {
        let text = serde_json::to_string(&comparison).expect("plain values");
        assert_eq!(
            serde_json::from_str::<Comparison>(&text).ok(),
            Some(comparison)
        );
    }
    let old = r#"{"differences": [{"path": "x.ko", "reference": null, "rebuild": null,
        "sections": [{"name": ".text", "referenceBytes": 1, "rebuildBytes": 2}], "note": null}],
        "metadataEqual": true}"#;
    let old: Comparison = serde_json::from_str(old).expect("an older record");
    assert_eq!(old.normalisations(), None);
}

#[test]
fn every_normalisation_has_an_id_of_its_own_and_a_reason() {
    let ids: BTreeSet<&str> = Normalisation::ALL.iter().map(|n| n.id()).collect();
    assert_eq!(ids.len(), Normalisation::ALL.len());
    for normalisation in Normalisation::ALL {
        let written = serde_json::to_value(normalisation).expect("a word");
        assert_eq!(written, normalisation.id());
        assert!(!normalisation.reason().is_empty());
    }
}

proptest::proptest! {
    #[test]
    fn no_change_of_bytes_does_harm(
        form in 0..Form::ALL.len(),
        changes in proptest::collection::vec((0..2000_usize, proptest::num::u8::ANY), 1..6),
        cut in 0..2000_usize,
    ) {
        let first = module(Form::ALL[form]);
        let mut second = first.clone();
        for (at, byte) in changes {
            let length = second.len();
            second[at % length] = byte;
        }
        let _ = differences(&first, &second, Basis::Inferred);
        let _ = differences(&second, &first, Basis::Recorded(Some(KERNEL)));
        second.truncate(cut);
        let _ = differences(&first, &second, Basis::Inferred);
    }
}

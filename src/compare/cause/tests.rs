//! Every cause is produced at least once: by bytes, by surroundings, or by the answer of an inquiry;
//! those with a row in `tests/causes.rs` by the real compiler as well.

use std::collections::BTreeSet;

use super::*;
use crate::compare::tests::{changed, types, with, with_types};
use crate::compare::{Answer, Basis, Differences, differences};
use crate::ko::BtfBase;
use crate::ko::testing::{Form, Piece, build_id_note, module};
use crate::outcome::{Changed, Reached, Sign, WordKind};
use crate::source::Suspicion;
use crate::variation::{Axis, Cpus, Variation};

const KERNEL: BtfBase = BtfBase {
    types: 1000,
    strings: 9000,
};

fn held(first: &[u8], second: &[u8]) -> Differences {
    differences(first, second, Basis::Recorded(Some(KERNEL))).expect("both are modules")
}

fn named(pair: &Differences, context: &Context<'_>) -> Vec<(Cause, Confidence)> {
    let named = causes(pair, context);
    for each in &named {
        assert!(!each.evidence.is_empty() && each.places > 0, "{each:?}");
        assert_eq!(each.fix, each.cause.entry().fix);
    }
    named
        .into_iter()
        .map(|named| (named.cause, named.confidence))
        .collect()
}

/// Returns a module with these words in its strings.
fn says(text: &str) -> Vec<u8> {
    changed(".rodata.str1.1", format!("hello\0{text}\0").as_bytes())
}

fn declares(modinfo: &str) -> Vec<u8> {
    let fields = format!("license=GPL\0name=x\0{modinfo}\0");
    changed(".modinfo", fields.as_bytes())
}

fn line(rule: &str, text: &str) -> Suspicion {
    Suspicion {
        rule: rule.to_owned(),
        path: "Kbuild".to_owned(),
        line: 3,
        text: text.to_owned(),
    }
}

fn of_source(source: &[Suspicion]) -> Lines<'_> {
    Lines { source, given: &[] }
}

fn surroundings(attempt: u32, lines: &str) -> Surroundings {
    let axes = if attempt == 0 {
        BTreeSet::new()
    } else {
        Axis::all()
    };
    let probe = format!("kmatrix-probe 1\n{lines}kmatrix-probe end\n");
    let reached = Reached::read(probe.as_bytes());
    Surroundings::of(&Variation::of(attempt, Cpus::One, &axes), &reached)
}

/// Returns a module of two functions, in one order or the other.
fn ordered(is_turned: bool) -> Vec<u8> {
    let form = Form::AMD64;
    with(form, |all| {
        let (one, two) = if is_turned { (4, 0) } else { (0, 4) };
        let mut symbols = form.symbol(0, 0, 0, 0);
        symbols.extend(form.symbol(0, 3, 1, 0));
        symbols.extend(form.symbol(1, 0x12, 1, one));
        symbols.extend(form.symbol(7, 0x12, 1, two));
        all[6].data = symbols;
        if is_turned {
            all[0].data = b"\0\0\0\0\x90\x90\x90\x90\xc3".to_vec();
        }
    })
}

fn signed() -> Vec<u8> {
    let mut signed = module(Form::AMD64);
    signed.extend(b"SIG\0\0\x02\0\0\0\0\0\0\0\0\x03~Module signature appended~\n");
    signed
}

/// Returns a pair that only its signatures tell apart, by these keys and this algorithm.
fn signatures(keys: [&str; 2], algorithm: &str) -> Differences {
    let plain = module(Form::AMD64);
    let mut pair = held(&plain, &signed());
    let other = pair.second.signature.clone().expect("a signature");
    for (view, key) in [&mut pair.first, &mut pair.second].into_iter().zip(keys) {
        let mut signature = other.clone();
        signature.digest =
            crate::digest::Sha256Digest::of(format!("{key}{}", view.bytes).as_bytes());
        signature.signers = Some(vec![crate::ko::Signer {
            issuer: None,
            key: key.to_owned(),
            digest_algorithm: "2.16.840.1.101.3.4.2.1".to_owned(),
            signature_algorithm: algorithm.to_owned(),
        }]);
        view.signature = Some(signature);
    }
    pair
}

/// Returns every pair of modules with the causes that their bytes alone name.
fn by_bytes() -> Vec<(Differences, Vec<(Cause, Confidence)>)> {
    use Confidence::{Certain, Likely};
    let plain = module(Form::AMD64);
    let pair = |second: &[u8]| held(&plain, second);
    let texts = |one: &str, two: &str| held(&says(one), &says(two));
    let fields = |one: &str, two: &str| held(&declares(one), &declares(two));
    let debug = |text: &[u8]| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".debug_str", text).flags(0x30));
        })
    };
    let versions = |crc: u8| {
        with(Form::AMD64, |all| {
            let mut entry = vec![crc, 0, 0, 0, 0, 0, 0, 0];
            entry.extend(b"printk");
            entry.resize(64, 0);
            all.push(Piece::plain("__versions", entry));
        })
    };
    let entropy = |code: &[u8]| {
        with(Form::AMD64, |all| {
            all[7].data = b"\0start\0latent_entropy\0".to_vec();
            all[0].data = code.to_vec();
        })
    };
    let data = |bytes: &[u8]| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".data", bytes));
        })
    };
    let told = |bytes: &[u8]| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".debug_info", bytes));
        })
    };
    let mut moved = plain.clone();
    moved.extend([0; 16]);
    let machine = Form {
        machine: 183,
        ..Form::AMD64
    };
    let id = changed(".note.gnu.build-id", &build_id_note(Form::AMD64, &[2; 20]));
    let base = "vermagic=6.12.1-x SMP mod_unload ";
    vec![
        (pair(&plain), vec![]),
        (
            texts("/a/m/main.c", "/b/c/m/main.c"),
            vec![(Cause::BuildPathCode, Likely)],
        ),
        (
            texts("built by ann", "built by bob"),
            vec![(Cause::User, Likely)],
        ),
        (
            texts("ann@one Nov 21 2026", "bob@two Nov 21 2026"),
            vec![(Cause::HostName, Likely), (Cause::User, Likely)],
        ),
        (
            held(&debug(b"GNU AS 2.40\0"), &debug(b"GNU AS 2.41\0")),
            vec![(Cause::BinutilsVersion, Certain)],
        ),
        (
            held(
                &debug(b"GNU C11 12.2.0 -O2\0"),
                &debug(b"GNU C11 12.2.0 -O3\0"),
            ),
            vec![(Cause::CompilerFlags, Certain)],
        ),
        (
            pair(&changed(".comment", b"\0GCC: (Debian 13) 13.1\0")),
            vec![(Cause::CompilerVersion, Certain)],
        ),
        (pair(&signed()), vec![(Cause::SignaturePresence, Certain)]),
        (
            signatures(["aa", "bb"], "1.2.840.113549.1.1.11"),
            vec![(Cause::SignatureKey, Certain)],
        ),
        (
            signatures(["aa", "aa"], "1.2.840.10045.4.3.2"),
            vec![(Cause::SignatureEcdsa, Certain)],
        ),
        (
            pair(&zstd::encode_all(&plain[..], 3).expect("memory")),
            vec![(Cause::Compression, Certain)],
        ),
        (
            pair(&debug(b"GNU AS 2.40\0")),
            vec![(Cause::Strip, Certain)],
        ),
        (pair(&id), vec![(Cause::BuildIdAlone, Certain)]),
        (pair(&moved), vec![(Cause::Layout, Likely)]),
        (
            held(&versions(1), &versions(2)),
            vec![(Cause::SymversDrift, Certain)],
        ),
        (
            fields(base, "vermagic=6.12.2-x SMP mod_unload "),
            vec![(Cause::KernelDrift, Certain)],
        ),
        (
            fields(base, "vermagic=6.12.1-x SMP preempt mod_unload "),
            vec![(Cause::ConfigurationDrift, Certain)],
        ),
        (
            fields(
                "vermagic=6.12.1 SMP RANDSTRUCT_aa",
                "vermagic=6.12.1 SMP RANDSTRUCT_bb",
            ),
            vec![(Cause::RandstructSeed, Certain)],
        ),
        (
            fields("srcversion=A", "srcversion=B"),
            vec![(Cause::SourceDrift, Certain)],
        ),
        (pair(&module(machine)), vec![(Cause::OtherMachine, Certain)]),
        (
            held(
                &entropy(b"\x90\x90\x90\x90\0\0\0\0\xc3"),
                &entropy(b"\x90\x90\x91\x92\0\0\0\0\xc3"),
            ),
            vec![(Cause::LatentEntropySeed, Likely)],
        ),
        (
            held(&with_types(types(false, 8)), &with_types(types(true, 8))),
            vec![(Cause::BtfOrder, Certain)],
        ),
        (
            held(&with_types(types(false, 8)), &with_types(types(false, 16))),
            vec![(Cause::PaholeVersion, Likely)],
        ),
        (
            pair(&with_types(types(false, 8))),
            vec![(Cause::BtfPresence, Certain)],
        ),
        (
            held(&ordered(false), &ordered(true)),
            vec![(Cause::LinkOrder, Likely)],
        ),
        (
            held(
                &data(&[0x11, 0x92, 0xa3, 0x54]),
                &data(&[0xc5, 0x26, 0x37, 0xe8]),
            ),
            vec![(Cause::RandomBytes, Likely)],
        ),
        (
            held(
                &data(&1_763_711_000_u32.to_le_bytes()),
                &data(&1_771_313_250_u32.to_le_bytes()),
            ),
            vec![(Cause::ClockGenerated, Likely)],
        ),
        // A number that could be anything, such as one that counts seconds only by chance, words of no
        // meaning, code of another size.
        (
            held(&told(b"at2i\0\0\0\0"), &told(b"at1i\0\0\0\0")),
            vec![(Cause::Unexplained, Certain)],
        ),
        (
            held(&data(&[1]), &data(&[2])),
            vec![(Cause::Unexplained, Certain)],
        ),
        (
            texts("first", "second"),
            vec![(Cause::Unexplained, Certain)],
        ),
        (
            pair(&changed(".text", b"other")),
            vec![(Cause::Unexplained, Certain)],
        ),
    ]
}

#[test]
fn bytes_name_their_causes() {
    for (number, (pair, expected)) in by_bytes().into_iter().enumerate() {
        let found = named(&pair, &Context::default());
        assert_eq!(found, expected, "pair {number}: {:#?}", pair.places);
    }
}

/// Returns texts that the surroundings of two builds tell apart, and the axes that they name.
fn by_surroundings() -> Vec<(&'static str, &'static str, Cause)> {
    vec![
        ("at reference", "at rebuild-1", Cause::HostName),
        ("of build", "of rebuilder1", Cause::User),
        ("/build/home/x", "/build/homes/of-rebuild-1/x", Cause::Home),
        ("in C.UTF-8", "in tr_TR.UTF-8", Cause::Locale),
        ("UTC0", "KMX-13:30", Cause::TimeZone),
        ("noise: ", "noise: attempt 1", Cause::Environment),
        ("on 6.1.0-9", "on 2.6.61-9", Cause::KernelOfTheMachine),
        (
            "/build/module",
            "/build/rebuild-1/a/longer/path/to/the-same.source",
            Cause::BuildPathGenerated,
        ),
        ("", "/kmatrix/elsewhere-1", Cause::HeaderPath),
        ("Nov 21 2026", "Jan 31 2028", Cause::ClockCode),
    ]
}

#[test]
fn values_of_the_surroundings_are_certain() {
    let one = "home /build/home\nkernel 6.1.0-9\nbuild-path /build/module\nclock 1795219200\n";
    let two = "home /build/homes/of-rebuild-1\nkernel 2.6.61-9\nclock 1832976000\n\
        build-path /build/rebuild-1/a/longer/path/to/the-same.source\n";
    let (one, two) = (surroundings(0, one), surroundings(1, two));
    let context = Context {
        surroundings: Some((&one, &two)),
        same_source: true,
        ..Context::default()
    };
    for (first, second, cause) in by_surroundings() {
        let pair = held(&says(&format!("x {first}")), &says(&format!("x {second}")));
        let found = named(&pair, &context);
        assert_eq!(found, [(cause, Confidence::Certain)], "{first} | {second}");
    }
}

#[test]
fn what_only_follows_is_no_cause() {
    let other = |path: &str, id: u8, srcversion: &str| {
        with(Form::AMD64, |all| {
            all[2].data = format!("hello\0{path}\0").into_bytes();
            all[3].data = format!("license=GPL\0srcversion={srcversion}\0").into_bytes();
            all[5].data = build_id_note(Form::AMD64, &[id; 20]);
            all.push(Piece::plain(".BTF", types(false, id.into())));
        })
    };
    let pair = held(&other("in /a/b/m", 1, "A"), &other("in /c/d/e/m", 2, "B"));
    assert_eq!(
        named(&pair, &Context::default()),
        [(Cause::BuildPathGenerated, Confidence::Likely)]
    );
}

#[test]
fn headers_of_another_kernel_stand_elsewhere_in_what_debuggers_are_told() {
    let built_for = |release: &str| {
        with(Form::AMD64, |all| {
            all[3].data = format!("license=GPL\0vermagic={release}-cloud SMP\0").into_bytes();
            let path = format!("/usr/src/linux-headers-{release}/include/linux/a.h\0");
            all.push(Piece::plain(".debug_str", path.as_bytes()).flags(0x30));
        })
    };
    let pair = held(&built_for("6.1.0-9"), &built_for("6.1.0-10"));
    assert_eq!(
        named(&pair, &Context::default()),
        [(Cause::KernelDrift, Confidence::Certain)]
    );
}

/// The cause that an inquiry's axis gives to bytes of no meaning.
fn by_axis(axis: Axis) -> (Vec<Named>, Vec<Named>) {
    let data = |byte: u8| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".data", [byte]));
        })
    };
    let pair = held(&data(1), &data(2));
    let answer = Answer::Axes {
        sets: vec![[axis].into_iter().collect()],
        agreeing: 3,
    };
    let context = Context {
        answer: Some(&answer),
        ..Context::default()
    };
    (causes(&pair, &Context::default()), causes(&pair, &context))
}

#[test]
fn an_inquiry_gives_a_name_to_what_bytes_do_not_tell() {
    for axis in Axis::ALL {
        let (before, behind) = by_axis(axis);
        assert_eq!(before[0].cause, Cause::Unexplained);
        let [only] = behind.as_slice() else {
            panic!("{behind:?}");
        };
        assert_eq!(only.cause, Cause::of_axis(axis));
        assert_eq!(only.confidence, Confidence::Certain);
        assert_eq!(only.evidence, before[0].evidence);
    }
}

#[test]
fn what_is_not_accounted_for_stays_unexplained() {
    let (before, _) = by_axis(Axis::User);
    let sets = |axes: &[Axis]| Answer::Axes {
        sets: axes
            .iter()
            .map(|axis| [*axis].into_iter().collect())
            .collect(),
        agreeing: 3,
    };
    for answer in [
        sets(&[Axis::User, Axis::Clock]),
        Answer::Same,
        Answer::Noise {
            differing: 1,
            of: 1,
        },
        Answer::Unsteady { axes: Axis::all() },
    ] {
        assert_eq!(
            blame(before.clone(), &answer, &Lines::default())[0].cause,
            Cause::Unexplained
        );
    }
}

#[test]
fn lines_of_the_source_tell_causes_apart() {
    for (named, line, expected) in named_by_lines() {
        assert_eq!(named[0].cause, expected);
        if expected.entry().rules.contains(&line.rule.as_str()) {
            assert_eq!(named[0].source.as_ref(), Some(&line));
        }
    }
}

#[test]
fn what_differs_now_and_then_is_what_the_source_throws() {
    let (order, text) = (
        held(&ordered(false), &ordered(true)),
        held(&says("steady"), &says("1f0c9a3b")),
    );
    let answers = [
        Answer::Noise {
            differing: 1,
            of: 1,
        },
        Answer::Unsteady { axes: Axis::all() },
    ];
    for (rules, expected) in [
        (&["random"][..], [Cause::LinkOrder, Cause::RandomBytes]),
        (
            &["random", "clock-in-script"],
            [Cause::LinkOrder, Cause::Unexplained],
        ),
        (&[], [Cause::LinkOrder, Cause::Unexplained]),
    ] {
        let lines: Vec<Suspicion> = rules.iter().map(|rule| line(rule, "x")).collect();
        for (pair, expected) in [&order, &text].into_iter().zip(expected) {
            for answer in &answers {
                let named = blame(
                    causes(pair, &Context::default()),
                    answer,
                    &of_source(&lines),
                );
                let is_raced = rules != ["random"] && matches!(answer, Answer::Noise { .. });
                let expected = match expected {
                    Cause::LinkOrder if is_raced => Cause::LinkOrderParallel,
                    other => other,
                };
                assert_eq!(named[0].cause, expected, "{rules:?} {answer:?}");
            }
        }
    }
}

#[test]
fn a_clock_that_only_code_takes_in_is_the_compilers() {
    let (before, _) = by_axis(Axis::Clock);
    let answer = Answer::Axes {
        sets: vec![[Axis::Clock].into_iter().collect()],
        agreeing: 3,
    };
    let code = line("clock-in-code", "__DATE__[9]");
    let script = line("clock-in-script", "$(shell date)");
    for (lines, expected) in [
        (vec![code.clone()], Cause::ClockCode),
        (vec![code, script], Cause::ClockGenerated),
        (vec![], Cause::ClockGenerated),
    ] {
        assert_eq!(
            blame(before.clone(), &answer, &of_source(&lines))[0].cause,
            expected
        );
    }
}

#[test]
fn each_set_of_axes_is_blamed_for_what_it_shows_by_itself() {
    let path = |mode: &str| says(&format!("/build/module{mode}"));
    let named = |second: &[u8]| causes(&held(&path("0022"), second), &Context::default());
    let axes = |all: &[Axis]| all.iter().copied().collect::<BTreeSet<Axis>>();
    let (mode, place) = (axes(&[Axis::Umask]), axes(&[Axis::BuildPath]));
    // A mode behind a path looks like a path.
    let of_mode = named(&path("0077"));
    assert_eq!(of_mode[0].cause, Cause::BuildPathGenerated);
    let of_place = named(&says("/build/elsewhere/module0022"));
    let of_both = named(&says("/build/elsewhere/module0077"));
    let both = &mode | &place;
    let rebuilds = [
        (&both, of_both.as_slice()),
        (&mode, of_mode.as_slice()),
        (&place, of_place.as_slice()),
    ];
    let answer = Answer::Axes {
        sets: vec![mode.clone(), place.clone()],
        agreeing: 3,
    };
    let found = |rebuilds: &[OfRebuild<'_>]| -> BTreeSet<Cause> {
        let named = blame_each(rebuilds, &answer, &Lines::default());
        named.into_iter().map(|named| named.cause).collect()
    };
    assert_eq!(
        found(&rebuilds),
        BTreeSet::from([Cause::BuildPathGenerated, Cause::Umask])
    );
    // Of what was not varied by itself nothing is known but how it looks.
    assert_eq!(
        found(&rebuilds[..1]),
        BTreeSet::from([Cause::BuildPathGenerated])
    );
}

/// Returns pairs that only the lines of their source or an answer tell apart from another cause.
fn by_lines() -> Vec<(Differences, Suspicion, Option<Answer>, Cause)> {
    let order = || held(&ordered(false), &ordered(true));
    let text = held(&says("first"), &says("second"));
    let noise = Answer::Noise {
        differing: 1,
        of: 1,
    };
    vec![
        (
            order(),
            line("file-order", "m-y := $(wildcard *.o)"),
            None,
            Cause::LinkOrderWildcard,
        ),
        (
            order(),
            line("file-order", "m-y := $(shell find . -name x)"),
            None,
            Cause::LinkOrderReaddir,
        ),
        (
            order(),
            line("build-path", "x := $(PWD)"),
            Some(noise),
            Cause::LinkOrderParallel,
        ),
        (text, line("network", "curl x"), None, Cause::NetworkContent),
    ]
}

/// Returns what naming says of each pair of [`by_lines`].
fn named_by_lines() -> Vec<(Vec<Named>, Suspicion, Cause)> {
    let each = by_lines()
        .into_iter()
        .map(|(pair, line, answer, expected)| {
            let lines = [line];
            let context = Context {
                lines: of_source(&lines),
                same_source: true,
                open: true,
                answer: answer.as_ref(),
                ..Context::default()
            };
            let named = causes(&pair, &context);
            let [line] = lines;
            (named, line, expected)
        });
    each.collect()
}

#[test]
fn commands_name_options_and_bear_out_what_bytes_show() {
    let changed = |kind, first: &str, second: &str| Changed {
        object: "main.o".to_owned(),
        kind,
        first: Some(first.to_owned()),
        second: Some(second.to_owned()),
    };
    let code = held(
        &module(Form::AMD64),
        &with(Form::AMD64, |all| all[0].data = b"other".to_vec()),
    );
    // A compiler that names itself is the same by its own word, whatever it is called by.
    let unnamed = |code: &'static [u8]| {
        with(Form::AMD64, |all| {
            all[0].data = code.to_vec();
            let named = all.iter_mut().filter(|piece| piece.name == ".comment");
            named.for_each(|piece| piece.data = Vec::new());
        })
    };
    let silent = held(&unnamed(b"one"), &unnamed(b"other"));
    let text = held(&says("x first"), &says("x second"));
    let host = held(&says("at reference"), &says("at rebuild-1"));
    let (one, two) = (surroundings(0, ""), surroundings(1, ""));
    let source = [
        line("clock-in-script", "X := $(shell date)"),
        line("host-name", "ccflags-y += -DHOST=$(shell uname -n)"),
        line("options", "ccflags-y += -O$(LEVEL)"),
    ];
    use Confidence::{Certain, Likely};
    for (pair, commands, expected, from) in [
        (
            &code,
            changed(WordKind::Flag, "-O1", "-O3"),
            (Cause::CompilerFlags, Certain),
            Some(2),
        ),
        (
            &silent,
            changed(WordKind::Tool, "gcc-12", "gcc-13"),
            (Cause::CompilerVersion, Likely),
            None,
        ),
        (
            &text,
            changed(WordKind::Definition, "-DX=first", "-DX=second"),
            (Cause::CompilerFlags, Likely),
            Some(2),
        ),
        (
            &code,
            changed(WordKind::Definition, "-DHOST=reference", "-DHOST=rebuild-1"),
            (Cause::HostName, Certain),
            Some(1),
        ),
        (
            &host,
            changed(WordKind::Definition, "-DHOST=reference", "-DHOST=rebuild-1"),
            (Cause::HostName, Certain),
            Some(1),
        ),
        (
            &code,
            changed(WordKind::Tool, "gcc-12", "ccache"),
            (Cause::Unexplained, Certain),
            None,
        ),
        // Where something is says nothing of what it is.
        (
            &code,
            changed(WordKind::Path, "/a/m.c", "/b/m.c"),
            (Cause::Unexplained, Certain),
            None,
        ),
        (
            &text,
            changed(WordKind::Flag, "-O1", "-O3"),
            (Cause::Unexplained, Certain),
            None,
        ),
    ] {
        let commands = [commands];
        let context = Context {
            surroundings: Some((&one, &two)),
            lines: of_source(&source),
            commands: &commands,
            same_source: true,
            ..Context::default()
        };
        let named = causes(pair, &context);
        let [only] = named.as_slice() else {
            panic!("{named:#?}");
        };
        assert_eq!((only.cause, only.confidence), expected, "{commands:?}");
        assert_eq!(
            only.source.as_ref(),
            from.map(|at: usize| &source[at]),
            "{commands:?}"
        );
        let is_shown = only
            .evidence
            .iter()
            .any(|evidence| evidence.place == "command of main.o");
        assert_eq!(is_shown, only.cause != Cause::Unexplained, "{only:#?}");
    }
}

#[test]
fn options_that_an_axis_changes_are_its_doing() {
    let (one, two) = (module(Form::AMD64), changed(".text", b"other"));
    let commands = [Changed {
        object: "main.o".to_owned(),
        kind: WordKind::Flag,
        first: Some("-O1".to_owned()),
        second: Some("-O3".to_owned()),
    }];
    let answer = Answer::Axes {
        sets: vec![[Axis::Cpus].into_iter().collect()],
        agreeing: 3,
    };
    let context = Context {
        commands: &commands,
        answer: Some(&answer),
        same_source: true,
        ..Context::default()
    };
    let found = named(&held(&one, &two), &context);
    assert_eq!(found, [(Cause::CpuCount, Confidence::Certain)]);
}

#[test]
fn commands_that_ask_the_network_are_blamed_only_where_one_could_be_reached() {
    let pair = held(&says("first"), &says("second"));
    let signs = [Sign {
        rule: "network-in-command".to_owned(),
        object: "list.o".to_owned(),
        word: "curl".to_owned(),
        others: 0,
    }];
    let commands = [Changed {
        object: "main.o".to_owned(),
        kind: WordKind::Definition,
        first: Some("-DLIST=first".to_owned()),
        second: Some("-DLIST=second".to_owned()),
    }];
    let asks = &signs[..];
    for (signs, open, commands, expected) in [
        ([asks, asks], true, &[][..], Cause::NetworkContent),
        ([asks, &[]], true, &[], Cause::NetworkContent),
        ([asks, asks], false, &[], Cause::Unexplained),
        ([&[], &[]], true, &[], Cause::Unexplained),
        // What differs in the commands themselves is nearer.
        ([asks, asks], true, &commands, Cause::CompilerFlags),
    ] {
        let context = Context {
            signs,
            commands,
            open,
            same_source: true,
            ..Context::default()
        };
        let found = causes(&pair, &context);
        let [only] = &found[..] else {
            panic!("one cause: {found:#?}");
        };
        assert_eq!(only.cause, expected, "{found:#?}");
        let mut shown = only.evidence.iter();
        let shown = shown.find(|evidence| evidence.place == "command of list.o");
        assert_eq!(shown.is_some(), expected == Cause::NetworkContent);
        if let Some(shown) = shown {
            let words = [&shown.first, &shown.second].map(Option::is_some);
            assert_eq!(words, signs.map(|signs| !signs.is_empty()));
        }
    }
}

/// Pairs of what bytes alone name that [`by_bytes`] has no place for: each differs as its row in
/// `tests/causes.rs` does.
fn by_texts() -> Vec<(Differences, Cause)> {
    let debug = |text: &[u8]| {
        with(Form::AMD64, |all| {
            all.push(Piece::plain(".debug_line_str", text).flags(0x30));
        })
    };
    let packed = |time: u8| {
        with(Form::AMD64, |all| {
            let gzip = [
                0x1f, 0x8b, 8, 0, time, 0, 0x21, 0x69, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ];
            all.push(Piece::plain(".data", gzip));
        })
    };
    vec![
        (
            held(&debug(b"/a/m/main.c\0"), &debug(b"/b/c/m/main.c\0")),
            Cause::BuildPathDebug,
        ),
        (held(&packed(1), &packed(2)), Cause::ClockArchive),
        (
            held(&says("v1-2-g0123456"), &says("v1-3-gfedcba9")),
            Cause::RepositoryState,
        ),
        (
            held(&says("on 2026-11-21"), &says("on 2028-01-31")),
            Cause::ClockGenerated,
        ),
    ]
}

/// Returns every cause that naming comes to for what is planted here: what it says, and not what a
/// table expects.
fn produced() -> BTreeSet<Cause> {
    let mut produced = BTreeSet::new();
    let mut add = |named: Vec<Named>| produced.extend(named.into_iter().map(|named| named.cause));
    let pairs = by_bytes().into_iter().map(|(pair, _)| pair);
    for pair in pairs.chain(by_texts().into_iter().map(|(pair, _)| pair)) {
        add(causes(&pair, &Context::default()));
    }
    for (named, _, _) in named_by_lines() {
        add(named);
    }
    for axis in Axis::ALL {
        add(by_axis(axis).1);
    }
    let answer = Answer::Axes {
        sets: vec![[Axis::Clock].into_iter().collect()],
        agreeing: 3,
    };
    let code = [line("clock-in-code", "__DATE__[9]")];
    add(blame(by_axis(Axis::Clock).0, &answer, &of_source(&code)));
    produced
}

#[test]
fn every_cause_has_a_test_that_produces_it() {
    for (pair, expected) in by_texts() {
        let found = named(&pair, &Context::default());
        assert!(
            found.iter().any(|(cause, _)| *cause == expected),
            "{found:?}"
        );
    }
    let produced = produced();
    let missing: Vec<&str> = CATALOGUE
        .iter()
        .filter(|entry| !produced.contains(&entry.cause))
        .map(|entry| entry.id)
        .collect();
    assert!(missing.is_empty(), "nothing produces {missing:?}");
}

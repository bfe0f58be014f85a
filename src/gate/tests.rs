//! Each gate, passed, failed and without what it needs.

use super::*;
use crate::ko::SHF_COMPRESSED;
use crate::ko::testing::{Form, Piece, module, pieces};

const SYMVERS: &str = "0x00000007\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x00000003\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x00000008\tsecret\tdrivers/x\tEXPORT_SYMBOL_GPL\tX\n";

fn symvers() -> Symvers {
    Symvers::parse(SYMVERS.as_bytes()).expect("a list")
}

fn target<'a>(symvers: Option<&'a Symvers>) -> Target<'a> {
    Target {
        machine: 62,
        kernel_release: "6.12.1-x",
        symvers,
        beside: &[],
        needed: &Needed::Nothing,
        directories: &["/build/"],
    }
}

/// Writes the CRCs that a module wants its symbols to have.
fn versions(all: &[(&str, u32)]) -> Vec<u8> {
    let mut table = Vec::new();
    for (name, crc) in all {
        let end = table.len() + 64;
        table.extend(Form::AMD64.long(*crc));
        table.extend(name.bytes());
        table.resize(end, 0);
    }
    table
}

/// Returns the module of the tests, with the versions of its symbols and one thing changed.
fn with(change: impl FnOnce(&mut Vec<Piece>)) -> Vec<u8> {
    let mut all = pieces(Form::AMD64);
    all.push(Piece::plain("__versions", versions(&[("printk", 7)])));
    change(&mut all);
    Form::AMD64.file(&all)
}

fn replaced(name: &'static str, data: &[u8]) -> Vec<u8> {
    with(|all| {
        let piece = all.iter_mut().find(|piece| piece.name == name);
        piece.expect("it is there").data = data.to_vec();
    })
}

fn verdict(bytes: &[u8], gate: Gate, target: &Target<'_>) -> GateResult {
    let all = examine(bytes, target);
    all.into_iter()
        .find(|result| result.gate == gate)
        .expect("every gate has a result")
}

#[test]
fn a_sound_module_passes_every_gate() {
    let symvers = symvers();
    for result in examine(&with(|_| {}), &target(Some(&symvers))) {
        assert_eq!(result.verdict, Verdict::Passed, "{result:?}");
    }
}

#[test]
fn each_gate_fails_for_what_it_is_there_for() {
    let symvers = symvers();
    let wrong_crc = versions(&[("printk", 9)]);
    let modinfo = |text: &str| replaced(".modinfo", text.as_bytes());
    for (gate, bytes, evidence) in [
        (Gate::Elf, module(Form::ALL[2]), "its machine is 40"),
        (
            Gate::Elf,
            module(Form {
                wide: false,
                ..Form::AMD64
            }),
            "its class is not the target's",
        ),
        (
            Gate::Symbols,
            replaced(
                "__versions",
                &versions(&[("printk", 7), ("module_layout", 4)]),
            ),
            "`module_layout` has another CRC",
        ),
        (
            Gate::Vermagic,
            modinfo("license=GPL\0vermagic=6.12.1-y SMP \0"),
            "`6.12.1-y SMP`",
        ),
        (Gate::Vermagic, modinfo("license=GPL\0"), "no vermagic"),
        (
            Gate::Symbols,
            replaced("__versions", &wrong_crc),
            "0x00000009",
        ),
        (
            Gate::Symbols,
            replaced("__versions", b""),
            "`printk` has no CRC",
        ),
        (
            Gate::Symbols,
            replaced(".strtab", b"\0start\0prontk\0"),
            "`prontk` is not exported",
        ),
        (
            Gate::Symbols,
            replaced(".strtab", b"\0start\0secret\0"),
            "namespace `X`",
        ),
        (Gate::Licence, modinfo("vermagic=6.12.1-x \0"), "no licence"),
        (
            Gate::Licence,
            with(|all| {
                all[3].data = b"license=Proprietary\0".to_vec();
                all[7].data = b"\0start\0secret\0".to_vec();
            }),
            "`secret` is for modules under the GPL",
        ),
        (
            Gate::WritableCode,
            with(|all| all[0].flags |= 1),
            "`.text` can be",
        ),
        (
            Gate::BuildPaths,
            replaced(".rodata.str1.1", b"hello\0/build/module/x.c\0"),
            "+0x6: `/build/module/x.c`",
        ),
    ] {
        let found = verdict(&bytes, gate, &target(Some(&symvers)));
        assert_eq!(found.verdict, Verdict::Failed, "{gate}: {found:?}");
        assert!(
            found.evidence.iter().any(|line| line.contains(evidence)),
            "{gate}: {found:?}"
        );
    }
}

#[test]
fn what_is_missing_makes_a_gate_unknown() {
    let bytes = with(|_| {});
    let found = verdict(&bytes, Gate::Symbols, &target(None));
    assert_eq!(found.verdict, Verdict::Unknown);
    let symvers = symvers();
    let wants_other = replaced(".strtab", b"\0start\0prontk\0");
    let with_needed = Target {
        needed: &Needed::Unread,
        ..target(Some(&symvers))
    };
    let found = verdict(&wants_other, Gate::Symbols, &with_needed);
    assert_eq!(found.verdict, Verdict::Unknown);
    let packed = with(|all| {
        all.push(Piece::plain(".debug_line", *b"x").flags(SHF_COMPRESSED));
    });
    for gate in [Gate::BuildPaths, Gate::Secrets] {
        let found = verdict(&packed, gate, &target(None));
        assert_eq!(found.verdict, Verdict::Unknown, "{found:?}");
        assert!(
            found.evidence[0].starts_with("`.debug_line` is compressed and was not looked through"),
            "{found:?}"
        );
    }
    let proprietary = replaced(".modinfo", b"license=Proprietary\0vermagic=6.12.1-x \0");
    let found = verdict(&proprietary, Gate::Licence, &target(None));
    assert_eq!(found.verdict, Verdict::Unknown);
    for result in examine(b"no module", &target(None)) {
        assert_eq!(result.verdict, Verdict::Unknown);
    }
}

#[test]
fn modules_of_one_build_may_use_each_other() {
    let symvers = symvers();
    let beside = ["prontk".to_owned()];
    let bytes = replaced(".strtab", b"\0start\0prontk\0");
    let among = Target {
        beside: &beside,
        ..target(Some(&symvers))
    };
    assert_eq!(
        verdict(&bytes, Gate::Symbols, &among).verdict,
        Verdict::Passed
    );
    let exports = replaced(".strtab", b"\0start\0__ksymtab_a\0");
    assert_eq!(exported(&exports), ["a"]);
}

/// One of each form that counts as a secret, and what it is.
fn secrets() -> Vec<(String, &'static str)> {
    let long = |count| "a1B2c3D4".repeat(count);
    let upper = "A1B2C3D4E5F6G7H8";
    let dashes = "-----";
    let key = |of: &str| format!("{dashes}BEGIN {of}PRIVATE KEY{dashes}");
    let mut all = Vec::new();
    for of in ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "] {
        all.push((key(of), "a private key"));
    }
    all.push((
        format!("{dashes}BEGIN PGP PRIVATE KEY BLOCK{dashes}"),
        "a private key",
    ));
    for begin in ["AKIA", "ASIA"] {
        all.push((format!("{begin}{upper}"), "an access key of AWS"));
    }
    for begin in ["ghp", "gho", "ghu", "ghs", "ghr"] {
        let rest = &long(5)[..36];
        all.push((format!("{begin}_{rest}"), "a token of GitHub"));
    }
    all.push((format!("github_pat_{}", long(8)), "a token of GitHub"));
    all.push((format!("glpat-{}", &long(3)[..20]), "a token of GitLab"));
    for kind in ["a", "b", "p", "r", "s"] {
        all.push((format!("xox{kind}-{}", long(2)), "a token of Slack"));
    }
    let rest = &long(5)[..35];
    all.push((format!("AIza{rest}"), "a key of a Google API"));
    all.push((format!("npm_{}", &long(5)[..36]), "a token of npm"));
    let parts = format!("eyJ{0}.eyJ{0}.{0}", long(2));
    all.push((parts, "a JSON web token"));
    all
}

#[test]
fn every_form_of_a_secret_is_found_and_what_is_shorter_is_none() {
    for (secret, what) in secrets() {
        let text = format!("see {secret} there\0");
        let bytes = replaced(".rodata.str1.1", text.as_bytes());
        let found = verdict(&bytes, Gate::Secrets, &target(None));
        assert_eq!(found.verdict, Verdict::Failed, "{secret}");
        assert_eq!(found.evidence, [format!(".rodata.str1.1+0x4: {what}")]);
        let cut = &secret[..secret.len() - 1];
        let is_open_ended = ["github_pat_", "xox", "eyJ"]
            .iter()
            .any(|b| secret.starts_with(b));
        if !is_open_ended {
            let bytes = replaced(".rodata.str1.1", format!("{cut}\0").as_bytes());
            let found = verdict(&bytes, Gate::Secrets, &target(None));
            assert_eq!(found.verdict, Verdict::Passed, "{cut}");
        }
    }
    let kinds: std::collections::BTreeSet<&str> = secrets().iter().map(|(_, what)| *what).collect();
    assert_eq!(kinds.len(), 8, "both forms of GitHub's are one kind");
}

#[test]
fn what_is_compressed_is_looked_through() {
    use std::io::Write;

    let token = format!("npm_{} /build/x.c", "z9".repeat(18));
    let mut data = [1_u32, 0].map(u32::to_le_bytes).concat();
    data.extend((token.len() as u64).to_le_bytes());
    data.extend(1_u64.to_le_bytes());
    let mut encoder = flate2::write::ZlibEncoder::new(data, Default::default());
    encoder.write_all(token.as_bytes()).expect("memory");
    let data = encoder.finish().expect("memory");
    let packed = with(|all| {
        all.push(Piece::plain(".debug_str", data).flags(SHF_COMPRESSED));
    });
    for (gate, evidence) in [
        (Gate::Secrets, ".debug_str+0x0: a token of npm"),
        (Gate::BuildPaths, ".debug_str+0x29: `/build/x.c`"),
    ] {
        let found = verdict(&packed, gate, &target(None));
        assert_eq!(found.verdict, Verdict::Failed, "{gate}");
        assert_eq!(found.evidence, [evidence]);
    }
}

#[test]
fn what_loading_taints_is_said() {
    let symvers = symvers();
    for (fields, taints) in [
        ("license=GPL", "O (out of tree)"),
        ("license=GPL\0intree=Y", "nothing"),
        ("license=GPL\0intree=Y\0staging=Y", "C (staging)"),
        ("license=Proprietary\0intree=Y", "P (proprietary)"),
        (
            "license=Proprietary\0staging=Y",
            "P (proprietary), O (out of tree), C (staging)",
        ),
        // One that is not compatible is enough.
        (
            "license=GPL\0license=BSD",
            "P (proprietary), O (out of tree)",
        ),
    ] {
        let text = format!("{fields}\0vermagic=6.12.1-x \0");
        let bytes = replaced(".modinfo", text.as_bytes());
        let found = verdict(&bytes, Gate::Licence, &target(Some(&symvers)));
        assert_eq!(found.verdict, Verdict::Passed, "{found:?}");
        let end = format!("; loading it taints: {taints}");
        assert!(found.evidence[0].ends_with(&end), "{found:?}");
    }
}

#[test]
fn symbols_of_needed_modules_count_like_the_kernels() {
    let symvers = symvers();
    let exports = |text: &str| {
        let parsed = Symvers::parse(text.as_bytes()).expect("a list");
        Needed::Exports(Box::new(parsed))
    };
    let wants_prontk = with(|all| {
        all[7].data = b"\0start\0prontk\0".to_vec();
        let piece = all.iter_mut().find(|piece| piece.name == "__versions");
        piece.expect("it is there").data = versions(&[("prontk", 5)]);
    });
    for (needed, verdict_of_it) in [
        (
            exports("0x5\tprontk\tbase\tEXPORT_SYMBOL\t\n"),
            Verdict::Passed,
        ),
        (
            exports("0x6\tprontk\tbase\tEXPORT_SYMBOL\t\n"),
            Verdict::Failed,
        ),
        (
            exports("0x5\tother\tbase\tEXPORT_SYMBOL\t\n"),
            Verdict::Failed,
        ),
        (Needed::Nothing, Verdict::Failed),
        (Needed::Unread, Verdict::Unknown),
    ] {
        let among = Target {
            needed: &needed,
            ..target(Some(&symvers))
        };
        let found = verdict(&wants_prontk, Gate::Symbols, &among);
        assert_eq!(found.verdict, verdict_of_it, "{found:?}");
    }
}

#[test]
fn a_secret_is_never_told() {
    let token = format!("ghp_{}", "z9".repeat(18));
    let bytes = replaced(".rodata.str1.1", format!("{token}\0").as_bytes());
    let found = verdict(&bytes, Gate::Secrets, &target(None));
    assert!(!format!("{found:?}").contains("z9z9"), "{found:?}");
}

#[test]
fn paths_that_only_end_so_are_none_of_the_build() {
    for (text, expected) in [
        (&b"a/build/x\0"[..], Verdict::Passed),
        (b"../build/x\0", Verdict::Passed),
        (b"-I=/build/x\0", Verdict::Failed),
        (b"\"/build/x\"\0", Verdict::Failed),
    ] {
        let bytes = replaced(".rodata.str1.1", text);
        let found = verdict(&bytes, Gate::BuildPaths, &target(None));
        assert_eq!(found.verdict, expected, "{text:?}");
    }
}

#[test]
fn lists_that_are_none_are_refused() {
    assert!(!symvers().get("printk").expect("it is there").gpl_only);
    for (text, line) in [
        ("printk\n", 1),
        ("0x1\ta\tb\tc\nx\ta\tb\tc\n", 2),
        ("0x1\ta\tb\n", 1),
    ] {
        assert_eq!(
            Symvers::parse(text.as_bytes()).map(drop),
            Err(SymversError::BadLine(line)),
            "{text}"
        );
    }
}

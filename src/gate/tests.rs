//! Each gate, passed, failed and without what it needs.

use super::*;
use crate::ko::testing::{Form, Piece, module, pieces};

const SYMVERS: &str = "0x00000007\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
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
        has_needed: false,
        directories: &["/build/"],
    }
}

/// Returns the module of the tests, with the versions of its symbols and one thing changed.
fn with(change: impl FnOnce(&mut Vec<Piece>)) -> Vec<u8> {
    let mut all = pieces(Form::AMD64);
    let mut version = Form::AMD64.long(7);
    version.extend(b"printk");
    version.resize(64, 0);
    all.push(Piece::plain("__versions", version));
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
    let mut wrong_crc = Form::AMD64.long(9);
    wrong_crc.extend(b"printk");
    wrong_crc.resize(64, 0);
    let modinfo = |text: &str| replaced(".modinfo", text.as_bytes());
    let key = b"-----BEGIN RSA PRIVATE KEY-----\0";
    for (gate, bytes, evidence) in [
        (Gate::Elf, module(Form::ALL[2]), "its machine is 40"),
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
        (
            Gate::Secrets,
            replaced(".rodata.str1.1", key),
            "a private key",
        ),
        (
            Gate::Secrets,
            replaced(
                ".rodata.str1.1",
                format!("ghp_{}\0", "a1".repeat(18)).as_bytes(),
            ),
            "a token of GitHub",
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
        has_needed: true,
        ..target(Some(&symvers))
    };
    let found = verdict(&wants_other, Gate::Symbols, &with_needed);
    assert_eq!(found.verdict, Verdict::Unknown);
    let packed = with(|all| {
        all.push(Piece::plain(".debug_line", *b"x").flags(crate::ko::SHF_COMPRESSED));
    });
    let found = verdict(&packed, Gate::BuildPaths, &target(None));
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

use super::*;

/// Returns the rules and words that one line shows.
fn signs(line: &str) -> Vec<(String, String)> {
    let commands = Commands::read(format!("{line}\nend\n").as_bytes(), "/build/module");
    assert!(commands.whole, "{line}");
    let signs = commands.signs.into_iter();
    signs.map(|sign| (sign.rule, sign.word)).collect()
}

#[test]
fn each_rule_has_a_command_that_it_finds() {
    let mut seen = Vec::new();
    for (line, rule, word) in [
        (
            "cmd_m.o := gcc -fplugin=./scripts/gcc-plugins/latent_entropy_plugin.so -c -o m.o m.c",
            "unseeded",
            "-fplugin=./scripts/gcc-plugins/latent_entropy_plugin.so",
        ),
        (
            "cmd_m.o := gcc -fplugin=/a/own.so -c m.c",
            "unseeded",
            "-fplugin=/a/own.so",
        ),
        (
            "cmd_m.o := clang -fpass-plugin=p.so -c m.c",
            "unseeded",
            "-fpass-plugin=p.so",
        ),
        (
            "cmd_m.o := x-gcc-12 -flto=auto -c m.c",
            "unseeded",
            "-flto=auto",
        ),
        (
            "cmd_m.o := gcc -c m.c; gcc --coverage -c m.c",
            "unseeded",
            "--coverage",
        ),
        (
            "cmd_m.o := gcc -fplugin=./x/randomize_layout_plugin.so -c m.c",
            "layout-seed",
            "-fplugin=./x/randomize_layout_plugin.so",
        ),
        (
            "cmd_m.o := clang -frandomize-layout-seed-file=./randstruct.seed -c m.c",
            "layout-seed",
            "-frandomize-layout-seed-file=./randstruct.seed",
        ),
        (
            "called pahole -J -j --btf_base vmlinux m.ko",
            "threads-of-pahole",
            "-j",
        ),
        (
            "cmd_m.ko := LLVM_OBJCOPY=o /x/pahole -J --jobs=4 m.ko",
            "threads-of-pahole",
            "--jobs=4",
        ),
        (
            "cmd_m.o := gcc -Werror=date-time -Wno-error=date-time -c m.c",
            "clock-allowed",
            "-Wno-error=date-time",
        ),
        (
            "cmd_m.o := gcc -Wno-date-time -c m.c",
            "clock-allowed",
            "-Wno-date-time",
        ),
        (
            "cmd_m.o := gcc -D'AT=\"2026-11-21\"' -c m.c",
            "clock-in-command",
            "-DAT=\"2026-11-21\"",
        ),
        (
            "cmd_m.o := gcc -DAT=1795220000 -c m.c",
            "clock-in-command",
            "-DAT=1795220000",
        ),
        (
            "cmd_m.o := gcc -DAT=20261121 -c m.c",
            "clock-in-command",
            "-DAT=20261121",
        ),
        (
            "cmd_m.o := gcc -D\"AT=11:02:33\" -c m.c",
            "clock-in-command",
            "-DAT=11:02:33",
        ),
        (
            "cmd_m.o := gcc -D\"AT=Nov 21\" -c m.c",
            "clock-in-command",
            "-DAT=Nov 21",
        ),
        (
            "cmd_s.h := head -c 4 /dev/urandom > s.h",
            "random-in-command",
            "/dev/urandom",
        ),
        ("cmd_s.h := uuidgen > s.h", "random-in-command", "uuidgen"),
        (
            "cmd_s.h := echo $$RANDOM > s.h",
            "random-in-command",
            "$RANDOM",
        ),
        (
            "cmd_f.bin := set -e; curl -O there/f.bin",
            "network-in-command",
            "curl",
        ),
        (
            "cmd_f.bin := git clone there",
            "network-in-command",
            "git clone",
        ),
    ] {
        assert_eq!(signs(line), [(rule.to_owned(), word.to_owned())], "{line}");
        seen.push(rule);
    }
    for rule in &SIGNS {
        assert!(seen.contains(&rule.id), "nothing shows `{}`", rule.id);
    }
}

#[test]
fn commands_as_the_kernel_has_them_show_nothing() {
    for line in [
        "savedcmd_m.o := gcc-12 -Wp,-MMD,./.m.o.d -Werror=date-time -D__KERNEL__ \
         -DKBUILD_MODNAME='\"m\"' -ffile-prefix-map=/build/module=. -c -o m.o m.c   ; \
         ./tools/objtool/objtool --hacks=jump_label m.o",
        "cmd_m.o := gcc -fplugin=./latent_entropy_plugin.so -frandom-seed=m.o -c m.c",
        "cmd_m.o := gcc -fplugin=./x/structleak_plugin.so -fplugin-arg-structleak_plugin-v -c m.c",
        "cmd_m.o := clang -flto=thin -c m.c",
        "cmd_m.o := gcc -fno-lto -Wno-date-time -Werror=date-time -c m.c",
        "cmd_m.o := gcc -DVERSION=2.6.32 -DPORT=65535 -DMARCH=1 -DMarch -c m.c",
        "called pahole -J --btf_base vmlinux m.ko",
        "called pahole -J -j --btf_features=encode_force,+reproducible_build m.ko",
        "called pahole -J --lang_exclude=rust m.ko",
        "cmd_m.ko := ld -r -o m.ko m.o m.mod.o; make -f ./arch/x86/Makefile.postlink m.ko",
        "cmd_x := git describe; curled wget.c",
    ] {
        assert_eq!(signs(line), [], "{line}");
    }
}

#[test]
fn commands_are_counted_and_alike_signs_are_one() {
    let text = "cmd_/build/module/b.o := gcc -Wno-date-time -c b.c\n\
                cmd_/build/module/a.o := gcc -Wno-date-time -c a.c\n\
                cmd_/build/module/m.ko := ld -r -o m.ko a.o b.o\n\
                called pahole -J m.ko\nend\n";
    let commands = Commands::read(text.as_bytes(), "/build/module");
    assert_eq!((commands.count, commands.links, commands.pahole), (4, 1, 1));
    assert!(commands.whole);
    let [sign] = &commands.signs[..] else {
        panic!("{:?}", commands.signs);
    };
    assert_eq!((sign.object.as_str(), sign.others), ("a.o", 1));
    assert_eq!(sign.rule().map(|rule| rule.id), Some("clock-allowed"));

    let mut lines: Vec<&str> = text.lines().rev().collect();
    lines.rotate_left(1);
    let other = Commands::read((lines.join("\n") + "\n").as_bytes(), "/build/module");
    assert_eq!(other.signs, commands.signs, "in whichever order they come");
}

#[test]
fn what_is_cut_or_too_much_is_not_whole() {
    let many = "cmd_m.o := gcc -c m.c\n".repeat(MOST_COMMANDS + 1);
    let other_plugins: String = (0..=MOST_SIGNS)
        .map(|n| format!("cmd_m.o := gcc -fplugin={n}.so\n"))
        .collect();
    let long = format!("cmd_m.o := {}\n", "x".repeat(MOST_OF_A_LINE));
    for (text, is_whole) in [
        ("end\n".to_owned(), true),
        (String::new(), false),
        ("cmd_m.o := gcc\n".to_owned(), false),
        ("cmd_m.o := gcc\nen".to_owned(), false),
        (format!("{many}end\n"), false),
        (format!("{other_plugins}end\n"), false),
        (format!("{long}end\n"), false),
        (format!("{}end\n", "\n".repeat(MOST_BYTES)), false),
    ] {
        let commands = Commands::read(text.as_bytes(), "/build");
        let shown: String = text.chars().take(40).collect();
        assert_eq!(commands.whole, is_whole, "{shown}");
        assert!(commands.signs.len() <= MOST_SIGNS);
    }
}

#[test]
fn what_is_shown_has_no_control_characters_and_is_cut() {
    let text = format!(
        "cmd_m\u{1b}.o := gcc -fplugin=\u{1b}[31m{}\nend\n",
        "x".repeat(1000)
    );
    let commands = Commands::read(text.as_bytes(), "/build");
    let sign = &commands.signs[0];
    assert_eq!(sign.object, "m.o");
    assert!(sign.word.starts_with("-fplugin=[31mx") && sign.word.len() == MOST_OF_A_WORD);
}

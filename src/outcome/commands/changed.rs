//! In what the commands of two builds differ that compile and link the same objects.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::Command;
use super::{MOST_BYTES, MOST_COMMANDS, MOST_OF_A_LINE, plain};

/// The most words that are said to differ.
const MOST_CHANGED: usize = 200;

/// The commands of one build, as make keeps them or `build.sh` wrote them down.
#[derive(Debug, Clone)]
pub struct CommandText<'a> {
    pub text: &'a [u8],
    /// Directories that only this build has, such as where the module is built: what is below one of
    /// them counts by the rest of its path. The longest first.
    pub directories: Vec<String>,
}

/// A word in which the commands of two builds differ, or that only one has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// What the first of the commands makes, below where it is built.
    pub object: String,
    pub kind: WordKind,
    pub first: Option<String>,
    pub second: Option<String>,
}

/// What a word of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordKind {
    /// The program that is called.
    Tool,
    /// An option, which may change the bits.
    Flag,
    /// A macro: `-D` or `-U`.
    Definition,
    /// A path: where something is, and not what.
    Path,
}

/// Holds the commands of two builds against each other, object by object; what differs in several is
/// said once. Options that only warn or list dependencies are left out: they change no bits.
///
/// # Security
///
/// Whoever made the files wrote the text. Its length, lines and words are bounded, and what is shown
/// has no control characters.
pub fn changed(first: &CommandText<'_>, second: &CommandText<'_>) -> Vec<Changed> {
    let (one, two) = (read(first), read(second));
    let mut all: Vec<Changed> = Vec::new();
    for (object, words) in &one {
        let Some(others) = two.get(object) else {
            continue;
        };
        for (kind, first, second) in apart(words, others) {
            let shown = |word: Option<&Word>| word.map(|word| plain(&word.written));
            let (first, second) = (shown(first), shown(second));
            let is_known = |known: &Changed| (&known.first, &known.second) == (&first, &second);
            if all.len() < MOST_CHANGED && !all.iter().any(is_known) {
                all.push(Changed {
                    object: plain(object),
                    kind,
                    first,
                    second,
                });
            }
        }
    }
    all.sort_by_key(|changed| changed.kind);
    all
}

/// What a compiler was told for a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the kernel's makefiles tell it for every module, and the environment.
    pub kernel: Vec<String>,
    /// What this module's own do beside, each once and sorted.
    pub own: Vec<String>,
}

/// Returns the options of the commands that compiled a module, those of its kernel apart: the object of
/// `NAME.mod.c`, which the kernel build system writes and compiles for every module, is compiled with
/// no others (Linux, `scripts/Makefile.modfinal`; before 5.10 `Makefile.modpost`). `None` if there is no
/// such object, or no other.
pub fn options(text: &CommandText<'_>) -> Option<Options> {
    let all = read(text);
    let is_compiled = |words: &[Word]| words.iter().any(|word| word.written == "-c");
    let (of_kernel, own): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|(object, words)| object.ends_with(".o") && is_compiled(words))
        .partition(|(object, _)| object.ends_with(".mod.o"));
    let kernel = counted(of_kernel.first()?.1);
    own.first()?;
    let own = own
        .into_iter()
        .flat_map(|(_, words)| without(&counted(words), &kernel));
    let mut more: Vec<String> = own.map(|word| plain(&word.below)).collect();
    more.sort_unstable();
    more.dedup();
    let kernel = kernel.into_iter().map(|word| word.below.clone()).collect();
    Some(Options { kernel, own: more })
}

/// Returns what a command that make keeps makes, and the objects and lists of objects (`@FILE`) that it
/// takes; `None` for a line that is no command.
pub fn parts_of(line: &str) -> Option<(String, Vec<String>)> {
    let command = Command::read(line).filter(|_| line.len() <= MOST_OF_A_LINE)?;
    let is_part =
        |word: &&String| !word.starts_with('-') && (word.ends_with(".o") || word.starts_with('@'));
    let words = command.parts().flatten().filter(is_part).cloned().collect();
    Some((command.object().to_owned(), words))
}

/// One word of a command.
#[derive(Debug, Clone)]
struct Word {
    written: String,
    /// The same without the directories that only one build has.
    below: String,
}

impl Word {
    fn is_option(&self) -> bool {
        self.written.starts_with('-')
    }
}

/// Returns the words of the commands that compile or link, by what they make.
fn read(text: &CommandText<'_>) -> BTreeMap<String, Vec<Word>> {
    let read = &text.text[..text.text.len().min(MOST_BYTES)];
    let mut all = BTreeMap::new();
    for line in read.split(|byte| *byte == b'\n').take(MOST_COMMANDS) {
        if line.len() > MOST_OF_A_LINE {
            continue;
        }
        let Some(command) = Command::read(&String::from_utf8_lossy(line)) else {
            continue;
        };
        let Some(words) = command.compiles_or_links() else {
            continue;
        };
        let words = words.iter().map(|word| Word {
            written: word.clone(),
            // A macro gets into the code as it is written.
            below: match word.starts_with("-D") {
                true => word.clone(),
                false => text.below(word),
            },
        });
        all.insert(text.below(command.object()), words.collect());
    }
    all
}

impl CommandText<'_> {
    /// Returns a word without the directories that only this build has.
    fn below(&self, word: &str) -> String {
        let directories = self.directories.iter().filter(|path| !path.is_empty());
        directories.fold(word.to_owned(), |word, directory| {
            word.replace(&format!("{directory}/"), "")
                .replace(directory, ".")
        })
    }
}

type Apart<'a> = (WordKind, Option<&'a Word>, Option<&'a Word>);

/// Returns the words of two commands that differ.
fn apart<'a>(one: &'a [Word], two: &'a [Word]) -> Vec<Apart<'a>> {
    let mut apart = Vec::new();
    if let (Some(a), Some(b)) = (one.first(), two.first())
        && a.below != b.below
    {
        apart.push((WordKind::Tool, Some(a), Some(b)));
    }
    let (first, second) = (counted(one), counted(two));
    let mut firsts = without(&first, &second);
    let mut seconds = without(&second, &first);
    firsts.truncate(MOST_CHANGED);
    seconds.truncate(MOST_CHANGED);
    for first in firsts {
        let alike = |other: &&Word| key(&other.below) == key(&first.below);
        let second = seconds.iter().position(alike).map(|at| seconds.remove(at));
        apart.push((kind(first, second), Some(first), second));
    }
    let more = seconds.into_iter();
    apart.extend(more.map(|second| (kind(second, None), None, Some(second))));
    apart.extend(moved(one, two));
    apart
}

/// Returns the words that the others have not, each as often as it is there more.
fn without<'a>(words: &[&'a Word], others: &[&Word]) -> Vec<&'a Word> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for word in others {
        *left.entry(&word.below).or_default() += 1;
    }
    let mut is_more = |word: &&Word| match left.get_mut(word.below.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        Some(_) | None => true,
    };
    words.iter().copied().filter(|word| is_more(word)).collect()
}

/// Returns the options of a command that count.
fn counted(words: &[Word]) -> Vec<&Word> {
    let options = words.iter().skip(1).filter(|word| word.is_option());
    options.filter(|word| changes_bits(&word.written)).collect()
}

/// Returns the source that is compiled, where it stands in another directory.
fn moved<'a>(one: &'a [Word], two: &'a [Word]) -> Option<Apart<'a>> {
    fn source(words: &[Word]) -> Option<&Word> {
        let is_source = |word: &&Word| {
            let ends = [".c", ".S", ".rs"];
            !word.is_option() && ends.iter().any(|end| word.written.ends_with(end))
        };
        words.iter().skip(1).rfind(is_source)
    }
    let (one, two) = (source(one)?, source(two)?);
    let is_moved = one.written != two.written && name(&one.written) == name(&two.written);
    is_moved.then_some((WordKind::Path, Some(one), Some(two)))
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns what a word is that is not the same in both.
fn kind(word: &Word, other: Option<&Word>) -> WordKind {
    let written = &word.below;
    if written.starts_with("-D") || written.starts_with("-U") {
        return WordKind::Definition;
    }
    let is_path = |word: &Word| word.below.contains('/');
    let is_elsewhere = other.is_some_and(|other| {
        is_path(word) && is_path(other) && name(written) == name(&other.below)
    });
    if is_elsewhere || written.contains("-prefix-map=") {
        WordKind::Path
    } else {
        WordKind::Flag
    }
}

/// Returns false for options that warn, or say how to say something, or list what is read (GCC manual,
/// "Option Summary"), and for the names that the kernel build system gives objects.
fn changes_bits(option: &str) -> bool {
    let passed_on = ["-Wa,", "-Wl,", "-Wp,-D", "-Wp,-U"];
    let is_passed_on = passed_on.iter().any(|begin| option.starts_with(begin));
    let silent = [
        "-W",
        "-M",
        "-fdiagnostics",
        "-fmessage-length",
        "-DKBUILD_",
        "-D__KBUILD_",
    ];
    is_passed_on
        || !(matches!(option, "-" | "-c" | "-o" | "-pipe" | "-v")
            || silent.iter().any(|begin| option.starts_with(begin)))
}

/// Returns the part of an option that says which it is.
fn key(word: &str) -> &str {
    if word.starts_with("-O") {
        return "-O";
    }
    if word.starts_with("-I") {
        return "-I";
    }
    if word.starts_with("-g") {
        return "-g";
    }
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    // `-fno-x` is the other of `-fx`.
    let switched = ["-fno-", "-mno-"]
        .iter()
        .find_map(|no| name.strip_prefix(no));
    switched
        .or_else(|| name.strip_prefix("-f"))
        .or_else(|| name.strip_prefix("-m"))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(first: &str, second: &str) -> Vec<(WordKind, Option<String>, Option<String>)> {
        let one = format!("cmd_/a/m.o := {first} -c -o /a/m.o /a/m.c\nend\n");
        let two =
            format!("savedcmd_/b/x/m.o := {second} -c -o /b/x/m.o /b/x/m.c ; ./objtool m.o\n");
        let found = changed(
            &CommandText {
                text: one.as_bytes(),
                directories: vec!["/a".to_owned()],
            },
            &CommandText {
                text: two.as_bytes(),
                directories: vec!["/b/x".to_owned()],
            },
        );
        assert!(found.iter().all(|changed| changed.object == "m.o"));
        let moved = |changed: &Changed| changed.first.as_deref() == Some("/a/m.c");
        assert_eq!(found.iter().filter(|changed| moved(changed)).count(), 1);
        let others = found.into_iter().filter(|changed| !moved(changed));
        others.map(|c| (c.kind, c.first, c.second)).collect()
    }

    #[test]
    fn each_word_that_differs_is_told_with_both_values_and_what_it_is() {
        use WordKind::{Definition, Flag, Path, Tool};
        for (first, second, expected) in [
            ("gcc -O1", "gcc -O3", vec![(Flag, Some("-O1"), Some("-O3"))]),
            (
                "gcc-12",
                "gcc-13",
                vec![(Tool, Some("gcc-12"), Some("gcc-13"))],
            ),
            (
                "gcc -fno-common -g",
                "gcc -fcommon -g0",
                vec![
                    (Flag, Some("-fno-common"), Some("-fcommon")),
                    (Flag, Some("-g"), Some("-g0")),
                ],
            ),
            ("gcc -mavx", "gcc", vec![(Flag, Some("-mavx"), None)]),
            ("gcc", "gcc -mavx", vec![(Flag, None, Some("-mavx"))]),
            (
                "gcc -D'A=\"1 2\"'",
                "gcc -D'A=\"3\"'",
                vec![(Definition, Some("-DA=\"1 2\""), Some("-DA=\"3\""))],
            ),
            (
                "gcc -D'A=\"/a/m\"'",
                "gcc -D'A=\"/b/x/m\"'",
                vec![(Definition, Some("-DA=\"/a/m\""), Some("-DA=\"/b/x/m\""))],
            ),
            (
                "gcc -I/usr/one/include",
                "gcc -I/usr/two/include",
                vec![(Path, Some("-I/usr/one/include"), Some("-I/usr/two/include"))],
            ),
            ("gcc -O2 -O2", "gcc -O2", vec![(Flag, Some("-O2"), None)]),
            // What only warns, lists or is below where it is built is the same.
            (
                "gcc -Wall -Wp,-MMD,/a/.m.o.d -I/a/inc -ffile-prefix-map=/a=.",
                "gcc -Wextra -Wp,-MMD,/b/x/.m.o.d -I/b/x/inc -ffile-prefix-map=/b/x=.",
                vec![],
            ),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(
                    |(kind, first, second): (WordKind, Option<&str>, Option<&str>)| {
                        (kind, first.map(str::to_owned), second.map(str::to_owned))
                    },
                )
                .collect();
            assert_eq!(held(first, second), expected, "{first} | {second}");
        }
    }

    #[test]
    fn options_of_a_module_stand_apart_from_those_of_its_kernel() {
        let told = |text: &str| {
            options(&CommandText {
                text: text.as_bytes(),
                directories: vec!["/b".to_owned()],
            })
        };
        let kernel = "cmd_/b/m.mod.o := gcc -O2 -g -Wall -DKBUILD_BASENAME='\"m.mod\"' -c -o /b/m.mod.o /b/m.mod.c\n";
        let own = "cmd_/b/m.o := gcc -O2 -g -Wextra -O2 -I/b/x -DOWN -DKBUILD_BASENAME='\"m\"' -c -o /b/m.o /b/m.c\n";
        let found = told(&format!(
            "{kernel}{own}cmd_/b/m.ko := ld -r -o /b/m.ko /b/m.o\n"
        ));
        let strings = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(
            found,
            Some(Options {
                kernel: strings(&["-O2", "-g"]),
                own: strings(&["-DOWN", "-Ix", "-O2"]),
            })
        );
        assert_eq!(told(kernel), None);
        assert_eq!(told(own), None);
    }

    #[test]
    fn what_several_objects_have_is_told_once_and_all_of_it_is_bounded() {
        let text = |level: &str, macros: usize| {
            let words: String = (0..macros).map(|n| format!(" -DX{n}={level}")).collect();
            let line =
                |object: &str| format!("cmd_{object}.o := gcc {level}{words} -c {object}.c\n");
            line("a") + &line("b") + "cmd_c := echo\n"
        };
        let held = |first: &str, second: &str| {
            changed(
                &CommandText {
                    text: first.as_bytes(),
                    directories: Vec::new(),
                },
                &CommandText {
                    text: second.as_bytes(),
                    directories: Vec::new(),
                },
            )
        };
        let found = held(&text("-O1", 0), &text("-O2", 0));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].object, "a.o");
        let many = held(&text("-O1", 1000), &text("-O2", 1000));
        assert_eq!(many.len(), MOST_CHANGED);
        assert_eq!(held("\u{1b}\ncmd_x.o := ", "cmd_x.o := ld"), []);
    }
}

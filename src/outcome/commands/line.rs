//! One command, as make keeps it or a watched program was called.

use std::slice::from_ref;

/// One command line: what it makes, and the simple commands that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    object: String,
    parts: Vec<Vec<String>>,
}

impl Command {
    /// Reads `savedcmd_OBJECT := COMMAND` (`cmd_OBJECT` before Linux 6.3; `scripts/Kbuild.include`,
    /// `make-cmd`), or `called PROGRAM ARGUMENTS`; `None` for any other line.
    pub(super) fn read(line: &str) -> Option<Self> {
        if let Some(call) = line.strip_prefix("called ") {
            let words: Vec<String> = call.split_whitespace().map(str::to_owned).collect();
            let object = words.last()?.clone();
            return Some(Self {
                object,
                parts: vec![words],
            });
        }
        let kept = line
            .strip_prefix("savedcmd_")
            .or_else(|| line.strip_prefix("cmd_"))?;
        let (object, command) = kept.split_once(" := ")?;
        // As make would read it again.
        let command = command.replace("$(pound)", "#").replace("$$", "$");
        Some(Self {
            object: object.to_owned(),
            parts: parts(&command),
        })
    }

    /// Returns the path of what it makes.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// Returns the words of each simple command, the first of which is its program.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[String]> {
        self.parts.iter().map(|words| {
            let is_assignment = |word: &&String| {
                let name = word.split_once('=').map(|(name, _)| name);
                name.is_some_and(|name| {
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                })
            };
            let assigned = words.iter().take_while(is_assignment).count();
            &words[assigned..]
        })
    }

    /// Returns true if it calls a program of this name, wherever that is.
    pub(super) fn calls(&self, program: &str) -> bool {
        self.parts().any(|words| program_of(words) == program)
    }

    /// Returns the words of the part that compiles or links what it makes.
    pub(super) fn compiles_or_links(&self) -> Option<&[String]> {
        let compiles = |words: &[String]| {
            // A cache may stand before it (`ccache gcc`).
            let mut begin = words.iter().take(2).map(|word| program_of(from_ref(word)));
            begin.any(|name| {
                ["cc", "gcc", "clang"]
                    .iter()
                    .any(|compiler| name.split('-').any(|part| part == *compiler))
            }) && words.iter().any(|word| word == "-c")
        };
        self.parts().find(|words| compiles(words) || links(words))
    }

    /// Returns true if it links a module.
    pub(super) fn is_link(&self) -> bool {
        self.object.ends_with(".ko") && self.parts().any(links)
    }
}

fn links(words: &[String]) -> bool {
    let program = program_of(words);
    ["ld", "ld.lld", "ld.bfd"]
        .iter()
        .any(|linker| program.ends_with(linker))
}

/// Returns the name of the program that a simple command calls.
pub(super) fn program_of(words: &[String]) -> &str {
    let path = words.first().map_or("", String::as_str);
    path.rsplit('/').next().unwrap_or(path)
}

/// Takes a command line apart as a shell does (POSIX.1-2017, XCU 2.2 and 2.3), without expanding
/// anything.
fn parts(command: &str) -> Vec<Vec<String>> {
    let mut parts = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut characters = command.chars().peekable();
    let end_word = |word: &mut Option<String>, parts: &mut Vec<Vec<String>>| {
        if let (Some(word), Some(part)) = (word.take(), parts.last_mut()) {
            part.push(word);
        }
    };
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' => end_word(&mut word, &mut parts),
            ';' | '&' | '|' | '(' | ')' | '\n' => {
                end_word(&mut word, &mut parts);
                if parts.last().is_some_and(|part| !part.is_empty()) {
                    parts.push(Vec::new());
                }
            }
            '\\' => word
                .get_or_insert_default()
                .extend(characters.next().filter(|c| *c != '\n')),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(characters.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = characters.next() {
                    match c {
                        '"' => break,
                        '\\' => match characters.next() {
                            Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                            Some(next) => word.extend(['\\', next]),
                            None => word.push('\\'),
                        },
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    end_word(&mut word, &mut parts);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_make_and_a_shell_would() {
        let strings = |parts: &[&[&str]]| -> Vec<Vec<String>> {
            let part = |words: &&[&str]| words.iter().map(|&word| word.to_owned()).collect();
            parts.iter().map(part).collect()
        };
        for (line, object, expected) in [
            (
                "savedcmd_m.o := gcc -D\"A=b c\" -c -o m.o m.c ; ./objtool --x m.o",
                "m.o",
                strings(&[
                    &["gcc", "-DA=b c", "-c", "-o", "m.o", "m.c"],
                    &["./objtool", "--x", "m.o"],
                ]),
            ),
            (
                "cmd_/build/m/m.ko := ld -r -o m.ko 'it'\\''s' \"a\\\"b\\c\"; true",
                "/build/m/m.ko",
                strings(&[&["ld", "-r", "-o", "m.ko", "it's", "a\"b\\c"], &["true"]]),
            ),
            (
                "cmd_x := A=1 sh -c \"echo $$X $(pound)\"&&b|c",
                "x",
                strings(&[&["A=1", "sh", "-c", "echo $X #"], &["b"], &["c"]]),
            ),
            ("cmd_x := \"not ended", "x", strings(&[&["not ended"]])),
            ("cmd_x := ", "x", Vec::new()),
            (
                "called pahole -J -j m.ko",
                "m.ko",
                strings(&[&["pahole", "-J", "-j", "m.ko"]]),
            ),
        ] {
            let command = Command::read(line).expect("a command");
            assert_eq!(
                (command.object(), &command.parts),
                (object, &expected),
                "{line}"
            );
        }
        for line in [
            "",
            "end",
            "called ",
            "deps_m.o := a.h",
            "source_m.o := m.c",
            "cmd_x",
        ] {
            assert_eq!(Command::read(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_called_is_known_by_its_name() {
        let command = Command::read("cmd_m.ko := A=1 /usr/bin/x-ld -r -o m.ko; B= ./x/pahole -J");
        let command = command.expect("a command");
        assert!(command.is_link() && command.calls("pahole") && !command.calls("x"));
        let copied = Command::read("cmd_m.ko := cp prebuilt.ko m.ko").expect("a command");
        assert!(!copied.is_link());
    }
}

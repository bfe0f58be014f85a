//! One command, as make keeps it or a watched program was called.

use std::slice::from_ref;

/// How deep commands in commands are looked at: substitutions, and what a shell is given to run.
const MOST_NESTED: u32 = 4;

/// Words that stand before a command and are none (POSIX.1-2017, XCU 2.4).
const BEFORE_A_COMMAND: [&str; 11] = [
    "!", "{", "case", "do", "elif", "else", "if", "then", "until", "while", "}",
];

/// Programs that call what comes after them and their options; of which options a word of its own follows.
const CALLERS: [(&str, &[&str]); 6] = [
    ("command", &[]),
    ("env", &["-u", "-C", "--unset", "--chdir"]),
    ("exec", &["-a"]),
    ("nice", &["-n"]),
    ("nohup", &[]),
    ("time", &["-f", "-o"]),
];

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
            parts: parts(&command, MOST_NESTED),
        })
    }

    /// Returns the path of what it makes.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// Returns the words of each simple command, the first of which is its program.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[String]> {
        self.parts.iter().map(|words| called(words))
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

/// Returns a simple command without what stands before its program.
fn called(words: &[String]) -> &[String] {
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    };
    let mut words = words;
    while let [first, rest @ ..] = words {
        let redirected = first.trim_start_matches(|c: char| c.is_ascii_digit());
        words = if redirected.starts_with(['<', '>']) {
            let is_alone = redirected.chars().all(|c| "<>&".contains(c));
            &rest[usize::from(is_alone).min(rest.len())..]
        } else if is_assignment(first) || BEFORE_A_COMMAND.contains(&first.as_str()) {
            rest
        } else if let Some((_, with_a_word)) = CALLERS.iter().find(|(name, _)| {
            // `command -v` and `command -V` call nothing.
            *name == program_of(words)
                && !rest
                    .first()
                    .is_some_and(|next| matches!(next.as_str(), "-v" | "-V"))
        }) {
            after_options(rest, with_a_word)
        } else {
            return words;
        };
    }
    words
}

/// Returns what comes after options, of which some have a word of their own.
fn after_options<'w>(words: &'w [String], with_a_word: &[&str]) -> &'w [String] {
    let mut words = words;
    while let [first, rest @ ..] = words {
        if !first.starts_with('-') {
            break;
        }
        let taken = usize::from(with_a_word.contains(&first.as_str()));
        words = &rest[taken.min(rest.len())..];
    }
    words
}

/// Returns the text that a simple command has a shell run.
fn given_to_a_shell(words: &[String]) -> Option<String> {
    let words = called(words);
    let (_, arguments) = words.split_first()?;
    match program_of(words) {
        "sh" | "ash" | "bash" | "dash" => {
            // `-c`, or an option of several letters with it, such as `-ec`.
            let is_text = |word: &&String| {
                let letters = word.strip_prefix('-');
                letters.is_some_and(|letters| !letters.starts_with('-') && letters.ends_with('c'))
            };
            let at = arguments.iter().position(|word| is_text(&word))?;
            arguments.get(at + 1).cloned()
        }
        "eval" => Some(arguments.join(" ")),
        _ => None,
    }
}

/// Takes what is substituted from where its parenthesis or its quote has been opened (POSIX.1-2017, XCU
/// 2.6.3), up to where that is closed.
fn substituted(characters: &mut impl Iterator<Item = char>, opened: char) -> String {
    let mut text = String::new();
    let mut open = 1_u32;
    for c in characters {
        match (opened, c) {
            ('(', '(') => open = open.saturating_add(1),
            ('(', ')') | ('`', '`') => open -= 1,
            (_, _) => {}
        }
        if open == 0 {
            break;
        }
        text.push(c);
    }
    text
}

/// Takes a command line apart as a shell does (POSIX.1-2017, XCU 2.2 and 2.3), without expanding
/// anything. Commands inside of others come after them.
fn parts(command: &str, nested: u32) -> Vec<Vec<String>> {
    let mut inside: Vec<String> = Vec::new();
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
            '`' => {
                let text = substituted(&mut characters, '`');
                word.get_or_insert_default().push_str(&text);
                inside.push(text);
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = characters.next() {
                    match c {
                        '"' => break,
                        '`' => {
                            let text = substituted(&mut characters, '`');
                            word.push_str(&text);
                            inside.push(text);
                        }
                        '$' if characters.next_if_eq(&'(').is_some() => {
                            let text = substituted(&mut characters, '(');
                            word.push_str(&format!("$({text})"));
                            inside.push(text);
                        }
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
    inside.extend(parts.iter().filter_map(|words| given_to_a_shell(words)));
    if let Some(nested) = nested.checked_sub(1) {
        let inside = inside.iter().flat_map(|text| self::parts(text, nested));
        let inside: Vec<Vec<String>> = inside.collect();
        parts.extend(inside);
    }
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
                strings(&[
                    &["A=1", "sh", "-c", "echo $X #"],
                    &["b"],
                    &["c"],
                    &["echo", "$X", "#"],
                ]),
            ),
            ("cmd_x := \"not ended", "x", strings(&[&["not ended"]])),
            ("cmd_x := ", "x", Vec::new()),
            (
                "cmd_x := gcc -DA=\"$$(cat $$(ls a) b)\" -DB=`c d`",
                "x",
                strings(&[
                    &["gcc", "-DA=$(cat $(ls a) b)", "-DB=c d"],
                    &["cat", "$"],
                    &["ls", "a"],
                    &["b"],
                    &["c", "d"],
                ]),
            ),
            (
                "cmd_x := \"$$(not ended",
                "x",
                strings(&[&["$(not ended)"], &["not", "ended"]]),
            ),
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
        for line in [
            "cmd_x := { curl there || true; } > x",
            "cmd_x := if ! curl there; then A=1 true; fi",
            "cmd_x := while true; do A=1 exec curl there; done",
            "cmd_x := gcc -DX=\"$$(curl there)\" -c x.c",
            "cmd_x := gcc -DX=`curl there` -c x.c",
            "cmd_x := /bin/sh -ec 'true && env A=1 /usr/bin/curl there'",
            "cmd_x := env -i -u HOME A=1 curl there",
            "cmd_x := exec -a name curl there; time -p curl there",
            "cmd_x := 2>/dev/null > x A=1 curl there",
            "cmd_x := eval \"curl there\" 'x'",
            "cmd_x := sh -c 'sh -c \"$$(curl there)\"'",
        ] {
            let command = Command::read(line).expect("a command");
            assert!(command.calls("curl"), "{command:?}");
        }
        for line in [
            "cmd_x := echo curl { curl",
            "cmd_x := sh curl -c",
            "cmd_x := cat -c 'curl'",
            "cmd_x := command -v curl; > curl",
            "cmd_x := env -u curl",
        ] {
            let command = Command::read(line).expect("a command");
            assert!(!command.calls("curl"), "{command:?}");
        }
    }

    #[test]
    fn commands_in_commands_are_looked_at_only_so_deep() {
        let calls = |evals: usize| {
            let line = format!("cmd_x := {}curl there", "eval ".repeat(evals));
            Command::read(&line).is_some_and(|command| command.calls("curl"))
        };
        assert!(calls(0) && calls(4) && !calls(5) && !calls(10_000));
        let deep = format!("cmd_x := \"{}\"", "$$(a ".repeat(10_000));
        assert!(Command::read(&deep).is_some_and(|command| command.calls("a")));
    }
}

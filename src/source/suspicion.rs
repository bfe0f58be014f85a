//! Suspicions: lines of the source that take in what differs between builds.
//!
//! None of them is a difference. They say where a difference comes from when there is one, and what
//! rebuilds have to have varied before their agreement means something. What is looked for is the one
//! table [`SUSPICIONS`]; it goes by words, so that a comment counts as well.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::variation::Axis;

/// The most of a file that is looked through, and the most that is said of a whole source.
const MOST_BYTES: u64 = 1 << 20;
const MOST_OF_A_FILE: usize = 20;
pub(super) const MOST_OF_A_SOURCE: usize = 200;
/// How much of a line is kept.
const MOST_OF_A_LINE: usize = 160;

/// A line of the source that takes in what differs between builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspicion {
    /// The rule that found it, by its id.
    pub rule: String,
    pub path: String,
    /// From 1.
    pub line: u32,
    /// The line, without the white space around it.
    pub text: String,
}

impl Suspicion {
    /// Returns its rule; `None` for one that only another version has.
    pub fn rule(&self) -> Option<&'static SuspicionRule> {
        SUSPICIONS.iter().find(|rule| rule.id == self.rule)
    }
}

/// What shows that a suspicion has no effect on the bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// Rebuilds that agree although this was varied.
    Axis(Axis),
    /// Any rebuild that agrees: what it takes in is new each time.
    Rebuild,
    /// So many rebuilds that agree that they are no luck: what it takes in is new only sometimes.
    Rebuilds,
    /// What it takes in is an input, by digest.
    Inputs,
    /// Nothing outside of a sealed build reaches it.
    Isolation,
}

/// One thing that is looked for.
#[derive(Debug)]
pub struct SuspicionRule {
    pub id: &'static str,
    /// What it takes in, after "it takes in".
    pub takes: &'static str,
    pub settled_by: SettledBy,
    /// Where it is looked for.
    place: Place,
    /// Any of these.
    words: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Files that a compiler reads.
    Code,
    /// Files that make or a shell reads.
    Script,
}

/// Every rule.
pub static SUSPICIONS: [SuspicionRule; 11] = [
    SuspicionRule {
        id: "clock-in-code",
        takes: "the time of the build, by the compiler",
        settled_by: SettledBy::Axis(Axis::Clock),
        place: Place::Code,
        words: &["__DATE__", "__TIME__", "__TIMESTAMP__"],
    },
    SuspicionRule {
        id: "clock-in-script",
        takes: "the time of the build",
        settled_by: SettledBy::Axis(Axis::Clock),
        place: Place::Script,
        words: &["date", "EPOCHSECONDS"],
    },
    SuspicionRule {
        id: "host-name",
        takes: "the name of the host",
        settled_by: SettledBy::Axis(Axis::HostName),
        place: Place::Script,
        words: &["hostname", "uname -n", "uname -a", "HOSTNAME"],
    },
    SuspicionRule {
        id: "user",
        takes: "who builds",
        settled_by: SettledBy::Axis(Axis::User),
        place: Place::Script,
        words: &["whoami", "id -u", "id -un", "$USER", "$(USER)", "LOGNAME"],
    },
    SuspicionRule {
        id: "home",
        takes: "the home directory",
        settled_by: SettledBy::Axis(Axis::Home),
        place: Place::Script,
        words: &["$HOME", "$(HOME)", "${HOME}"],
    },
    SuspicionRule {
        id: "kernel-of-the-machine",
        takes: "the kernel that the machine runs",
        settled_by: SettledBy::Axis(Axis::Kernel),
        place: Place::Script,
        words: &["uname -r", "uname -v"],
    },
    SuspicionRule {
        id: "file-order",
        takes: "the order in which directories list their files",
        settled_by: SettledBy::Axis(Axis::FileOrder),
        place: Place::Script,
        words: &["wildcard", "$(shell find", "$(shell ls", "os.listdir"],
    },
    SuspicionRule {
        id: "build-path",
        takes: "where it is built",
        settled_by: SettledBy::Axis(Axis::BuildPath),
        place: Place::Script,
        words: &["$(shell pwd)", "$(CURDIR)", "$(PWD)", "$PWD", "realpath"],
    },
    SuspicionRule {
        id: "random",
        takes: "random bytes",
        settled_by: SettledBy::Rebuild,
        place: Place::Script,
        words: &[
            "/dev/urandom",
            "/dev/random",
            "$RANDOM",
            "$$RANDOM",
            "uuidgen",
            "random/uuid",
            "openssl rand",
            "mktemp",
        ],
    },
    SuspicionRule {
        id: "repository",
        takes: "the state of a repository",
        settled_by: SettledBy::Isolation,
        place: Place::Script,
        words: &[
            "git describe",
            "git rev-parse",
            "git log",
            "git status",
            "git diff",
            "setlocalversion",
        ],
    },
    SuspicionRule {
        id: "network",
        takes: "something of the network",
        settled_by: SettledBy::Isolation,
        place: Place::Script,
        words: &[
            "curl",
            "wget",
            "git clone",
            "git fetch",
            "git pull",
            "pip install",
        ],
    },
];

/// Reads what `bytes` gives, and keeps a copy of its beginning if the file is one that is looked through.
pub(super) struct Copying<'a> {
    bytes: &'a mut dyn Read,
    copy: Option<Vec<u8>>,
    place: Place,
}

impl<'a> Copying<'a> {
    /// Decides by the file's name whether it is looked through.
    pub(super) fn new(name: &str, bytes: &'a mut dyn Read) -> Self {
        let place = place_of(name);
        Self {
            bytes,
            copy: place.map(|_| Vec::new()),
            place: place.unwrap_or(Place::Code),
        }
    }

    /// Looks through what was read.
    pub(super) fn suspicions(self, path: &str) -> Vec<Suspicion> {
        match self.copy {
            Some(copy) => look_through(path, self.place, &copy),
            None => Vec::new(),
        }
    }
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            let room = (MOST_BYTES as usize).saturating_sub(copy.len());
            copy.extend_from_slice(&buffer[..count.min(room)]);
        }
        Ok(count)
    }
}

fn place_of(path: &str) -> Option<Place> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if matches!(
        name,
        "Makefile" | "GNUmakefile" | "makefile" | "Kbuild" | "dkms.conf" | "configure"
    ) || name.starts_with("Makefile.")
    {
        return Some(Place::Script);
    }
    match name.rsplit_once('.').map(|(_, ending)| ending)? {
        "c" | "h" | "S" | "rs" => Some(Place::Code),
        "mk" | "sh" | "py" | "pl" | "awk" => Some(Place::Script),
        _ => None,
    }
}

fn look_through(path: &str, place: Place, bytes: &[u8]) -> Vec<Suspicion> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') && place == Place::Script {
            continue;
        }
        let rules = SUSPICIONS.iter().filter(|rule| rule.place == place);
        for rule in rules.filter(|rule| rule.words.iter().any(|word| has_word(line, word))) {
            if found.len() == MOST_OF_A_FILE {
                return found;
            }
            found.push(Suspicion {
                rule: rule.id.to_owned(),
                path: path.to_owned(),
                line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                text: line.trim().chars().take(MOST_OF_A_LINE).collect(),
            });
        }
    }
    found
}

/// Returns true if a line has a word, and not only as part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |inside: Option<char>, outside: Option<char>| {
            inside.is_some_and(is_inner) && outside.is_some_and(is_inner)
        };
        !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(String, u32)> {
        let mut bytes = text.as_bytes();
        let mut copying = Copying::new(path, &mut bytes);
        io::copy(&mut copying, &mut io::sink()).expect("memory");
        let suspicions = copying.suspicions(path);
        suspicions.into_iter().map(|s| (s.rule, s.line)).collect()
    }

    #[test]
    fn each_rule_has_a_line_that_it_finds() {
        for (path, line, rule) in [
            ("a.c", "char *t = __DATE__;", "clock-in-code"),
            ("Kbuild", "T := $(shell date +%s)", "clock-in-script"),
            ("Makefile", "H := $(shell uname -n)", "host-name"),
            ("x/Makefile", "U := `whoami`", "user"),
            ("Makefile", "D := $(HOME)/x", "home"),
            (
                "Makefile",
                "K := $(shell uname -r)",
                "kernel-of-the-machine",
            ),
            ("Kbuild", "x-y := $(wildcard $(src)/*.c)", "file-order"),
            ("Makefile", "P = $(CURDIR)/include", "build-path"),
            ("gen.sh", "head -c4 /dev/urandom", "random"),
            ("dkms.conf", "V=$(git describe)", "repository"),
            ("Makefile", "\tcurl -O there", "network"),
        ] {
            assert_eq!(found(path, line), [(rule.to_owned(), 1)], "{line}");
        }
        let seen: Vec<&str> = SUSPICIONS.iter().map(|rule| rule.id).collect();
        assert_eq!(seen.len(), 11, "{seen:?}");
    }

    #[test]
    fn words_within_words_comments_and_other_files_say_nothing() {
        for (path, line) in [
            ("Makefile", "update: validate"),
            ("Makefile", "# wget this"),
            ("a.c", "int date; /* hostname */"),
            ("README", "run date"),
            ("Makefile", "x := $(shell id --help)"),
        ] {
            assert_eq!(found(path, line), [], "{line}");
        }
    }

    #[test]
    fn what_is_said_of_a_file_is_bounded() {
        let many = "x := $(shell date)\n".repeat(10_000);
        assert_eq!(found("Makefile", &many).len(), MOST_OF_A_FILE);
        let long = format!("{}$(shell date)", "x".repeat(100_000));
        assert!(found("Makefile", &long).len() <= 1);
    }
}

//! Suspicions: lines of the source that take in what differs between builds.
//!
//! None of them is a difference. They say where a difference comes from when there is one, and what
//! rebuilds have to have varied before their agreement means something. Lines that sound sources have
//! as often ([`SettledBy::Agreement`]) only say where. What is looked for is the one table
//! [`SUSPICIONS`]; it goes by words, so that a comment counts as well.

mod rules;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::variation::Axis;

use rules::Place;
pub use rules::{SUSPICIONS, SuspicionRule};

/// The most of a file that is looked through, and the most that is said of a whole source.
const MOST_BYTES: u64 = 1 << 20;
/// Each of these holds for lines that raise doubts, and once more for those that only say where.
const MOST_OF_A_FILE: usize = 20;
const MOST_OF_A_SOURCE: usize = 200;
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

    /// Returns true if it only says where a difference comes from once there is one.
    pub fn only_points(&self) -> bool {
        self.rule()
            .is_some_and(|rule| rule.settled_by == SettledBy::Agreement)
    }
}

/// Returns the rules that a text of a makefile or a shell shows, such as a variable that make is given.
pub fn rules_of(text: &str) -> impl Iterator<Item = &'static str> {
    let rules = SUSPICIONS.iter().filter(|rule| rule.place == Place::Script);
    rules
        .filter(|rule| rule.words.iter().any(|word| has_word(text, word)))
        .map(|rule| rule.id)
}

/// Returns as many of a whole source as are kept.
pub(super) fn bounded(found: Vec<Suspicion>) -> Vec<Suspicion> {
    let (mut doubts, mut pointers) = (0, 0);
    let mut keep = |suspicion: &Suspicion| {
        let count = match suspicion.only_points() {
            true => &mut pointers,
            false => &mut doubts,
        };
        *count += 1;
        *count <= MOST_OF_A_SOURCE
    };
    found.into_iter().filter(|each| keep(each)).collect()
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
    /// Builds that agree: sound sources have it as often, and it only says where a difference comes
    /// from once there is one.
    Agreement,
}

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
    let mut counts = [0; 2];
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') && place == Place::Script {
            continue;
        }
        let rules = SUSPICIONS.iter().filter(|rule| rule.place == place);
        for rule in rules.filter(|rule| rule.words.iter().any(|word| has_word(line, word))) {
            let count = &mut counts[usize::from(rule.settled_by == SettledBy::Agreement)];
            *count += 1;
            if *count > MOST_OF_A_FILE {
                continue;
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

/// Returns true if a line has a word, and not only as part of a longer one; one that ends with `_` begins
/// longer ones.
pub fn has_word(line: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |inside: Option<char>, outside: Option<char>| {
            inside.is_some_and(is_inner) && outside.is_some_and(is_inner)
        };
        let ends = word.ends_with('_') || !joins(word.chars().next_back(), after);
        !joins(word.chars().next(), before) && ends
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        let lines = [
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
            ("Kbuild", "Z := $(shell date +%z)", "time-zone"),
            ("Kbuild", "D := $(shell locale day)", "locale"),
            ("Kbuild", "N := $(BUILD_NUMBER)", "environment"),
            ("gen.sh", "umask >mode", "umask"),
            ("Makefile", "J := $(shell nproc)", "cpus"),
            ("Makefile", "T := $(shell command -v tar)", "path-order"),
            ("Makefile", "T := $(shell test -t 0 && echo x)", "terminal"),
            ("Makefile", "S := $(shell ulimit -s)", "memory"),
            ("a.c", "char *file = __FILE__;", "file-macro"),
            ("Makefile", "\ttar -cf blob.tar blob", "archive"),
            ("Kbuild", "P := $(src)", "own-directory"),
            ("Kbuild", "P := $(srctree)", "kernel-directory"),
            ("Kbuild", "L := $(shell cd x && find .)", "listing"),
            ("gen.sh", "sort names", "sorting"),
            ("rows.c", "fwrite(&row, sizeof(row), 1, out);", "own-tool"),
            ("order.mk", "\techo $@ >>order", "appending"),
            ("Kbuild", "X += --build-id=uuid", "build-id"),
            ("Kbuild", "ccflags-y += -O3", "options"),
            ("Kbuild", "CFLAGS_main.o := -O3", "options"),
        ];
        let mut seen = BTreeSet::new();
        for (path, line, rule) in lines {
            let found = found(path, line);
            assert!(found.contains(&(rule.to_owned(), 1)), "{line}: {found:?}");
            seen.insert(rule);
        }
        let all: BTreeSet<&str> = SUSPICIONS.iter().map(|rule| rule.id).collect();
        assert_eq!(seen, all);
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
        // Lines that only say where leave room for those that raise doubts, in a file and in a source.
        let mixed = "ccflags-y += -DX\n".repeat(10_000) + "x := $(shell uuidgen)\n";
        let mixed = found("Makefile", &mixed);
        assert!(mixed.contains(&("random".to_owned(), 10_001)), "{mixed:?}");
        let line = |rule: &str| Suspicion {
            rule: rule.to_owned(),
            path: "Makefile".to_owned(),
            line: 1,
            text: String::new(),
        };
        let mut all = vec![line("options"); 1_000];
        all.push(line("random"));
        let kept = bounded(all);
        assert_eq!(kept.len(), MOST_OF_A_SOURCE + 1);
        assert_eq!(kept.last(), Some(&line("random")));
        let long = format!("{}$(shell date)", "x".repeat(100_000));
        assert!(found("Makefile", &long).len() <= 1);
    }
}

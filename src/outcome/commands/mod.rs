//! What the commands of a build reveal: signs of what may make it differ, whether or not it did.
//!
//! The kernel build system writes down every command beside what it made (`.x.o.cmd`; Linux,
//! `scripts/Kbuild.include`), `build.sh` those that it does not. Rebuilds that agree can agree by
//! luck; a command that lets chance or a clock in is one however often they did.

mod changed;
mod line;
mod rules;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

use line::Command;

pub use changed::{Changed, CommandText, Options, WordKind, changed, options, parts_of};
pub use rules::{SIGNS, SignRule};

/// The most bytes that `build.sh` hands out, and that are read.
pub(super) const MOST_BYTES: usize = 4 << 20;
/// The same, for what reads them.
pub const MOST_OF_COMMANDS: u64 = MOST_BYTES as u64;
/// The most bytes of one command.
const MOST_OF_A_LINE: usize = 256 << 10;
/// The most commands that are looked at, the most signs that are kept, and how much of a word is.
const MOST_COMMANDS: usize = 20_000;
const MOST_SIGNS: usize = 50;
const MOST_OF_A_WORD: usize = 160;

/// What the commands of one attempt reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commands {
    /// The digest of their text; the store has its bytes.
    pub text: Sha256Digest,
    /// How many were read.
    pub count: u32,
    /// How many of them linked a module.
    pub links: u32,
    /// How many called pahole.
    pub pahole: u32,
    /// True if there were no more than were read.
    pub whole: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<Sign>,
}

/// Commands that let in what differs between builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sign {
    /// The rule that found it, by its id.
    pub rule: String,
    /// What the first of the commands makes, below where it is built.
    pub object: String,
    /// The word of the command that shows it.
    pub word: String,
    /// How many other commands show the same.
    #[serde(default, skip_serializing_if = "is_none_left")]
    pub others: u32,
}

fn is_none_left(count: &u32) -> bool {
    *count == 0
}

impl Sign {
    /// Returns its rule; `None` for one that only another version has.
    pub fn rule(&self) -> Option<&'static SignRule> {
        SIGNS.iter().find(|rule| rule.id == self.rule)
    }
}

impl Commands {
    /// Reads the lines that `build.sh` writes (`write_commands`): those of `.cmd` files that name a
    /// command, calls of watched programs, and `end`.
    ///
    /// # Security
    ///
    /// The build could have written all of it. What a lie can do is hide a sign, and commands that are
    /// missing or cut count as one. Number, lengths and what is kept are bounded.
    ///
    /// `built_at` is where the module is built; what commands make is named below it.
    pub fn read(text: &[u8], built_at: &str) -> Self {
        let ended = text.len() <= MOST_BYTES && (text == b"end\n" || text.ends_with(b"\nend\n"));
        let mut commands = Self {
            text: Sha256Digest::of(text),
            count: 0,
            links: 0,
            pahole: 0,
            whole: ended,
            signs: Vec::new(),
        };
        let read = &text[..text.len().min(MOST_BYTES)];
        // They come in the order of directories, which is no property of the build.
        let mut lines: Vec<&[u8]> = read.split(|byte| *byte == b'\n').collect();
        lines.sort_unstable();
        for line in lines {
            let is_too_much =
                line.len() > MOST_OF_A_LINE || commands.count as usize == MOST_COMMANDS;
            if is_too_much {
                commands.whole = false;
                continue;
            }
            if let Some(command) = Command::read(&String::from_utf8_lossy(line)) {
                commands.count += 1;
                commands.links += u32::from(command.is_link());
                commands.pahole += u32::from(command.calls("pahole"));
                commands.look_at(&command, built_at);
            }
        }
        commands
    }

    /// Adds the signs of one command.
    fn look_at(&mut self, command: &Command, built_at: &str) {
        for rule in &SIGNS {
            let Some(word) = rule.found_in(command) else {
                continue;
            };
            let word = plain(&word);
            let is_full = self.signs.len() == MOST_SIGNS;
            let mut signs = self.signs.iter_mut();
            match signs.find(|sign| sign.rule == rule.id && sign.word == word) {
                Some(sign) => sign.others += 1,
                None if is_full => self.whole = false,
                None => {
                    let object = command.object();
                    let below = object.strip_prefix(built_at);
                    let below = below.map(|path| path.trim_start_matches('/'));
                    self.signs.push(Sign {
                        rule: rule.id.to_owned(),
                        object: plain(below.unwrap_or(object)),
                        word,
                        others: 0,
                    });
                }
            }
        }
    }
}

/// Returns text that may be shown.
fn plain(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(MOST_OF_A_WORD).collect()
}

#[cfg(test)]
mod tests;

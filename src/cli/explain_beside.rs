//! What the kernel build system keeps beside a module: the commands that made it (`.NAME.ko.cmd`,
//! `.NAME.o.cmd`; Linux, `scripts/Kbuild.include`, `make-cmd`) and the objects that it is linked of.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::outcome::{CommandText, Commands, MOST_OF_COMMANDS, Sign, parts_of};

/// The most files that are read, and the most bytes of one.
const MOST_FILES: usize = 2_000;
const MOST_OF_A_FILE: u64 = 1 << 20;

/// The commands of one module.
#[derive(Debug, Default)]
pub(super) struct Beside {
    text: Vec<u8>,
    directories: BTreeSet<String>,
    /// Where they make what they make, if that is known.
    built_at: String,
    /// True if a run of this program recorded that no network was reached.
    is_sealed: bool,
}

impl Beside {
    /// Takes commands that were recorded, where the module was built and the other directories that only
    /// that build had, and whether it was sealed.
    pub(super) fn recorded(
        text: Vec<u8>,
        built_at: String,
        others: Vec<String>,
        is_sealed: bool,
    ) -> Self {
        Self {
            text,
            directories: others.into_iter().chain([built_at.clone()]).collect(),
            built_at,
            is_sealed,
        }
    }

    /// Reads the commands of a module and of all that it is linked of; `None` where there are none.
    /// What cannot be read is left out: a module stands by itself as well.
    ///
    /// # Security
    ///
    /// Whoever made the tree wrote these files. They are read only below the module's directory, only
    /// where they are regular files, and their number and sizes are bounded.
    pub(super) fn read(module: &Path) -> Option<Self> {
        let directory = match module.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let name = module.file_name()?.to_str()?;
        let stem = name.split_once(".ko").map_or(name, |(stem, _)| stem);
        let mut left: VecDeque<String> = [format!("{stem}.ko"), format!("{stem}.o")].into();
        let mut seen: BTreeSet<String> = left.iter().cloned().collect();
        let mut beside = Self::default();
        let mut files = 0;
        while let Some(object) = left.pop_front() {
            files += 1;
            if files > MOST_FILES || beside.text.len() as u64 >= MOST_OF_COMMANDS {
                break;
            }
            for part in beside.look_at(directory, &object) {
                if seen.insert(part.clone()) {
                    left.push_back(part);
                }
            }
        }
        (!beside.text.is_empty()).then_some(beside)
    }

    /// Adds the command of one object, and returns what it is linked of.
    fn look_at(&mut self, directory: &Path, object: &str) -> Vec<String> {
        let (folder, name) = object.rsplit_once('/').unwrap_or(("", object));
        let file = directory.join(folder).join(format!(".{name}.cmd"));
        let Some(text) = read(&file) else {
            return Vec::new();
        };
        let is_command = |line: &&str| line.starts_with("cmd_") || line.starts_with("savedcmd_");
        let Some(line) = text.lines().find(is_command) else {
            return Vec::new();
        };
        let Some((made, parts)) = parts_of(line) else {
            return Vec::new();
        };
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        // Where it was built, wherever it is now.
        let built_at = made.strip_suffix(object).unwrap_or_default();
        let built_at = built_at.trim_end_matches('/').to_owned();
        if !built_at.is_empty() {
            self.directories.insert(built_at.clone());
            if self.built_at.is_empty() {
                self.built_at.clone_from(&built_at);
            }
        }
        let below = |path: &str| {
            let rest = path.strip_prefix(&built_at).unwrap_or(path);
            let rest = rest.trim_start_matches('/').to_owned();
            let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
            Path::new(&rest).components().all(is_plain).then_some(rest)
        };
        let mut objects = Vec::new();
        for part in parts {
            match part.strip_prefix('@') {
                // A list of objects, one a line (`scripts/Makefile.build`, `cmd_mod`).
                Some(list) => {
                    let list = below(list).and_then(|list| read(&directory.join(list)));
                    let list = list.unwrap_or_default();
                    objects.extend(list.split_whitespace().filter_map(below));
                }
                None => objects.extend(below(&part)),
            }
        }
        objects.truncate(MOST_FILES);
        objects
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Returns what they let in.
    pub(super) fn signs(&self) -> Vec<Sign> {
        Commands::read(&self.text, &self.built_at).signs
    }

    /// Returns them as text that can be held against another build's.
    pub(super) fn as_text(&self) -> CommandText<'_> {
        let mut directories: Vec<String> = self.directories.iter().cloned().collect();
        directories.sort_by_key(|directory| std::cmp::Reverse(directory.len()));
        CommandText {
            text: &self.text,
            directories,
        }
    }
}

/// Reads a file of text; `None` if it is none, or larger than such files are.
fn read(path: &PathBuf) -> Option<String> {
    // A pipe would be waited for.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    let mut bounded = file.take(MOST_OF_A_FILE + 1);
    bounded.read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MOST_OF_A_FILE).then_some(text)
}

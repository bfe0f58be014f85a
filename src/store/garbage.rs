//! Making room: removing what is not needed, the least recently used first.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::error::{StoreError, failed};
use super::items::{Item, ItemKind, items};
use super::scratch::{Scratch, users};

/// How often the lock is tried, and how long is waited in between: a program that was started from
/// another thread holds this process's open files for the moment between its fork and its exec.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A store that no other process has open; whoever wants to open it waits until this is dropped.
pub struct SoleStore {
    root: PathBuf,
    scratch: Scratch,
}

/// What is to be removed, and what stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The least recently used first.
    pub remove: Vec<Item>,
    pub keep: Vec<Item>,
}

impl SoleStore {
    /// Takes the store for this process alone; `None` if another process has it open.
    pub fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        let (path, file) = users(root)?;
        for _ in 0..LOOKS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Self::with(root, file).map(Some),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN_LOOKS),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed("lock", path)(error.into())),
            }
        }
        Ok(None)
    }

    fn with(root: &Path, alone: File) -> Result<Self, StoreError> {
        Ok(Self {
            root: root.to_owned(),
            scratch: Scratch::holding(root, alone)?,
        })
    }

    /// Returns everything in the store, the least recently used first.
    pub fn items(&self) -> Result<Vec<Item>, StoreError> {
        items(&self.root)
    }

    /// Removes one item. It is there or gone whenever this process is killed: a tree leaves by a
    /// rename, and what is left of it in `tmp/` goes when the store is next opened.
    pub fn remove(&self, item: &Item) -> Result<(), StoreError> {
        let removed = match &item.kind {
            ItemKind::Blob => fs::remove_file(&item.path),
            ItemKind::Tree(_) => {
                let away = self.scratch.directory()?;
                fs::rename(&item.path, away.path().join("tree")).and_then(|()| away.close())
            }
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &item.path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Chooses what to remove so that the rest takes at most `budget` bytes: of what nobody needs, the
/// least recently used first, and nothing that is needed, even if the budget is missed then. `items`
/// have the least recently used first.
pub fn choose(items: Vec<Item>, is_needed: impl Fn(&Item) -> bool, budget: u64) -> Choice {
    let mut total: u64 = items.iter().map(|item| item.bytes).sum();
    let mut choice = Choice::default();
    for item in items {
        if total > budget && !is_needed(&item) {
            total -= item.bytes;
            choice.remove.push(item);
        } else {
            choice.keep.push(item);
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;
    use jiff::Timestamp;

    fn item(name: &str, bytes: u64) -> Item {
        Item {
            kind: ItemKind::Blob,
            digest: Sha256Digest::of(name.as_bytes()),
            bytes,
            used: Timestamp::UNIX_EPOCH,
            path: PathBuf::from(name),
        }
    }

    #[test]
    fn the_least_recently_used_goes_first_and_nothing_that_is_needed() {
        for (budget, removed) in [
            (100, &[][..]),
            (60, &[]),
            (59, &["oldest"]),
            (40, &["oldest", "old"]),
            (1, &["oldest", "old", "new"]),
            (0, &["oldest", "old", "new"]),
        ] {
            let items = vec![
                item("oldest", 10),
                item("needed", 20),
                item("old", 10),
                item("new", 20),
            ];
            let is_needed = |item: &Item| item.path == Path::new("needed");
            let choice = choose(items, is_needed, budget);
            let names: Vec<_> = choice.remove.iter().map(|i| i.path.to_str()).collect();
            let expected: Vec<_> = removed.iter().map(|name| Some(*name)).collect();
            assert_eq!(names, expected, "{budget}");
            assert_eq!(choice.keep.len(), 4 - removed.len());
        }
    }
}

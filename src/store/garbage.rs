//! Making room: removing what is not needed, the least recently used first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::{StoreError, failed};
use super::items::{Item, ItemKind, items, last_used};
use super::lease::{self, Locked};
use super::scratch::Scratch;

/// How often the lock is tried, and how long is waited in between: a program that was started from
/// another thread holds this process's open files for the moment between its fork and its exec.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A store in which this process may remove something, beside whoever else has it open. There is one
/// such process at a time.
pub struct Collection {
    root: PathBuf,
    scratch: Scratch,
    /// When the first of those who had the store open opened it.
    unused_before: SystemTime,
    _collecting: Locked,
}

/// What is to be removed, and what stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The least recently used first.
    pub remove: Vec<Item>,
    pub keep: Vec<Item>,
}

impl Collection {
    /// Opens the store; `None` if another process is removing something from it.
    ///
    /// Who needs what has to be asked after this: a process that ends before is seen by what it has
    /// left, and one that ends later by its lease.
    pub fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        for look in 0..LOOKS {
            if look > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            if let Some(collecting) = lease::collecting(root)? {
                let scratch = Scratch::claim(root)?;
                return Ok(Some(Self {
                    root: root.to_owned(),
                    scratch,
                    unused_before: lease::oldest(root)?,
                    _collecting: collecting,
                }));
            }
        }
        Ok(None)
    }

    /// Returns everything in the store, the least recently used first.
    pub fn items(&self) -> Result<Vec<Item>, StoreError> {
        items(&self.root)
    }

    /// Returns true if a process that has the store open may be using an item, or may have made it.
    pub fn may_be_in_use(&self, item: &Item) -> bool {
        last_used(&item.kind, &item.path).is_ok_and(|used| used >= self.unused_before)
    }

    /// Removes one item, and returns false if somebody has come to use it since it was chosen. It is
    /// there or gone whenever this process is killed: a tree leaves by a rename, and what is left of it
    /// in `tmp/` goes when the store is next opened.
    pub fn remove(&self, item: &Item) -> Result<bool, StoreError> {
        let away = self.scratch.directory()?;
        let alone = lease::removing(&self.root)?;
        if self.may_be_in_use(item) {
            return Ok(false);
        }
        let removed = match &item.kind {
            ItemKind::Blob => fs::remove_file(&item.path),
            ItemKind::Tree(_) => fs::rename(&item.path, away.path().join("tree")),
        };
        drop(alone);
        match removed.and_then(|()| away.close()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &item.path)(error))
            }
            Ok(()) | Err(_) => Ok(true),
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

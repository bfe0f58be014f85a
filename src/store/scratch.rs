//! Where a process makes things before they are visible, and how those of dead processes go away.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use super::error::{StoreError, failed};
use super::{disk, lease};

/// A directory in `tmp/` that belongs to this process for as long as it holds the lock on it.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// Keeps the lock; closed, and so unlocked, after the directory is gone.
    _locked: File,
    /// When the process opened the store; nothing that it uses is marked with an earlier time.
    pub(super) opened: SystemTime,
}

impl Scratch {
    /// Makes and locks a directory, and removes those that nobody holds.
    ///
    /// Both happen under the store's lock, because between its creation and its locking a directory
    /// of a living process looks like one of a dead process.
    pub(super) fn claim(root: &Path) -> Result<Self, StoreError> {
        let opening = lease::opening(root)?;
        let tmp = root.join("tmp");
        sweep(&tmp)?;
        let opened = SystemTime::now();
        let path = tempfile::Builder::new()
            .prefix(&lease::name(opened))
            .tempdir_in(&tmp)
            .map_err(failed("create a directory in", &tmp))?
            .keep();
        disk::open_to_all(&path)?;
        let locked = File::open(&path)
            .and_then(|file| {
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                Ok(file)
            })
            .map_err(failed("lock", &path))?;
        drop(opening);
        Ok(Self {
            path,
            _locked: locked,
            opened,
        })
    }

    /// Makes a file of a name of its own; it is removed when it is dropped.
    pub(super) fn file(&self) -> Result<tempfile::NamedTempFile, StoreError> {
        tempfile::Builder::new()
            .prefix("blob-")
            .tempfile_in(&self.path)
            .map_err(failed("create a file in", &self.path))
    }

    /// Makes a directory of a name of its own; it is removed when it is dropped.
    pub(super) fn directory(&self) -> Result<tempfile::TempDir, StoreError> {
        let directory = tempfile::Builder::new()
            .prefix("tree-")
            .tempdir_in(&self.path)
            .map_err(failed("create a directory in", &self.path))?;
        disk::open_to_all(directory.path())?;
        Ok(directory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is swept by the next process that opens the store.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the directories in `tmp/` whose processes are gone.
fn sweep(tmp: &Path) -> Result<(), StoreError> {
    let reading = || failed("read the directory", tmp);
    for entry in fs::read_dir(tmp).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            // Its process has just ended in good order.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("open", path)(error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => continue,
            Err(error) => return Err(failed("lock", path)(error.into())),
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", path)(error)),
        }
    }
    Ok(())
}

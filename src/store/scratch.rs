//! Where a process makes things before they are visible, and how those of dead processes go away.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::disk;
use super::error::{StoreError, failed};

/// A directory in `tmp/` that belongs to this process for as long as it holds the lock on it.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// Keeps the lock; closed, and so unlocked, after the directory is gone.
    _locked: File,
    /// Keeps the lock on `users`, shared or alone.
    _user: File,
}

impl Scratch {
    /// Makes and locks a directory, and removes those that nobody holds.
    ///
    /// Both happen under the store's lock, because between its creation and its locking a directory
    /// of a living process looks like one of a dead process.
    pub(super) fn claim(root: &Path) -> Result<Self, StoreError> {
        let (path, user) = users(root)?;
        wait_for(&user, FlockOperation::LockShared).map_err(failed("lock", path))?;
        Self::holding(root, user)
    }

    /// Does the same for a process that holds the lock on `users` already.
    pub(super) fn holding(root: &Path, user: File) -> Result<Self, StoreError> {
        let lock = root.join("lock");
        let opening = File::options()
            .create(true)
            .append(true)
            .open(&lock)
            .and_then(|file| {
                wait_for(&file, FlockOperation::LockExclusive)?;
                Ok(file)
            })
            .map_err(failed("lock", &lock))?;
        let tmp = root.join("tmp");
        sweep(&tmp)?;
        let path = tempfile::Builder::new()
            .prefix("process-")
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
            _user: user,
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

/// Opens the file that is locked by everyone who has the store open.
pub(super) fn users(root: &Path) -> Result<(PathBuf, File), StoreError> {
    disk::make_directories(&root.join("tmp"))?;
    let path = root.join("users");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed("open", &path))?;
    Ok((path, file))
}

fn wait_for(file: &File, how: FlockOperation) -> io::Result<()> {
    loop {
        match flock(file, how) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

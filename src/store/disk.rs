//! Directories and renames that outlast a crash of the machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::{StoreError, failed};

/// Makes a directory and those above it, readable by everyone whatever the umask.
pub(super) fn make_directories(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directories(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => open_to_all(path)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("create the directory", path)(error)),
    }
    path.parent().map_or(Ok(()), flush_directory)
}

/// Gives a directory mode 0755: what is in the store is mounted and read under other users.
pub(super) fn open_to_all(path: &Path) -> Result<(), StoreError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(failed("set the mode of", path))
}

/// Renames within the store. Returns false if `to` is a directory that is there already.
pub(super) fn publish(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::rename(from, to) {
        Ok(()) => {}
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(failed("rename into place", to)(error)),
    }
    to.parent().map_or(Ok(()), flush_directory)?;
    Ok(true)
}

/// Writes down that a file was used now, by a process that opened the store at `opened`. It is
/// remembered to a minute, so that what is used all the time is not written to all the time, but is
/// never before `opened`, even if the clock is set back.
pub(super) fn mark_used(path: &Path, opened: SystemTime) {
    let now = SystemTime::now().max(opened);
    let is_recent = fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|used| {
            used >= opened && now.duration_since(used).is_ok_and(|age| age < A_MINUTE)
        });
    if !is_recent {
        let _ = File::open(path).and_then(|file| file.set_modified(now));
    }
}

const A_MINUTE: Duration = Duration::from_secs(60);

fn flush_directory(path: &Path) -> Result<(), StoreError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("flush", path))
}

/// Flushes the file system that a directory is on: one call for a tree of thousands of files.
pub(super) fn flush_all(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|directory| Ok(rustix::fs::syncfs(&directory)?))
        .map_err(failed("flush", path))
}

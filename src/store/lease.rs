//! Who has the store open and since when, and what keeps a use and a removal apart.
//!
//! A lease is the scratch directory of a process, which it holds locked for as long as it has the
//! store open, and whose name says since when. Whatever a process looks up or writes it marks as
//! used, and no mark lies before its lease. So nothing whose mark is older than every lease is in
//! use.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

use super::error::{StoreError, failed};

/// How the name of a scratch directory begins; the nanoseconds since 1970 follow, and a random word.
const PROCESS: &str = "process-";

/// A lock on a file of the store; given back when it is dropped.
#[must_use]
pub(super) struct Locked(#[expect(dead_code, reason = "keeps the lock")] File);

/// Waits for the moment in which nobody else opens the store.
pub(super) fn opening(root: &Path) -> Result<Locked, StoreError> {
    wait(root, "lock", FlockOperation::LockExclusive)
}

/// Waits until nothing is removed, and keeps it so: between looking something up and marking it, and
/// while something becomes visible.
pub(super) fn using(root: &Path) -> Result<Locked, StoreError> {
    wait(root, "removing", FlockOperation::LockShared)
}

/// Waits until nobody looks anything up, and keeps it so.
pub(super) fn removing(root: &Path) -> Result<Locked, StoreError> {
    wait(root, "removing", FlockOperation::LockExclusive)
}

/// Takes the place of the one that may remove; `None` if another process has it.
pub(super) fn collecting(root: &Path) -> Result<Option<Locked>, StoreError> {
    let path = root.join("collecting");
    let file = open(&path)?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(Locked(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed("lock", path)(error.into())),
        }
    }
}

/// Returns how the name of the scratch directory begins of a process that opens the store at a time.
pub(super) fn name(opened: SystemTime) -> String {
    let since = opened.duration_since(SystemTime::UNIX_EPOCH);
    // A clock of before 1970 makes a lease that holds everything.
    format!("{PROCESS}{}-", since.unwrap_or_default().as_nanos())
}

/// Returns when a process opened the store, by the name of its directory.
fn opened(scratch: &Path) -> Option<SystemTime> {
    let name = scratch.file_name()?.to_str()?.strip_prefix(PROCESS)?;
    let (since, _) = name.split_once('-')?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(since.parse().ok()?))
}

/// Returns when the first of those who have the store open now opened it. What was last used before
/// that is used by nobody.
pub(super) fn oldest(root: &Path) -> Result<SystemTime, StoreError> {
    let _opening = opening(root)?;
    let tmp = root.join("tmp");
    let reading = || failed("read the directory", &tmp);
    let mut oldest = SystemTime::now();
    for entry in fs::read_dir(&tmp).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        match File::open(&path) {
            // It has ended; what it left is swept by whoever opens the store next.
            Ok(file) if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() => {}
            // Programs of before there were leases do not say since when they are there.
            Ok(_) => oldest = oldest.min(opened(&path).unwrap_or(SystemTime::UNIX_EPOCH)),
            // It has just ended in good order.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("open", path)(error)),
        }
    }
    Ok(oldest)
}

fn wait(root: &Path, name: &str, how: FlockOperation) -> Result<Locked, StoreError> {
    let path = root.join(name);
    let file = open(&path)?;
    loop {
        match flock(&file, how) {
            Ok(()) => return Ok(Locked(file)),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed("lock", path)(error.into())),
        }
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed("open", path))
}

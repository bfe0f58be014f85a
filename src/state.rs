//! The state directory: where everything that a machine has learnt and made is kept.
//!
//! ```text
//! .kmatrix/
//!   id              marks this directory's containers
//!   in-use          locked by the one command that may write
//!   store/          blobs and trees by content
//!   ledger.sqlite   what happened
//!   kernels/        the list of kernels per distribution release, as last authenticated
//!   images/         the record of every builder image
//!   reproductions/  what came of making an image again
//!   locks/          the lock of every matrix
//!   out/            modules, logs and records by cell, for people
//! ```

mod versioned;
mod whole_file;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use versioned::{Versioned, read_versioned};
pub use whole_file::WholeFile;

/// The most bytes that a JSON file of the state may have.
const MAX_FILE: u64 = 512 << 20;

/// How often a claim looks again before it says that somebody else has it, and how long it waits in
/// between. A program that was started from another thread holds this process's open files, and
/// with them a claim that was just given back, for the moment between its fork and its exec.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The state directory.
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
}

/// Proof that this process is the only one that writes; given back when it is dropped or the
/// process ends, however it ends.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}

/// Says why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{}` is in use by another `kmatrix` (process {holder})", path.display())]
    Busy { path: PathBuf, holder: String },
    #[error("`{}` cannot be read: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error(
        "`{}` has schema {found}; this program knows up to {known}",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
}

impl StateError {
    /// Returns true if there was no space left to write to.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Busy { .. } | Self::Malformed { .. } | Self::Newer { .. } => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } if self.is_full() => {
                "the disk is full: make room, and run the same command again"
            }
            Self::Io { .. } => "name another directory with `--state`, or correct its permissions",
            Self::Busy { .. } => {
                "wait for it, or give this run a directory of its own with `--state`"
            }
            Self::Malformed { .. } => "remove the file; it is made again",
            Self::Newer { .. } => {
                "use the program that wrote it, or name another directory with `--state`"
            }
        }
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io {
        doing,
        path,
        source,
    }
}

impl State {
    /// Opens or makes the directory.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        for name in ["kernels", "images", "reproductions", "locks", "out"] {
            let path = root.join(name);
            fs::create_dir_all(&path).map_err(failed("make the directory", &path))?;
        }
        // Containers are mounted from here, and the engine resolves no relative path.
        let root = fs::canonicalize(root).map_err(failed("find", root))?;
        Ok(Self { root })
    }

    /// Opens the directory if it is there.
    pub fn existing(root: &Path) -> Result<Option<Self>, StateError> {
        match fs::canonicalize(root) {
            Ok(root) => Ok(Some(Self { root })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("find", root)(error)),
        }
    }

    /// Claims the directory for writing, or says who has it.
    pub fn claim(&self) -> Result<Claim, StateError> {
        let path = self.root.join("in-use");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock_soon(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is is for the message only; not knowing changes nothing.
                let _ = (&mut file).take(32).read_to_string(&mut holder);
                return Err(StateError::Busy {
                    path: self.root.clone(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed("write", &path))?;
        Ok(Claim { _file: file })
    }

    /// Returns the name that marks this directory's containers, made at the first call.
    pub fn id(&self) -> Result<String, StateError> {
        let path = self.root.join("id");
        match fs::read_to_string(&path) {
            Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
            Ok(_) => self.make_id(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make_id(&path),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    fn make_id(&self, path: &Path) -> Result<String, StateError> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut bytes))
            .map_err(failed("make an identity for", path))?;
        let id = hex::encode(bytes);
        write_atomically(path, format!("{id}\n").as_bytes())?;
        Ok(id)
    }

    /// Returns the directory itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the store is.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Returns where the ledger is.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.sqlite")
    }

    /// Returns where modules, logs and records are put for people.
    pub fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    /// Returns where the kernels of a distribution release are listed, such as `debian-12`.
    pub fn kernels(&self, distro_release: &str) -> PathBuf {
        self.root
            .join("kernels")
            .join(format!("{distro_release}.json"))
    }

    /// Returns where the record of a builder image is.
    pub fn image(&self, image: &crate::name::ImageName) -> PathBuf {
        self.root.join("images").join(format!("{image}.json"))
    }

    /// Returns where it is recorded what came of making a builder image again.
    pub fn reproduction(&self, image: &crate::name::ImageName) -> PathBuf {
        self.root
            .join("reproductions")
            .join(format!("{image}.json"))
    }

    /// Returns where every list of kernels is.
    pub fn all_kernels(&self) -> Result<Vec<PathBuf>, StateError> {
        json_files(&self.root.join("kernels"))
    }

    /// Returns where every lock is.
    pub fn all_locks(&self) -> Result<Vec<PathBuf>, StateError> {
        json_files(&self.root.join("locks"))
    }

    /// Returns where every record of an image is.
    pub fn all_images(&self) -> Result<Vec<PathBuf>, StateError> {
        json_files(&self.root.join("images"))
    }

    /// Returns where the lock of a matrix is. Two matrices of one file name have two locks.
    pub fn lock(&self, matrix: &Path) -> PathBuf {
        let whole = fs::canonicalize(matrix).unwrap_or_else(|_| matrix.to_owned());
        let stem = matrix
            .file_stem()
            .map_or_else(|| "matrix".into(), |stem| stem.to_string_lossy());
        let place = crate::digest::Sha256Digest::of(whole.to_string_lossy().as_bytes());
        self.root
            .join("locks")
            .join(format!("{stem}-{}.json", &place.to_hex()[..8]))
    }
}

/// Locks the file unless somebody keeps it.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            answer => return answer,
        }
    }
    file.try_lock()
}

fn json_files(directory: &Path) -> Result<Vec<PathBuf>, StateError> {
    let entries = fs::read_dir(directory).map_err(failed("list", directory))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("list", directory))?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a JSON file; `None` if it is not there.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| StateError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Reads a file of the state; `None` if it is not there.
fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    Ok(Some(bytes))
}

/// Writes a JSON file whole or not at all.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| StateError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    bytes.push(b'\n');
    write_atomically(path, &bytes)
}

/// Writes a file whole or not at all.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    whole_file::write(path, bytes).map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_claim_holds_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = State::open(dir.path()).expect("a state");
        let claim = state.claim().expect("a claim");
        let refused = state.claim().expect_err("the second is refused");
        assert!(matches!(&refused, StateError::Busy { holder, .. }
                if *holder == std::process::id().to_string()));
        drop(claim);
        state.claim().expect("free again");
    }

    #[test]
    fn a_claim_outlasts_its_holder_by_a_moment_at_most() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = State::open(dir.path()).expect("a state");
        let claim = state.claim().expect("a claim");
        // What a fork leaves open: another name for the same open file.
        let kept = claim._file.try_clone().expect("a second name");
        drop(claim);
        let gives_up = std::thread::spawn(move || {
            std::thread::sleep(BETWEEN_LOOKS * 3);
            drop(kept);
        });
        state.claim().expect("free after a moment");
        gives_up.join().expect("it ends");
    }

    #[test]
    fn the_identity_is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = State::open(dir.path()).expect("a state");
        let id = state.id().expect("an identity");
        assert_eq!(id.len(), 32);
        assert_eq!(state.id().expect("the same"), id);
    }

    #[test]
    fn a_json_file_is_absent_or_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sub/x.json");
        assert_eq!(read_json::<Vec<u8>>(&path).expect("absent"), None);
        write_json(&path, &vec![1_u8, 2]).expect("written");
        assert_eq!(read_json(&path).expect("there"), Some(vec![1_u8, 2]));
        fs::write(&path, "[1,").expect("a file");
        assert!(matches!(
            read_json::<Vec<u8>>(&path),
            Err(StateError::Malformed { .. })
        ));
    }
}

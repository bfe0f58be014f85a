//! Reading git's objects, each of which is hashed before it is believed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use sha1collisiondetection::Sha1CD;
use sha2::{Digest as _, Sha256};

use super::process::{Bounded, git};
use super::{GitError, make_empty};

/// How long reading all of a commit may take; a whole kernel takes half a minute.
const TIME: Duration = Duration::from_secs(600);
/// The longest answer's head: an id of 64 digits, a word and a number.
const MOST_HEAD: u64 = 200;

/// An object store that answers.
pub(super) struct Objects {
    git: Bounded,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// The empty repository through which the store is read.
    _repository: tempfile::TempDir,
}

/// Finds the object store of the repository at `path`, without running anything
/// (gitrepository-layout(5): `.git` as a directory, `.git` as a file, or a bare repository).
pub(super) fn object_store(path: &Path) -> Result<PathBuf, GitError> {
    let no_repository = || GitError::NoRepository {
        path: path.to_owned(),
    };
    let inner = path.join(".git");
    let git_directory = if inner.is_dir() {
        inner
    } else if inner.is_file() {
        let text = read_line(&inner).ok_or_else(no_repository)?;
        let place = text.strip_prefix("gitdir: ").ok_or_else(no_repository)?;
        path.join(place)
    } else {
        path.to_owned()
    };
    // A work tree's own directory names the one that it shares.
    let common = match read_line(&git_directory.join("commondir")) {
        Some(common) => git_directory.join(common),
        None => git_directory,
    };
    if !common.join("HEAD").exists() {
        return Err(no_repository());
    }
    let store = common.join("objects");
    let store = store.canonicalize().map_err(|_| no_repository())?;
    Ok(store)
}

fn read_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    Some(text.trim_end_matches('\n').to_owned())
}

impl Objects {
    /// Opens an object store for ids of this length.
    pub(super) fn open(store: &Path, id: &str) -> Result<Self, GitError> {
        let repository = tempfile::tempdir().map_err(|source| GitError::Write {
            path: std::env::temp_dir(),
            source,
        })?;
        make_empty(repository.path(), id.len() == 64, Some(store))?;
        let mut command = git(repository.path(), &[]);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped());
        let mut git = Bounded::spawn(&mut command, "cat-file", TIME)?;
        let (Some(to), Some(from)) = (git.child().stdin.take(), git.child().stdout.take()) else {
            return Err(git.failed("it has no pipes"));
        };
        Ok(Self {
            git,
            to,
            from: BufReader::new(from),
            _repository: repository,
        })
    }

    /// Reads an object of at most `limit` bytes, which must be of the kind `wanted`.
    pub(super) fn read(
        &mut self,
        id: &str,
        wanted: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>, GitError> {
        let asked = writeln!(self.to, "{id}").and_then(|()| self.to.flush());
        asked.map_err(|error| self.git.failed(error.to_string()))?;
        let mut head = String::new();
        (&mut self.from)
            .take(MOST_HEAD)
            .read_line(&mut head)
            .map_err(|error| self.git.failed(error.to_string()))?;
        let mut words = head.trim_end_matches('\n').split(' ');
        let (found, kind, size) = match (words.next(), words.next(), words.next()) {
            (Some(_), Some("missing"), None) => {
                return Err(GitError::NoObject { id: id.to_owned() });
            }
            (Some(found), Some(kind), Some(size)) => (found, kind, size.parse::<u64>()),
            _ => return Err(self.git.failed("it gave no answer")),
        };
        let Ok(size) = size else {
            return Err(self.git.failed("its answer has no size"));
        };
        if found != id {
            return Err(self.git.failed("it answered about another object"));
        }
        if size > limit {
            return Err(GitError::TooMuch {
                what: "bytes in one object",
                limit,
            });
        }
        // An object of another kind is read as well, so that its kind is told and the next answer
        // begins where it has to.
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(size + 1).read_to_end(&mut bytes);
        if read.map_err(|error| self.git.failed(error.to_string()))? as u64 != size + 1
            || bytes.pop() != Some(b'\n')
        {
            return Err(self.git.failed("its answer was cut"));
        }
        if !is_id_of(id, kind, &bytes) {
            return Err(GitError::WrongBytes { id: id.to_owned() });
        }
        if kind != wanted {
            return Err(GitError::OtherKind {
                id: id.to_owned(),
                found: kind.to_owned(),
                wanted,
            });
        }
        Ok(bytes)
    }
}

/// Returns true if these are the bytes that an id names. Bytes that were made to collide in SHA-1
/// are nobody's (git does the same since 2.13).
fn is_id_of(id: &str, kind: &str, bytes: &[u8]) -> bool {
    let head = format!("{kind} {}\0", bytes.len());
    if id.len() == 64 {
        let hash = Sha256::new().chain_update(&head).chain_update(bytes);
        return hex::encode(hash.finalize()) == id;
    }
    let mut hash = Sha1CD::default();
    hash.update(&head);
    hash.update(bytes);
    hash.finalize_cd()
        .is_ok_and(|digest| hex::encode(digest) == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        // `printf 'hello\n' | git hash-object --stdin`, in either object format.
        for id in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4",
        ] {
            assert!(is_id_of(id, "blob", b"hello\n"), "{id}");
            assert!(!is_id_of(id, "blob", b"hellp\n"), "{id}");
            assert!(!is_id_of(id, "tree", b"hello\n"), "{id}");
        }
    }
}

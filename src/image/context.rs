//! What a Dockerfile copies from: a tree by its digest, handed to the engine as one tar that is the
//! same for the same tree.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::digest::Sha256Digest;
use crate::store::{Store, StoreError};
use crate::tree::{self, Entries, Entry, TreeError, WalkRules};

/// Where the Dockerfile stands in the tar. A context that has a file of this name is refused.
pub const DOCKERFILE: &str = ".kmatrix.Dockerfile";

/// The most entries that a context may have.
const MAX_ENTRIES: usize = 50_000;
/// The most bytes that its files may have together.
const MAX_BYTES: u64 = 2 << 30;

/// A context as it was read.
pub struct Context {
    entries: Entries,
    /// The tree digest.
    pub digest: Sha256Digest,
}

/// Says why a context cannot be handed to the engine.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("its files have more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("it has a file `{DOCKERFILE}`, which is where the Dockerfile is put")]
    Reserved,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write it as a tar")]
    Write(#[from] io::Error),
}

impl Context {
    /// Reads a directory, all of it: what a `.dockerignore` leaves out later is in the digest too.
    pub fn read(directory: &Path) -> Result<Self, ContextError> {
        let rules = WalkRules {
            limit: MAX_ENTRIES,
            skip: &[".git"],
        };
        let entries = tree::read_directory(directory, rules)?;
        if entries.contains_key(DOCKERFILE) {
            return Err(ContextError::Reserved);
        }
        let bytes = entries.values().map(|entry| match entry {
            Entry::File { bytes, .. } => *bytes,
            Entry::Directory | Entry::Symlink { .. } => 0,
        });
        if bytes.fold(0, u64::saturating_add) > MAX_BYTES {
            return Err(ContextError::TooLarge);
        }
        Ok(Self {
            digest: tree::digest(&entries),
            entries,
        })
    }

    /// Copies what was read from `directory` into the store, which checks that it is still that,
    /// and writes the tar from the copy.
    pub fn write(
        &self,
        directory: &Path,
        dockerfile: &str,
        store: &Store,
        to: &File,
    ) -> Result<(), ContextError> {
        let copy = store.source_tree(&self.entries, directory)?;
        Ok(write_tar(Some((&self.entries, &copy)), dockerfile, to)?)
    }
}

/// Writes the tar of a Dockerfile that copies nothing.
pub fn write_alone(dockerfile: &str, to: &File) -> io::Result<()> {
    write_tar(None, dockerfile, to)
}

/// Owners, times and all modes but the executable bit are fixed; entries stand in the order of
/// their names.
fn write_tar(
    context: Option<(&Entries, &Path)>,
    dockerfile: &str,
    to: impl Write,
) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    let mut header = header(tar::EntryType::Regular, 0o644);
    header.set_size(dockerfile.len() as u64);
    tar.append_data(&mut header, DOCKERFILE, dockerfile.as_bytes())?;
    for (name, entry) in context.iter().flat_map(|(entries, _)| *entries) {
        let root = context.map_or(Path::new(""), |(_, root)| root);
        match entry {
            Entry::Directory => {
                let mut header = self::header(tar::EntryType::Directory, 0o755);
                header.set_size(0);
                tar.append_data(&mut header, name, io::empty())?;
            }
            Entry::File {
                bytes, executable, ..
            } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let mut header = self::header(tar::EntryType::Regular, mode);
                header.set_size(*bytes);
                tar.append_data(&mut header, name, File::open(root.join(name))?)?;
            }
            Entry::Symlink { target } => {
                let mut header = self::header(tar::EntryType::Symlink, 0o777);
                header.set_size(0);
                tar.append_link(&mut header, name, target)?;
            }
        }
    }
    tar.into_inner()?.flush()
}

fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn fill(directory: &Path, order: [&str; 2]) {
        fs::create_dir_all(directory.join("sub")).expect("a directory");
        for name in order {
            fs::write(directory.join(name), name).expect("a file");
        }
        let run = directory.join("sub/run");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("a mode");
        symlink("sub/run", directory.join("link")).expect("a link");
    }

    fn written(directory: &Path, store: &Store) -> (Sha256Digest, Vec<u8>) {
        let context = Context::read(directory).expect("a context");
        let tar = tempfile::NamedTempFile::new().expect("a file");
        context
            .write(directory, "FROM scratch\n", store, tar.as_file())
            .expect("a tar");
        (context.digest, fs::read(tar.path()).expect("a tar"))
    }

    #[test]
    fn one_tree_gives_one_tar_wherever_it_stands() {
        let place = tempfile::tempdir().expect("a directory");
        let store = Store::open(&place.path().join("store")).expect("a store");
        let (first, second) = (place.path().join("a"), place.path().join("b"));
        fill(&first, ["sub/run", "z"]);
        fill(&second, ["z", "sub/run"]);
        let one = written(&first, &store);
        assert_eq!(one, written(&second, &store));
        let mut names = Vec::new();
        for entry in tar::Archive::new(&one.1[..]).entries().expect("a tar") {
            let entry = entry.expect("an entry");
            let header = entry.header();
            assert_eq!(header.mtime().expect("a time"), 0);
            names.push(format!(
                "{} {:o}",
                String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/'),
                header.mode().expect("a mode")
            ));
        }
        assert_eq!(
            names,
            [
                ".kmatrix.Dockerfile 644",
                "link 777",
                "sub 755",
                "sub/run 755",
                "z 644"
            ]
        );
        fs::write(second.join("z"), "other").expect("a file");
        assert_ne!(one.0, written(&second, &store).0);
    }

    #[test]
    fn what_a_tree_cannot_hold_is_refused() {
        let place = tempfile::tempdir().expect("a directory");
        symlink("../..", place.path().join("out")).expect("a link");
        assert!(matches!(
            Context::read(place.path()),
            Err(ContextError::Tree(TreeError::LinkLeaves { .. }))
        ));
        fs::remove_file(place.path().join("out")).expect("a link");
        fs::write(place.path().join(DOCKERFILE), "").expect("a file");
        assert!(matches!(
            Context::read(place.path()),
            Err(ContextError::Reserved)
        ));
    }
}

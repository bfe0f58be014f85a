//! Writing the entries of an archive below a directory: names are created new or not at all.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::entry::{ArchiveEntry, Kind};
use super::error::{PackageError, recover};
use super::limits::Limits;
use super::name;
use crate::digest::{Hashing, Sha256Digest};
use crate::tree::{Entries, Entry};

/// Where symbolic links may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Anywhere in the package, whose root an absolute target begins at.
    Package,
    /// Below the root by relative targets only, since the tree has no place of its own.
    Tree,
}

/// A directory that entries are written to, and what it holds so far.
///
/// Directories become 0755, files 0644, or 0755 if anybody may execute them, whatever the umask;
/// times and owners are those of the moment and of this process. After an error the directory holds
/// some part of the archive.
///
/// # Security
///
/// The directories above an entry are looked up among the entries written so far, so none is a
/// symbolic link or a file. On disk every name is created exclusively, so that where a file system
/// takes two names for one (by case, say) the second is an error and not a way out.
pub(super) struct Unpacking<'a> {
    into: &'a Path,
    links: Links,
    limits: &'a Limits,
    entries: Entries,
    /// Names that the archive itself listed, unlike parents that it implied.
    listed: HashSet<String>,
    /// The bytes of all files so far.
    bytes: u64,
    buffer: Vec<u8>,
}

impl<'a> Unpacking<'a> {
    /// Begins to write below `into`, which must exist and be empty.
    pub(super) fn open(
        into: &'a Path,
        links: Links,
        limits: &'a Limits,
    ) -> Result<Self, PackageError> {
        let unreadable = |source| PackageError::Write {
            path: into.to_owned(),
            source,
        };
        if fs::read_dir(into).map_err(unreadable)?.next().is_some() {
            return Err(PackageError::NotEmpty {
                path: into.to_owned(),
            });
        }
        Ok(Self {
            into,
            links,
            limits,
            entries: Entries::new(),
            listed: HashSet::new(),
            bytes: 0,
            buffer: vec![0; 128 * 1024],
        })
    }

    /// Returns what was written.
    pub(super) fn finish(self) -> Entries {
        self.entries
    }

    /// Writes one entry, whose bytes `bytes` holds and nothing else.
    pub(super) fn write(
        &mut self,
        entry: ArchiveEntry,
        bytes: &mut dyn Read,
    ) -> Result<(), PackageError> {
        let ArchiveEntry { name, kind } = entry;
        if !self.listed.insert(name.clone()) {
            let root = name.is_empty().then(|| "./".to_owned());
            return Err(PackageError::Duplicate {
                name: root.unwrap_or(name),
            });
        }
        if name.is_empty() {
            return Ok(());
        }
        self.make_parents(&name)?;
        let written = match kind {
            Kind::Directory => match self.entries.get(&name) {
                Some(Entry::Directory) => return Ok(()),
                Some(Entry::File { .. } | Entry::Symlink { .. }) => {
                    return Err(PackageError::Duplicate { name });
                }
                None => {
                    self.make_directory(&name)?;
                    Entry::Directory
                }
            },
            Kind::File { .. } | Kind::Symlink { .. } | Kind::HardLink { .. }
                if self.entries.contains_key(&name) =>
            {
                return Err(PackageError::Duplicate { name });
            }
            Kind::File {
                bytes: size,
                executable,
            } => {
                let digest = self.write_file(&name, size, executable, bytes)?;
                Entry::File {
                    digest,
                    bytes: size,
                    executable,
                }
            }
            Kind::Symlink { target } => {
                let target = name::target(&name, &target, self.links, self.limits)?;
                let path = self.into.join(&name);
                std::os::unix::fs::symlink(&target, &path).map_err(writing(&path))?;
                Entry::Symlink { target }
            }
            Kind::HardLink { target } => self.link(&name, target)?,
        };
        self.record(name, written)
    }

    fn record(&mut self, name: String, entry: Entry) -> Result<(), PackageError> {
        let limit = self.limits.entries;
        if self.entries.len() == limit {
            return Err(PackageError::TooManyEntries { limit });
        }
        self.entries.insert(name, entry);
        Ok(())
    }

    fn make_parents(&mut self, name: &str) -> Result<(), PackageError> {
        for (end, _) in name.match_indices('/') {
            let parent = &name[..end];
            match self.entries.get(parent) {
                Some(Entry::Directory) => {}
                Some(Entry::Symlink { .. }) => {
                    return Err(PackageError::ThroughLink {
                        name: name.to_owned(),
                        link: parent.to_owned(),
                    });
                }
                Some(Entry::File { .. }) => {
                    return Err(PackageError::BelowFile {
                        name: name.to_owned(),
                        file: parent.to_owned(),
                    });
                }
                None => {
                    self.make_directory(parent)?;
                    self.record(parent.to_owned(), Entry::Directory)?;
                }
            }
        }
        Ok(())
    }

    fn make_directory(&self, name: &str) -> Result<(), PackageError> {
        let path = self.into.join(name);
        let made = fs::create_dir(&path).and_then(|()| {
            if *UMASK_LEAVES_MODES {
                return Ok(());
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        });
        made.map_err(writing(&path))
    }

    fn write_file(
        &mut self,
        name: &str,
        size: u64,
        executable: bool,
        bytes: &mut dyn Read,
    ) -> Result<Sha256Digest, PackageError> {
        if size > self.limits.file_bytes {
            return Err(PackageError::FileTooLarge {
                name: name.to_owned(),
                bytes: size,
                limit: self.limits.file_bytes,
            });
        }
        self.bytes += size;
        if self.bytes > self.limits.total_bytes {
            return Err(PackageError::TotalTooLarge {
                limit: self.limits.total_bytes,
            });
        }
        let path = self.into.join(name);
        let file = create(&path, executable).map_err(writing(&path))?;
        let mut file = Hashing::new(file);
        loop {
            match bytes.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => file
                    .write_all(&self.buffer[..count])
                    .map_err(writing(&path))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(recover(error, |source| PackageError::Read { source })),
            }
        }
        let (_, digest, written) = file.finish();
        if written != size {
            return Err(PackageError::Truncated {
                part: format!("`{name}`"),
            });
        }
        Ok(digest)
    }

    fn link(&self, name: &str, target: String) -> Result<Entry, PackageError> {
        match self.entries.get(&target) {
            Some(file @ Entry::File { .. }) => {
                let path = self.into.join(name);
                fs::hard_link(self.into.join(&target), &path).map_err(writing(&path))?;
                Ok(file.clone())
            }
            Some(Entry::Directory | Entry::Symlink { .. }) | None => Err(PackageError::HardLink {
                name: name.to_owned(),
                target,
            }),
        }
    }
}

/// True if what is made here has the modes that it is made with: a kernel's headers are 20,000 files, and
/// a call for each of them counts. The process never changes its umask.
static UMASK_LEAVES_MODES: LazyLock<bool> = LazyLock::new(|| {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let umask = umask.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    umask == Some(0o022)
});

fn create(path: &Path, executable: bool) -> io::Result<File> {
    let mode = if executable { 0o755 } else { 0o644 };
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    if !*UMASK_LEAVES_MODES {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path: PathBuf = path.to_owned();
    move |source| PackageError::Write { path, source }
}

//! Files as they are when they are opened.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

/// A regular file, and what it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    pub file: File,
    pub bytes: u64,
    pub permissions: Permissions,
}

impl OpenFile {
    /// Opens a file by its path below a directory; `rustix::fs::CWD` stands for the one that paths are
    /// relative to otherwise.
    ///
    /// # Security
    ///
    /// At the end of the path may stand something else by now than was seen there. A symbolic link is not
    /// followed, a pipe is not waited for, and both are errors.
    pub fn at(directory: impl AsFd, path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat(directory, path, flags, Mode::empty())?;
        let found = fstat(&file)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Self {
            file: file.into(),
            bytes: u64::try_from(found.st_size).unwrap_or(0),
            permissions: Permissions::from_mode(found.st_mode),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;
    use crate::digest::hash_reader;

    #[test]
    fn only_regular_files_are_opened_and_no_link_is_followed() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        fs::write(at("file"), "x").expect("a file");
        fs::set_permissions(at("file"), Permissions::from_mode(0o751)).expect("a mode");
        symlink("file", at("link")).expect("a link");
        mkfifoat(CWD, at("pipe"), Mode::RWXU).expect("a pipe");
        let directory = File::open(root.path()).expect("a directory");
        for found in [
            OpenFile::at(&directory, Path::new("file")),
            OpenFile::at(CWD, &at("file")),
        ] {
            let OpenFile {
                file,
                bytes,
                permissions,
            } = found.expect("a file");
            assert_eq!((bytes, permissions.mode() & 0o777), (1, 0o751));
            assert_eq!(hash_reader(file).expect("bytes").1, 1);
        }
        for name in ["link", "pipe", ".", "gone"] {
            assert!(OpenFile::at(&directory, Path::new(name)).is_err(), "{name}");
        }
    }
}

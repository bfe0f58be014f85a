//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a new file may be by whom, before the user's own mask.
const NEW: u32 = 0o666;

/// A file that takes its place once it is whole. Dropping it leaves what was there.
#[derive(Debug)]
pub struct WholeFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file beside its place. One that is there already keeps its mode; a link stays, and what it
    /// points at is replaced.
    ///
    /// # Errors
    ///
    /// The folder has to be there, and nothing but a file may stand in its place.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let known = match fs::metadata(&path) {
            Ok(known) if known.is_file() => Some(known.permissions()),
            Ok(known) if known.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => return Err(io::Error::other("it is no regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(NEW))
            .tempfile_in(folder)?;
        if let Some(known) = known {
            file.as_file().set_permissions(known)?;
        }
        Ok(Self { file, path })
    }

    /// Returns what is written to.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Puts the file in its place, once the disk has all of it.
    pub fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Writes a file whole or not at all, and makes the folders that it stands in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut whole = WholeFile::begin(path)?;
    whole.file().write_all(bytes)?;
    whole.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn others_may_read_what_is_new_and_what_is_there_keeps_its_mode() {
        let directory = tempfile::tempdir().expect("a directory");
        let plain = directory.path().join("plain");
        fs::write(&plain, "by the mask alone").expect("a file");
        let new = directory.path().join("a/new");
        write(&new, b"new").expect("written");
        assert_eq!(mode(&new), mode(&plain));
        for kept in [0o600, 0o640, 0o664] {
            fs::set_permissions(&new, Permissions::from_mode(kept)).expect("a mode");
            write(&new, b"again").expect("written");
            assert_eq!(
                (mode(&new), fs::read(&new).expect("read")),
                (kept, b"again".to_vec())
            );
        }
    }

    #[test]
    fn a_link_stays_and_what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let (link, target) = (
            directory.path().join("link"),
            directory.path().join("target"),
        );
        fs::write(&target, "old").expect("a file");
        std::os::unix::fs::symlink("target", &link).expect("a link");
        write(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read(&target).expect("read"), b"new");
        assert!(write(directory.path(), b"x").is_err());
        assert!(write(Path::new("/dev/null"), b"x").is_err());
        assert!(!fs::metadata("/dev/null").expect("a device").is_file());
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let mut begun = WholeFile::begin(&path).expect("begun");
        begun.file().write_all(b"half").expect("written");
        drop(begun);
        assert_eq!(
            fs::read_dir(directory.path()).expect("a directory").count(),
            0
        );
    }
}

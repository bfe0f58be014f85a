//! A real package from the host's own archive, unpacked here and by `dpkg-deb`: the same tree.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmatrix::digest::{Hashing, Sha256Digest, hash_file};
use kmatrix::package::{Limits, unpack_deb};
use kmatrix::tree::{self, Entries, Entry};
use walkdir::WalkDir;

/// Small packages which have, between them, hard links or symbolic links, programs and plain files.
const PACKAGES: [&str; 3] = ["tzdata", "xz-utils", "linux-kbuild-6.1"];

#[test]
fn real_packages_unpack_as_dpkg_deb_unpacks_them() {
    for name in PACKAGES {
        let directory = tempfile::tempdir().expect("a directory");
        let deb = download(name, directory.path());
        let ours = directory.path().join("ours");
        let theirs = directory.path().join("theirs");
        fs::create_dir(&ours).expect("a directory");
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&theirs));

        let mut bytes = Hashing::new(File::open(&deb).expect("a package"));
        let unpacked = unpack_deb(&mut bytes, &ours, &Limits::default()).expect(name);
        assert_eq!(bytes.finish().1, hash_file(&deb).expect("a package").0);

        for (field, value) in [
            ("Package", unpacked.identity.name.as_str()),
            ("Version", unpacked.identity.version.as_str()),
            ("Architecture", unpacked.identity.architecture.as_str()),
        ] {
            let said = run(Command::new("dpkg-deb").arg("-f").arg(&deb).arg(field));
            assert_eq!(said.trim(), value, "{name}: {field}");
        }
        assert!(unpacked.entries.len() > 10, "{name}");
        assert_eq!(walk(&ours), unpacked.entries, "{name}: said and written");
        assert_eq!(
            walk(&theirs),
            unpacked.entries,
            "{name}: ours and dpkg-deb's"
        );
        assert_eq!(
            tree::digest(&walk(&theirs)),
            tree::digest(&unpacked.entries),
            "{name}"
        );
    }
}

/// Reads a directory as it is, links with absolute targets included.
fn walk(root: &Path) -> Entries {
    let mut entries = Entries::new();
    for found in WalkDir::new(root).min_depth(1) {
        let found = found.expect("an entry");
        let name = found.path().strip_prefix(root).expect("below the root");
        let name = name.to_str().expect("UTF-8").to_owned();
        let entry = if found.file_type().is_dir() {
            Entry::Directory
        } else if found.file_type().is_symlink() {
            let target = fs::read_link(found.path()).expect("a link");
            Entry::Symlink {
                target: target.to_str().expect("UTF-8").to_owned(),
            }
        } else {
            let (digest, bytes): (Sha256Digest, u64) = hash_file(found.path()).expect("a file");
            let mode = found.metadata().expect("metadata").permissions().mode();
            Entry::File {
                digest,
                bytes,
                executable: mode & 0o111 != 0,
            }
        };
        entries.insert(name, entry);
    }
    entries
}

/// Downloads by the host's configuration; `apt-get` has authenticated what it brings.
fn download(name: &str, into: &Path) -> PathBuf {
    // The sandbox user of apt cannot write to this test's private directory.
    run(Command::new("apt-get")
        .args(["-q", "-o", "APT::Sandbox::User=root", "download", name])
        .current_dir(into));
    let mut debs = fs::read_dir(into)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path());
    debs.find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .expect("a downloaded package")
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

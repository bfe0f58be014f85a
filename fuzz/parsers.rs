//! What is fuzzed: every parser of bytes that somebody else wrote, each as a function that must
//! neither panic nor take memory or time without bound, whatever the bytes are.
//!
//! The fuzz targets call these functions, and so does `tests/fuzz_corpus.rs` with every file of the
//! corpus, so that what was found once stays found.

use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;

use kmatrix::catalog::openpgp::{self, PinnedKeys};
use kmatrix::catalog::packages_index::read_packages;
use kmatrix::catalog::release_file::ReleaseFile;
use kmatrix::document::Document;
use kmatrix::ko;
use kmatrix::package::{self, Limits};

/// A parser by the name of its fuzz target and of its folder in the corpus.
pub type Parser = fn(&[u8]);

/// Every parser.
pub const ALL: [(&str, Parser); 7] = [
    ("clear_signed", clear_signed),
    ("deb", deb),
    ("facts", facts),
    ("matrix", matrix),
    ("module", module),
    ("packages_index", packages_index),
    ("release_file", release_file),
];

/// Limits that a few kilobytes can reach.
fn limits() -> Limits {
    Limits {
        entries: 64,
        file_bytes: 64 << 10,
        total_bytes: 256 << 10,
        ratio: 50,
        ratio_floor: 64 << 10,
        decoder_bytes: 16 << 20,
        ..Limits::default()
    }
}

/// An InRelease file, checked against real keys.
pub fn clear_signed(bytes: &[u8]) {
    static KEYS: OnceLock<PinnedKeys> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let keyring = Path::new(env!("CARGO_MANIFEST_DIR"));
        let keyring = keyring
            .ancestors()
            .map(|folder| folder.join("kernels/keys/debian-12.asc"))
            .find(|path| path.is_file())
            .expect("the project's keys");
        let pinned = "4D64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481";
        PinnedKeys::read(&[keyring], &[pinned.parse().expect("a fingerprint")]).expect("a key")
    });
    let now = "2026-11-21T00:00:00Z".parse().expect("a time");
    if let Ok(signed) = openpgp::verify(bytes, keys, now) {
        assert!(!signed.signed_by.is_empty(), "taken without a signer");
    }
}

/// A Debian package, unpacked.
pub fn deb(bytes: &[u8]) {
    unpacked(|into| package::unpack_deb(Cursor::new(bytes), into, &limits()).is_ok());
}

/// Unpacks into a directory and checks that nothing was written beside it.
fn unpacked(unpack: impl FnOnce(&Path) -> bool) {
    let around = tempfile::tempdir().expect("a directory");
    let into = around.path().join("in");
    std::fs::create_dir(&into).expect("a directory");
    unpack(&into);
    let entries = std::fs::read_dir(around.path()).expect("a directory").count();
    assert_eq!(entries, 1, "something was written beside the directory");
}

/// A facts file.
pub fn facts(bytes: &[u8]) {
    use kmatrix::catalog::facts::DistroFacts;
    // The reader takes a file; what it does with bytes is the document's.
    let Ok(document) = Document::from_bytes("kernels/x-1.toml", bytes) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("x-1.toml");
    std::fs::write(&path, bytes).expect("a file");
    let _ = (document, DistroFacts::read(path));
}

/// A matrix file.
pub fn matrix(bytes: &[u8]) {
    use kmatrix::matrix::Matrix;
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, bytes).expect("a file");
    let _ = Matrix::read(path);
}

/// A kernel module as a build left it.
pub fn module(bytes: &[u8]) {
    let _ = ko::facts(bytes);
    let _ = ko::sections(bytes);
}

/// A Packages index.
pub fn packages_index(bytes: &[u8]) {
    let _ = read_packages(bytes, |name| name.starts_with("linux"));
}

/// The text of a Release file.
pub fn release_file(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = ReleaseFile::parse(text);
    }
}

//! What is fuzzed: every parser of bytes that somebody else wrote, each as a function that must
//! neither panic nor take memory or time without bound, whatever the bytes are.
//!
//! The fuzz targets call these functions, and so does `tests/fuzz_corpus.rs` with every file of the
//! corpus, so that what was found once stays found.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kmatrix::bundle::{self, ArchiveReader};
use kmatrix::catalog::apk_index::{ApkIndex, SignedIndex};
use kmatrix::catalog::facts::DistroFacts;
use kmatrix::catalog::kernels::KernelPatterns;
use kmatrix::catalog::openpgp::{self, PinnedKeys};
use kmatrix::catalog::packages_index::read_packages;
use kmatrix::catalog::pacman_db::PacmanDb;
use kmatrix::catalog::primary_xml::read_primary;
use kmatrix::catalog::release_file::ReleaseFile;
use kmatrix::catalog::repomd::Repomd;
use kmatrix::catalog::sums_list;
use kmatrix::compare::{Basis, differences};
use kmatrix::digest::Sha256Digest;
use kmatrix::document::Document;
use kmatrix::engine::BuildNetwork;
use kmatrix::image::Dockerfile;
use kmatrix::ko::{self, Btf, BtfBase, canonical_btf};
use kmatrix::oci::{Manifest, with_referrer};
use kmatrix::outcome::Commands;
use kmatrix::package::{self, Limits, PackageFormat, Strip};
use kmatrix::verify::{self, Trust};

#[path = "parsers/archive.rs"]
mod archive;
#[path = "parsers/predicates.rs"]
mod predicates;
#[path = "parsers/tuf.rs"]
mod tuf;

// Each target uses one of them.
#[allow(unused_imports)]
pub use archive::{archived_envelope, ledger_rows, tree_list};
#[allow(unused_imports)]
pub use predicates::{comparison, provenance, scope, summary};
#[allow(unused_imports)]
pub use tuf::tuf_metadata;

/// A parser by the name of its fuzz target and of its folder in the corpus.
pub type Parser = fn(&[u8]);

/// Every parser.
pub const ALL: &[(&str, Parser)] = &[
    ("apk", apk),
    ("apk_index", apk_index),
    ("archived_envelope", archived_envelope),
    ("attestation", attestation),
    ("btf", btf),
    ("clear_signed", clear_signed),
    ("commands", commands),
    ("comparison", comparison),
    ("deb", deb),
    ("dockerfile", dockerfile),
    ("evidence_archive", evidence_archive),
    ("facts", facts),
    ("ko", ko),
    ("ledger_rows", ledger_rows),
    ("matrix", matrix),
    ("module", module),
    ("module_signature", module_signature),
    ("packages_index", packages_index),
    ("pacman", pacman),
    ("pacman_db", pacman_db),
    ("policy", policy),
    ("primary_xml", primary_xml),
    ("provenance", provenance),
    ("public_key", public_key),
    ("referrers", referrers),
    ("release_file", release_file),
    ("repomd", repomd),
    ("rpm", rpm),
    ("scope", scope),
    ("statement", statement),
    ("summary", summary),
    ("sums_list", sums_list),
    ("tarball", tarball),
    ("tree_list", tree_list),
    ("trusted_root", trusted_root),
    ("tuf_metadata", tuf_metadata),
];

/// Returns a folder of the project, from wherever this is compiled.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join(path))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("the project has no `{path}`"))
}

/// Returns how a committed facts file recognises kernels.
fn patterns(facts: &str) -> KernelPatterns {
    let facts = DistroFacts::read(project(facts)).expect("committed facts");
    KernelPatterns::new(&facts.kernel, facts.format).expect("patterns")
}

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
        let keyring = project("kernels/keys/debian-12.asc");
        let pinned = "4D64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481";
        PinnedKeys::read(&[keyring], &[pinned.parse().expect("a fingerprint")]).expect("a key")
    });
    let now = "2026-11-21T00:00:00Z".parse().expect("a time");
    if let Ok(signed) = openpgp::verify(bytes, keys, now) {
        assert!(!signed.signed_by.is_empty(), "taken without a signer");
    }
}

/// An apk package: its signatures, and unpacked.
pub fn apk(bytes: &[u8]) {
    let _ = package::apk_signed(Cursor::new(bytes), &limits());
    package_of(PackageFormat::Apk, bytes);
}

/// An APKINDEX file: its signatures, and its packages.
pub fn apk_index(bytes: &[u8]) {
    static PATTERNS: OnceLock<KernelPatterns> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| patterns("kernels/alpine-3.22.toml"));
    if let Ok(index) = SignedIndex::split(bytes) {
        let _ = ApkIndex::read(index.signed, patterns);
    }
}

/// A Sigstore bundle or a DSSE envelope, by those who made the corpus.
pub fn attestation(bytes: &[u8]) {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    let trust = TRUST.get_or_init(|| {
        let read = |path| std::fs::read(project(path)).expect("a file of the corpus");
        Trust::keys([read("fuzz/corpus/public_key/vendor.pem")])
            .and_then(|trust| trust.with_root(&read("fuzz/corpus/trusted_root/instance.json")))
            .expect("trust")
    });
    if let Ok(found) = verify::authenticate(bytes, trust) {
        // The keys signed this statement alone, and are gone.
        let signed = std::fs::read(project("fuzz/corpus/statement/module.json")).expect("it");
        assert_eq!(found.payload(), Sha256Digest::of(&signed));
    }
}

/// A public key in PEM.
pub fn public_key(bytes: &[u8]) {
    let _ = Trust::keys([bytes]);
}

/// A statement whose signature holds.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = verify::read_statement(bytes) {
        assert!(!statement.subject.is_empty(), "taken without a subject");
    }
}

/// A `trusted_root.json`.
pub fn trusted_root(bytes: &[u8]) {
    let _ = Trust::root(bytes);
}

/// The commands of a build.
pub fn commands(bytes: &[u8]) {
    let found = Commands::read(bytes, "/build/module");
    assert!(found.links <= found.count && found.signs.len() <= 50);
    for sign in &found.signs {
        assert!(sign.rule().is_some() && !sign.word.contains(char::is_control));
    }
}

/// A Dockerfile.
pub fn dockerfile(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(file) = Dockerfile::parse(Path::new("Dockerfile"), text, BuildNetwork::None)
    {
        let _ = (file.bases().len(), file.last_base().is_some());
    }
}

/// A package of pacman's, unpacked.
pub fn pacman(bytes: &[u8]) {
    package_of(PackageFormat::Pacman, bytes);
}

/// A database of pacman's, unpacked as it is read.
pub fn pacman_db(bytes: &[u8]) {
    static PATTERNS: OnceLock<KernelPatterns> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| patterns("kernels/arch-rolling.toml"));
    let _ = PacmanDb::read(bytes, patterns);
}

/// The list of packages of an rpm-md repository.
pub fn primary_xml(bytes: &[u8]) {
    static PATTERNS: OnceLock<KernelPatterns> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| patterns("kernels/rocky-9.toml"));
    let _ = read_primary(bytes, patterns);
}

/// The root of an rpm-md repository.
pub fn repomd(bytes: &[u8]) {
    let _ = Repomd::parse(bytes);
}

/// An RPM: what its signatures cover, and unpacked.
pub fn rpm(bytes: &[u8]) {
    let _ = package::rpm_signed(Cursor::new(bytes), &limits());
    package_of(PackageFormat::Rpm, bytes);
}

/// A list of digests; what is read of it is in order.
pub fn sums_list(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(sums) = sums_list::read(text)
    {
        assert!(sums.is_sorted(), "in the order of names");
    }
}

/// A source tarball, unpacked both ways.
pub fn tarball(bytes: &[u8]) {
    for strip in [Strip::Nothing, Strip::TopDirectory] {
        unpacked(|into| package::unpack_tarball(bytes, strip, into, &limits()).is_ok());
    }
}

fn package_of(format: PackageFormat, bytes: &[u8]) {
    unpacked(|into| package::unpack(format, Cursor::new(bytes), into, &limits()).is_ok());
}

/// A Debian package, unpacked.
pub fn deb(bytes: &[u8]) {
    let _ = package::deb_identity(Cursor::new(bytes), &limits());
    package_of(PackageFormat::Deb, bytes);
}

/// Unpacks into a directory and checks that nothing was written beside it.
fn unpacked(unpack: impl FnOnce(&Path) -> bool) {
    let around = tempfile::tempdir().expect("a directory");
    let into = around.path().join("in");
    std::fs::create_dir(&into).expect("a directory");
    unpack(&into);
    let entries = std::fs::read_dir(around.path())
        .expect("a directory")
        .count();
    assert_eq!(entries, 1, "something was written beside the directory");
}

/// An evidence archive, read to its end.
pub fn evidence_archive(bytes: &[u8]) {
    let limits = bundle::Limits {
        index: 64 << 10,
        signature: 16 << 10,
        member: 64 << 10,
        total: 256 << 10,
        members: 64,
        rows: 64,
    };
    let Ok(mut archive) = ArchiveReader::open(Cursor::new(bytes), &limits) else {
        return;
    };
    while archive.upcoming().is_some() {
        if archive.copy_to(&mut std::io::sink()).is_err() {
            return;
        }
    }
    // Every byte has been looked at, whatever this says.
    let _ = archive.finish();
}

/// A facts file.
pub fn facts(bytes: &[u8]) {
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

/// A policy, which may name files that are not there.
pub fn policy(bytes: &[u8]) {
    let _ = kmatrix::verify::policy::Policy::parse("none/policy.toml", bytes);
}

/// A kernel module as a build left it.
pub fn module(bytes: &[u8]) {
    let _ = ko::facts(bytes);
    let _ = ko::sections(bytes);
}

/// The signature behind a module, alone and where it stands.
pub fn module_signature(bytes: &[u8]) {
    let alone = ko::AppendedSignature::read(bytes);
    let length = u32::try_from(bytes.len()).expect("a small file");
    let trailer = [&[0, 0, 2, 0, 0, 0, 0, 0][..], &length.to_be_bytes()].concat();
    let signed = [b"module", bytes, &trailer, ko::SIGNATURE_MAGIC].concat();
    let cut = ko::cut_signature(&signed).expect("a trailer that fits");
    let behind = cut.signature.map(ko::AppendedSignature::read);
    assert_eq!((cut.module, behind), (&b"module"[..], Some(alone)));
    let _ = ko::cut_signature(bytes);
}

/// What a registry has under the tag of what refers to a module. What is added once is there.
pub fn referrers(bytes: &[u8]) {
    let digest = Sha256Digest::of(b"module");
    let module = Manifest::of_module("m.ko", digest, 6);
    let bundle = Manifest::of_bundle(Sha256Digest::of(b"bundle"), 6, "type", &module);
    if let Ok(Some(index)) = with_referrer(Some(bytes), &bundle) {
        assert_eq!(with_referrer(Some(&index), &bundle), Ok(None));
    }
}

/// The types of a module, put in order.
pub fn btf(bytes: &[u8]) {
    if let Ok(types) = Btf::parse(bytes) {
        let whole = BtfBase {
            types: 1,
            strings: 0,
        };
        let base = types.inferred_base().unwrap_or(whole);
        let _ = canonical_btf(&types, base);
    }
}

/// Any two modules, held against each other: the bytes' halves, and the bytes against themselves with
/// one changed.
pub fn ko(bytes: &[u8]) {
    let mut other = bytes.to_vec();
    if let Some(byte) = other.get_mut(bytes.len() / 3) {
        *byte ^= 1;
    }
    if let Ok(found) = differences(bytes, bytes, Basis::Inferred) {
        assert!(found.sections.is_empty(), "it is what it is");
    }
    let _ = differences(bytes, &other, Basis::Inferred);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let _ = differences(first, second, Basis::Recorded(None));
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

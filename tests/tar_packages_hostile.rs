//! pacman's and apk's packages and source tarballs: those that must be opened, and those that must
//! be refused. What they share with Debian's is tested there.

mod deb;

use std::fs;
use std::io::Write;
use std::path::Path;

use deb::{Item, deb, file, tar};
use kmatrix::digest::Sha256Digest;
use kmatrix::package::{
    ApkSignatureKind, Limits, PackageError, PackageFormat, Strip, Unpacked, apk_signed, unpack,
    unpack_tarball,
};
use kmatrix::tree::{Entries, Entry};
use proptest::prelude::*;
use tar::EntryType;

const INFO: &str = "pkgname = sample\npkgver = 1.0-r1\narch = x86_64\n";

/// Unpacks below a directory beside which nothing may be written.
fn within<T>(unpack: impl FnOnce(&Path) -> Result<T, PackageError>) -> Result<T, PackageError> {
    let outer = tempfile::tempdir().expect("a directory");
    let into = outer.path().join("into");
    fs::create_dir(&into).expect("a directory");
    let result = unpack(&into);
    let around = fs::read_dir(outer.path()).expect("a directory").count();
    assert_eq!(around, 1, "something was written outside");
    result
}

fn open(format: PackageFormat, package: &[u8]) -> Result<Unpacked, PackageError> {
    within(|into| unpack(format, package, into, &Limits::default()))
}

fn open_tarball(tarball: &[u8], strip: Strip) -> Result<Entries, PackageError> {
    within(|into| unpack_tarball(tarball, strip, into, &Limits::tarball()))
}

fn item(kind: EntryType, name: &str, link: &str) -> Item {
    Item {
        kind,
        link: link.as_bytes().to_vec(),
        ..file(name, "")
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory writes");
    encoder.finish().expect("memory writes")
}

fn good() -> Vec<Item> {
    vec![
        item(EntryType::Directory, "usr/", ""),
        file("usr/text", "text"),
        item(EntryType::Link, "usr/again", "usr/text"),
        item(EntryType::Symlink, "usr/link", "text"),
    ]
}

/// Entries that no format takes, and why.
fn hostile() -> Vec<(&'static str, Vec<Item>)> {
    vec![
        ("device", vec![item(EntryType::Char, "usr/null", "")]),
        ("fifo", vec![item(EntryType::Fifo, "usr/fifo", "")]),
        ("climbs", vec![file("usr/../../a", "")]),
        ("absolute", vec![file("/a", "")]),
        ("twice", vec![file("usr/a", ""), file("usr/a", "")]),
        (
            "link out",
            vec![item(EntryType::Symlink, "usr/l", "../../a")],
        ),
        (
            "through a link",
            vec![item(EntryType::Symlink, "usr/l", "d"), file("usr/l/a", "")],
        ),
        (
            "hard link",
            vec![item(EntryType::Link, "usr/l", "usr/none")],
        ),
        ("not UTF-8", vec![file(b"usr/\xff", "")]),
        (
            "setuid",
            vec![Item {
                mode: 0o4755,
                ..file("usr/su", "")
            }],
        ),
    ]
}

fn pacman_of(mut items: Vec<Item>) -> Vec<u8> {
    items.insert(0, file(".PKGINFO", INFO));
    gzip(&tar(&items))
}

/// A tar archive that stops without an end, as apk's first two streams do.
fn cut(items: &[Item]) -> Vec<u8> {
    let mut tar = tar(items);
    tar.truncate(tar.len() - 1024);
    gzip(&tar)
}

fn control_of(data: &[u8]) -> Vec<u8> {
    let hash = Sha256Digest::of(data).to_hex();
    cut(&[
        file(".PKGINFO", format!("{INFO}datahash = {hash}\n")),
        file(".post-install", "#!/bin/sh\n"),
    ])
}

fn apk_of(items: &[Item]) -> Vec<u8> {
    let data = gzip(&tar(items));
    let signature = cut(&[file(".SIGN.RSA256.builder.rsa.pub", "signature")]);
    [signature, control_of(&data), data].concat()
}

#[test]
fn a_good_pacman_package_is_its_files_without_its_metadata() {
    let mut items = good();
    for name in [".MTREE", ".BUILDINFO", ".INSTALL", ".CHANGELOG"] {
        items.insert(0, file(name, "bytes"));
    }
    let unpacked = open(PackageFormat::Pacman, &pacman_of(items)).expect("good");
    assert_eq!(unpacked.identity.version.as_str(), "1.0-r1");
    let names: Vec<&str> = unpacked.entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["usr", "usr/again", "usr/link", "usr/text"]);
}

#[test]
fn pacman_packages_with_unknown_or_unclear_metadata_are_refused() {
    for (name, package) in [
        ("unknown", pacman_of(vec![file(".OTHER", "")])),
        ("hidden directory", pacman_of(vec![file(".hidden/a", "")])),
        ("twice", pacman_of(vec![file(".PKGINFO", INFO)])),
        (
            "link",
            pacman_of(vec![item(EntryType::Symlink, ".MTREE", "a")]),
        ),
        ("none", gzip(&tar(&good()))),
        ("empty", gzip(&tar(&[file(".PKGINFO", "")]))),
        ("huge", pacman_of(vec![file(".MTREE", vec![b'a'; 5 << 20])])),
    ] {
        let error = open(PackageFormat::Pacman, &package).expect_err(name);
        assert!(
            matches!(
                error,
                PackageError::UnexpectedMember { .. }
                    | PackageError::Duplicate { .. }
                    | PackageError::PkgInfo { .. }
                    | PackageError::FileTooLarge { .. }
                    | PackageError::Ratio { .. }
            ),
            "{name}: {error}"
        );
    }
    let error = open(PackageFormat::Pacman, b"PK\x03\x04").expect_err("a zip");
    assert!(
        matches!(error, PackageError::UnknownCompression { .. }),
        "{error}"
    );
}

#[test]
fn a_good_apk_is_its_files_and_says_what_it_is() {
    let unpacked = open(PackageFormat::Apk, &apk_of(&good())).expect("good");
    assert_eq!(unpacked.identity.name.as_str(), "sample");
    assert_eq!(unpacked.identity.architecture, "x86_64");
    assert_eq!(unpacked.entries.len(), 4);
    let unsigned = apk_of(&good());
    let signature = cut(&[file(".SIGN.RSA256.builder.rsa.pub", "signature")]).len();
    let unsigned = open(PackageFormat::Apk, &unsigned[signature..]).expect("good");
    assert_eq!(unsigned, unpacked);
}

#[test]
fn checksums_in_extended_headers_of_an_apk_are_left_alone() {
    let record = "APK-TOOLS.checksum.SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709\n";
    let pax = Item {
        kind: EntryType::XHeader,
        ..file("pax", format!("{} {record}", record.len() + 3))
    };
    let unpacked = open(PackageFormat::Apk, &apk_of(&[pax, file("a", "")])).expect("good");
    assert_eq!(unpacked.entries.len(), 1);
}

#[test]
fn what_an_apk_signature_covers_is_the_compressed_metadata() {
    let data = gzip(&tar(&good()));
    let control = control_of(&data);
    let signatures = cut(&[
        file(".SIGN.RSA.old.rsa.pub", "one"),
        file(".SIGN.RSA256.new.rsa.pub", "two"),
    ]);
    let apk = [&signatures[..], &control, &data].concat();
    let signed = apk_signed(&apk[..], &Limits::default()).expect("metadata");
    let said: Vec<_> = signed
        .signatures
        .iter()
        .map(|s| (s.key.as_str(), s.kind, &s.bytes[..]))
        .collect();
    assert_eq!(
        said,
        [
            ("old.rsa.pub", ApkSignatureKind::Sha1, &b"one"[..]),
            ("new.rsa.pub", ApkSignatureKind::Sha256, b"two"),
        ]
    );
    assert_eq!(signed.control, control);
    assert_eq!(signed.sha256, Sha256Digest::of(&control));
    assert!(signed.checksum.starts_with("Q1") && signed.checksum.len() == 30);
    let front = &apk[..signatures.len() + control.len()];
    assert_eq!(
        apk_signed(front, &Limits::default()).expect("no data"),
        signed
    );
}

#[test]
fn an_apk_whose_files_are_others_is_refused() {
    let other = gzip(&tar(&[file("other", "")]));
    let apk = [control_of(&gzip(&tar(&good()))), other].concat();
    let error = open(PackageFormat::Apk, &apk).expect_err("other files");
    assert!(matches!(error, PackageError::WrongDigest { .. }), "{error}");
    let mut behind = apk_of(&good());
    behind.extend(gzip(&tar(&[file("hidden", "")])));
    let error = open(PackageFormat::Apk, &behind).expect_err("a fourth stream");
    assert!(
        matches!(error, PackageError::TrailingBytes { .. }),
        "{error}"
    );
}

#[test]
fn apks_with_unclear_metadata_are_refused() {
    let data = gzip(&tar(&good()));
    let control = control_of(&data);
    let sign = |name: &str| cut(&[file(name, "signature")]);
    let info = |text: String| cut(&[file(".PKGINFO", text)]);
    let hash = Sha256Digest::of(&data).to_hex();
    let mut inner = good();
    inner.insert(0, file(".PKGINFO", INFO));
    for (name, apk) in [
        (
            "another algorithm",
            [&sign(".SIGN.DSA.a")[..], &control, &data].concat(),
        ),
        (
            "a path for a key",
            [&sign(".SIGN.RSA.a/b")[..], &control, &data].concat(),
        ),
        (
            "no key",
            [&sign(".SIGN.RSA.")[..], &control, &data].concat(),
        ),
        (
            "metadata among signatures",
            [
                &cut(&[file(".SIGN.RSA.a", ""), file(".PKGINFO", INFO)])[..],
                &control,
                &data,
            ]
            .concat(),
        ),
        (
            "two signatures streams",
            [
                &sign(".SIGN.RSA.a")[..],
                &sign(".SIGN.RSA.b"),
                &control,
                &data,
            ]
            .concat(),
        ),
        ("no digest", [&info(INFO.to_owned())[..], &data].concat()),
        (
            "no hex",
            [&info(format!("{INFO}datahash = x\n"))[..], &data].concat(),
        ),
        (
            "two digests",
            [
                &info(format!("{INFO}datahash = {hash}\ndatahash = {hash}\n"))[..],
                &data,
            ]
            .concat(),
        ),
        (
            "unknown file",
            [&cut(&[file(".other", "")])[..], &data].concat(),
        ),
        ("no metadata", data.clone()),
        ("metadata among files", apk_of(&inner)),
        ("many files", {
            let files: Vec<Item> = (0..40).map(|n| file(format!(".f{n}"), "")).collect();
            [&cut(&files)[..], &data].concat()
        }),
        ("a bomb for metadata", info("a".repeat(32 << 20))),
    ] {
        let error = open(PackageFormat::Apk, &apk).expect_err(name);
        assert!(
            matches!(
                error,
                PackageError::UnexpectedMember { .. }
                    | PackageError::PkgInfo { .. }
                    | PackageError::TooManyEntries { .. }
                    | PackageError::FileTooLarge { .. }
                    | PackageError::TotalTooLarge { .. }
                    | PackageError::Ratio { .. }
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn apks_of_version_3_are_refused_as_that() {
    for magic in [b"ADB.", b"ADBd", b"ADBc"] {
        let error = open(PackageFormat::Apk, magic).expect_err("version 3");
        assert!(error.to_string().contains("version 3"), "{error}");
    }
    let error = open(PackageFormat::Apk, b"!<arch>\n").expect_err("a deb");
    assert!(matches!(error, PackageError::NotApk), "{error}");
}

#[test]
fn packages_that_are_cut_anywhere_are_refused() {
    for (format, package) in [
        (PackageFormat::Pacman, pacman_of(good())),
        (PackageFormat::Apk, apk_of(&good())),
    ] {
        open(format, &package).expect("good");
        for end in 0..package.len() {
            assert!(open(format, &package[..end]).is_err(), "{format}: {end}");
        }
    }
    let tarball = gzip(&tar(&good()));
    for end in 0..tarball.len() {
        assert!(
            open_tarball(&tarball[..end], Strip::Nothing).is_err(),
            "{end}"
        );
    }
}

#[test]
fn hostile_entries_are_refused_in_every_format() {
    for (name, items) in hostile() {
        assert!(open(PackageFormat::Deb, &deb(&items)).is_err(), "{name}");
        assert!(
            open(PackageFormat::Pacman, &pacman_of(items.clone())).is_err(),
            "{name}"
        );
        assert!(open(PackageFormat::Apk, &apk_of(&items)).is_err(), "{name}");
        for strip in [Strip::Nothing, Strip::TopDirectory] {
            let tarball = gzip(&tar(&items));
            assert!(open_tarball(&tarball, strip).is_err(), "{name}");
        }
    }
}

#[test]
fn bombs_are_refused_in_every_format() {
    let zeros = [file("usr/zeros", vec![0; 32 << 20])];
    for error in [
        open(PackageFormat::Pacman, &pacman_of(zeros.to_vec())).expect_err("a bomb"),
        open(PackageFormat::Apk, &apk_of(&zeros)).expect_err("a bomb"),
        open_tarball(&gzip(&tar(&zeros)), Strip::Nothing).expect_err("a bomb"),
    ] {
        assert!(matches!(error, PackageError::Ratio { .. }), "{error}");
    }
}

#[test]
fn the_top_directory_is_taken_off_names_and_links() {
    let items = [
        item(EntryType::Directory, "m-1.0/", ""),
        file("m-1.0/a", "text"),
        item(EntryType::Link, "m-1.0/d/b", "m-1.0/a"),
        item(EntryType::Symlink, "m-1.0/d/l", "../a"),
    ];
    let entries = open_tarball(&tar(&items), Strip::TopDirectory).expect("good");
    let names: Vec<&str> = entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "d", "d/b", "d/l"]);
    assert_eq!(entries["a"], entries["d/b"]);
    assert!(matches!(&entries["d/l"], Entry::Symlink { target } if target == "../a"));
    let whole = open_tarball(&tar(&items), Strip::Nothing).expect("good");
    assert!(whole.contains_key("m-1.0/d/l"));
}

#[test]
fn tarballs_without_one_top_directory_are_not_stripped() {
    for (name, items) in [
        ("two", vec![file("a/x", ""), file("b/x", "")]),
        ("a file", vec![file("x", "")]),
        ("a longer name", vec![file("a/x", ""), file("ab/x", "")]),
        ("a link", vec![item(EntryType::Symlink, "a", "b")]),
        (
            "a hard link out",
            vec![file("a/x", ""), item(EntryType::Link, "a/y", "b/x")],
        ),
        ("nothing", vec![item(EntryType::Directory, "./", "")]),
    ] {
        let error = open_tarball(&tar(&items), Strip::TopDirectory).expect_err(name);
        assert!(
            matches!(error, PackageError::NoTopDirectory { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn links_in_a_tarball_never_leave_the_tree() {
    let link = |target: &str| tar(&[item(EntryType::Symlink, "m/l", target)]);
    for (target, strip) in [
        ("/etc/passwd", Strip::Nothing),
        ("../../a", Strip::Nothing),
        ("../m/a", Strip::TopDirectory),
    ] {
        let error = open_tarball(&link(target), strip).expect_err(target);
        assert!(
            matches!(error, PackageError::LinkLeaves { .. }),
            "{target}: {error}"
        );
    }
    open_tarball(&link("../m/a"), Strip::Nothing).expect("it stays inside");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Changed bytes may leave a good package or not; they never panic or write outside.
    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let changed = |mut bytes: Vec<u8>| {
            let length = bytes.len();
            for (at, byte) in &changes {
                bytes[usize::from(*at) % length] = *byte;
            }
            bytes
        };
        let _ = open(PackageFormat::Apk, &changed(apk_of(&good())));
        let _ = apk_signed(&changed(apk_of(&good()))[..], &Limits::default());
        let _ = open(PackageFormat::Pacman, &gzip(&changed(tar(&[file(".PKGINFO", INFO)]))));
        let _ = open_tarball(&changed(tar(&good())), Strip::TopDirectory);
    }
}

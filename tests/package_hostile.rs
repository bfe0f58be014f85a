//! Packages that must be opened, and those that must be refused: one test for each reason.

mod deb;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use deb::{Item, ar, control, deb, file, tar};
use kmatrix::digest::Sha256Digest;
use kmatrix::package::{Limits, PackageError, Unpacked, deb_identity, unpack_deb};
use kmatrix::tree::Entry;
use proptest::prelude::*;
use tar::EntryType;

/// A directory to unpack into, inside another that must hold nothing else afterwards.
struct Sandbox {
    outer: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a directory");
        fs::create_dir(outer.path().join("into")).expect("a directory");
        Self { outer }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.outer.path().join("into").join(name)
    }

    fn unpack_within(&self, deb: &[u8], limits: &Limits) -> Result<Unpacked, PackageError> {
        let result = unpack_deb(deb, &self.path(""), limits);
        let around = fs::read_dir(self.outer.path())
            .expect("a directory")
            .count();
        assert_eq!(around, 1, "something was written outside");
        result
    }

    fn unpack(&self, deb: &[u8]) -> Result<Unpacked, PackageError> {
        self.unpack_within(deb, &Limits::default())
    }
}

#[track_caller]
fn refused_within(deb: &[u8], limits: &Limits) -> PackageError {
    Sandbox::new()
        .unpack_within(deb, limits)
        .expect_err("the package must be refused")
}

#[track_caller]
fn refused(deb: &[u8]) -> PackageError {
    refused_within(deb, &Limits::default())
}

fn item(kind: EntryType, name: impl AsRef<[u8]>, link: impl AsRef<[u8]>) -> Item {
    Item {
        kind,
        link: link.as_ref().to_vec(),
        ..file(name, "")
    }
}

fn directory(name: &str) -> Item {
    Item {
        mode: 0o755,
        ..item(EntryType::Directory, name, "")
    }
}

fn symlink(name: &str, target: &str) -> Item {
    item(EntryType::Symlink, name, target)
}

fn hard_link(name: &str, target: &str) -> Item {
    item(EntryType::Link, name, target)
}

fn pax(record: &str) -> Item {
    let mut length = record.len() + 3;
    while format!("{length} {record}\n").len() != length {
        length += 1;
    }
    Item {
        kind: EntryType::XHeader,
        ..file("pax", format!("{length} {record}\n"))
    }
}

fn with_data(name: &str, data: &[u8]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control()),
        (name, data),
    ])
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).expect("memory writes");
    encoder.finish().expect("memory writes")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory writes");
    encoder.finish().expect("memory writes")
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory writes")
}

/// Every kind of entry that is taken.
fn good() -> Vec<Item> {
    vec![
        directory("./"),
        directory("./usr/"),
        Item {
            mode: 0o700,
            ..directory("./usr/bin/")
        },
        Item {
            mode: 0o744,
            ..file("./usr/bin/tool", "#!/bin/sh\n")
        },
        Item {
            mode: 0o600,
            ..file("./usr/share/text", "text")
        },
        directory("./usr/share/"),
        symlink("./usr/share/link", "../bin/tool"),
        symlink("./lib/modules/build", "/usr/src/linux"),
        hard_link("./usr/share/again", "./usr/share/text"),
    ]
}

#[test]
fn deb_is_unpacked_whole_and_says_what_it_is() {
    let sandbox = Sandbox::new();
    let unpacked = sandbox.unpack(&deb(&good())).expect("a good package");
    assert_eq!(unpacked.identity.name.as_str(), "sample");
    assert_eq!(unpacked.identity.version.as_str(), "1.0-1");
    assert_eq!(unpacked.identity.architecture, "all");
    let names: Vec<&str> = unpacked.entries.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "lib",
            "lib/modules",
            "lib/modules/build",
            "usr",
            "usr/bin",
            "usr/bin/tool",
            "usr/share",
            "usr/share/again",
            "usr/share/link",
            "usr/share/text",
        ]
    );
    let text = Entry::File {
        digest: Sha256Digest::of(b"text"),
        bytes: 4,
        executable: false,
    };
    assert_eq!(unpacked.entries["usr/share/text"], text);
    assert_eq!(unpacked.entries["usr/share/again"], text);
    for (name, mode) in [
        ("usr/bin", 0o755),
        ("usr/bin/tool", 0o755),
        ("usr/share/text", 0o644),
    ] {
        let found = fs::metadata(sandbox.path(name)).expect("an entry");
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{name}");
        assert!(found.mtime() > 0, "times are not kept");
    }
    let target = fs::read_link(sandbox.path("lib/modules/build")).expect("a link");
    assert_eq!(target.to_str(), Some("/usr/src/linux"));
}

#[test]
fn deb_is_the_same_whatever_its_compression() {
    let tar = tar(&good());
    let plain = Sandbox::new()
        .unpack(&deb(&good()))
        .expect("a good package");
    for (name, data) in [
        ("data.tar.gz", gzip(&tar)),
        ("data.tar.xz", xz(&tar)),
        ("data.tar.zst", zst(&tar)),
    ] {
        let other = Sandbox::new().unpack(&with_data(name, &data)).expect(name);
        assert_eq!(other, plain, "{name}");
    }
}

#[test]
fn deb_identity_is_read_without_the_data() {
    let deb = deb(&good());
    let identity = deb_identity(&deb[..2300], &Limits::default()).expect("an identity");
    assert_eq!(identity.name.as_str(), "sample");
}

#[test]
fn deb_with_long_names_is_unpacked() {
    let long = format!("./{}/name", "directory/".repeat(20).trim_end_matches('/'));
    let gnu = Item {
        kind: EntryType::GNULongName,
        ..file("././@LongLink", format!("{long}\0"))
    };
    let posix = pax(&format!("path={long}2"));
    let unpacked = Sandbox::new()
        .unpack(&deb(&[gnu, file("cut", "1"), posix, file("cut", "2")]))
        .expect("a good package");
    assert!(unpacked.entries.contains_key(&long[2..]));
    assert!(unpacked.entries.contains_key(&format!("{long}2")[2..]));
}

#[test]
fn deb_that_is_cut_anywhere_is_refused() {
    let items = [file("./a", "text"), symlink("./l", "a")];
    let whole = deb(&items);
    let packed = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &gzip(&control())),
        ("data.tar.xz", &xz(&tar(&items))),
    ]);
    for deb in [whole, packed] {
        Sandbox::new().unpack(&deb).expect("a good package");
        for end in 0..deb.len() {
            let result = Sandbox::new().unpack(&deb[..end]);
            assert!(result.is_err(), "cut at {end} of {}", deb.len());
        }
    }
}

#[test]
fn deb_that_is_no_ar_archive_is_refused() {
    assert!(matches!(refused(b"!<arch>!rest"), PackageError::NotAr));
}

#[test]
fn deb_with_bad_ar_header_is_refused() {
    let good = deb(&good());
    for (at, byte) in [(8 + 58, b'x'), (8 + 48, b'-'), (8 + 48, b'x')] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert!(matches!(refused(&bad), PackageError::Ar { .. }), "{at}");
    }
}

#[test]
fn deb_with_gnu_or_bsd_member_names_is_refused() {
    for name in ["//", "/9999999999", "#1/20"] {
        let mut bad = ar(&[("debian-binary", b"2.0\n"), ("x", b"x\n")]);
        let at = 8 + 60 + 4;
        bad[at..at + 16].copy_from_slice(format!("{name:<16}").as_bytes());
        let error = refused(&bad);
        assert!(
            matches!(error, PackageError::UnexpectedMember { .. }),
            "{error}"
        );
    }
}

#[test]
fn deb_with_huge_member_is_refused_without_allocation() {
    let mut bad = deb(&good());
    bad[8 + 48..8 + 58].copy_from_slice(b"9999999999");
    assert!(matches!(refused(&bad), PackageError::FormatVersion { .. }));
}

#[test]
fn deb_of_another_version_is_refused() {
    let bad = ar(&[("debian-binary", b"3.0\n")]);
    assert!(matches!(refused(&bad), PackageError::FormatVersion { found } if found == "3.0"));
}

#[test]
fn deb_without_a_member_is_refused() {
    let control = control();
    let empty = tar(&[]);
    for members in [
        &[("control.tar", &control[..])][..],
        &[("debian-binary", b"2.0\n"), ("data.tar", &empty)],
        &[("debian-binary", b"2.0\n"), ("control.tar", &control)],
        &[("debian-binary", b"2.0\n")],
    ] {
        let error = refused(&ar(members));
        assert!(
            matches!(error, PackageError::MissingMember { .. }),
            "{error}"
        );
    }
}

#[test]
fn deb_with_second_data_member_is_refused() {
    let mut bad = deb(&good());
    bad.extend(&ar(&[("data.tar", &tar(&[]))])[8..]);
    assert!(matches!(
        refused(&bad),
        PackageError::DuplicateMember { member } if member == "data.tar"
    ));
}

#[test]
fn deb_with_second_control_member_is_refused() {
    let bad = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control()),
        ("control.tar.xz", &xz(&control())),
    ]);
    assert!(matches!(
        refused(&bad),
        PackageError::DuplicateMember { .. }
    ));
}

#[test]
fn deb_with_other_members_is_refused() {
    let mut behind = deb(&good());
    behind.extend(&ar(&[("_gpgorigin", b"..")])[8..]);
    let between = ar(&[("debian-binary", b"2.0\n"), ("_other", b"..")]);
    for bad in [behind, between] {
        assert!(matches!(
            refused(&bad),
            PackageError::UnexpectedMember { .. }
        ));
    }
}

#[test]
fn deb_with_trailing_garbage_is_refused() {
    for garbage in [&b"\n"[..], b"garbage", &[0; 512]] {
        let mut bad = deb(&good());
        bad.extend(garbage);
        let error = refused(&bad);
        assert!(
            matches!(
                error,
                PackageError::Truncated { .. } | PackageError::Ar { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn deb_with_unpadded_odd_member_is_refused() {
    let mut bad = ar(&[("debian-binary", b"2.0\n\n")]);
    let end = bad.len() - 1;
    assert_eq!(bad[end], b'\n');
    bad[end] = b'x';
    assert!(matches!(refused(&bad), PackageError::Ar { .. }));
}

#[test]
fn deb_with_unknown_compression_is_refused() {
    for name in [
        "data.tar.bz2",
        "data.tar.lzma",
        "data.tarx",
        "data.tar.tar.",
    ] {
        let error = refused(&with_data(name, b"bytes!"));
        assert!(
            matches!(error, PackageError::UnknownCompression { .. }),
            "{error}"
        );
    }
}

#[test]
fn deb_with_corrupt_compression_is_refused() {
    let tar = tar(&good());
    for (name, mut data) in [
        ("data.tar.gz", gzip(&tar)),
        ("data.tar.xz", xz(&tar)),
        ("data.tar.zst", zst(&tar)),
    ] {
        let middle = data.len() / 2;
        data[middle] ^= 0xff;
        data.truncate(data.len() - 1);
        let error = refused(&with_data(name, &data));
        assert!(
            matches!(
                error,
                PackageError::Decompress { .. } | PackageError::Tar { .. }
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn deb_with_second_compressed_stream_is_refused() {
    let empty = tar(&[]);
    let hidden = tar(&[file("hidden", "")]);
    for (name, mut data, second) in [
        ("data.tar.gz", gzip(&empty), gzip(&hidden)),
        ("data.tar.xz", xz(&empty), xz(&hidden)),
        ("data.tar.zst", zst(&empty), zst(&hidden)),
    ] {
        data.extend(second);
        let error = refused(&with_data(name, &data));
        assert!(
            matches!(error, PackageError::TrailingBytes { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn deb_with_second_tar_behind_the_end_is_refused() {
    let mut data = tar(&[]);
    data.extend(tar(&[file("hidden", "")]));
    let error = refused(&with_data("data.tar", &data));
    assert!(
        matches!(error, PackageError::TrailingBytes { .. }),
        "{error}"
    );
}

#[test]
fn deb_whose_tar_stops_without_an_end_is_refused() {
    let mut data = tar(&good());
    data.truncate(data.len() - 1024);
    let error = refused(&with_data("data.tar", &data));
    assert!(matches!(error, PackageError::Tar { .. }), "{error}");
}

#[test]
fn deb_whose_tar_stops_in_a_file_is_refused() {
    let data = &tar(&[file("a", "text")])[..514];
    let error = refused(&with_data("data.tar", data));
    assert!(
        matches!(error, PackageError::Truncated { ref part } if part == "`a`"),
        "{error}"
    );
}

#[test]
fn deb_with_bad_tar_checksum_is_refused() {
    let mut data = tar(&good());
    data[0] ^= 1;
    let error = refused(&with_data("data.tar", &data));
    assert!(matches!(error, PackageError::Tar { .. }), "{error}");
}

#[test]
fn deb_that_needs_too_much_memory_is_refused() {
    let limits = Limits {
        decoder_bytes: 1024 * 1024,
        ..Limits::default()
    };
    let mut wide = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    wide.window_log(24).expect("a window");
    wide.write_all(&tar(&good())).expect("memory writes");
    for (name, data) in [
        ("data.tar.xz", xz(&tar(&good()))),
        ("data.tar.zst", wide.finish().expect("memory writes")),
    ] {
        let error = refused_within(&with_data(name, &data), &limits);
        assert!(
            matches!(error, PackageError::Decompress { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn deb_that_is_a_bomb_is_refused() {
    let zeros = tar(&[file("zeros", vec![0; 32 << 20])]);
    for (name, data) in [
        ("data.tar.gz", gzip(&zeros)),
        ("data.tar.xz", xz(&zeros)),
        ("data.tar.zst", zst(&zeros)),
    ] {
        let error = refused(&with_data(name, &data));
        assert!(
            matches!(error, PackageError::Ratio { ratio: 200, .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn deb_with_endless_zeros_behind_its_tar_is_refused() {
    let mut data = tar(&[]);
    data.resize(32 << 20, 0);
    let error = refused(&with_data("data.tar.xz", &xz(&data)));
    assert!(matches!(error, PackageError::Ratio { .. }), "{error}");
}

#[test]
fn deb_with_too_many_entries_is_refused() {
    let limits = Limits {
        entries: 3,
        ..Limits::default()
    };
    let files: Vec<Item> = ["a", "b", "c", "d"].map(|name| file(name, "")).to_vec();
    let parents = [file("a/b/c/d", "")];
    for items in [&files[..], &parents] {
        let error = refused_within(&deb(items), &limits);
        assert!(
            matches!(error, PackageError::TooManyEntries { limit: 3 }),
            "{error}"
        );
    }
}

#[test]
fn deb_with_too_large_file_is_refused() {
    let limits = Limits {
        file_bytes: 3,
        ..Limits::default()
    };
    let error = refused_within(&deb(&[file("a", "text")]), &limits);
    assert!(
        matches!(error, PackageError::FileTooLarge { ref name, bytes: 4, limit: 3 } if name == "a"),
        "{error}"
    );
}

#[test]
fn deb_with_too_many_bytes_is_refused() {
    let limits = Limits {
        total_bytes: 7,
        ..Limits::default()
    };
    let error = refused_within(&deb(&[file("a", "text"), file("b", "text")]), &limits);
    assert!(
        matches!(error, PackageError::TotalTooLarge { limit: 7 }),
        "{error}"
    );
}

#[test]
fn deb_with_too_long_path_is_refused() {
    let long = Item {
        kind: EntryType::GNULongName,
        ..file("long", vec![b'a'; 5000])
    };
    let part = Item {
        kind: EntryType::GNULongName,
        ..file("long", vec![b'a'; 300])
    };
    let link = pax(&format!("linkpath={}", "a/".repeat(600)));
    for items in [
        [long, file("a", "")],
        [part, file("a", "")],
        [link, symlink("a", "b")],
    ] {
        let error = refused(&deb(&items));
        assert!(matches!(error, PackageError::TooLong { .. }), "{error}");
    }
}

#[test]
fn deb_with_absurd_long_name_is_refused_before_it_is_read() {
    for (kind, bytes) in [
        (EntryType::GNULongName, 1 << 32),
        (EntryType::GNULongLink, 1 << 32),
        (EntryType::XHeader, 1 << 32),
        (EntryType::XGlobalHeader, u64::MAX),
    ] {
        let mut data = tar(&[item(kind, "long", "")]);
        let mut header = tar::Header::from_byte_slice(&data[..512]).clone();
        header.set_size(bytes);
        header.set_cksum();
        data[..512].copy_from_slice(header.as_bytes());
        let error = refused(&with_data("data.tar", &data));
        assert!(
            matches!(
                error,
                PackageError::TooLong { .. }
                    | PackageError::ExtensionTooLarge { .. }
                    | PackageError::Tar { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn deb_with_unclear_extended_headers_is_refused() {
    let name = || Item {
        kind: EntryType::GNULongName,
        ..file("long", "name\0")
    };
    let global = Item {
        kind: EntryType::XGlobalHeader,
        ..pax("path=a")
    };
    let raw = |text: &str| Item {
        kind: EntryType::XHeader,
        ..file("pax", text)
    };
    for items in [
        vec![name(), name(), file("a", "")],
        vec![name(), pax("path=other"), file("a", "")],
        vec![name()],
        vec![global, file("a", "")],
        vec![pax("size=1"), file("a", "")],
        vec![raw("8 path=a\n"), file("a", "")],
        vec![raw("9 path=a\n\n9 path=b\n"), file("a", "")],
        vec![raw("no new line"), file("a", "")],
        vec![
            pax("a=1"),
            pax("a=1"),
            pax("a=1"),
            pax("a=1"),
            pax("a=1"),
            file("a", ""),
        ],
    ] {
        let error = refused(&deb(&items));
        assert!(matches!(error, PackageError::Tar { .. }), "{error}");
    }
}

#[test]
fn deb_with_too_deep_path_is_refused() {
    let bad = [pax(&format!("path={}a", "d/".repeat(64))), file("a", "")];
    let error = refused(&deb(&bad));
    assert!(
        matches!(error, PackageError::TooDeep { limit: 64, .. }),
        "{error}"
    );
}

#[test]
fn deb_that_climbs_is_refused() {
    for name in ["../outside", "./../outside", "a/../../outside", "a/.."] {
        let error = refused(&deb(&[file(name, "")]));
        assert!(
            matches!(error, PackageError::Climbs { name: ref found } if found == name),
            "{error}"
        );
    }
}

#[test]
fn deb_with_absolute_path_is_refused() {
    for name in ["/outside", ".//outside", "//outside"] {
        let error = refused(&deb(&[file(name, "")]));
        assert!(matches!(error, PackageError::Absolute { .. }), "{error}");
    }
}

#[test]
fn deb_with_path_that_is_not_plain_is_refused() {
    for item in [
        file("a//b", ""),
        file("a/./b", ""),
        file("a/", ""),
        file("./", ""),
        file("", ""),
        symlink("./", "a"),
        symlink("a/", "b"),
        symlink("a", ""),
    ] {
        let error = refused(&deb(&[item]));
        assert!(matches!(error, PackageError::NotPlain { .. }), "{error}");
    }
}

#[test]
fn deb_with_name_that_is_not_utf8_is_refused() {
    for item in [file(b"a\xff", ""), item(EntryType::Symlink, "a", b"b\xff")] {
        let error = refused(&deb(&[item]));
        assert!(matches!(error, PackageError::NotUtf8 { .. }), "{error}");
        assert!(error.to_string().contains("\\xff"), "{error}");
    }
}

#[test]
fn deb_with_control_characters_is_refused() {
    for item in [
        file("a\x1b[2J", ""),
        file("a\nb", ""),
        symlink("a", "b\x7f"),
    ] {
        let error = refused(&deb(&[item]));
        assert!(
            matches!(error, PackageError::ControlCharacters { .. }),
            "{error}"
        );
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
}

#[test]
fn deb_with_name_twice_is_refused() {
    for second in [
        file("a", "2"),
        file("./a", "2"),
        directory("a/"),
        symlink("a", "b"),
        hard_link("a", "a"),
    ] {
        let error = refused(&deb(&[file("a", "1"), second]));
        assert!(
            matches!(error, PackageError::Duplicate { ref name } if name == "a"),
            "{error}"
        );
    }
    for items in [
        [file("d/a", ""), file("d", "")],
        [file("d/a", ""), symlink("d", "e")],
        [directory("d/"), directory("d/")],
        [directory("./"), directory("./")],
    ] {
        let error = refused(&deb(&items));
        assert!(matches!(error, PackageError::Duplicate { .. }), "{error}");
    }
}

#[test]
fn deb_that_writes_through_its_own_link_is_refused() {
    for target in ["/tmp", "d", "d/e"] {
        let items = [
            directory("d/"),
            directory("d/e/"),
            symlink("l", target),
            file("l/outside", ""),
        ];
        let error = refused(&deb(&items));
        assert!(
            matches!(error, PackageError::ThroughLink { ref link, .. } if link == "l"),
            "{error}"
        );
    }
}

#[test]
fn deb_that_writes_below_a_file_is_refused() {
    let error = refused(&deb(&[file("a", ""), file("a/b", "")]));
    assert!(matches!(error, PackageError::BelowFile { .. }), "{error}");
}

#[test]
fn deb_with_link_that_leaves_is_refused() {
    for (name, target) in [
        ("a", "../outside"),
        ("d/a", "../../outside"),
        ("a", "/../outside"),
    ] {
        let error = refused(&deb(&[symlink(name, target)]));
        assert!(matches!(error, PackageError::LinkLeaves { .. }), "{error}");
    }
}

#[test]
fn deb_with_links_that_leave_together_is_refused() {
    let items = [
        directory("a/"),
        symlink("x/y/up", "../../a"),
        symlink("x/y/out", "up/../../outside"),
    ];
    let error = refused(&deb(&items));
    assert!(matches!(error, PackageError::LinkUnclear { .. }), "{error}");
}

#[test]
fn deb_with_hard_link_to_no_file_is_refused() {
    for target in ["later", "d", "l", "d/none"] {
        let items = [
            directory("d/"),
            symlink("l", "/etc/passwd"),
            hard_link("h", target),
            file("later", ""),
        ];
        let error = refused(&deb(&items));
        assert!(matches!(error, PackageError::HardLink { .. }), "{error}");
    }
}

#[test]
fn deb_with_hard_link_that_leaves_is_refused() {
    let error = refused(&deb(&[hard_link("h", "../../../etc/passwd")]));
    assert!(matches!(error, PackageError::Climbs { .. }), "{error}");
    let error = refused(&deb(&[hard_link("h", "/etc/passwd")]));
    assert!(matches!(error, PackageError::Absolute { .. }), "{error}");
}

#[test]
fn deb_with_device_or_fifo_is_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let error = refused(&deb(&[item(kind, "dev/null", "")]));
        assert!(matches!(error, PackageError::Special { .. }), "{error}");
    }
}

#[test]
fn deb_with_unknown_entry_type_is_refused() {
    for flag in [b'7', b'9', b'D', b'V', b's', 0xff] {
        let error = refused(&deb(&[item(EntryType::new(flag), "a", "")]));
        assert!(matches!(error, PackageError::UnknownKind { .. }), "{error}");
    }
}

#[test]
fn deb_with_setuid_is_refused() {
    for mode in [0o4755, 0o2755] {
        for bad in [file("su", ""), directory("su/")] {
            let error = refused(&deb(&[Item { mode, ..bad }]));
            assert!(matches!(error, PackageError::SetId { .. }), "{error}");
        }
    }
}

#[test]
fn deb_with_sparse_file_is_refused() {
    let old = item(EntryType::GNUSparse, "a", "");
    for items in [vec![old], vec![pax("GNU.sparse.major=1"), file("a", "")]] {
        let error = refused(&deb(&items));
        assert!(matches!(error, PackageError::Sparse { .. }), "{error}");
    }
}

#[test]
fn deb_with_bytes_behind_link_or_directory_is_refused() {
    for bad in [directory("d/"), symlink("l", "a"), hard_link("h", "a")] {
        let bytes = b"hidden".to_vec();
        let error = refused(&deb(&[file("a", ""), Item { bytes, ..bad }]));
        assert!(matches!(error, PackageError::HasBytes { .. }), "{error}");
    }
}

#[test]
fn deb_without_usable_control_file_is_refused() {
    for items in [
        vec![],
        vec![file("./control", "Package: a\n")],
        vec![symlink("./control", "other")],
    ] {
        let bad = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&items))]);
        let error = refused(&bad);
        assert!(matches!(error, PackageError::Control { .. }), "{error}");
    }
}

#[test]
fn deb_with_second_control_file_is_refused() {
    let items = [
        file("./control", "Package: a\n"),
        file("control", "Package: b\n"),
    ];
    let bad = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&items))]);
    let error = refused(&bad);
    assert!(matches!(error, PackageError::Duplicate { .. }), "{error}");
}

#[test]
fn deb_with_huge_control_file_is_refused() {
    let huge = tar(&[file("./control", vec![b'a'; (4 << 20) + 1])]);
    let bad = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &huge)]);
    let error = refused(&bad);
    assert!(
        matches!(error, PackageError::FileTooLarge { .. }),
        "{error}"
    );
}

#[test]
fn deb_is_not_unpacked_into_a_directory_in_use() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("mine"), "").expect("a file");
    let error = sandbox.unpack(&deb(&good())).expect_err("must be refused");
    assert!(matches!(error, PackageError::NotEmpty { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(Sandbox::new().unpack(&bytes).is_err());
        prop_assert!(Sandbox::new().unpack(&with_data("data.tar", &bytes)).is_err());
        prop_assert!(Sandbox::new().unpack(&with_data("data.tar.xz", &bytes)).is_err());
        prop_assert!(Sandbox::new().unpack(&with_data("data.tar.zst", &bytes)).is_err());
    }

    /// Changed bytes may leave a good package or not; they never panic or write outside.
    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut deb = deb(&good());
        let length = deb.len();
        for (at, byte) in changes {
            deb[usize::from(at) % length] = byte;
        }
        let _ = Sandbox::new().unpack(&deb);
    }

    /// Any names, beside links that lead out: nothing is written anywhere else.
    #[test]
    fn random_names_do_no_harm(names in proptest::collection::vec("[./a-c]{1,12}", 1..12), kinds in any::<u64>()) {
        let items: Vec<Item> = names.iter().enumerate().map(|(n, name)| match kinds >> (2 * n) & 3 {
            0 => file(name, "text"),
            1 => directory(name),
            2 => symlink(name, names.first().map_or("/tmp", String::as_str)),
            _ => hard_link(name, &names[0]),
        }).collect();
        let _ = Sandbox::new().unpack(&deb(&items));
    }
}

//! RPM packages that must be opened, and those that must be refused.

mod rpm;

use std::fs;
use std::io::Write;

use kmatrix::digest::Sha256Digest;
use kmatrix::package::{Limits, PackageError, PackageFormat, Unpacked, rpm_signed, unpack};
use kmatrix::tree::Entry;
use proptest::prelude::*;
use rpm::{
    Item, Value, binary, cpio, file, header, item, linked, number, package, rpm, said, string,
    strings,
};

fn unpack_within(rpm: &[u8], limits: &Limits) -> Result<Unpacked, PackageError> {
    let outer = tempfile::tempdir().expect("a directory");
    let into = outer.path().join("into");
    fs::create_dir(&into).expect("a directory");
    let result = unpack(PackageFormat::Rpm, rpm, &into, limits);
    let around = fs::read_dir(outer.path()).expect("a directory").count();
    assert_eq!(around, 1, "something was written outside");
    result
}

fn open(rpm: &[u8]) -> Result<Unpacked, PackageError> {
    unpack_within(rpm, &Limits::default())
}

#[track_caller]
fn refused(rpm: &[u8]) -> PackageError {
    open(rpm).expect_err("the package must be refused")
}

/// Every kind of entry that is taken, but hard links.
fn good() -> Vec<Item> {
    vec![
        item(0o040_755, "./usr/src", ""),
        file("./usr/src/text", "text"),
        item(0o100_744, "./usr/src/tool", "#!/bin/sh\n"),
        item(0o120_777, "./usr/src/link", "text"),
        item(0o120_777, "./lib/modules/build", "/usr/src"),
    ]
}

#[test]
fn a_good_package_is_unpacked_and_says_what_it_is() {
    let mut values = said(&cpio(&good()));
    values.insert(3, number(1003, 2));
    let unpacked = open(&package(&[number(1000, 1)], &values, &cpio(&good()))).expect("good");
    assert_eq!(unpacked.identity.name.as_str(), "sample");
    assert_eq!(unpacked.identity.version.as_str(), "2:1.0-1");
    let names: Vec<&str> = unpacked.entries.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "lib",
            "lib/modules",
            "lib/modules/build",
            "usr",
            "usr/src",
            "usr/src/link",
            "usr/src/text",
            "usr/src/tool",
        ]
    );
}

#[test]
fn an_epoch_of_zero_is_none() {
    let mut values = said(&cpio(&[]));
    values.insert(3, number(1003, 0));
    let unpacked = open(&package(&[number(1000, 1)], &values, &cpio(&[]))).expect("good");
    assert_eq!(unpacked.identity.version.as_str(), "1.0-1");
}

#[test]
fn names_of_one_file_are_one_file_wherever_its_bytes_stand() {
    let text = Entry::File {
        digest: Sha256Digest::of(b"text"),
        bytes: 4,
        executable: false,
    };
    for (a, b, c) in [("text", "", ""), ("", "text", ""), ("", "", "text")] {
        let items = [
            linked(7, "a", a),
            linked(7, "b", b),
            linked(8, "other", ""),
            linked(7, "c", c),
        ];
        let unpacked = open(&rpm(&cpio(&items))).expect("good");
        for name in ["a", "b", "c"] {
            assert_eq!(unpacked.entries[name], text, "{name} of {a}{b}{c}");
        }
        assert!(matches!(
            unpacked.entries["other"],
            Entry::File { bytes: 0, .. }
        ));
    }
}

#[test]
fn a_package_that_is_cut_anywhere_is_refused() {
    let rpm = rpm(&cpio(&good()));
    for end in 0..rpm.len() {
        assert!(open(&rpm[..end]).is_err(), "cut at {end} of {}", rpm.len());
    }
}

#[test]
fn a_payload_of_another_digest_is_refused() {
    let (good, other) = (cpio(&[file("a", "1")]), cpio(&[file("a", "2")]));
    let error = refused(&package(&[number(1000, 1)], &said(&good), &other));
    assert!(matches!(error, PackageError::WrongDigest { .. }), "{error}");
}

#[test]
fn bytes_behind_the_payload_are_refused() {
    let mut payload = cpio(&good());
    payload.extend(cpio(&[file("hidden", "")]));
    assert!(matches!(refused(&rpm(&payload)), PackageError::Cpio { .. }));
    let mut rpm = rpm(&cpio(&good()));
    rpm.extend([0; 8]);
    let error = refused(&rpm);
    assert!(matches!(error, PackageError::WrongDigest { .. }), "{error}");
}

/// Without the digest a signature over the header says nothing of the files.
#[test]
fn a_package_without_payload_digest_needs_a_signature_over_the_payload() {
    let payload = cpio(&good());
    let values: Vec<Value> = said(&payload).into_iter().filter(|v| v.0 < 5092).collect();
    let error = refused(&package(&[binary(268, b"signature")], &values, &payload));
    assert!(matches!(error, PackageError::NoPayloadDigest), "{error}");
    let old = package(
        &[binary(268, b"header"), binary(1002, b"whole")],
        &values,
        &payload,
    );
    open(&old).expect("a package of the time before");
    let signed = rpm_signed(&old[..], &Limits::default()).expect("headers");
    assert!(!signed.payload_digest);
    assert_eq!(signed.signatures, [b"header".to_vec()]);
    assert_eq!(signed.package_signatures, [b"whole".to_vec()]);
}

#[test]
fn signatures_are_read_whatever_tag_they_have() {
    let payload = cpio(&good());
    let signature = [
        binary(267, b"dsa"),
        binary(268, b"rsa"),
        Value(278, 8, 2, b"cnNh\0b3RoZXI=\0".to_vec()),
    ];
    let whole = package(&signature, &said(&payload), &payload);
    let signed = rpm_signed(&whole[..], &Limits::default()).expect("headers");
    assert_eq!(
        signed.signatures,
        [b"rsa".to_vec(), b"dsa".to_vec(), b"other".to_vec()]
    );
    assert!(signed.payload_digest);
    assert_eq!(signed.header, header(63, &said(&payload)));
    let at = signed.header_offset as usize;
    assert!(whole[at..].starts_with(&signed.header));
    let bad = package(&[strings(278, "no base64!")], &said(&payload), &payload);
    assert!(rpm_signed(&bad[..], &Limits::default()).is_err());
}

#[test]
fn headers_that_are_not_what_they_must_be_are_refused() {
    let payload = cpio(&good());
    let good = said(&payload);
    let with = |tag: u32, value: Option<Value>| {
        let mut values = good.clone();
        values.retain(|value| value.0 != tag);
        values.extend(value);
        package(&[number(1000, 1)], &values, &payload)
    };
    for (name, bad) in [
        ("no name", with(1000, None)),
        ("no release", with(1002, None)),
        ("no architecture", with(1022, None)),
        ("path in name", with(1000, Some(string(1000, "../a")))),
        ("number for name", with(1000, Some(number(1000, 1)))),
        (
            "control characters",
            with(1000, Some(string(1000, "a\x1b"))),
        ),
        (
            "not UTF-8",
            with(1001, Some(Value(1001, 6, 1, b"\xff\0".to_vec()))),
        ),
        (
            "no end",
            with(5093, Some(Value(5093, 8, 99, b"a\0".to_vec()))),
        ),
        (
            "unknown type",
            with(1, Some(Value(1, 10, 1, b"a".to_vec()))),
        ),
        (
            "huge count",
            with(1, Some(Value(1, 4, u32::MAX, Vec::new()))),
        ),
        ("tag twice", with(1, Some(string(1001, "1.0")))),
        ("weak digest", with(5093, Some(number(5093, 1)))),
    ] {
        let error = refused(&bad);
        assert!(matches!(error, PackageError::Rpm { .. }), "{name}: {error}");
    }
    for (name, bad) in [
        ("no cpio", with(1124, Some(string(1124, "drpm")))),
        ("no format", with(1124, None)),
        (
            "large files",
            with(5008, Some(Value(5008, 5, 1, vec![0; 8]))),
        ),
    ] {
        let error = refused(&bad);
        assert!(
            matches!(error, PackageError::Unsupported { .. }),
            "{name}: {error}"
        );
    }
    let error = refused(&with(1125, Some(string(1125, "lzip"))));
    assert!(
        matches!(error, PackageError::UnknownCompression { ref member } if member == "payload.lzip"),
        "{error}"
    );
}

/// What stands in the header and not in its region would be read, and not be signed.
#[test]
fn a_header_with_more_than_its_region_is_refused() {
    let payload = cpio(&good());
    let main = header(63, &said(&payload));
    let front = package(&[number(1000, 1)], &said(&payload), &[]).len() - main.len();
    let whole = package(&[number(1000, 1)], &said(&payload), &payload);
    let (entries, end) = (front + 8, front + main.len());
    let changes: [(&str, usize, u8); 5] = [
        ("another tag", front + 16 + 3, 62),
        ("another type", front + 20 + 3, 6),
        ("another place", front + 24 + 3, 0),
        ("a trailer of fewer entries", end - 5, 0xff),
        ("a trailer of another tag", end - 13, 62),
    ];
    assert_eq!(whole[entries + 3], 8);
    for (name, at, byte) in changes {
        let mut bad = whole.clone();
        assert_ne!(bad[at], byte, "{name}");
        bad[at] = byte;
        let error = refused(&bad);
        assert!(matches!(error, PackageError::Rpm { .. }), "{name}: {error}");
    }
}

#[test]
fn absurd_sizes_are_refused_before_memory_is_taken() {
    let payload = cpio(&good());
    let whole = package(&[number(1000, 1)], &said(&payload), &payload);
    let main = whole.len() - payload.len() - header(63, &said(&payload)).len();
    for at in [96 + 8, 96 + 12, main + 8, main + 12] {
        for size in [0_u32, 5000, 1 << 28, u32::MAX] {
            let mut bad = whole.clone();
            bad[at..at + 4].copy_from_slice(&size.to_be_bytes());
            let error = refused(&bad);
            assert!(
                matches!(
                    error,
                    PackageError::Rpm { .. }
                        | PackageError::HeaderTooLarge { .. }
                        | PackageError::Truncated { .. }
                ),
                "{at} {size}: {error}"
            );
        }
    }
}

#[test]
fn what_is_no_rpm_is_refused() {
    let mut old = rpm(&cpio(&good()));
    old[79] = 1;
    let error = refused(&old);
    assert!(matches!(error, PackageError::Unsupported { .. }), "{error}");
    assert!(matches!(refused(b"!<arch>\n"), PackageError::NotRpm));
    let mut padded = rpm(&cpio(&good()));
    let signature = header(62, &[number(1000, 1)]).len();
    assert_ne!(signature % 8, 0, "there is padding");
    padded[96 + signature] = 1;
    assert!(matches!(refused(&padded), PackageError::Rpm { .. }));
}

#[test]
fn entries_that_are_not_files_links_or_directories_are_refused() {
    type Wanted = fn(&PackageError) -> bool;
    let special: Wanted = |error| matches!(error, PackageError::Special { .. });
    let set_id: Wanted = |error| matches!(error, PackageError::SetId { .. });
    let duplicate: Wanted = |error| matches!(error, PackageError::Duplicate { .. });
    let climbs: Wanted = |error| matches!(error, PackageError::Climbs { .. });
    let cpio_error: Wanted = |error| matches!(error, PackageError::Cpio { .. });
    let tool = Item {
        mode: 0o100_755,
        ..linked(7, "b", "")
    };
    let table: Vec<(&str, Vec<Item>, Wanted)> = vec![
        ("character device", vec![item(0o020_644, "a", "")], special),
        ("block device", vec![item(0o060_644, "a", "")], special),
        ("fifo", vec![item(0o010_644, "a", "")], special),
        ("socket", vec![item(0o140_644, "a", "")], special),
        ("no kind", vec![item(0o644, "a", "")], special),
        ("setuid", vec![item(0o104_755, "a", "")], set_id),
        ("setgid", vec![item(0o042_755, "a", "")], set_id),
        ("twice", vec![file("a", ""), file("./a", "")], duplicate),
        (
            "hard link twice",
            vec![linked(7, "a", ""), linked(7, "a", "x")],
            duplicate,
        ),
        ("climbs", vec![file("../a", "")], climbs),
        ("climbs by hard link", vec![linked(7, "../a", "")], climbs),
        ("absolute", vec![file("/a", "")], |error| {
            matches!(error, PackageError::Absolute { .. })
        }),
        ("link out", vec![item(0o120_777, "a", "../b")], |error| {
            matches!(error, PackageError::LinkLeaves { .. })
        }),
        (
            "through a link",
            vec![item(0o120_777, "l", "/tmp"), file("l/a", "")],
            |error| matches!(error, PackageError::ThroughLink { .. }),
        ),
        (
            "hard link through a link",
            vec![
                item(0o120_777, "l", "/tmp"),
                linked(7, "l/a", ""),
                linked(7, "b", "x"),
            ],
            |error| matches!(error, PackageError::ThroughLink { .. }),
        ),
        (
            "below a file",
            vec![file("a", ""), file("a/b", "")],
            |error| matches!(error, PackageError::BelowFile { .. }),
        ),
        ("not UTF-8", vec![file(b"a\xff", "")], |error| {
            matches!(error, PackageError::NotUtf8 { .. })
        }),
        ("control characters", vec![file("a\x1b", "")], |error| {
            matches!(error, PackageError::ControlCharacters { .. })
        }),
        ("zero in name", vec![file(b"a\0b", "")], cpio_error),
        (
            "directory with bytes",
            vec![item(0o040_755, "a", "x")],
            |error| matches!(error, PackageError::HasBytes { .. }),
        ),
        (
            "bytes twice",
            vec![linked(7, "a", "x"), linked(7, "b", "y")],
            cpio_error,
        ),
        (
            "modes of one file",
            vec![linked(7, "a", ""), tool],
            cpio_error,
        ),
    ];
    for (name, items, wanted) in table {
        let error = refused(&rpm(&cpio(&items)));
        assert!(wanted(&error), "{name}: {error}");
    }
}

#[test]
fn malformed_cpio_is_refused() {
    let good = cpio(&[file("abc", "text")]);
    for (name, at, bytes) in [
        ("no magic", 0, &b"070707"[..]),
        ("sums that nobody checks", 0, b"070702"),
        ("a sign", 6 + 8, b"+0001644"),
        ("no number", 6 + 8 * 6, b"0000000g"),
        ("no zero behind the name", 113, b"d"),
        ("padding", 114, b"x"),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let error = refused(&rpm(&bad));
        assert!(
            matches!(error, PackageError::Cpio { .. }),
            "{name}: {error}"
        );
    }
    let mut stripped = good.clone();
    stripped[..6].copy_from_slice(b"07070X");
    let error = refused(&rpm(&stripped));
    assert!(matches!(error, PackageError::Unsupported { .. }), "{error}");
    for (field, limit) in [(6, "size"), (11, "name")] {
        let mut huge = good.clone();
        let at = 6 + 8 * field;
        huge[at..at + 8].copy_from_slice(b"ffffffff");
        let error = refused(&rpm(&huge));
        assert!(
            matches!(
                error,
                PackageError::FileTooLarge { .. } | PackageError::TooLong { .. }
            ),
            "{limit}: {error}"
        );
    }
}

#[test]
fn bombs_and_crowds_are_refused() {
    let zeros = cpio(&[file("zeros", vec![0; 32 << 20])]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).expect("memory writes");
    let gzip = gzip.finish().expect("memory writes");
    let zst = zstd::encode_all(&zeros[..], 3).expect("memory writes");
    for (name, payload) in [("gzip", gzip), ("zstd", zst)] {
        let mut values = said(&payload);
        values.insert(5, string(1125, name));
        let error = refused(&package(&[number(1000, 1)], &values, &payload));
        assert!(
            matches!(error, PackageError::Ratio { .. }),
            "{name}: {error}"
        );
    }
    let limits = Limits {
        entries: 3,
        ..Limits::default()
    };
    let items = ["a", "b", "c", "d"].map(|name| file(name, ""));
    let error = unpack_within(&rpm(&cpio(&items)), &limits).expect_err("refused");
    assert!(
        matches!(error, PackageError::TooManyEntries { .. }),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Changed bytes may leave a good package or not; they never panic or write outside.
    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut rpm = rpm(&cpio(&good()));
        let length = rpm.len();
        for (at, byte) in changes {
            rpm[usize::from(at) % length] = byte;
        }
        let _ = open(&rpm);
        let _ = rpm_signed(&rpm[..], &Limits::default());
    }

    /// The digest is right here, so that the archive's reader sees every change.
    #[test]
    fn changed_archives_do_no_harm(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut payload = cpio(&good());
        let length = payload.len();
        for (at, byte) in changes {
            payload[usize::from(at) % length] = byte;
        }
        let _ = open(&rpm(&payload));
    }
}

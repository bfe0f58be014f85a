//! What is in an archive comes out again, and nothing else does.

use std::io::{self, Cursor};

use super::format::{self, CHECKS, INDEX, RECORD, header};
use super::*;
use crate::digest::Sha256Digest;

pub(super) fn index_of(members: &[(&str, &[u8])], signed: bool) -> Index {
    Index {
        schema_version: SCHEMA,
        release: Release {
            name: "nightly".to_owned(),
            run: "r1".to_owned(),
            started: jiff::Timestamp::UNIX_EPOCH,
            plan: Sha256Digest::of(b"plan"),
            lock: Sha256Digest::of(b"lock"),
        },
        signed,
        inputs: Vec::new(),
        absent: Vec::new(),
        members: members
            .iter()
            .map(|(path, bytes)| Member {
                path: MemberPath::new(*path).expect("a path"),
                bytes: bytes.len() as u64,
                sha256: Sha256Digest::of(bytes),
                kind: Kind::Log,
            })
            .collect(),
    }
}

fn write_with(index: &Index, members: &[(&str, &[u8])], signed: bool) -> Vec<u8> {
    let signature = signed.then(|| IndexSignature {
        envelope: b"envelope".to_vec(),
        bundle: b"bundle".to_vec(),
    });
    let mut archive = ArchiveWriter::new(Vec::new(), index, signature.as_ref()).expect("it begins");
    for (member, (_, bytes)) in index.members.iter().zip(members) {
        archive.add(member, *bytes).expect("a member");
    }
    archive.finish().expect("it ends")
}

fn write(members: &[(&str, &[u8])]) -> Vec<u8> {
    write_with(&index_of(members, true), members, true)
}

/// Reads an archive to its end.
fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
    let mut archive = ArchiveReader::open(Cursor::new(bytes), &Limits::default())?;
    let mut found = Vec::new();
    while let Some(member) = archive.upcoming() {
        let path = member.path.to_string();
        let mut contents = Vec::new();
        archive.copy_to(&mut contents)?;
        found.push((path, contents));
    }
    archive.finish()?;
    Ok(found)
}

#[track_caller]
fn damage(bytes: &[u8]) -> Damage {
    match read(bytes) {
        Err(ReadError::Damage(damage)) => damage,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it must be refused"),
    }
}

/// Members of every size that matters: none, one block, more, not whole records.
fn sizes() -> Vec<u8> {
    (0..10_000_u32).map(|n| (n * 31 % 253) as u8).collect()
}

fn small() -> Vec<u8> {
    write(&[("a/empty", b""), ("a/text", b"some text"), ("z", &[7; 512])])
}

#[test]
fn what_was_written_is_read() {
    let large = sizes();
    let members: [(&str, &[u8]); 4] = [
        ("blobs/0", b""),
        ("blobs/1", &large[..4096]),
        ("lock.json", &large),
        ("release/debian-12/amd64/6.1=1/m/m.ko", b"module"),
    ];
    for signed in [true, false] {
        let bytes = write_with(&index_of(&members, signed), &members, signed);
        let expected: Vec<(String, Vec<u8>)> = members
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
            .collect();
        assert_eq!(read(&bytes).expect("it is read"), expected);
        let archive = ArchiveReader::open(Cursor::new(&bytes), &Limits::default());
        let archive = archive.expect("it is read");
        assert_eq!(archive.signature().is_some(), signed);
    }
}

#[test]
fn the_same_contents_make_the_same_bytes_and_any_tar_reads_them() {
    let bytes = small();
    assert_eq!(bytes, small());
    let mut names = Vec::new();
    for entry in tar::Archive::new(&bytes[..]).entries().expect("entries") {
        names.push(
            entry
                .expect("an entry")
                .path()
                .expect("a path")
                .into_owned(),
        );
    }
    let expected = [
        "index.json",
        "index.dsse.json",
        "index.sigstore.json",
        "a/empty",
        "a/text",
        "z",
        "checks.crc32",
    ];
    assert_eq!(names, expected.map(std::path::PathBuf::from));
}

#[test]
fn every_byte_is_held_against_what_it_must_be_and_the_wrong_one_is_named() {
    let good = small();
    let mut exact = 0;
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x20;
        match read(&bad) {
            Ok(_) => panic!("byte {place} was taken"),
            Err(ReadError::Damage(damage)) => {
                let range = damage.from..damage.to;
                assert!(range.contains(&(place as u64)), "byte {place}: {damage}");
                exact += usize::from(damage.to == damage.from + 1);
            }
            Err(error) => panic!("{error}"),
        }
    }
    // All but the headers of the index and of its signature.
    assert!(exact + 5 * RECORD > good.len(), "{exact} of {}", good.len());
}

#[test]
fn an_archive_that_ends_early_says_where() {
    let good = small();
    for length in (0..good.len()).step_by(37) {
        let damage = damage(&good[..length]);
        assert!(damage.from <= length as u64, "{length}: {damage}");
        assert!(damage.to >= length as u64, "{length}: {damage}");
    }
}

#[test]
fn nothing_follows_the_end() {
    for more in [&b"x"[..], &[0], &[0; 512]] {
        let mut bytes = small();
        let length = bytes.len() as u64;
        bytes.extend_from_slice(more);
        assert_eq!(damage(&bytes).from, length);
    }
}

#[test]
fn a_large_member_is_searched_for_its_wrong_byte() {
    let large = sizes();
    let members: [(&str, &[u8]); 2] = [("a", &large), ("b", b"b")];
    let good = write(&members);
    let begins = find(&good, &large[..64]);
    for inside in [0, 4095, 4096, 9_999] {
        let mut bad = good.clone();
        bad[begins + inside] ^= 1;
        let found = damage(&bad);
        assert_eq!(found.from, (begins + inside) as u64, "{found}");
        assert_eq!((found.to, found.begins), (found.from + 1, begins as u64));
    }
    let mut bad = good.clone();
    bad[begins + 5000] ^= 1;
    bad[begins + 6000] ^= 1;
    let found = damage(&bad);
    let block = (begins + 4096) as u64;
    assert_eq!((found.from, found.to), (block, block + 4096), "{found}");
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows
        .position(|window| window == wanted)
        .expect("it is there")
}

/// Writes an archive of raw members, whatever they say.
fn raw(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, contents) in members {
        bytes.extend(header(path, contents.len() as u64).expect("a header"));
        bytes.extend_from_slice(contents);
        bytes.resize(bytes.len().next_multiple_of(RECORD), 0);
    }
    bytes.resize(bytes.len() + 2 * RECORD, 0);
    bytes
}

#[test]
fn doctored_archives_are_refused() {
    let members: [(&str, &[u8]); 2] = [("a", b"first"), ("b", b"other")];
    let index = index_of(&members, false);
    let text = String::from_utf8(index.to_bytes()).expect("text");
    let changed = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let whole = |index: &[u8], rest: &[(&str, &[u8])]| raw(&[&[(INDEX, index)], rest].concat());
    let crc = |bytes: &[&[u8]]| -> Vec<u8> { bytes.iter().flat_map(|b| crc32fast_of(b)).collect() };
    let good = text.as_bytes();
    let checks = crc(&[good, b"first", b"other"]);
    let rest: [(&str, &[u8]); 3] = [("a", b"first"), ("b", b"other"), (CHECKS, &checks)];
    assert!(
        read(&whole(good, &rest)).is_ok(),
        "what is not doctored is read"
    );
    let swapped_checks = crc(&[good, b"First", b"other"]);
    let member = text.find("{\"path\":\"a\"").expect("a member");
    let twice = format!(
        "{}{},{}",
        &text[..member],
        text[member..]
            .split_once("},")
            .expect("a member")
            .0
            .to_owned()
            + "}",
        &text[member..]
    );
    for (what, bytes, named, why) in [
        (
            "a member that is another, with its check",
            whole(
                good,
                &[("a", b"First"), ("b", b"other"), (CHECKS, &swapped_checks)],
            ),
            "a",
            "the index says",
        ),
        (
            "members in another order",
            whole(good, &[("b", b"other"), ("a", b"first"), (CHECKS, &checks)]),
            "a",
            "not the header",
        ),
        (
            "a member that is missing",
            whole(good, &[("a", b"first"), (CHECKS, &checks)]),
            "b",
            "not the header",
        ),
        (
            "a member that the index does not have",
            whole(good, &[rest[0], rest[1], ("c", b"more"), rest[2]]),
            CHECKS,
            "not the header",
        ),
        ("no index", raw(&rest), INDEX, "not the header"),
        (
            "no checks",
            whole(good, &rest[..2]),
            CHECKS,
            "not the header",
        ),
        ("no JSON", whole(b"{]", &rest), INDEX, "key must be"),
        (
            "a key that stands twice",
            whole(
                &changed(
                    "{\"schemaVersion\":1,",
                    "{\"schemaVersion\":1,\"schemaVersion\":1,",
                ),
                &rest,
            ),
            INDEX,
            "duplicate field",
        ),
        (
            "a key that nobody knows",
            whole(
                &changed("{\"schemaVersion\":1,", "{\"schemaVersion\":1,\"x\":1,"),
                &rest,
            ),
            INDEX,
            "unknown field",
        ),
        (
            "white space",
            whole(&changed("\"signed\":false", "\"signed\": false"), &rest),
            INDEX,
            "not in its one form",
        ),
        (
            "a schema of later",
            whole(
                &changed("\"schemaVersion\":1", "\"schemaVersion\":2"),
                &rest,
            ),
            INDEX,
            "this program knows 1",
        ),
        (
            "a path out of the archive",
            whole(&changed("\"path\":\"a\"", "\"path\":\"../a\""), &rest),
            INDEX,
            "is no path of an archive",
        ),
        (
            "the index as its own member",
            whole(&changed("\"path\":\"a\"", "\"path\":\"index.json\""), &rest),
            INDEX,
            "is no path of an archive",
        ),
        (
            "paths that are not in order",
            whole(&changed("\"path\":\"a\"", "\"path\":\"c\""), &rest),
            INDEX,
            "not in the order of paths",
        ),
        (
            "a path that stands twice",
            whole(twice.as_bytes(), &rest),
            INDEX,
            "not in the order of paths",
        ),
        (
            "a digest in capitals",
            whole(&changed("sha256:a", "sha256:A"), &rest),
            INDEX,
            "is not a digest",
        ),
        (
            "a member of the size of a disk",
            whole(
                &changed("\"bytes\":5", "\"bytes\":18446744073709551615"),
                &rest,
            ),
            INDEX,
            "larger than is read",
        ),
        (
            "a signature that is promised and not there",
            whole(&changed("\"signed\":false", "\"signed\":true"), &rest),
            INDEX,
            "not what was written",
        ),
        (
            "inputs in disorder",
            whole(
                &changed("\"inputs\":[]", "\"inputs\":[\"sources\",\"images\"]"),
                &rest,
            ),
            INDEX,
            "not in order",
        ),
    ] {
        assert_ne!(bytes, whole(good, &rest), "{what} changes something");
        let found = damage(&bytes);
        assert_eq!(found.member, named, "{what}: {found}");
        assert!(found.why.contains(why), "{what}: {found}");
    }
}

fn crc32fast_of(bytes: &[u8]) -> [u8; 4] {
    let mut checks = super::checks::Checks::default();
    checks.update(bytes);
    checks.end_member();
    checks.to_bytes().try_into().expect("one block")
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    let bytes = small();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    for limits in [
        limits(|limits| limits.index = 10),
        limits(|limits| limits.signature = 5),
        limits(|limits| limits.member = 511),
        limits(|limits| limits.total = 520),
        limits(|limits| limits.members = 2),
    ] {
        let refused = ArchiveReader::open(Cursor::new(&bytes), &limits);
        assert!(matches!(refused, Err(ReadError::Damage(_))), "{limits:?}");
    }
    // A header that announces much is not believed.
    let mut short = header(INDEX, 200 << 20).expect("a header").to_vec();
    short.extend([b' '; 100]);
    assert_eq!(damage(&short).from, 612);
}

#[test]
fn what_an_index_says_must_be_what_is_put_in() {
    let index = index_of(&[("a", b"first")], false);
    for wrong in [&b"firs"[..], b"first and more", b"First"] {
        let mut archive = ArchiveWriter::new(Vec::new(), &index, None).expect("it begins");
        let refused = archive.add(&index.members[0], wrong);
        assert!(matches!(refused, Err(WriteError::Other { .. })));
    }
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut archive = ArchiveWriter::new(Vec::new(), &index, None).expect("it begins");
    let refused = archive.add(&index.members[0], Broken);
    assert!(matches!(refused, Err(WriteError::Read { .. })));
}

#[test]
fn what_is_signed_of_an_archive_is_as_its_schema_describes_it() {
    let schema = include_str!("../../docs/schemas/evidence-archive-v1.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
    let index = index_of(&[("a", b"first"), ("b", b"other")], true);
    let signed: serde_json::Value = serde_json::from_slice(&statement(&index)).expect("JSON");
    assert_eq!(signed["predicateType"], ARCHIVE_TYPE);
    assert_eq!(signed["predicate"]["members"], 2);
    let predicate = &signed["predicate"];
    crate::attest::tests::described(predicate, &schema, &schema, "predicate");
}

#[test]
fn what_is_no_archive_is_told_from_a_damaged_one() {
    for other in [
        &b"#!/usr/bin/env python3"[..],
        b"-----BEGIN PUBLIC KEY-----",
        &[7; 5000],
    ] {
        assert!(matches!(read(other), Err(ReadError::Foreign)));
    }
    // Some other tar, and a beginning of one of ours.
    let mut other = header("a", 0).expect("a header").to_vec();
    other.resize(3 * RECORD, 0);
    assert_eq!(damage(&other).member, INDEX);
    assert_eq!(damage(b"index").from, 5);
    assert_eq!(damage(b"").from, 0);
}

#[test]
fn kinds_have_the_words_that_the_index_has() {
    for kind in Kind::ALL {
        let word = serde_json::to_value(kind).expect("a word");
        assert_eq!(word, kind.word());
    }
    for kind in InputKind::ALL {
        assert_eq!(serde_json::to_value(kind).expect("a word"), kind.word());
        assert_eq!(kind.word().parse(), Ok(kind));
    }
    assert!(format::padding(512) == 0 && format::padding(1) == 511);
}

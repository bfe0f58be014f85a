//! A vendor's release leaves the building, and somebody else builds it again.

use std::fs;
use std::path::{Path, PathBuf};

use kmatrix::bundle::{ArchiveWriter, Index};
use kmatrix::digest::Sha256Digest;
use serde_json::Value;

use crate::common::{Place, Ran};

/// Runs the program with the password of every key of these tests.
fn kmatrix(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.command(arguments);
    command.env("KMATRIX_KEY_PASSWORD", "password");
    Ran::of(command)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A vendor with a key and a release that is built, and a security team with a key and nothing else.
struct Both {
    vendor: Place,
    elsewhere: Place,
}

impl Both {
    /// Builds and attests a fixture at the vendor's.
    fn of(fixture: &str, status: i32) -> Self {
        let vendor = Place::new();
        vendor.build_of(fixture, "", "rebuilds = 1", "");
        vendor.commit(&vendor.path().join("modules").join(fixture));
        vendor.build(&["--no-inquiry"], status);
        let elsewhere = Place::empty();
        for place in [&vendor, &elsewhere] {
            kmatrix(place, &["keys", "new", "--output", "own"]).expect(0);
        }
        kmatrix(&vendor, &["attest", "matrix.toml", "--sign-key", "own.key"]).expect(0);
        Self { vendor, elsewhere }
    }

    fn key(&self) -> PathBuf {
        self.vendor.path().join("own.pub")
    }

    fn export(&self, name: &str, more: &[&str]) -> PathBuf {
        let out = self.vendor.path().join(name);
        let mut arguments = vec!["bundle", "export", "matrix.toml", "--out", text(&out)];
        arguments.extend(more);
        kmatrix(&self.vendor, &arguments).expect(0);
        out
    }

    fn signed(&self, more: &[&str]) -> PathBuf {
        let signed = ["--sign-key", "own.key", "--trust", "own.pub"];
        self.export("release.tar", &[&signed, more].concat())
    }

    /// Imports elsewhere, with the vendor's key.
    fn import(&self, archive: &Path) -> Ran {
        let key = self.key();
        let arguments = ["bundle", "import", text(archive), "--trust-key", text(&key)];
        kmatrix(
            &self.elsewhere,
            &[&arguments[..], &["--format", "json"]].concat(),
        )
    }

    /// Audits elsewhere, with the vendor's key.
    fn audit(&self, archive: &Path, more: &[&str]) -> Ran {
        let key = self.key();
        let arguments = [
            "audit",
            text(archive),
            "--sample",
            "all",
            "--trust-key",
            text(&key),
            "--sign-key",
            "own.key",
            "--operator",
            "somebody else",
            "--format",
            "json",
        ];
        kmatrix(&self.elsewhere, &[&arguments[..], more].concat())
    }
}

fn payload(envelope: &Path) -> Value {
    use base64::Engine as _;
    let bytes = fs::read(envelope).unwrap_or_else(|e| panic!("{}: {e}", envelope.display()));
    let envelope: Value = serde_json::from_slice(&bytes).expect("an envelope");
    let payload = envelope["payload"].as_str().expect("a payload");
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload);
    serde_json::from_slice(&bytes.expect("base64")).expect("a statement")
}

#[test]
fn a_release_is_exported_taken_in_elsewhere_and_built_again_there() {
    let both = Both::of("reproducible", 0);
    let unsigned: Vec<Vec<u8>> = ["one.tar", "two.tar"]
        .iter()
        .map(|name| fs::read(both.export(name, &["--unsigned"])).expect("an archive"))
        .collect();
    assert!(unsigned[0] == unsigned[1], "the same run, the same bytes");

    let archive = both.signed(&["--with-inputs=packages,sources"]);
    let key = both.key();
    let verify = [
        "bundle",
        "verify",
        text(&archive),
        "--trust-key",
        text(&key),
    ];
    let verified = kmatrix(
        &both.elsewhere,
        &[&verify[..], &["--format", "json"]].concat(),
    );
    let verified = verified.expect(0).json();
    assert_eq!(verified["verified"], true);
    for kind in [
        "module",
        "attestation",
        "ledger",
        "lock",
        "matrix",
        "trust",
        "report",
        "spec",
        "log",
        "signed",
        "package",
        "source",
    ] {
        let sum = &verified["kinds"][kind]["members"];
        assert!(sum.as_u64() > Some(0), "{kind}: {verified:#}");
    }
    let listed = kmatrix(&both.elsewhere, &["bundle", "list", text(&archive)]).expect(0);
    assert!(listed.stdout.contains("signed   by somebody"), "{listed}");

    let imported = both.import(&archive).expect(0).json();
    assert_eq!(imported["isNew"], true);
    assert!(
        imported["signer"]
            .as_str()
            .expect("a signer")
            .starts_with("key:")
    );
    let again = both.import(&archive).expect(0).json();
    assert_eq!(again["isNew"], false);

    // What was taken in is found, with who signed it, and is nobody's own observation.
    let commit = kmatrix(&both.elsewhere, &["query", "--format", "json"])
        .expect(0)
        .json();
    let cell = &commit["cells"][0];
    assert_eq!(cell["origin"]["kind"], "archive");
    assert_eq!(cell["origin"]["signer"], imported["signer"]);
    assert_eq!(cell["attestations"][0]["signer"], imported["signer"]);
    let id = cell["cell"].as_str().expect("an id").to_owned();
    kmatrix(&both.elsewhere, &["explain", &id]).expect(42);
    let package = cell["packages"][0]["sha256"].as_str().expect("a digest");
    for (arguments, found) in [
        (["--package", package], 1),
        (["--package", "no-such-package"], 0),
        (["--commit", cell["commit"].as_str().expect("a commit")], 1),
        (
            ["--signer", imported["signer"].as_str().expect("a signer")],
            1,
        ),
        (["--signer", "key:0000"], 0),
        (["--until", "2020-01-01"], 0),
        (["--since", "2020-01-01"], 1),
        (
            [
                "--module",
                cell["modules"][0]["sha256"].as_str().expect("a digest"),
            ],
            1,
        ),
        (
            [
                "--kernel",
                cell["cell"]
                    .as_str()
                    .expect("an id")
                    .split(['/', '='])
                    .nth(2)
                    .expect("a release"),
            ],
            1,
        ),
    ] {
        let asked = [&["query", "--format", "json"], &arguments[..]].concat();
        let answer = kmatrix(&both.elsewhere, &asked).expect(0).json();
        let cells = answer["cells"].as_array().expect("cells").len();
        assert_eq!(cells, found, "{arguments:?}");
    }
    for form in ["human", "tree", "dot"] {
        let answer = kmatrix(&both.elsewhere, &["query", "--format", form]).expect(0);
        assert!(answer.stdout.contains(&id), "{answer}");
    }

    // Where it was built, nobody can audit it.
    let at_home = kmatrix(
        &both.vendor,
        &[
            "audit",
            text(&archive),
            "--sample",
            "all",
            "--no-sign",
            "--unsigned",
        ],
    );
    at_home.expect(2);

    let audit = both
        .audit(&archive, &["--seed", "a seed", "--out", "audit"])
        .expect(0)
        .json();
    assert_eq!(audit["seed"], "a seed");
    assert_eq!(audit["bound"]["atMost"], 0, "{audit:#}");
    assert_eq!(audit["cells"][0]["finding"], "same", "{audit:#}");
    assert_eq!(
        audit["cells"][0]["modules"][0],
        cell["modules"][0]["sha256"]
    );
    let out = both.elsewhere.path().join("audit");
    let statement = payload(&out.join(&id).join("comparison.dsse.json"));
    let predicate = &statement["predicate"];
    assert_eq!(predicate["platforms"]["audit"]["operator"], "somebody else");
    assert_eq!(
        predicate["label"]["vector"]["reproducibility"],
        "independent"
    );
    assert_eq!(predicate["rebuilds"][0]["same"], true);
    let statement = payload(&out.join("audit.dsse.json"));
    assert_eq!(statement["predicateType"], "urn:kmatrix:audit:v1");
    let own = kmatrix(&both.elsewhere, &["query", "--format", "json"])
        .expect(0)
        .json();
    let cells = own["cells"].as_array().expect("cells");
    let is_own = |cell: &&Value| cell["origin"]["kind"] == "own";
    let cosigned = cells
        .iter()
        .find(is_own)
        .expect("a cell that was built here");
    assert_ne!(cosigned["attestations"][0]["signer"], imported["signer"]);
}

#[test]
fn doctored_archives_are_refused_and_nothing_of_them_stays() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let good = fs::read(&archive).expect("an archive");
    let bad = both.elsewhere.path().join("bad.tar");
    let refused = |bytes: &[u8], why: &str| {
        fs::write(&bad, bytes).expect("a file");
        let ran = both.import(&bad).expect(41);
        assert!(ran.stderr.contains(why), "wanted `{why}`\n{ran}");
    };
    let mut entries = Vec::new();
    for entry in tar::Archive::new(&good[..]).entries().expect("entries") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        entries.push((path, entry.raw_file_position(), entry.size()));
    }
    assert!(entries.len() > 10);
    // One byte in each member.
    for (path, begins, size) in entries.iter().filter(|(_, _, size)| *size > 0) {
        let place = begins + size / 2;
        let mut bytes = good.clone();
        bytes[usize::try_from(place).expect("small")] ^= 1;
        refused(&bytes, &format!("byte {place} is wrong"));
        refused(&bytes, &format!("`{path}`"));
    }
    refused(&good[..good.len() - 700], "the archive ends there");
    refused(&[&good[..], b"more"].concat(), "the archive has ended");
    refused(b"", "the archive ends there");
    refused(&fs::read(both.key()).expect("a key"), "index.json");

    let own = both.elsewhere.path().join("own.pub");
    let foreign = [
        "bundle",
        "import",
        text(&archive),
        "--trust-key",
        text(&own),
    ];
    let ran = kmatrix(&both.elsewhere, &foreign).expect(41);
    assert!(ran.stderr.contains("signature does not hold"), "{ran}");
    let unsigned = both.export("unsigned.tar", &["--unsigned"]);
    let ran = both.import(&unsigned).expect(41);
    assert!(ran.stderr.contains("it is not signed"), "{ran}");
    kmatrix(&both.elsewhere, &["bundle", "import", text(&archive)]).expect(2);
    // The signature of one archive on another.
    let other = both.export(
        "other.tar",
        &["--sign-key", "own.key", "--policy", "matrix.toml"],
    );
    let other = fs::read(other).expect("an archive");
    let swapped = swap_signatures(&good, &other);
    refused(&swapped, "the index of another archive");

    let blobs = both.elsewhere.state().join("store/blobs/sha256");
    let kept = fs::read_dir(blobs).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing of what was refused is in the store");
    let known = kmatrix(&both.elsewhere, &["query", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(known["cells"], serde_json::json!([]));
    both.import(&archive).expect(0);
}

/// Puts the signature of one archive on another, with checks that are right.
fn swap_signatures(one: &[u8], other: &[u8]) -> Vec<u8> {
    let signatures = ["index.dsse.json", "index.sigstore.json"];
    let mut made = tar::Builder::new(Vec::new());
    let mut checks: Vec<u8> = Vec::new();
    let from = |bytes: &[u8], wanted: &str| -> Vec<u8> {
        let mut archive = tar::Archive::new(bytes);
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            if entry.path().expect("a path").display().to_string() == wanted {
                let mut contents = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut contents).expect("read");
                return contents;
            }
        }
        panic!("there is no `{wanted}`");
    };
    for entry in tar::Archive::new(one).entries().expect("entries") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let contents = match path.as_str() {
            "checks.crc32" => checks.clone(),
            path if signatures.contains(&path) => from(other, path),
            path => from(one, path),
        };
        for block in contents.chunks(4096) {
            checks.extend(crc32(block).to_le_bytes());
        }
        let mut header = entry.header().clone();
        header.set_size(contents.len() as u64);
        header.set_cksum();
        made.append(&header, &contents[..]).expect("appended");
    }
    made.into_inner().expect("an archive")
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Reads the members of an archive.
fn members(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(archive).entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mut contents = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut contents).expect("read");
        found.push((path, contents));
    }
    found
}

/// Makes an archive again with another member in the place of one, as its own maker could: every digest
/// and every check is right.
fn made_again(archive: &[u8], path: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let members = members(archive);
    let of = |wanted: &str| {
        let found = members.iter().find(|(path, _)| path == wanted);
        found
            .unwrap_or_else(|| panic!("there is no `{wanted}`"))
            .1
            .clone()
    };
    let text = String::from_utf8(of(path)).expect("text");
    let changed = change(&text).into_bytes();
    assert_ne!(changed, text.as_bytes(), "something is changed in `{path}`");
    let mut index: Index = serde_json::from_slice(&of("index.json")).expect("an index");
    for member in &mut index.members {
        if member.path.as_str() == path {
            member.bytes = changed.len() as u64;
            member.sha256 = Sha256Digest::of(&changed);
        }
    }
    let mut made = ArchiveWriter::new(Vec::new(), &index, None).expect("it begins");
    for member in &index.members {
        let bytes = if member.path.as_str() == path {
            changed.clone()
        } else {
            of(member.path.as_str())
        };
        made.add(member, &bytes[..]).expect("a member");
    }
    made.finish().expect("it ends")
}

/// Changes the first line of a kind.
fn in_row(row: &str, from: &str, to: &str) -> impl Fn(&str) -> String {
    let (kind, from, to) = (
        format!("{{\"row\":\"{row}\""),
        from.to_owned(),
        to.to_owned(),
    );
    move |text| {
        let at = text.find(&kind).expect("a row");
        let end = at + text[at..].find('\n').expect("a line");
        let line = &text[at..end];
        let place = line
            .find(&from)
            .unwrap_or_else(|| panic!("no `{from}` in {line}"));
        let line = format!("{}{to}{}", &line[..place], &line[place + from.len()..]);
        format!("{}{line}{}", &text[..at], &text[end..])
    }
}

/// Changes a digest in the first line of a kind.
fn other_digest(row: &str, field: &str) -> impl Fn(&str) -> String {
    let (row, field) = (row.to_owned(), format!("\"{field}\":\"sha256:"));
    move |text| {
        let at = text.find(&format!("{{\"row\":\"{row}\"")).expect("a row");
        let place = at + text[at..].find(&field).expect("a field") + field.len();
        format!(
            "{}{}{}",
            &text[..place],
            "0".repeat(64),
            &text[place + 64..]
        )
    }
}

#[test]
fn an_archive_that_contradicts_itself_is_refused_whoever_made_it() {
    let both = Both::of("reproducible", 0);
    let archive = both.export("release.tar", &["--unsigned", "--with-inputs=sources"]);
    let good = fs::read(&archive).expect("an archive");
    let bad = both.elsewhere.path().join("bad.tar");
    let ledger = "ledger.jsonl";
    let line = |text: &str, wanted: &str| {
        let wanted = format!("{{\"row\":\"{wanted}\"");
        let found = text.lines().find(|line| line.starts_with(&wanted));
        format!("{}\n", found.expect("a row"))
    };
    let paths: Vec<String> = members(&good).into_iter().map(|(path, _)| path).collect();
    let tree = paths
        .iter()
        .find(|path| path.starts_with("trees/"))
        .expect("a tree");
    type Change<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let cases: Vec<(&str, &str, Change<'_>, &str)> = vec![
        (
            "no cell",
            ledger,
            Box::new(|text| text.replacen(&line(text, "cell"), "", 1)),
            "no cell before it is",
        ),
        (
            "a cell twice",
            ledger,
            Box::new(|text| text.replacen(&line(text, "cell"), &line(text, "cell").repeat(2), 1)),
            "stands there twice",
        ),
        (
            "no run",
            ledger,
            Box::new(|text| text.replacen(&line(text, "run"), "", 1)),
            "not the run that the index names",
        ),
        (
            "another run",
            ledger,
            Box::new(in_row("run", "\"id\":\"", "\"id\":\"x")),
            "not the run that the index names",
        ),
        (
            "a cell of another run",
            ledger,
            Box::new(in_row("cell", "\"run\":\"", "\"run\":\"x")),
            "not of the archive's",
        ),
        (
            "a log that is not there",
            ledger,
            Box::new(other_digest("attempt", "log")),
            "which the archive does not hold",
        ),
        (
            "an attempt of a run that is not there",
            ledger,
            Box::new(in_row("attempt", "\"run\":\"", "\"run\":\"x")),
            "of which there is no record",
        ),
        (
            "a key that nobody knows",
            ledger,
            Box::new(in_row("comparison", "\"number\"", "\"x\":1,\"number\"")),
            "line",
        ),
        (
            "a key twice",
            ledger,
            Box::new(in_row(
                "run",
                "\"record\":{\"id\"",
                "\"record\":{\"id\":\"x\",\"id\"",
            )),
            "duplicate field",
        ),
        (
            "no JSON",
            ledger,
            Box::new(|text| text.replacen('{', "", 1)),
            "line 1",
        ),
        (
            "no end",
            ledger,
            Box::new(|text| text.trim_end().to_owned()),
            "it does not end",
        ),
        (
            "another payload",
            ledger,
            Box::new(other_digest("attestation", "payload")),
            "is not the one that it names",
        ),
        (
            "another lock",
            "lock.json",
            Box::new(|text| format!("{text} ")),
            "not the lock that the release names",
        ),
        (
            "the list of another tree",
            tree,
            Box::new(|text| text.replacen("\"executable\":false", "\"executable\":true", 1)),
            "the list of another tree",
        ),
    ];
    for (what, path, change, why) in &cases {
        fs::write(&bad, made_again(&good, path, change)).expect("a file");
        let ran = kmatrix(
            &both.elsewhere,
            &["bundle", "import", text(&bad), "--unsigned"],
        );
        let ran = ran.expect(41);
        assert!(ran.stderr.contains(why), "{what}: wanted `{why}`\n{ran}");
    }
    let known = kmatrix(&both.elsewhere, &["query", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(known["cells"], serde_json::json!([]));
    kmatrix(
        &both.elsewhere,
        &["bundle", "import", text(&archive), "--unsigned"],
    )
    .expect(0);
}

#[test]
fn what_cannot_be_had_any_more_is_missing_and_no_pass() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let audit = both.audit(&archive, &["--offline"]).expect(42).json();
    assert_eq!(audit["cells"][0]["finding"], "missing", "{audit:#}");
    assert_eq!(audit["bound"]["atMost"], 1, "what is missing may differ");
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("--source reproducible=DIR"), "{reason}");
    // With the source, the packages are what is missing.
    let source = both.vendor.path().join("modules/reproducible");
    let given = format!("reproducible={}", source.display());
    let audit = both
        .audit(&archive, &["--offline", "--source", &given])
        .expect(42)
        .json();
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("linux-"), "{reason}");
    // Another source is not taken for it.
    let other = both.elsewhere.fixture("leaks-path");
    let given = format!("reproducible={}", other.display());
    let audit = both
        .audit(&archive, &["--offline", "--source", &given])
        .expect(42)
        .json();
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("is another"), "{reason}");
}

#[test]
fn a_module_that_cannot_be_built_again_alike_is_found_out() {
    let both = Both::of("random-constant", 31);
    let archive = both.signed(&["--with-inputs=packages,sources"]);
    let audit = both.audit(&archive, &["--out", "audit"]).expect(31).json();
    let cell = &audit["cells"][0];
    assert_eq!(cell["finding"], "differs", "{audit:#}");
    assert!(
        !cell["modules"][0]["sections"]
            .as_array()
            .expect("sections")
            .is_empty()
    );
    assert_eq!(audit["bound"]["atMost"], 1);
    let id = cell["cell"].as_str().expect("an id");
    let out = both.elsewhere.path().join("audit").join(id);
    let statement = payload(&out.join("comparison.dsse.json"));
    let label = &statement["predicate"]["label"];
    assert_eq!(label["vector"]["reproducibility"], "differs");
    assert_eq!(label["tier"], "irreproducible");
}

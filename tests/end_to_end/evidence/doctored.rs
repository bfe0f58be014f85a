//! Archives that somebody changed on their way.

use std::fs;

use super::{Both, kmatrix, text};

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
    refused(
        &fs::read(both.key()).expect("a key"),
        "is no evidence archive",
    );

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

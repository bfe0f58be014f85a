//! What `query` says of what archives brought, and of what was observed here.

use std::collections::BTreeSet;
use std::fs;

use jiff::Timestamp;
use kmatrix::bundle::{self, Authority, IndexSignature, Kind, Limits, Signature};
use kmatrix::digest::Sha256Digest;
use kmatrix::ledger::Ledger;
use kmatrix::store::Store;
use serde_json::{Value, json};

use super::forgery::Forgery;
use super::{Both, kmatrix, text};
use crate::common::Place;

fn asked(place: &Place, more: &[&str]) -> Value {
    let arguments = [&["query", "--format", "json"], more].concat();
    kmatrix(place, &arguments).expect(0).json()
}

fn count(place: &Place, more: &[&str]) -> usize {
    let cells = asked(place, more)["cells"].clone();
    cells.as_array().expect("cells").len()
}

#[test]
fn what_an_archive_says_changes_nothing_of_what_was_observed_here_or_in_another() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let before = asked(&both.vendor, &[])["cells"].clone();
    both.import(&archive).expect(0);
    let genuine = asked(&both.elsewhere, &[])["cells"].clone();

    // The same run and the same inputs, with another module, long ago, and statements of nobody.
    let mut forged = Forgery::of(&fs::read(&archive).expect("an archive"));
    let module = forged.path("release/debian", ".ko");
    forged.put(&module, Kind::Module, b"EVIL");
    let evil = Sha256Digest::of(b"EVIL").to_string();
    forged.each("attempt", |attempt| {
        attempt["outcome"]["modules"][0]["digest"] = evil.clone().into();
    });
    forged.each("run", |run| {
        run["started"] = "2001-01-01T00:00:00Z".into();
        run["matrix"] = "FORGED.toml".into();
    });
    for word in ["provenance", "comparison", "scai", "summary"] {
        forged.statement(word, |one| {
            one["subject"] = json!([{
                "name": "m.ko",
                "digest": { "sha256": Sha256Digest::of(b"EVIL").to_hex() },
                "annotations": { "form": "payload", "module": "m.ko" },
            }]);
        });
    }
    forged.each("attestation", |one| {
        one["signer"] = "key:MALLORY".into();
        if one.get("cell").is_some() {
            one["subjects"] = json!([evil]);
        }
    });
    let bad = both.elsewhere.path().join("forged.tar");
    fs::write(&bad, forged.bytes()).expect("a file");
    let import = ["bundle", "import", text(&bad), "--unsigned"];
    for (place, known) in [(&both.vendor, &before), (&both.elsewhere, &genuine)] {
        kmatrix(place, &import).expect(0);
        let all = asked(place, &[])["cells"].clone();
        let all = all.as_array().expect("cells");
        assert_eq!((all.len(), &all[0]), (2, &known[0]));
        assert!(all[1]["origin"]["signer"].is_null());
        let found = asked(place, &["--module", &evil])["cells"].clone();
        assert_eq!(found, json!([all[1]]));
        assert_eq!(found[0]["matrix"], "FORGED.toml");
        assert_eq!(count(place, &["--since", "2026-01-01"]), 1);
        assert_eq!(count(place, &["--until", "2002-01-01"]), 1);
        let found = asked(place, &["--until", "2002-01-01"]);
        assert_eq!(found["cells"][0]["inWindowBy"], "claimed");

        // Signers that nobody found out count if that is asked for.
        let signer = known[0]["attestations"][0]["signer"].as_str().expect("one");
        assert_eq!(count(place, &["--signer", signer]), 1);
        assert_eq!(count(place, &["--signer", "MALLORY"]), 0);
        assert_eq!(count(place, &["--signer", "MALLORY", "--unverified"]), 1);
        for empty in ["", " "] {
            kmatrix(place, &["query", "--signer", empty]).expect(2);
        }
        let table = kmatrix(place, &["query"]).expect(0);
        assert!(table.stdout.contains("unverified key:MALLORY"), "{table}");
    }
    let window = ["query", "--until", "2002-01-01"];
    let table = kmatrix(&both.elsewhere, &window).expect(0);
    assert!(
        table.stdout.contains("times that only whoever made"),
        "{table}"
    );
}

/// Takes everybody's word, and vouches for a time.
struct Vouching(Timestamp);

impl Authority for Vouching {
    fn of_index(
        &self,
        _: &Sha256Digest,
        _: Option<&IndexSignature>,
    ) -> Result<Option<Signature>, String> {
        Ok(self.of_statement(&Sha256Digest::of(b""), b""))
    }

    fn of_statement(&self, _: &Sha256Digest, _: &[u8]) -> Option<Signature> {
        Some(Signature {
            signer: "identity:vendor issuer:somebody".to_owned(),
            times: vec![self.0, "2026-12-24T00:00:00Z".parse().expect("a time")],
        })
    }
}

#[test]
fn a_release_is_found_by_who_signed_it_when_and_in_which_image() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let imported = both.import(&archive).expect(0).json();
    let signer = imported["signer"].as_str().expect("a signer");
    let place = &both.elsewhere;
    let cell = asked(place, &[])["cells"][0].clone();
    let image = cell["imageName"].as_str().expect("an image");
    let digest = cell["image"].as_str().expect("a digest");
    let signed = cell["attestations"][0]["signed"].as_str().expect("a time");
    assert_eq!(cell["attestations"][0]["signedByWordOf"], "claimed");
    let day = &signed[..10];
    for (signer, image, since, until, found) in [
        (signer, image, day, day, 1),
        (signer, digest, day, day, 1),
        (&signer[..12], image, "2020-01-01", day, 1),
        (signer, "no-such-image", day, day, 0),
        ("key:0000", image, day, day, 0),
        (signer, image, "2999-01-01", "2999-01-02", 0),
        (signer, image, "2020-01-01", "2020-01-02", 0),
    ] {
        let asked = [
            "--signer", signer, "--image", image, "--since", since, "--until", until,
        ];
        assert_eq!(count(place, &asked), found, "{asked:?}");
    }
    let window = ["--signer", signer, "--since", day];
    assert_eq!(asked(place, &window)["cells"][0]["inWindowBy"], "claimed");

    // Of two times the one counts that others vouch for, whatever the record says.
    let time: Timestamp = "2026-12-01T12:00:00Z".parse().expect("a time");
    let store = Store::open(&place.state().join("store")).expect("a store");
    let mut ledger = Ledger::open(&place.state().join("ledger.sqlite")).expect("a ledger");
    let (limits, now) = (Limits::default(), Timestamp::now());
    let vouching = Vouching(time);
    bundle::import(&archive, &limits, &store, &mut ledger, &vouching, now).expect("taken in");
    drop(ledger);
    for (since, until, found) in [
        ("2026-12-01", "2026-12-01", 1),
        ("2026-12-02", "2026-12-31", 0),
        (day, day, 0),
    ] {
        let asked = ["--signer", "vendor", "--since", since, "--until", until];
        assert_eq!(count(place, &asked), found, "{asked:?}");
    }
    let window = ["--signer", "vendor", "--since", "2026-12-01"];
    let cell = asked(place, &window)["cells"][0].clone();
    assert_eq!(cell["inWindowBy"], "verified");
    assert_eq!(cell["attestations"][0]["signedByWordOf"], "verified");
    assert_eq!(cell["origin"]["signed"], time.to_string());
    let tree = kmatrix(place, &["query", "--format", "tree"]).expect(0);
    assert!(tree.stdout.contains("which others vouch for"), "{tree}");
}

#[test]
fn what_is_bad_in_a_package_is_followed_to_the_release_that_an_archive_brought() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    both.import(&archive).expect(0);
    let place = &both.elsewhere;
    let cell = asked(place, &[])["cells"][0].clone();
    let package = cell["packages"][0]["sha256"].as_str().expect("a digest");
    let answer = asked(place, &["--package", package]);
    let edges: BTreeSet<(String, String)> = answer["graph"]["edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|edge| {
            let end = |end: &str| edge[end].as_str().expect("a node").to_owned();
            (end("from"), end("to"))
        })
        .collect();
    let string = |value: &Value| value.as_str().expect("text").to_owned();
    let release = string(&answer["releases"][0]);
    assert!(release.contains("signed by key:"), "{release}");
    let of_release = format!("release:{release}");
    let of_module = format!("module:{}", string(&cell["modules"][0]["sha256"]));
    let of_cell = format!("cell:{}@{}", string(&cell["cell"]), string(&cell["inputs"]));
    let mut expected = BTreeSet::from([
        (of_cell.clone(), of_module.clone()),
        (of_module, of_release),
        (
            format!("source:{}", string(&cell["sourceTree"])),
            of_cell.clone(),
        ),
        (format!("image:{}", string(&cell["image"])), of_cell.clone()),
        (
            format!("signer:{}", string(&cell["attestations"][0]["signer"])),
            of_cell.clone(),
        ),
    ]);
    for package in cell["packages"].as_array().expect("packages") {
        let of_package = format!("package:{}", string(&package["sha256"]));
        expected.insert((of_package, of_cell.clone()));
    }
    assert_eq!(edges, expected);

    let dot = kmatrix(place, &["query", "--package", package, "--format", "dot"]).expect(0);
    let arrows = dot
        .stdout
        .lines()
        .filter(|line| line.contains(" -> "))
        .count();
    assert_eq!(arrows, expected.len(), "{dot}");
    for (from, to) in &expected {
        let arrow = format!("  \"{from}\" -> \"{to}\";");
        assert!(
            dot.stdout.lines().any(|line| line == arrow),
            "{arrow}\n{dot}"
        );
    }
    let tree = kmatrix(place, &["query", "--package", package, "--format", "tree"]).expect(0);
    let lines: Vec<&str> = tree.stdout.lines().collect();
    assert_eq!(lines[0], release);
    assert_eq!(lines[1], format!("└─ {}", string(&cell["cell"])));
    let made = format!(
        "made {} {}",
        string(&cell["modules"][0]["path"]),
        string(&cell["modules"][0]["sha256"])
    );
    let with = format!("with {}", string(&cell["packages"][0]["name"]));
    for leaf in [&made, &with] {
        let is_leaf = |line: &&str| line.starts_with("   ") && line.contains(leaf.as_str());
        assert!(lines[2..].iter().any(is_leaf), "{leaf}\n{tree}");
    }
}

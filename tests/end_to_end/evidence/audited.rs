//! What an audit says of a release that it cannot build again, or not alike.

use std::fs;

use kmatrix::bundle::Kind;
use kmatrix::digest::Sha256Digest;

use super::forgery::Forgery;
use super::{Both, kmatrix, payload, text};

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
fn a_module_that_is_another_here_every_time_is_told_from_one_that_is_any() {
    let both = Both::of("reproducible", 0);
    let archive = both.export(
        "release.tar",
        &["--unsigned", "--with-inputs=packages,sources"],
    );
    let mut forged = Forgery::of(&fs::read(&archive).expect("an archive"));
    forged.without(&["attestation"]);
    forged.remove_kind(Kind::Attestation);
    let module = forged.path("release/debian", ".ko");
    let mut bytes = forged.remove(&module);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    forged.put(&module, Kind::Module, &bytes);
    let evil = Sha256Digest::of(&bytes).to_string();
    forged.each("attempt", |attempt| {
        attempt["outcome"]["modules"][0]["digest"] = evil.clone().into();
    });
    let bad = both.elsewhere.path().join("forged.tar");
    fs::write(&bad, forged.bytes()).expect("a file");
    let audit = [
        "audit",
        text(&bad),
        "--sample",
        "all",
        "--unsigned",
        "--no-sign",
    ];
    let found = kmatrix(
        &both.elsewhere,
        &[&audit[..], &["--format", "json"]].concat(),
    );
    let found = found.expect(31).json();
    assert_eq!(found["cells"][0]["finding"], "differs", "{found:#}");
    assert_eq!(found["cells"][0]["again"]["came"], "alike", "{found:#}");
    let told = kmatrix(&both.elsewhere, &audit).expect(31);
    assert!(
        told.stdout
            .contains("a second build here made what the first did"),
        "{told}"
    );
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
    // Nor does it make the same here: it is no other module than is claimed, but any.
    assert_eq!(cell["again"]["came"], "different", "{cell:#}");
    let id = cell["cell"].as_str().expect("an id");
    let out = both.elsewhere.path().join("audit").join(id);
    let statement = payload(&out.join("comparison.dsse.json"));
    let label = &statement["predicate"]["label"];
    assert_eq!(label["vector"]["reproducibility"], "differs");
    assert_eq!(label["tier"], "irreproducible");
}

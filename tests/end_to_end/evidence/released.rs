//! A release that is exported, taken in elsewhere, and built again there.

use std::fs;

use serde_json::Value;

use super::{Both, kmatrix, payload, text};

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
    let at_home = kmatrix(&both.vendor, &["query", "--format", "json"]).expect(0);
    for cell in at_home.json()["cells"].as_array().expect("cells") {
        assert_eq!(cell["origin"]["kind"], "own", "nothing of it was taken in");
    }

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

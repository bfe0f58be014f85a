//! What is recorded of verifications, and what is said where nothing is.

use super::*;

/// Returns what was verified, as people's programs read it.
fn recorded(place: &Place) -> Vec<Value> {
    let asked = ["query", "--verifications", "--format", "json"];
    let document = place.run(&asked).ends(0).json();
    document["verifications"]
        .as_array()
        .expect("a list")
        .clone()
}

#[test]
fn an_older_build_of_a_verified_cell_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path().join("state")).expect("a directory");
    let mut newer = Release::sound(&place);
    newer.finished = "2026-07-01T10:01:00Z";
    place.lay_out("newer", &newer);
    let mut older = Release::sound(&place);
    older.module.push(0);
    place.lay_out("older", &older);
    place.verify(&["older/m.ko"]).ends(0);
    place.verify(&["newer/m.ko"]).ends(0);
    assert_eq!(
        place.verify(&["older/m.ko"]).ends(41).broken(),
        ["not-older"]
    );
    place.verify(&["newer/m.ko"]).ends(0);
    // A host that has the same state knows it too.
    let gate = |module: &str| {
        let arguments = [
            "gate",
            module,
            "--policy",
            "policy.toml",
            "--kernel",
            KERNEL,
        ];
        place.run(&arguments)
    };
    let printed = gate("older/m.ko").ends(41).stdout();
    assert!(printed.contains("FAILS    not-older"), "{printed}");
    gate("newer/m.ko").ends(0);
    let commands: Vec<Value> = recorded(&place)
        .iter()
        .map(|one| json!([one["command"], one["passed"]]))
        .collect();
    let verify = |passed: bool| json!(["verify", passed]);
    let expected = [
        verify(true),
        verify(true),
        verify(false),
        verify(true),
        json!(["gate", false]),
        json!(["gate", true]),
    ];
    assert_eq!(commands, expected);
}

#[test]
fn without_a_state_the_verdict_says_that_nothing_is_recorded_or_known() {
    let place = Place::new();
    place.lay_out("m", &Release::sound(&place));
    let document = place.verify(&["m/m.ko"]).ends(0).json();
    let told = |document: &Value| {
        [&document["recorded"], &document["earlierBuildsKnown"]].map(|one| one == true)
    };
    assert_eq!(told(&document), [false, false]);
    let printed = place
        .run(&[
            "gate",
            "m/m.ko",
            "--policy",
            "policy.toml",
            "--kernel",
            KERNEL,
        ])
        .ends(0)
        .stdout();
    let note = "note: nothing is recorded, and nothing is known of earlier builds";
    assert!(printed.contains(note), "{printed}");
    assert!(
        !place.path().join("state").exists(),
        "nothing was asked for"
    );
    place.run(&["query", "--verifications"]).ends(42);

    fs::create_dir(place.path().join("state")).expect("a directory");
    assert_eq!(
        told(&place.verify(&["m/m.ko"]).ends(0).json()),
        [true, true]
    );
    let printed = place.verify(&["m/m.ko", "--format", "human"]).0;
    assert!(!String::from_utf8_lossy(&printed.stdout).contains("note:"));
    assert_eq!(recorded(&place).len(), 1);
}

#[test]
fn what_is_let_pass_is_recorded_also_where_there_was_no_state() {
    let place = Place::new();
    let mut release = Release::sound(&place);
    release.left_out = Some(Kind::Summary);
    place.lay_out("m", &release);
    // Nothing is made for a module that is not there.
    place.verify(&["m/none.ko", "--warn-only"]).ends(21);
    assert!(!place.path().join("state").exists());
    place.verify(&["m/m.ko", "--warn-only"]).ends(0);
    let all = recorded(&place);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["warnOnly"], &all[0]["passed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(all[0]["broken"][0]["rule"], "summary");

    fs::remove_dir_all(place.path().join("state")).expect("it was there");
    let exception = "[[exception]]\nrule = 'summary'\ncells = '**'\nreason = 'late'\nuntil = ";
    place.policy(&format!("{exception}2026-01-01\n"));
    place.verify(&["m/m.ko"]).ends(42);
    assert!(!place.path().join("state").exists(), "it has run out");
    place.policy(&format!("{exception}2999-01-01\n"));
    place.verify(&["m/m.ko"]).ends(0);
    let all = recorded(&place);
    assert_eq!(all[0]["exceptions"][0]["reason"], "late");
    let printed = place.run(&["query", "--verifications"]).ends(0).stdout();
    assert!(printed.contains("excepted summary"), "{printed}");

    // A host makes no directory by itself, and an exception that nobody records does not count.
    let gate = [
        "gate",
        "m/m.ko",
        "--policy",
        "policy.toml",
        "--kernel",
        KERNEL,
    ];
    place.run(&gate).ends(0);
    assert_eq!(recorded(&place).len(), 2);
    fs::remove_dir_all(place.path().join("state")).expect("it was there");
    place.run(&gate).ends(41);
    assert!(!place.path().join("state").exists());
}

#[test]
fn evidence_that_is_too_large_is_refused_and_that_is_recorded() {
    let place = Place::new();
    fs::create_dir(place.path().join("state")).expect("a directory");
    place.lay_out("m", &Release::sound(&place));
    let large = fs::File::create(place.path().join("m/scai.sigstore.json")).expect("a file");
    large.set_len((64 << 20) + 1).expect("a size");
    let ran = place.verify(&["m/m.ko"]).ends(41);
    assert_eq!(ran.broken(), ["readable"]);
    assert_eq!(ran.json()["modules"][0]["refused"][0]["why"], "limit");
    let all = recorded(&place);
    assert_eq!((all.len(), &all[0]["passed"]), (1, &json!(false)));
    assert_eq!(all[0]["broken"][0]["rule"], "readable");
}

#[test]
fn a_statement_that_was_signed_again_counts_no_more() {
    let place = Place::new();
    let release = Release::sound(&place);
    place.lay_out("m", &release);
    let path = |name: &str| place.path().join("m").join(name);
    let names = ["provenance", "comparison", "summary"];
    // The earlier ones speak of another state of things.
    let mut earlier = Release::sound(&place);
    earlier.finished = "2026-05-01T10:01:00Z";
    place.lay_out("earlier", &earlier);
    for name in names {
        let from = place.path().join(format!("earlier/{name}.sigstore.json"));
        fs::copy(from, path(&format!("{name}.2.sigstore.json"))).expect("copied");
    }
    let document = place.verify(&["m/m.ko"]).ends(0).json();
    let replaced = |document: &Value| document["modules"][0]["replaced"].as_array().map(Vec::len);
    assert_eq!(replaced(&document), Some(3));
    let document = place.verify(&["m/m.ko", "--bundle", "m"]).ends(0).json();
    assert_eq!(replaced(&document), Some(3));
    // Whoever else signed one has replaced nobody's: it stands, and the policy does not know them.
    let stranger = Key::new();
    let bundle = stranger.bundle(&release.statements()[&Kind::Summary]);
    fs::write(path("summary.2.sigstore.json"), bundle).expect("written");
    place.write("stranger.pem", stranger.pem().as_bytes());
    let ran = place.verify(&["m/m.ko", "--key", "stranger.pem"]).ends(41);
    assert_eq!(ran.broken()[0], "signer");
    assert_eq!(replaced(&ran.json()), Some(2));
}

#[test]
fn a_directory_says_what_nobody_looked_into() {
    let place = Place::new();
    let release = Release::sound(&place);
    let cell = release.cell.clone();
    place.lay_out(&format!("out/{cell}"), &release);
    for (kind, payload) in whole("small", &[&release]) {
        let bundle = place.key.bundle(&payload);
        place.write(&format!("out/release.{kind}.sigstore.json"), &bundle);
    }
    let away = place.lay_out("away", &release);
    std::os::unix::fs::symlink(away.parent().expect("one"), place.path().join("out/link"))
        .expect("a link");
    let arguments = ["verify", "out", "--policy", "policy.toml"];
    let printed = place.run(&arguments).ends(0).stdout();
    assert!(printed.contains("note: `out/link` is a link"), "{printed}");
    let document = place
        .run(&[&arguments[..], &["--format", "json"]].concat())
        .ends(0)
        .json();
    assert_eq!(document["leftOut"], json!(["out/link"]));
    let deep = (0..16).map(|_| "d/").collect::<String>();
    fs::create_dir_all(place.path().join("out").join(deep)).expect("directories");
    place.run(&arguments).ends(21);
}

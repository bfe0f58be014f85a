//! Archives that contradict themselves, the lock, or what they hand out: refused, whoever made and signed
//! them.

use std::fs;

use kmatrix::bundle::{InputKind, Kind};
use kmatrix::tree::{self, Entry};
use serde_json::{Value, json};

use super::forgery::{Forgery, LEDGER};
use super::{Both, kmatrix, text};

/// What is changed of an archive, how, and what is said of it.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Forgery), &'a str);

/// Imports every forgery elsewhere, where none may leave anything.
fn all_are_refused(both: &Both, good: &Forgery, cases: &[Case<'_>]) {
    let bad = both.elsewhere.path().join("bad.tar");
    for (what, forge, why) in cases {
        let mut forgery = good.clone();
        forge(&mut forgery);
        fs::write(&bad, forgery.bytes()).expect("a file");
        for command in ["verify", "import"] {
            let arguments = ["bundle", command, text(&bad), "--unsigned"];
            let ran = kmatrix(&both.elsewhere, &arguments).expect(41);
            assert!(ran.stderr.contains(why), "{what}: wanted `{why}`\n{ran}");
        }
    }
    let blobs = both.elsewhere.state().join("store/blobs/sha256");
    let kept = fs::read_dir(blobs).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing of what was refused is in the store");
    let known = kmatrix(&both.elsewhere, &["query", "--format", "json"]);
    assert_eq!(known.expect(0).json()["cells"], json!([]));
    // What all of them were made from is taken in.
    fs::write(&bad, good.bytes()).expect("a file");
    let arguments = ["bundle", "import", text(&bad), "--unsigned"];
    kmatrix(&both.elsewhere, &arguments).expect(0);
}

fn line(text: &str, wanted: &str) -> String {
    let wanted = format!("{{\"row\":\"{wanted}\"");
    let found = text.lines().find(|line| line.starts_with(&wanted));
    format!("{}\n", found.expect("a row"))
}

/// Changes the first line of a kind.
fn in_row(text: &str, row: &str, from: &str, to: &str) -> String {
    let line = line(text, row);
    assert!(line.contains(from), "no `{from}` in {line}");
    text.replacen(&line, &line.replacen(from, to, 1), 1)
}

fn other() -> Value {
    format!("sha256:{}", "0".repeat(64)).into()
}

#[test]
fn an_archive_that_contradicts_itself_is_refused_whoever_made_it() {
    let both = Both::of("reproducible", 0);
    let archive = both.export("release.tar", &["--unsigned", "--with-inputs=sources"]);
    let good = Forgery::of(&fs::read(&archive).expect("an archive"));
    let tree = good.path("trees/", ".json");
    let cases: &[Case<'_>] = &[
        (
            "no cell",
            &|made| made.text(LEDGER, |text| text.replacen(&line(text, "cell"), "", 1)),
            "no cell before it is",
        ),
        (
            "a cell twice",
            &|made| {
                made.text(LEDGER, |text| {
                    let cell = line(text, "cell");
                    text.replacen(&cell, &cell.repeat(2), 1)
                });
            },
            "stands there twice",
        ),
        (
            "no run",
            &|made| made.text(LEDGER, |text| text.replacen(&line(text, "run"), "", 1)),
            "not the run that the index names",
        ),
        (
            "another run",
            &|made| made.each("run", |run| run["id"] = "x".into()),
            "not the run that the index names",
        ),
        (
            "a cell of another run",
            &|made| {
                made.text(LEDGER, |text| {
                    in_row(text, "cell", "\"run\":\"", "\"run\":\"x")
                })
            },
            "not of the archive's",
        ),
        (
            "a log that is not there",
            &|made| made.each("attempt", |attempt| attempt["log"] = other()),
            "which the archive does not hold",
        ),
        (
            "a log that counts and is said to be absent",
            &|made| {
                made.index.absent = vec![other().as_str().expect("text").parse().expect("one")];
                made.each("attempt", |attempt| attempt["log"] = other());
            },
            "an attempt that counts names",
        ),
        (
            "an attempt of a run that is not there",
            &|made| made.each("attempt", |attempt| attempt["run"] = "x".into()),
            "of which there is no record",
        ),
        (
            "a run with a name without end",
            &|made| made.each("attempt", |attempt| attempt["run"] = "x".repeat(256).into()),
            "more than 255 bytes",
        ),
        (
            "a key that nobody knows",
            &|made| {
                made.text(LEDGER, |text| {
                    in_row(text, "comparison", "\"number\"", "\"x\":1,\"number\"")
                });
            },
            "line",
        ),
        (
            "a key twice",
            &|made| {
                made.text(LEDGER, |text| {
                    in_row(text, "run", "\"record\":{", "\"record\":{\"id\":\"x\",")
                });
            },
            "duplicate field",
        ),
        (
            "no JSON",
            &|made| made.text(LEDGER, |text| text.replacen('{', "", 1)),
            "line 1",
        ),
        (
            "no end",
            &|made| made.text(LEDGER, |text| text.trim_end().to_owned()),
            "it does not end",
        ),
        (
            "another lock",
            &|made| made.text("lock.json", |text| format!("{text} ")),
            "not the lock that the release names",
        ),
        (
            "the list of another tree",
            &|made| {
                made.text(&tree, |text| {
                    text.replacen("\"executable\":false", "\"executable\":true", 1)
                });
            },
            "the list of another tree",
        ),
        (
            "a tree with a link that leaves it",
            &|made| plant(made, "leak", link("/etc/passwd")),
            "leaves the tree",
        ),
        (
            "a tree above itself",
            &|made| plant(made, "..", Entry::Directory),
            "is no name of a file in a tree",
        ),
        (
            "a tree with a file below a link",
            &|made| {
                plant(made, "a", link("b"));
                plant(made, "a/c", Entry::Directory);
            },
            "is no directory",
        ),
        (
            "packages that are said to be there",
            &|made| made.index.inputs = vec![InputKind::Packages, InputKind::Sources],
            "which the archive does not hold",
        ),
        (
            "images that are said to be there",
            &|made| made.index.inputs = vec![InputKind::Images, InputKind::Sources],
            "which the archive does not hold",
        ),
        (
            "sources that are said to be there",
            &|made| made.remove_kind(Kind::Source),
            "the index says that sources are in the archive",
        ),
    ];
    all_are_refused(&both, &good, cases);
}

fn link(target: &str) -> Entry {
    Entry::Symlink {
        target: target.to_owned(),
    }
}

/// Puts one more entry into every source tree, each under its right digest.
fn plant(made: &mut Forgery, name: &str, entry: Entry) {
    let path = made.path("trees/", ".json");
    let list: Value = serde_json::from_slice(&made.remove(&path)).expect("a list");
    let mut entries: tree::Entries =
        serde_json::from_value(list["entries"].clone()).expect("entries");
    entries.insert(name.to_owned(), entry);
    let digest = tree::digest(&entries);
    let list = json!({ "tree": digest, "entries": entries });
    let path = format!("trees/{}.json", digest.to_hex());
    made.put(&path, Kind::Source, list.to_string().as_bytes());
    // Its cells are not the question here.
    made.index.inputs.clear();
}

#[test]
fn what_is_handed_out_is_what_the_records_claim_of_every_cell_that_was_promised() {
    let both = Both::of("reproducible", 0);
    let archive = both.export("release.tar", &["--unsigned"]);
    let good = Forgery::of(&fs::read(&archive).expect("an archive"));
    let module = good.path("release/debian", ".ko");
    let (cell, _) = module.rsplit_once('/').expect("a folder");
    let of_reference = |row: &&mut Value| row["row"] == "attempt" && row["record"]["number"] == 0;
    let cases: &[Case<'_>] = &[
        (
            "a cell without its attempts",
            &|made| made.without(&["attempt", "comparison"]),
            "speaks of other modules than its reference made",
        ),
        (
            "a cell without attempts and statements",
            &|made| {
                made.without(&["attempt", "comparison", "attestation"]);
                made.remove_kind(Kind::Attestation);
            },
            "is handed out, and no record is of it",
        ),
        (
            "another module in its place",
            &|made| {
                let own = made.remove(&module);
                made.blob(Kind::Module, &own);
                made.put(&module, Kind::Module, b"EVIL");
            },
            "is handed out, and no record is of it",
        ),
        (
            "no module in its place",
            &|made| {
                let own = made.remove(&module);
                made.blob(Kind::Module, &own);
            },
            "which is not handed out",
        ),
        (
            "a module that calls itself a log",
            &|made| made.put(&format!("{cell}/more.ko"), Kind::Log, b"EVIL"),
            "is handed out, and no record is of it",
        ),
        (
            "a module of a cell that is not there",
            &|made| {
                let path = "release/debian-12/amd64/6.1.0-1-amd64=1/more/more.ko";
                made.put(path, Kind::Module, b"EVIL");
            },
            "is handed out, and no record is of it",
        ),
        (
            "a reference that made something else later",
            &|made| {
                let evil = made.blob(Kind::Module, b"EVIL").to_string();
                made.rows(|rows| {
                    let last = rows.iter_mut().rfind(of_reference).expect("one").clone();
                    rows.push(last);
                    let last = rows.last_mut().expect("one");
                    last["record"]["outcome"]["modules"][0]["digest"] = evil.clone().into();
                });
            },
            "speaks of other modules than its reference made",
        ),
        (
            "a reference that was excluded later",
            &|made| {
                made.without(&["attestation"]);
                made.remove_kind(Kind::Attestation);
                made.rows(|rows| {
                    let mut last = rows.iter_mut().rfind(of_reference).expect("one").clone();
                    last["record"]["outcome"] = json!({
                        "outcome": "excluded",
                        "exclusion": { "directive": "BUILD_EXCLUSIVE_KERNEL", "value": "x" },
                    });
                    rows.push(last);
                });
            },
            "is handed out, and no record is of it",
        ),
        (
            "a reference that built nothing",
            &|made| {
                made.rows(|rows| {
                    let one = rows.iter_mut().find(of_reference).expect("one");
                    one["record"]["outcome"]["modules"] = json!([]);
                });
            },
            "it built, and made no module",
        ),
        (
            "no trace of a cell",
            &|made| {
                made.rows(|rows| rows.truncate(1));
                for path in made.paths().map(str::to_owned).collect::<Vec<_>>() {
                    if path.starts_with("release/") {
                        made.remove(&path);
                    }
                }
            },
            "the lock has the cell",
        ),
        (
            "a cell that is built from something else than its inputs say",
            &|made| made.each("cell", |cell| cell["packages"][0]["sha256"] = other()),
            "contradicts its own inputs",
        ),
        (
            "a cell that is built from something else than the lock says",
            &|made| {
                made.each("cell", |cell| {
                    cell["packages"][0]["sha256"] = other();
                    cell["inputs"]["packages"][0][1] = other();
                });
            },
            "something else than the lock says",
        ),
        (
            "a statement that is hidden among the blobs",
            &|made| {
                for form in ["dsse", "sigstore"] {
                    let path = made.path("release/debian", &format!("/summary.{form}.json"));
                    let own = made.remove(&path);
                    made.blob(Kind::Attestation, &own);
                }
            },
            "a record names the statement",
        ),
        (
            "a statement that no record is of",
            &|made| {
                let path = format!("{cell}/more.sigstore.json");
                made.put(&path, Kind::Attestation, b"{}");
            },
            "is handed out, and no record is of it",
        ),
    ];
    all_are_refused(&both, &good, cases);
}

#[test]
fn what_a_record_says_of_its_statement_is_what_that_says() {
    let both = Both::of("reproducible", 0);
    let archive = both.export("release.tar", &["--unsigned"]);
    let good = Forgery::of(&fs::read(&archive).expect("an archive"));
    let of = |made: &mut Forgery, kind: &str, change: &dyn Fn(&mut Value)| {
        made.rows(|rows| {
            let is_it = |row: &&mut Value| {
                let uri = row["record"]["predicateType"].as_str();
                row["row"] == "attestation" && uri.is_some_and(|uri| uri.contains(kind))
            };
            change(&mut rows.iter_mut().find(is_it).expect("a record")["record"]);
        });
    };
    let cases: &[Case<'_>] = &[
        (
            "another payload",
            &|made| made.each("attestation", |one| one["payload"] = other()),
            "is not the one that it names",
        ),
        (
            "other subjects",
            &|made| {
                of(made, "provenance", &|one| {
                    one["subjects"] = json!([other()])
                })
            },
            "its statement has other subjects",
        ),
        (
            "another kind",
            &|made| of(made, "provenance", &|one| one["predicateType"] = "x".into()),
            "its statement is of the kind",
        ),
        (
            "no cell",
            &|made| {
                of(made, "provenance", &|one| {
                    one.as_object_mut().expect("a record").remove("cell");
                });
            },
            "the record does not say which",
        ),
        (
            "other inputs",
            &|made| of(made, "provenance", &|one| one["inputs"] = other()),
            "has other inputs",
        ),
        (
            "a bundle of another statement",
            &|made| {
                let path = made.path("release/", "release.scope.sigstore.json");
                let bundle = kmatrix::digest::Sha256Digest::of(made.contents(&path)).to_string();
                of(made, "provenance", &|one| {
                    one["bundle"] = bundle.clone().into()
                });
            },
            "is not the one that it names",
        ),
        (
            "provenance of another cell",
            &|made| {
                made.statement("provenance", |statement| {
                    let external = &mut statement["predicate"]["buildDefinition"];
                    external["externalParameters"]["cell"] = "x".into();
                });
            },
            "does not speak of the cell",
        ),
        (
            "a comparison of other inputs",
            &|made| {
                made.statement("comparison", |one| one["predicate"]["inputs"] = other());
            },
            "does not speak of the cell",
        ),
        (
            "a summary of another cell",
            &|made| {
                made.statement("summary", |one| {
                    one["predicate"]["resourceUri"] = "x".into()
                });
            },
            "does not speak of the cell",
        ),
        (
            "provenance of other modules",
            &|made| {
                made.statement("provenance", |one| {
                    one["subject"][0]["annotations"]["form"] = "x".into();
                });
            },
            "speak of different modules",
        ),
        (
            "a statement with a key twice",
            &|made| {
                made.statement("provenance", |one| {
                    one.as_object_mut()
                        .expect("one")
                        .insert("_TYPE".to_owned(), "x".into());
                });
            },
            "is no statement",
        ),
    ];
    all_are_refused(&both, &good, cases);
}

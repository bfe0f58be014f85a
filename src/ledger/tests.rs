use super::testing::attempt;
use super::*;
use crate::outcome::{Failure, Outcome};

fn run(id: &str) -> RunRecord {
    RunRecord {
        id: id.to_owned(),
        started: jiff::Timestamp::UNIX_EPOCH,
        ended: None,
        status: RunStatus::Running,
        matrix: "matrix/m.toml".to_owned(),
        plan: Sha256Digest::of(b"plan"),
        rebuilds: 1,
        job: None,
    }
}

fn built() -> Outcome {
    Outcome::Built {
        modules: Vec::new(),
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        failure: Failure::Compile { code: 2 },
    }
}

#[test]
fn attempts_are_added_and_the_best_of_each_number_is_returned() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger.sqlite");
    let inputs = Sha256Digest::of(b"inputs");
    let mut ledger = Ledger::open(&path).expect("a ledger");
    ledger.begin_run(&run("r1"), []).expect("a run");
    for record in [
        attempt(0, failed()),
        attempt(0, built()),
        attempt(0, failed()),
        attempt(1, failed()),
    ] {
        ledger.add_attempt(&inputs, &record).expect("an attempt");
    }
    drop(ledger);
    let ledger = Ledger::open(&path).expect("a ledger");
    let found = ledger.attempts(&inputs).expect("attempts");
    assert_eq!(found, [attempt(0, built()), attempt(1, failed())]);
    assert_eq!(
        ledger.history(&inputs).expect("a history"),
        [("built".to_owned(), 1), ("compile".to_owned(), 3)]
    );
}

fn compared(is_same: bool) -> Comparison {
    let difference = crate::compare::ModuleDifference {
        causes: Vec::new(),
        path: "m.ko".to_owned(),
        reference: None,
        rebuild: None,
        sections: Vec::new(),
        note: None,
        layers: None,
        agreement: None,
        places: Vec::new(),
        left_out: 0,
    };
    Comparison {
        differences: if is_same {
            Vec::new()
        } else {
            vec![difference]
        },
        metadata_equal: is_same,
    }
}

#[test]
fn a_cell_has_a_history_over_runs_and_inputs() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut ledger = Ledger::open(&dir.path().join("l")).expect("a ledger");
    let id: CellId = "debian-12/amd64/6.1.0-1-amd64=1/m".parse().expect("an id");
    let (old, new) = (Sha256Digest::of(b"old"), Sha256Digest::of(b"new"));
    for (name, inputs) in [("r1", &old), ("r2", &old), ("r3", &new)] {
        ledger.begin_run(&run(name), []).expect("a run");
        let row = params![name, id.to_string(), inputs.to_string()];
        let insert = "INSERT INTO cell VALUES (?1, ?2, ?3, '{}')";
        ledger.connection.execute(insert, row).expect("a cell");
    }
    let lost = Outcome::Failed {
        failure: Failure::Interrupted,
    };
    for (run, inputs, number, outcome) in [
        ("r1", &old, 0, built()),
        ("r1", &old, 1, lost),
        ("r2", &old, 1, built()),
        ("r2", &old, 2, built()),
        ("r3", &new, 0, failed()),
        ("r3", &Sha256Digest::of(b"of another cell"), 0, built()),
    ] {
        let record = AttemptRecord {
            run: run.to_owned(),
            ..attempt(number, outcome)
        };
        ledger.add_attempt(inputs, &record).expect("an attempt");
    }
    for (number, is_same) in [(1, true), (2, false)] {
        let found = ledger.add_comparison(&old, number, &compared(is_same));
        found.expect("a comparison");
    }
    let history = ledger.cell_history(&id).expect("a history");
    let numbers: Vec<(&str, [u32; 5])> = history
        .runs
        .iter()
        .map(|run| {
            let ends = (run.built, run.failed, run.infrastructure);
            let row = [ends.0, ends.1, ends.2, run.same, run.different];
            (run.run.as_str(), row)
        })
        .collect();
    assert_eq!(
        numbers,
        [
            ("r1", [1, 0, 1, 0, 0]),
            ("r2", [2, 0, 0, 1, 1]),
            ("r3", [0, 1, 0, 0, 0])
        ]
    );
    assert_eq!(
        history.sum(|run| run.different),
        1,
        "no infrastructure end is one"
    );
    let first = history.first_difference().map(|run| run.run.as_str());
    assert_eq!(first, Some("r2"));
    assert!(history.is_uneven());
    let other = "debian-12/amd64/6.1.0-1-amd64=1/n".parse().expect("an id");
    let nothing = ledger.cell_history(&other).expect("a history");
    assert!(nothing.runs.is_empty() && !nothing.is_uneven());
}

#[test]
fn a_run_that_never_ended_is_closed_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut ledger = Ledger::open(&dir.path().join("l")).expect("a ledger");
    ledger.begin_run(&run("r1"), []).expect("a run");
    assert_eq!(ledger.close_abandoned_runs().expect("an update"), 1);
    assert_eq!(ledger.close_abandoned_runs().expect("an update"), 0);
    let runs = ledger.runs().expect("runs");
    assert_eq!(runs[0].status, RunStatus::Interrupted);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("l");
    drop(Ledger::open(&path).expect("a ledger"));
    let connection = Connection::open(&path).expect("a database");
    connection
        .pragma_update(None, "user_version", schema::VERSION + 1)
        .expect("an update");
    drop(connection);
    assert!(matches!(
        Ledger::open(&path),
        Err(LedgerError::Newer { .. })
    ));
}

#[test]
fn cells_of_version_1_get_their_package_versions() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("l");
    let connection = Connection::open(&path).expect("a database");
    connection
        .execute_batch(schema::version_1())
        .expect("the first schema");
    connection
        .execute_batch(
            r#"INSERT INTO run VALUES ('r1', 't', 'finished', '{}');
               INSERT INTO cell VALUES ('r1', 'debian-12/amd64/6.1.0-56-amd64/m', 'i',
                   '{"id": "debian-12/amd64/6.1.0-56-amd64/m", "rebuilds": 1, "inputs": {"module": "m",
                     "target": {"distro": "debian", "distroRelease": "12", "arch": "amd64",
                                "kernelRelease": "6.1.0-56-amd64", "packageVersion": "6.1.192-2",
                                "flavour": "generic"}}}');
               PRAGMA user_version = 1;"#,
        )
        .expect("a cell");
    drop(connection);
    let ledger = Ledger::open(&path).expect("a ledger");
    let id = "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m";
    let ids = ledger.cell_ids().expect("ids");
    assert_eq!(
        ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [id]
    );
    let record: String = ledger
        .connection
        .query_row("SELECT record FROM cell", [], |row| row.get(0))
        .expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["id"], id);
    assert_eq!(record["rebuilds"], 1);
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("l");
    std::fs::write(&path, "text ".repeat(1000)).expect("a file");
    assert!(matches!(
        Ledger::open(&path),
        Err(LedgerError::Database { .. })
    ));
}

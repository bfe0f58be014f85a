//! What must not be accepted: one row for each way to forge, swap, withhold or blur an attestation, with the
//! word that it is refused with. What is accepted stands beside it, so that a reader that refuses
//! everything does not pass.
//!
//! These are the adversaries of the reader. Those of the policy, which reads what the reader lets through,
//! are the policy's.

#[allow(dead_code)]
#[path = "../authority/mod.rs"]
mod authority;
mod certificates;
mod flips;
mod forms;
mod genuine;
mod json;
mod logs;
mod roots;
mod signatures;
mod stage;
mod statements;
mod timestamps;

use std::collections::BTreeSet;

use kmatrix::verify::Why;
use stage::{Row, Stage};

const TABLES: [(&str, &[Row]); 8] = [
    ("json", json::ROWS),
    ("forms", forms::ROWS),
    ("signatures", signatures::ROWS),
    ("statements", statements::ROWS),
    ("certificates", certificates::ROWS),
    ("logs", logs::ROWS),
    ("timestamps", timestamps::ROWS),
    ("roots", roots::ROWS),
];

#[test]
fn every_adversary_is_refused_with_its_word() {
    let stage = Stage::new();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for (table, rows) in TABLES {
        for (name, why, attempt) in rows {
            assert!(name.ends_with("_fail"), "{name}");
            assert!(names.insert(*name), "{name} stands twice");
            match attempt(&stage) {
                Err(refused) if refused.why == *why => {
                    println!("{table:13} {name:45} {:17} {refused}", why.word());
                }
                Err(refused) => wrong.push(format!(
                    "{table}: {name} is refused as {} and not as {}: {refused}",
                    refused.why.word(),
                    why.word()
                )),
                Ok(_) => wrong.push(format!("{table}: {name} is ACCEPTED")),
            }
        }
    }
    println!("{} adversaries of the reader", names.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(names.len() >= 80, "only {} adversaries", names.len());
}

#[test]
fn every_word_has_an_adversary() {
    let produced: BTreeSet<Why> = TABLES
        .iter()
        .flat_map(|(_, rows)| rows.iter().map(|(_, why, _)| *why))
        .collect();
    assert_eq!(produced, BTreeSet::from(Why::ALL));
}

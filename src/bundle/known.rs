//! What the records of an archive have said so far, against which the next one is held.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::contents::{TREES, named};
use crate::bundle::format::Limits;
use crate::bundle::index::{Index, InputKind, Kind};
use crate::bundle::promised::Promised;
use crate::bundle::released::Released;
use crate::bundle::row::Row;
use crate::catalog::SuiteRecord;
use crate::catalog::kernel_source::PinnedSource;
use crate::digest::Sha256Digest;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::name::CellId;
use crate::outcome::Outcome;

/// The longest name of a run.
const LONGEST_NAME: usize = 255;

/// What the records before have said.
pub(super) struct Known<'a> {
    index: &'a Index,
    limits: &'a Limits,
    /// Every digest that is in the archive.
    members: BTreeSet<Sha256Digest>,
    /// Those that the index says are not.
    absent: BTreeSet<Sha256Digest>,
    /// Where the lists of source trees stand.
    trees: BTreeSet<&'a str>,
    promised: &'a Promised,
    rows: usize,
    runs: BTreeSet<String>,
    named_runs: BTreeSet<String>,
    cells: BTreeMap<CellId, Sha256Digest>,
    inputs: BTreeSet<Sha256Digest>,
    kernels: BTreeSet<Sha256Digest>,
    /// The attempts that count, by inputs and number.
    counting: BTreeMap<(Sha256Digest, u32), Counting>,
    released: Released,
}

/// One attempt that counts, as far as it is held against anything.
struct Counting {
    /// True if a later one takes its place only by having come to an end as well.
    is_final: bool,
    /// Something that it left and the archive does not hold.
    missing: Option<Sha256Digest>,
    /// What it made, if it is the reference.
    modules: Vec<(String, Sha256Digest)>,
}

impl<'a> Known<'a> {
    pub(super) fn new(index: &'a Index, promised: &'a Promised, limits: &'a Limits) -> Self {
        Self {
            members: index.members.iter().map(|one| one.sha256).collect(),
            absent: index.absent.iter().copied().collect(),
            trees: index
                .of(Kind::Source)
                .map(|one| one.path.as_str())
                .collect(),
            index,
            limits,
            promised,
            rows: 0,
            runs: BTreeSet::new(),
            named_runs: BTreeSet::new(),
            cells: BTreeMap::new(),
            inputs: BTreeSet::new(),
            kernels: BTreeSet::new(),
            counting: BTreeMap::new(),
            released: Released::default(),
        }
    }

    /// Takes the next record, unless it contradicts the index, the lock, or those before it. `modules` are
    /// those that a signed statement speaks of.
    pub(super) fn take(
        &mut self,
        row: &Row,
        modules: BTreeSet<Sha256Digest>,
    ) -> Result<(), String> {
        self.rows += 1;
        if self.rows > self.limits.rows {
            let rows = self.limits.rows;
            return Err(format!("there are more than {rows} records"));
        }
        match row {
            Row::Run { record } => {
                is_short(&record.id)?;
                if !self.runs.insert(record.id.clone()) {
                    return Err(format!("the run `{}` stands there twice", record.id));
                }
            }
            Row::Cell { run, record } => {
                self.is_of_the_run(run)?;
                self.cell(record)?;
            }
            Row::Attempt { inputs, record } => {
                self.is_of(inputs, &self.inputs)?;
                self.are_known(&named(record))?;
                self.names_run(&record.run)?;
                self.attempt(inputs, record)?;
            }
            Row::Comparison { inputs, .. } => self.is_of(inputs, &self.inputs)?,
            Row::Preparation { kernel, record } => {
                self.is_of(kernel, &self.kernels)?;
                self.are_known(&[record.spec, record.log])?;
                self.names_run(&record.run)?;
            }
            Row::Attestation { record } => {
                self.is_of_the_run(&record.run)?;
                if let Some(cell) = &record.cell {
                    let inputs = self.cells.get(cell);
                    let inputs = inputs
                        .ok_or_else(|| format!("it is of the cell {cell}, which is not there"))?;
                    if record.inputs != Some(*inputs) {
                        return Err(format!("the cell {cell} has other inputs"));
                    }
                }
                self.are_here(&[record.bundle, record.envelope])?;
                self.released.statement(record, modules)?;
            }
        }
        Ok(())
    }

    /// Holds all records together against each other, the lock, and what is handed out.
    pub(super) fn finish(mut self) -> Result<(), String> {
        if let Some(run) = self.named_runs.difference(&self.runs).next() {
            return Err(format!(
                "attempts name the run `{run}`, of which there is no record"
            ));
        }
        if let Some(cell) = self.promised.missing(|cell| self.cells.contains_key(cell)) {
            return Err(format!(
                "the lock has the cell {cell}, and no record is of it"
            ));
        }
        if self.cells.is_empty() {
            return Err("there is no cell".to_owned());
        }
        let mut missing = self.counting.values().filter_map(|one| one.missing);
        if let Some(digest) = missing.next() {
            return Err(format!(
                "an attempt that counts names {digest}, which the archive does not hold"
            ));
        }
        for (cell, inputs) in &self.cells {
            let reference = self.counting.get(&(*inputs, 0));
            let modules = reference.map_or(&[][..], |reference| &reference.modules);
            self.released.cell(cell, modules)?;
        }
        self.released.hold(self.index)
    }

    fn cell(&mut self, cell: &CellRecord) -> Result<(), String> {
        self.promised.hold(cell)?;
        let inputs = cell.inputs.digest();
        if self.cells.insert(cell.id.clone(), inputs).is_some() {
            return Err(format!("the cell {} stands there twice", cell.id));
        }
        self.inputs.insert(inputs);
        let prepared = cell.inputs.prepared.as_ref();
        self.kernels.extend(prepared.map(|kernel| kernel.digest()));
        let vouched = cell.vouched.iter().chain(&cell.image.suites);
        let vouched = vouched
            .flat_map(|suite: &SuiteRecord| std::iter::once(suite.index).chain(suite.signature));
        self.are_here(&vouched.collect::<Vec<_>>())?;
        for kind in &self.index.inputs {
            self.has_inputs(cell, *kind)?;
        }
        Ok(())
    }

    /// Refuses an archive that says of itself that it holds what cells are built from, and does not.
    fn has_inputs(&self, cell: &CellRecord, kind: InputKind) -> Result<(), String> {
        let source = cell.kernel_source.as_ref();
        match kind {
            InputKind::Packages => {
                let tarball = source.and_then(|source| match &source.pinned {
                    PinnedSource::Tarball(digest) => Some(*digest),
                    PinnedSource::Tree(_) => None,
                });
                let packages = cell.packages.iter().map(|package| package.sha256);
                self.are_here(&packages.chain(tarball).collect::<Vec<_>>())
            }
            InputKind::Images => {
                let root = cell.image.root.as_ref().map(|root| root.digest);
                self.are_here(root.as_slice())
            }
            InputKind::Sources => {
                let needed = cell.inputs.needed.iter().map(|needed| needed.source_tree);
                for tree in std::iter::once(cell.inputs.source_tree).chain(needed) {
                    let path = format!("{TREES}{}.json", tree.to_hex());
                    if !self.trees.contains(path.as_str()) {
                        return Err(format!(
                            "the index says that sources are in the archive, and it does not hold {tree}"
                        ));
                    }
                }
                Ok(())
            }
        }
    }

    /// Keeps an attempt if it counts: the last that came to an end, or the last of all if none did. The
    /// ledger goes by the same rule.
    fn attempt(&mut self, inputs: &Sha256Digest, attempt: &AttemptRecord) -> Result<(), String> {
        let (is_final, made) = match &attempt.outcome {
            Outcome::Built { modules } => (true, &modules[..]),
            Outcome::Excluded { .. } => (true, &[][..]),
            Outcome::Failed { .. } => (false, &[][..]),
        };
        if matches!(&attempt.outcome, Outcome::Built { modules } if modules.is_empty()) {
            return Err("it built, and made no module".to_owned());
        }
        let paths: BTreeSet<&str> = made.iter().map(|module| module.path.as_str()).collect();
        if paths.len() != made.len() {
            return Err("it made two modules of one name".to_owned());
        }
        let key = (*inputs, attempt.number);
        let known = self.counting.get(&key);
        if known.is_some_and(|known| known.is_final && !is_final) {
            return Ok(());
        }
        let modules = made.iter().map(|one| (one.path.clone(), one.digest));
        let left = named(attempt);
        let counting = Counting {
            is_final,
            missing: left.into_iter().find(|one| !self.members.contains(one)),
            modules: match attempt.number {
                0 => modules.collect(),
                _ => Vec::new(),
            },
        };
        self.counting.insert(key, counting);
        Ok(())
    }

    fn is_of_the_run(&self, run: &str) -> Result<(), String> {
        if run == self.index.release.run {
            return Ok(());
        }
        Err(format!(
            "it is of the run `{run}`, and not of the archive's"
        ))
    }

    fn names_run(&mut self, run: &str) -> Result<(), String> {
        is_short(run)?;
        if !self.named_runs.contains(run) {
            self.named_runs.insert(run.to_owned());
        }
        Ok(())
    }

    fn is_of(&self, digest: &Sha256Digest, known: &BTreeSet<Sha256Digest>) -> Result<(), String> {
        if known.contains(digest) {
            return Ok(());
        }
        Err(format!("it is of {digest}, and no cell before it is"))
    }

    /// Refuses digests that the archive neither holds nor says that it lacks.
    fn are_known(&self, digests: &[Sha256Digest]) -> Result<(), String> {
        let lacks = |one: &&Sha256Digest| !self.members.contains(one) && !self.absent.contains(one);
        not_held(digests.iter().find(lacks))
    }

    fn are_here(&self, digests: &[Sha256Digest]) -> Result<(), String> {
        not_held(digests.iter().find(|one| !self.members.contains(one)))
    }
}

fn not_held(digest: Option<&Sha256Digest>) -> Result<(), String> {
    match digest {
        Some(digest) => Err(format!(
            "it names {digest}, which the archive does not hold"
        )),
        None => Ok(()),
    }
}

fn is_short(run: &str) -> Result<(), String> {
    if run.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(format!(
        "the name of its run has more than {LONGEST_NAME} bytes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::tests::index_of;
    use crate::ledger::{RunRecord, RunStatus};

    fn run(id: &str) -> Row {
        Row::Run {
            record: Box::new(RunRecord {
                id: id.to_owned(),
                started: jiff::Timestamp::UNIX_EPOCH,
                ended: None,
                status: RunStatus::Finished,
                matrix: "m.toml".to_owned(),
                plan: Sha256Digest::of(b"plan"),
                rebuilds: 1,
                job: None,
            }),
        }
    }

    #[test]
    fn what_is_held_in_memory_of_records_is_bounded_in_number_and_in_length() {
        let (index, promised) = (index_of(&[], false), Promised::none());
        let limits = Limits {
            rows: 3,
            ..Limits::default()
        };
        let mut known = Known::new(&index, &promised, &limits);
        let mut take = |id: &str| known.take(&run(id), BTreeSet::new());
        assert_eq!(take("r1"), Ok(()));
        let twice = take("r1").expect_err("a run stands there once");
        assert!(twice.contains("twice"), "{twice}");
        let long = take(&"x".repeat(LONGEST_NAME + 1)).expect_err("it is too long");
        assert!(long.contains("more than 255 bytes"), "{long}");
        let more = take("r2").expect_err("there are too many");
        assert!(more.contains("more than 3 records"), "{more}");
    }

    #[test]
    fn the_attempt_that_counts_is_the_last_that_came_to_an_end() {
        use crate::ledger::testing::{attempt, with_bits};
        use crate::outcome::{Exclusion, Failure};
        let built = |bytes: &[u8]| with_bits(Sha256Digest::of(bytes));
        let failed = || Outcome::Failed {
            failure: Failure::TimedOut { seconds: 1 },
        };
        let excluded = || Outcome::Excluded {
            exclusion: Exclusion {
                directive: "BUILD_EXCLUSIVE_KERNEL".to_owned(),
                value: "x".to_owned(),
            },
        };
        let (index, promised, limits) = (index_of(&[], false), Promised::none(), Limits::default());
        let inputs = Sha256Digest::of(b"inputs");
        for (outcomes, counts) in [
            (vec![failed(), built(b"one")], Some(&b"one"[..])),
            (vec![built(b"one"), failed()], Some(b"one")),
            (vec![built(b"one"), built(b"two")], Some(b"two")),
            (vec![built(b"one"), excluded()], None),
            (vec![excluded(), built(b"one"), failed()], Some(b"one")),
            (vec![failed(), failed()], None),
        ] {
            let mut known = Known::new(&index, &promised, &limits);
            for outcome in &outcomes {
                let taken = known.attempt(&inputs, &attempt(0, outcome.clone()));
                assert_eq!(taken, Ok(()));
            }
            let modules = &known.counting[&(inputs, 0)].modules;
            let found = modules.first().map(|(_, digest)| *digest);
            assert_eq!(found, counts.map(Sha256Digest::of), "{outcomes:?}");
        }
    }
}

//! What was built from what, and signed by whom: over everything that was observed here, and
//! everything that archives brought.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::ledger::{
    ArchiveRecord, AttestationRecord, ForeignAttestation, Ledger, LedgerError, Question,
};
use crate::name::CellId;

/// Where a record is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Origin {
    /// It was observed here.
    Own,
    /// An archive brought it, and this is who signed that; `None` if nobody did. `signed` is the first
    /// time that is vouched for of that signature.
    Archive {
        digest: Sha256Digest,
        release: String,
        signer: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signed: Option<Timestamp>,
    },
}

/// One cell that a run promised, with what it was made from and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuiltCell {
    pub origin: Origin,
    pub run: String,
    /// When the run began.
    pub started: Timestamp,
    /// The matrix file as the run named it.
    pub matrix: String,
    pub cell: CellId,
    pub inputs: Sha256Digest,
    pub source_tree: Sha256Digest,
    /// Of the module's own source; `None` if it was not committed.
    pub commit: Option<String>,
    pub image: Sha256Digest,
    pub image_name: String,
    pub packages: Vec<CellPackage>,
    /// Of every attempt that made any, each once, ordered.
    pub modules: Vec<CellModule>,
    /// Ordered by when they were signed.
    pub attestations: Vec<CellAttestation>,
    /// By whose word it is in the window that was asked for; `None` if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_window_by: Option<TimeFrom>,
}

/// Whose word a time is. Those that say more stand first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TimeFrom {
    /// This machine's clock, when it happened here.
    Observed,
    /// A timestamp authority's or a log's, checked when the statement was taken in.
    Verified,
    /// That of whoever made the archive, and nobody else's.
    Claimed,
}

/// A package that a cell was built from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellPackage {
    pub name: String,
    pub version: String,
    pub sha256: Sha256Digest,
}

/// A module that a cell's attempts made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellModule {
    pub path: String,
    pub sha256: Sha256Digest,
}

/// A statement about a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellAttestation {
    pub predicate_type: String,
    pub payload: Sha256Digest,
    pub signer: String,
    /// True if it was signed here, or if the signature was found to be this signer's.
    pub verified: bool,
    /// The first time that is vouched for, or else the one that the record says.
    pub signed: Timestamp,
    pub signed_by_word_of: TimeFrom,
    pub subjects: Vec<Sha256Digest>,
}

/// Which archive a record is from, by its number; `None` is what was observed here. What one archive
/// says is never put together with what another does, or with what is known here: they choose freely
/// which runs and inputs they name.
type From = Option<i64>;

/// Own cells, and those of archives with the number of the archive.
const CELLS: &str = "
    SELECT NULL, run, id, inputs, record FROM cell
    UNION ALL
    SELECT o.archive, f.run, f.cell, f.inputs, f.record FROM foreign_record AS f
    JOIN foreign_origin AS o ON o.record = f.id WHERE f.kind = 'cell'";

/// What is asked of a cell's record.
const FACTS: &str = "
    json_extract(record, '$.source.tree'),
    json_extract(record, '$.source.revision.commit'),
    json_extract(record, '$.image.id'),
    json_extract(record, '$.image.name'),
    (SELECT json_group_array(json_object('name', value ->> 'name', 'version', value ->> 'version',
         'sha256', value ->> 'sha256')) FROM json_each(record, '$.packages'))";

const MODULES: &str = "
    SELECT NULL AS archive, inputs, (SELECT json_group_array(json_object('path', value ->> 'path',
        'sha256', value ->> 'digest')) FROM json_each(record, '$.outcome.modules'))
    FROM attempt WHERE outcome = 'built'
    UNION ALL
    SELECT o.archive, f.inputs, (SELECT json_group_array(json_object('path', value ->> 'path',
        'sha256', value ->> 'digest')) FROM json_each(f.record, '$.outcome.modules'))
    FROM foreign_record AS f JOIN foreign_origin AS o ON o.record = f.id
    WHERE f.kind = 'attempt' AND json_extract(f.record, '$.outcome.outcome') = 'built'";

const RUNS: &str = "
    SELECT NULL, id, record FROM run
    UNION ALL
    SELECT o.archive, f.run, f.record FROM foreign_record AS f
    JOIN foreign_origin AS o ON o.record = f.id WHERE f.kind = 'run'";

const ATTESTATIONS: &str = "
    SELECT NULL, record FROM attestation
    UNION ALL
    SELECT o.archive, f.record FROM foreign_record AS f
    JOIN foreign_origin AS o ON o.record = f.id WHERE f.kind = 'attestation'";

impl Ledger {
    /// Returns every cell that answers a question: what was observed here first, then by archive, and
    /// in the order in which runs promised them.
    pub fn ask(&self, question: &Question) -> Result<Vec<BuiltCell>, LedgerError> {
        let archives = self.archives_by_number()?;
        let runs = self.runs_by_id()?;
        let mut cells = self.cells_of(question, &archives, &runs)?;
        let inputs = cells.iter().map(|(from, cell)| (*from, cell.inputs));
        let modules = self.modules_of(&inputs.collect())?;
        let attestations = self.attestations_of(&cells)?;
        for (from, cell) in &mut cells {
            cell.modules = modules
                .get(&(*from, cell.inputs))
                .map_or_else(Vec::new, |found| found.iter().cloned().collect());
            let key = (*from, cell.run.clone(), cell.cell.clone());
            cell.attestations = attestations.get(&key).cloned().unwrap_or_default();
            cell.in_window_by = question.in_window_by(cell);
        }
        let cells = cells.into_iter().map(|(_, cell)| cell);
        Ok(cells.filter(|cell| question.holds_late(cell)).collect())
    }

    fn cells_of(
        &self,
        question: &Question,
        archives: &BTreeMap<i64, ArchiveRecord>,
        runs: &BTreeMap<(From, String), RunFacts>,
    ) -> Result<Vec<(From, BuiltCell)>, LedgerError> {
        let query = format!(
            "WITH every (archive, run, id, inputs, record) AS ({CELLS})
             SELECT archive, run, id, inputs, {FACTS} FROM every"
        );
        let mut cells = Vec::new();
        self.for_each_row(
            &query,
            |row| {
                let found = Row {
                    archive: row.get(0)?,
                    run: row.get(1)?,
                    id: row.get(2)?,
                    inputs: row.get(3)?,
                    source_tree: row.get(4)?,
                    commit: row.get(5)?,
                    image: row.get(6)?,
                    image_name: row.get(7)?,
                    packages: row.get(8)?,
                };
                Ok(found)
            },
            |row| {
                let from = row.archive;
                let cell = self.cell_of(row, archives, runs)?;
                if question.holds_early(&cell) {
                    cells.push((from, cell));
                }
                Ok(())
            },
        )?;
        Ok(cells)
    }

    fn cell_of(
        &self,
        row: Row,
        archives: &BTreeMap<i64, ArchiveRecord>,
        runs: &BTreeMap<(From, String), RunFacts>,
    ) -> Result<BuiltCell, LedgerError> {
        let bad = |error: &dyn std::fmt::Display| self.bad(error);
        let run = runs
            .get(&(row.archive, row.run.clone()))
            .ok_or_else(|| bad(&format!("there is no run `{}`", row.run)))?;
        let origin = match row.archive {
            None => Origin::Own,
            Some(number) => {
                let archive = archives
                    .get(&number)
                    .ok_or_else(|| bad(&"a record of no archive"))?;
                Origin::Archive {
                    digest: archive.digest,
                    release: archive.release.clone(),
                    signer: archive.signer.clone(),
                    signed: archive.signed,
                }
            }
        };
        Ok(BuiltCell {
            origin,
            started: run.started,
            matrix: run.matrix.clone(),
            run: row.run,
            cell: row.id.parse().map_err(|error| bad(&error))?,
            inputs: row.inputs.parse().map_err(|error| bad(&error))?,
            source_tree: row.source_tree.parse().map_err(|error| bad(&error))?,
            commit: row.commit,
            image: row.image.parse().map_err(|error| bad(&error))?,
            image_name: row.image_name,
            packages: self.read(&row.packages)?,
            modules: Vec::new(),
            attestations: Vec::new(),
            in_window_by: None,
        })
    }

    fn modules_of(
        &self,
        wanted: &BTreeSet<(From, Sha256Digest)>,
    ) -> Result<ModulesOf, LedgerError> {
        let mut modules = ModulesOf::new();
        let mut take = |(from, inputs, text): (From, String, String)| {
            let key = (from, inputs.parse().map_err(|error| self.bad(&error))?);
            if wanted.contains(&key) {
                let found: Vec<CellModule> = self.read(&text)?;
                modules.entry(key).or_default().extend(found);
            }
            Ok(())
        };
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        if wanted.len() > MANY {
            self.for_each_row(MODULES, row, &mut take)?;
        } else {
            let query = format!("SELECT * FROM ({MODULES}) WHERE inputs = ?1");
            let every: BTreeSet<&Sha256Digest> = wanted.iter().map(|(_, inputs)| inputs).collect();
            for inputs in every {
                self.for_each_row_of(&query, &[&inputs.to_string()], row, &mut take)?;
            }
        }
        Ok(modules)
    }

    fn attestations_of(&self, cells: &[(From, BuiltCell)]) -> Result<AttestationsOf, LedgerError> {
        let wanted: BTreeSet<(From, &str, &CellId)> = cells
            .iter()
            .map(|(from, cell)| (*from, cell.run.as_str(), &cell.cell))
            .collect();
        let mut found = AttestationsOf::new();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.for_each_row(ATTESTATIONS, row, |(from, text): (From, String)| {
            let (record, one) = if from.is_some() {
                let foreign: ForeignAttestation = self.read(&text)?;
                let one = CellAttestation::brought(&foreign);
                (foreign.record, one)
            } else {
                let record: AttestationRecord = self.read(&text)?;
                let one = CellAttestation::own(&record);
                (record, one)
            };
            if let Some(cell) = record.cell
                && wanted.contains(&(from, record.run.as_str(), &cell))
            {
                found.entry((from, record.run, cell)).or_default().push(one);
            }
            Ok(())
        })?;
        for attestations in found.values_mut() {
            attestations.sort_by_key(|one| (one.signed, one.payload));
            attestations.dedup();
        }
        Ok(found)
    }

    fn archives_by_number(&self) -> Result<BTreeMap<i64, ArchiveRecord>, LedgerError> {
        let mut archives = BTreeMap::new();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let query = "SELECT id, record FROM archive";
        self.for_each_row(query, row, |(number, text): (i64, String)| {
            archives.insert(number, self.read(&text)?);
            Ok(())
        })?;
        Ok(archives)
    }

    fn runs_by_id(&self) -> Result<BTreeMap<(From, String), RunFacts>, LedgerError> {
        let mut runs = BTreeMap::new();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        self.for_each_row(RUNS, row, |(from, id, text): (From, String, String)| {
            runs.insert((from, id), self.read(&text)?);
            Ok(())
        })?;
        Ok(runs)
    }

    fn for_each_row<T>(
        &self,
        query: &str,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        visit: impl FnMut(T) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.for_each_row_of(query, &[], read, visit)
    }

    fn for_each_row_of<T>(
        &self,
        query: &str,
        parameters: &[&dyn rusqlite::ToSql],
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        mut visit: impl FnMut(T) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let database = |source| self.database(source);
        let mut statement = self.connection.prepare_cached(query).map_err(database)?;
        let mut rows = statement.query(parameters).map_err(database)?;
        while let Some(row) = rows.next().map_err(database)? {
            visit(read(row).map_err(database)?)?;
        }
        Ok(())
    }
}

/// From how many cells on every attempt is read once, instead of those of each cell.
const MANY: usize = 500;

type ModulesOf = BTreeMap<(From, Sha256Digest), BTreeSet<CellModule>>;
type AttestationsOf = BTreeMap<(From, String, CellId), Vec<CellAttestation>>;

impl CellAttestation {
    fn own(record: &AttestationRecord) -> Self {
        Self {
            predicate_type: record.predicate_type.clone(),
            payload: record.payload,
            signer: record.signer.clone(),
            verified: true,
            signed: record.signed,
            signed_by_word_of: TimeFrom::Observed,
            subjects: record.subjects.clone(),
        }
    }

    fn brought(foreign: &ForeignAttestation) -> Self {
        let mut one = Self::own(&foreign.record);
        one.verified = foreign.verified_signer.is_some();
        one.signer = foreign.verified_signer.clone().unwrap_or(one.signer);
        (one.signed, one.signed_by_word_of) = match foreign.verified_times.iter().min() {
            Some(first) => (*first, TimeFrom::Verified),
            None => (one.signed, TimeFrom::Claimed),
        };
        one
    }

    /// Returns its signer, marked if that is only what the record says.
    pub fn signer_as_known(&self) -> String {
        if self.verified {
            self.signer.clone()
        } else {
            format!("unverified {}", self.signer)
        }
    }
}

/// A cell as it is read.
struct Row {
    archive: From,
    run: String,
    id: String,
    inputs: String,
    source_tree: String,
    commit: Option<String>,
    image: String,
    image_name: String,
    packages: String,
}

#[derive(Deserialize)]
struct RunFacts {
    started: Timestamp,
    matrix: String,
}

//! What a sample of a release showed when it was built again by somebody else. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::attest::{
    About, ComparedAttempt, ComparedModule, Platform, PredicateType, RebuildComparison,
    STATEMENT_TYPE, Statement, Subject, SubjectForm, Unsigned,
};
use crate::bundle::bound::{Bound, Draw, bound};
use crate::bundle::claim::Claim;
use crate::bundle::index::Release;
use crate::bundle::sample::{Drawn, Seed, Stratum};
use crate::compare::{Comparison, ModuleDifference};
use crate::digest::Sha256Digest;
use crate::engine::EngineIdentity;
use crate::label::Label;
use crate::ledger::AttemptRecord;
use crate::name::CellId;
use crate::outcome::{BuiltModule, Outcome};

/// The predicate of an audit's statement, described in `docs/evidence.md`.
pub const AUDIT_TYPE: &str = "urn:kmatrix:audit:v1";

/// What became of one cell of the sample.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audited {
    pub cell: CellId,
    pub inputs: Sha256Digest,
    #[serde(flatten)]
    pub finding: Finding,
}

/// How a build that was made here compares with what is claimed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase", tag = "finding")]
pub enum Finding {
    /// Every module has the bytes that are claimed.
    Same { modules: Vec<Sha256Digest> },
    /// Some module has others.
    Differs {
        modules: Vec<ModuleDifference>,
        again: Again,
    },
    /// It makes no module here, for a reason that is the build's own.
    NoModule { reason: String },
    /// It could not be built again: nothing was found out.
    Missing { reason: String },
}

/// What a second build of a cell that differs came to, in the same surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "came")]
pub enum Again {
    /// To what the first one made: here it is something else than is claimed.
    Alike,
    /// To what is claimed: it does not make the same every time.
    AsClaimed,
    /// To something else again: it does not make the same every time.
    Different,
    /// Nothing was found out.
    Unknown { reason: String },
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alike => f.write_str("a second build here made what the first did"),
            Self::AsClaimed => {
                f.write_str("flaky: a second build here made what is claimed, the first did not")
            }
            Self::Different => f.write_str("flaky: a second build here made something else again"),
            Self::Unknown { reason } => write!(f, "it was not built a second time: {reason}"),
        }
    }
}

impl Finding {
    /// Returns the word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Same { .. } => "same",
            Self::Differs { .. } => "differs",
            Self::NoModule { .. } => "no module",
            Self::Missing { .. } => "missing",
        }
    }
}

/// Who claims, who looked, and how the sample was drawn.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Circumstances {
    /// The digest of the archive's index.
    pub archive: Sha256Digest,
    pub release: Release,
    /// Who signed the archive; `None` if nobody did who is known.
    pub claimed_by: Option<String>,
    /// Who signs for the audit; `None` if nobody does.
    pub audited_by: Option<String>,
    /// Who operates the platform, as they say themselves.
    pub operator: String,
    pub seed: Seed,
    pub stratified: bool,
}

/// Everything that an audit found out, in numbers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// The cells of the release that no module is claimed of, and that were not drawn from.
    pub without_module: usize,
    pub strata: Vec<Stratified>,
    /// At 95 %; what could not be built again counts as differing.
    pub bound: Bound,
    pub cells: Vec<Audited>,
}

/// One group of cells that were drawn from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stratified {
    pub stratum: Option<Stratum>,
    pub cells: u64,
    pub sampled: u64,
    pub same: u64,
    /// Those with other bytes, and those that make no module here.
    pub differing: u64,
    pub missing: u64,
}

impl Audit {
    /// Adds up what was found.
    pub fn new(
        circumstances: Circumstances,
        without_module: usize,
        drawn: &[Drawn],
        cells: Vec<Audited>,
    ) -> Self {
        let findings: BTreeMap<&CellId, &Finding> =
            cells.iter().map(|one| (&one.cell, &one.finding)).collect();
        let strata: Vec<Stratified> = drawn
            .iter()
            .map(|drawn| {
                let mut sum = Stratified {
                    stratum: drawn.stratum.clone(),
                    cells: drawn.cells,
                    sampled: drawn.sample.len() as u64,
                    same: 0,
                    differing: 0,
                    missing: 0,
                };
                for cell in &drawn.sample {
                    match findings.get(cell) {
                        Some(Finding::Same { .. }) => sum.same += 1,
                        Some(Finding::Differs { .. } | Finding::NoModule { .. }) => {
                            sum.differing += 1;
                        }
                        Some(Finding::Missing { .. }) | None => sum.missing += 1,
                    }
                }
                sum
            })
            .collect();
        let draws: Vec<Draw> = strata
            .iter()
            .map(|sum| Draw {
                cells: sum.cells,
                sampled: sum.sampled,
                differing: sum.differing + sum.missing,
            })
            .collect();
        Self {
            circumstances,
            without_module,
            strata,
            bound: bound(&draws),
            cells,
        }
    }

    /// Adds a number up over all strata.
    pub fn sum(&self, of: impl Fn(&Stratified) -> u64) -> u64 {
        self.strata.iter().map(of).sum()
    }

    /// Returns the statement about the archive that is signed.
    pub fn statement(&self) -> Vec<u8> {
        Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject::plain("index.json", self.circumstances.archive)],
            predicate_type: AUDIT_TYPE.to_owned(),
            predicate: self,
        }
        .to_bytes()
    }
}

/// Makes the statement about one cell that was built again: the claimed attempt as the reference, and
/// the one that was made here as its rebuild.
pub fn comparison_statement(
    claim: &Claim,
    ours: &AttemptRecord,
    comparison: &Comparison,
    label: &Label,
    circumstances: &Circumstances,
    builder: &str,
) -> Unsigned {
    let theirs = &claim.reference;
    let attempt = |record: &AttemptRecord, number: u32, platform: &str| ComparedAttempt {
        number,
        spec: record.spec,
        platform: platform.to_owned(),
        varied: record.variation.axes.clone(),
        reached: BTreeSet::new(),
        choices: BTreeMap::new(),
        outcome: record.outcome_word().to_owned(),
        modules: built(record)
            .iter()
            .map(|module| ComparedModule {
                path: module.path.clone(),
                sha256: module.digest,
                layers: None,
            })
            .collect(),
        same: number == 0 || comparison.is_same(),
        metadata_equal: number == 0 || comparison.metadata_equal,
    };
    let claimed_by = circumstances.claimed_by.as_deref().unwrap_or("nobody");
    let causes = label.rebuilds.as_ref();
    let predicate = RebuildComparison {
        cell: claim.cell.id.clone(),
        inputs: claim.cell.inputs.digest(),
        reference: attempt(theirs, 0, "claimed"),
        rebuilds: vec![attempt(ours, 1, "audit")],
        normalisations: comparison.normalisations().unwrap_or_default(),
        causes: causes.map_or_else(Vec::new, |found| found.causes.clone()),
        platforms: BTreeMap::from([
            (
                "claimed".to_owned(),
                platform(&theirs.engine, claimed_by, "unknown"),
            ),
            (
                "audit".to_owned(),
                platform(&ours.engine, &circumstances.operator, builder),
            ),
        ]),
        label: label.clone(),
    };
    let subjects = claim
        .modules()
        .iter()
        .map(|module| {
            let path = &module.path;
            Subject::module(path, module.digest, SubjectForm::Payload, path)
        })
        .collect();
    let about = About::Cell {
        id: claim.cell.id.clone(),
        inputs: claim.cell.inputs.digest(),
    };
    Unsigned::new(
        PredicateType::RebuildComparison,
        about,
        subjects,
        &predicate,
    )
}

fn platform(engine: &EngineIdentity, operator: &str, builder: &str) -> Platform {
    Platform {
        operator: operator.to_owned(),
        builder: builder.to_owned(),
        engine: format!(
            "{} {} (API {}), Linux {}, {} CPUs",
            engine.name, engine.version, engine.api_version, engine.kernel, engine.cpus
        ),
    }
}

fn built(attempt: &AttemptRecord) -> &[BuiltModule] {
    match &attempt.outcome {
        Outcome::Built { modules } => modules,
        Outcome::Failed { .. } | Outcome::Excluded { .. } => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kernel: u32, series: &str) -> CellId {
        format!("debian-12/amd64/{series}.0-{kernel}-amd64=1/m")
            .parse()
            .expect("an id")
    }

    fn audit(found: &[(u32, Option<Finding>)], stratified: bool) -> Audit {
        let circumstances = Circumstances {
            archive: Sha256Digest::of(b"archive"),
            release: Release {
                name: "nightly".to_owned(),
                run: "r1".to_owned(),
                started: jiff::Timestamp::UNIX_EPOCH,
                plan: Sha256Digest::of(b"plan"),
                lock: Sha256Digest::of(b"lock"),
            },
            claimed_by: Some("key:vendor".to_owned()),
            audited_by: Some("key:team".to_owned()),
            operator: "team".to_owned(),
            seed: "seed".parse().expect("a seed"),
            stratified,
        };
        let cells: Vec<CellId> = found.iter().map(|(kernel, _)| id(*kernel, "6.1")).collect();
        let drawn = Drawn {
            stratum: stratified.then(|| Stratum::of(&cells[0])),
            cells: 100,
            sample: cells,
        };
        let audited = found
            .iter()
            .filter_map(|(kernel, finding)| {
                Some(Audited {
                    cell: id(*kernel, "6.1"),
                    inputs: Sha256Digest::of(b"inputs"),
                    finding: finding.clone()?,
                })
            })
            .collect();
        Audit::new(circumstances, 0, &[drawn], audited)
    }

    #[test]
    fn what_is_not_known_to_be_the_same_counts_as_differing() {
        let same = || {
            Some(Finding::Same {
                modules: Vec::new(),
            })
        };
        let differs = || {
            Some(Finding::Differs {
                modules: Vec::new(),
                again: Again::Alike,
            })
        };
        let reason = || "gone".to_owned();
        let missing = || Some(Finding::Missing { reason: reason() });
        let no_module = || Some(Finding::NoModule { reason: reason() });
        let all: Vec<(u32, Option<Finding>)> = (0..10).map(|n| (n, same())).collect();
        assert_eq!(audit(&all, false).bound.at_most, 24);
        for other in [differs(), missing(), no_module(), None] {
            let mut found = all.clone();
            found[3].1 = other;
            let audit = audit(&found, true);
            assert_eq!(audit.bound.at_most, 38, "{:?}", found[3]);
            assert_eq!(audit.sum(|sum| sum.same), 9);
            assert_eq!(audit.sum(|sum| sum.differing + sum.missing), 1);
        }
    }

    #[test]
    fn the_predicate_is_as_its_schema_describes_it() {
        let schema = include_str!("../../docs/schemas/audit-v1.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
        let digest = Sha256Digest::of(b"module");
        let difference = || ModuleDifference {
            path: "m.ko".to_owned(),
            reference: Some(digest),
            rebuild: None,
            sections: Vec::new(),
            note: Some("only the reference made it".to_owned()),
            layers: None,
            agreement: None,
            places: Vec::new(),
            left_out: 0,
            causes: Vec::new(),
        };
        let reason = || "gone".to_owned();
        let differs = |again: Again| Finding::Differs {
            modules: vec![difference()],
            again,
        };
        let findings = [
            Finding::Same {
                modules: vec![digest],
            },
            differs(Again::Alike),
            differs(Again::AsClaimed),
            differs(Again::Different),
            differs(Again::Unknown { reason: reason() }),
            Finding::NoModule { reason: reason() },
            Finding::Missing { reason: reason() },
        ];
        let found: Vec<(u32, Option<Finding>)> =
            (0..).zip(findings.into_iter().map(Some)).collect();
        let difference = serde_json::to_value(difference()).expect("JSON");
        let of_module = &schema["$defs"]["difference"];
        crate::attest::tests::described(&difference, of_module, &schema, "difference");
        for stratified in [true, false] {
            let mut audit = audit(&found, stratified);
            for signer in [None, Some("key:1".to_owned())] {
                audit.circumstances.claimed_by = signer;
                let statement: serde_json::Value =
                    serde_json::from_slice(&audit.statement()).expect("JSON");
                let predicate = &statement["predicate"];
                crate::attest::tests::described(predicate, &schema, &schema, "predicate");
                let words = schema["$defs"]["cell"]["properties"]["finding"]["enum"].as_array();
                for word in words.expect("words") {
                    let mut cells = predicate["cells"].as_array().expect("cells").iter();
                    assert!(cells.any(|cell| cell["finding"] == *word), "{word}");
                }
            }
        }
    }

    #[test]
    fn the_statement_is_about_the_archive_and_has_the_seed() {
        let audit = audit(&[(1, None)], false);
        let statement: serde_json::Value =
            serde_json::from_slice(&audit.statement()).expect("JSON");
        assert_eq!(statement["predicateType"], AUDIT_TYPE);
        let hex = Sha256Digest::of(b"archive").to_hex();
        assert_eq!(statement["subject"][0]["digest"]["sha256"], hex);
        assert_eq!(statement["predicate"]["seed"], "seed");
        assert_eq!(statement["predicate"]["bound"]["of"], 100);
    }
}

//! From evidence to a label: a grade per axis, a tier by the rule table, reasons, and what would
//! raise it. Pure.
//!
//! A label may be lower than the truth, never higher: what was not observed counts as the lowest
//! grade of its axis.

mod evidence;
mod freshness;
mod grade;
mod interface;
mod rebuilds;
mod rollup;
mod rules;

use serde::{Deserialize, Serialize};

use crate::gate::Gate;

pub use evidence::{ClosedInputs, Evidence, Isolation, SourceOrigin, Toolchain, grade};
pub use freshness::{AgeLimits, Freshness, freshness};
pub use grade::{Axis, Grade, Tier, Vector};
pub use interface::{Again, Interface, PackagedInterface, PreparedInterface};
pub use rebuilds::Rebuilds;
pub use rollup::{CellStanding, Rollup, roll_up};
pub use rules::{RuleTable, rule_table, text as rules_text};

/// What is said of one cell. Never stored or printed without its vector and reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    pub tier: Tier,
    pub freshness: Freshness,
    pub vector: Vector,
    /// One sentence per axis, in the order of the vector.
    pub reasons: Vec<Reason>,
    /// The axes that keep the label from the next better tier, and the grades that it needs.
    pub raised_by: Vec<Raise>,
    /// What gates found in the modules, beside what is graded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    pub rules: RulesUsed,
    /// What the rebuilds showed, in numbers; nothing if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilds: Option<Rebuilds>,
}

/// Why an axis has its grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    pub axis: Axis,
    pub grade: Grade,
    pub because: String,
}

/// A gate that a module did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub gate: Gate,
    /// The module's path below the source.
    pub module: String,
    /// The first of the evidence.
    pub because: String,
}

/// One grade that a better tier needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Raise {
    pub tier: Tier,
    pub axis: Axis,
    pub from: Grade,
    pub to: Grade,
}

/// The rule table that a label was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesUsed {
    pub version: u32,
    pub digest: crate::digest::Sha256Digest,
}

impl Label {
    /// Returns the tier with its qualifiers, such as `constrained+stale`.
    pub fn word(&self) -> String {
        match self.freshness.qualifier() {
            Some(qualifier) => format!("{}+{qualifier}", self.tier),
            None => self.tier.to_string(),
        }
    }
}

/// Labels a cell that was built.
pub fn label(evidence: &Evidence, freshness: Freshness) -> Label {
    let rules = rule_table();
    let (vector, reasons) = grade(evidence);
    let tier = rules.tier(&vector);
    Label {
        tier,
        freshness,
        raised_by: rules.raised_by(&vector),
        vector,
        reasons,
        findings: evidence.findings.clone(),
        rules: RulesUsed {
            version: rules.version,
            digest: rules.digest,
        },
        rebuilds: evidence.rebuilds.clone(),
    }
}

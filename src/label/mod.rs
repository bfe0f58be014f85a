//! From evidence to a label: a grade per axis, a tier by the rule table, reasons, and what would
//! raise it. Pure.
//!
//! A label may be lower than the truth, never higher: what was not observed counts as the lowest
//! grade of its axis.

mod evidence;
mod freshness;
mod gates;
mod grade;
mod interface;
#[cfg(test)]
mod properties;
mod raise;
mod rebuilds;
mod rollup;
mod rules;
mod scope;

use serde::{Deserialize, Serialize};

pub use evidence::{
    ClosedInputs, Evidence, Independent, Isolation, Signing, SourceOrigin, Toolchain, grade,
};
pub use freshness::{AgeLimits, Freshness, freshness};
pub use gates::{Examined, Finding, Seen};
pub use grade::{Axis, Grade, Tier, Vector};
pub use interface::{Again, Interface, PackagedInterface, PreparedInterface};
pub use raise::{Change, Raise, Way};
pub use rebuilds::Rebuilds;
pub use rollup::{CellStanding, Rollup, roll_up};
pub use rules::{RuleTable, rule_table, text as rules_text};
pub use scope::{Fate, LeftOut, LetGo, NotBuilt, Scope, scope};

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
    /// Every smallest way to every better tier, the next one first.
    #[serde(default)]
    pub raised_to: Vec<Way>,
    /// The gates that a module did not pass, or of which nobody knows whether it does.
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

/// The rule table that a label was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesUsed {
    pub version: u32,
    pub digest: crate::digest::Sha256Digest,
}

impl RulesUsed {
    /// Returns the program's own.
    pub fn current() -> Self {
        let table = rule_table();
        Self {
            version: table.version,
            digest: table.digest,
        }
    }
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
    let raised_to = raise::ways(rules, &vector);
    Label {
        tier,
        freshness,
        raised_by: raise::raised_by(&raised_to),
        raised_to,
        vector,
        reasons,
        findings: gates::findings(&evidence.examined),
        rules: RulesUsed::current(),
        rebuilds: evidence.rebuilds.clone(),
    }
}

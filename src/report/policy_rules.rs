//! The rules of policies: as people read them, and as a document.

use std::io::{self, Write};

use serde::Serialize;

use crate::verify::policy::{ReleaseRule, Rule};

/// What `policy rules --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRulesDocument {
    schema_version: u32,
    rules: Vec<RuleDocument>,
    /// Those about a release as a whole.
    release_rules: Vec<RuleDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleDocument {
    id: &'static str,
    asks: &'static str,
    by_default: &'static str,
    may_be_excepted: bool,
}

impl PolicyRulesDocument {
    /// Returns every rule, in the order in which they are asked.
    pub fn all() -> Self {
        let rule = |rule: &Rule| RuleDocument {
            id: rule.id(),
            asks: rule.asks(),
            by_default: rule.by_default(),
            may_be_excepted: rule.may_be_excepted(),
        };
        let release_rule = |rule: &ReleaseRule| RuleDocument {
            id: rule.id(),
            asks: rule.asks(),
            by_default: rule.by_default(),
            may_be_excepted: rule.may_be_excepted(),
        };
        Self {
            schema_version: 1,
            rules: Rule::ALL.iter().map(rule).collect(),
            release_rules: ReleaseRule::ALL.iter().map(release_rule).collect(),
        }
    }
}

/// Prints every rule with what it asks, and what is asked where a policy says nothing of it.
pub fn print_policy_rules(to: &mut impl Write) -> io::Result<()> {
    let PolicyRulesDocument {
        schema_version: _,
        rules,
        release_rules,
    } = PolicyRulesDocument::all();
    for RuleDocument {
        id,
        asks,
        by_default,
        may_be_excepted,
    } in rules.iter().chain(&release_rules)
    {
        let exceptions = if *may_be_excepted { "may be" } else { "none" };
        writeln!(to, "{id}")?;
        writeln!(to, "    asks: {asks}")?;
        writeln!(to, "    by default: {by_default}")?;
        writeln!(to, "    exceptions: {exceptions}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_printed_in_both_forms() {
        let mut printed = Vec::new();
        print_policy_rules(&mut printed).expect("memory takes it");
        let printed = String::from_utf8(printed).expect("text");
        let document = serde_json::to_value(PolicyRulesDocument::all()).expect("plain values");
        let rules = document["rules"].as_array().expect("a list");
        assert_eq!(rules.len(), Rule::ALL.len());
        for (rule, document) in Rule::ALL.iter().zip(rules) {
            assert_eq!(document["id"], rule.id());
            assert!(printed.contains(&format!("{rule}\n    asks: {}\n", rule.asks())));
        }
        for rule in ReleaseRule::ALL {
            assert!(printed.contains(&format!("{rule}\n    asks: {}\n", rule.asks())));
        }
        let of_releases = document["releaseRules"].as_array().map(Vec::len);
        assert_eq!(of_releases, Some(ReleaseRule::ALL.len()));
    }
}

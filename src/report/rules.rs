//! The rule table: as people read it, and as a document.

use std::io::{self, Write};

use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::label::{Axis, Grade, RuleTable, Tier, rules_text};

/// What `label rules --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesDocument {
    schema_version: u32,
    version: u32,
    digest: Sha256Digest,
    axes: Vec<AxisDocument>,
    /// Best first; what reaches none of them is `unverified` or `irreproducible`.
    tiers: Vec<TierDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AxisDocument {
    axis: Axis,
    /// Worst first.
    grades: &'static [Grade],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TierDocument {
    tier: Tier,
    needs: Vec<NeedDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NeedDocument {
    axis: Axis,
    at_least: Grade,
}

impl From<&RuleTable> for RulesDocument {
    fn from(table: &RuleTable) -> Self {
        let need = |(axis, at_least): &(Axis, Grade)| NeedDocument {
            axis: *axis,
            at_least: *at_least,
        };
        Self {
            schema_version: 1,
            version: table.version,
            digest: table.digest,
            axes: Axis::ALL
                .iter()
                .map(|axis| AxisDocument {
                    axis: *axis,
                    grades: axis.grades(),
                })
                .collect(),
            tiers: table
                .tiers
                .iter()
                .map(|(tier, needs)| TierDocument {
                    tier: *tier,
                    needs: needs.iter().map(need).collect(),
                })
                .collect(),
        }
    }
}

/// Prints version and digest, the grades of every axis, and the file that the digest is of.
pub fn print_rules(to: &mut impl Write, table: &RuleTable) -> io::Result<()> {
    writeln!(to, "# version {}, {}", table.version, table.digest)?;
    writeln!(to, "#\n# axes and their grades, worst first:")?;
    for axis in Axis::ALL {
        let grades: Vec<&str> = axis.grades().iter().map(|grade| grade.as_str()).collect();
        writeln!(to, "#   {axis:<15}  {}", grades.join(" < "))?;
    }
    writeln!(to)?;
    to.write_all(rules_text().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::rule_table;

    #[test]
    fn the_document_has_the_whole_table() {
        let table = rule_table();
        let document = serde_json::to_value(RulesDocument::from(table)).expect("plain values");
        assert_eq!(document["digest"], table.digest.to_string());
        let length = |at: &str| document[at].as_array().map(Vec::len);
        assert_eq!(length("axes"), Some(Axis::ALL.len()));
        assert_eq!(length("tiers"), Some(table.tiers.len()));
        let first = &document["tiers"][0];
        assert_eq!(first["tier"], "full");
        let varied = serde_json::json!({"axis": "reproducibility", "atLeast": "varied"});
        assert_eq!(first["needs"][0], varied);
    }

    #[test]
    fn what_people_read_ends_with_the_very_file() {
        let mut printed = Vec::new();
        print_rules(&mut printed, rule_table()).expect("memory takes it");
        let printed = String::from_utf8(printed).expect("text");
        assert!(printed.ends_with(rules_text()));
        assert!(printed.contains(&rule_table().digest.to_string()));
    }
}

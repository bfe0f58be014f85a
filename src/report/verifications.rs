//! What was verified: who, what, when, and how it came out. A verdict's rules that hold are counted.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::digest::Sha256Digest;
use crate::ledger::{VerificationRecord, VerifyingCommand};

/// What `query --verifications --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationsDocument<'a> {
    schema_version: u32,
    verifications: &'a [Verification],
}

/// One verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    at: Timestamp,
    by: String,
    command: VerifyingCommand,
    /// The file, or the archive's index.
    artifact: Sha256Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Sha256Digest>,
    passed: bool,
    warn_only: bool,
    audit_only: bool,
    /// The id of its cell, or the run of an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    /// How many rules hold as they are.
    holds: usize,
    /// The rules that do not.
    broken: Vec<Broken>,
    /// The exceptions that let a failure pass.
    exceptions: Vec<Value>,
    attestations: Vec<Sha256Digest>,
}

/// A rule that does not hold, or what is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    rule: String,
    outcome: String,
    because: String,
}

impl From<VerificationRecord> for Verification {
    fn from(record: VerificationRecord) -> Self {
        let VerificationRecord {
            at,
            by,
            command,
            artifact,
            policy,
            passed,
            warn_only,
            attestations,
            verdict,
        } = record;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |name: &str| verdict[name].as_array().map_or(&[][..], |list| list);
        let rules = list("rules").iter();
        let (held, mut broken) = rules.fold((0, Vec::new()), |(held, mut broken), rule| {
            if rule["outcome"] == "holds" {
                return (held + 1, broken);
            }
            let field = |name: &str| text(&rule[name]).unwrap_or_default();
            broken.push(Broken {
                rule: field("rule"),
                outcome: field("outcome"),
                because: field("because"),
            });
            (held, broken)
        });
        let archive = &verdict["archive"];
        broken.extend(text(&archive["why"]).map(|because| Broken {
            rule: "archive".to_owned(),
            outcome: "fails".to_owned(),
            because,
        }));
        let used = |one: &&Value| one["state"] == "used";
        Self {
            at,
            by,
            command,
            artifact,
            policy,
            passed,
            warn_only,
            audit_only: verdict["auditOnly"] == true,
            of: text(&verdict["cell"]).or_else(|| text(&archive["release"]["run"])),
            tier: text(&verdict["tier"]),
            holds: held,
            broken,
            exceptions: list("exceptions").iter().filter(used).cloned().collect(),
            attestations,
        }
    }
}

impl<'a> From<&'a [Verification]> for VerificationsDocument<'a> {
    fn from(verifications: &'a [Verification]) -> Self {
        Self {
            schema_version: 1,
            verifications,
        }
    }
}

impl Verification {
    /// Returns the word for people. What fails and is let through is neither passed nor refused.
    fn word(&self) -> &'static str {
        if self.passed {
            "passed"
        } else if self.warn_only {
            "warned"
        } else if self.audit_only {
            "watched"
        } else {
            "refused"
        }
    }
}

/// Prints one line for each verification, and below it what does not hold as it is.
pub fn print_verifications(out: &mut impl Write, all: &[Verification]) -> io::Result<()> {
    for one in all {
        let of = one.of.as_deref().unwrap_or("-");
        let (word, command, at) = (one.word(), one.command.as_str(), one.at);
        let policy = one
            .policy
            .map_or_else(String::new, |policy| format!(", policy {}", policy.short()));
        let artifact = one.artifact.short();
        writeln!(
            out,
            "{at:.0}  {word:<8} {of} ({artifact}), by {} with `{command}`{policy}",
            one.by
        )?;
        for broken in &one.broken {
            let word = match broken.outcome.as_str() {
                "excepted" => "excepted",
                "missing" => "MISSING",
                _ => "FAILS",
            };
            writeln!(out, "  {word:<8} {:<22} {}", broken.rule, broken.because)?;
        }
    }
    let passed = all.iter().filter(|one| one.passed).count();
    writeln!(out, "{passed} of {} passed", all.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(passed: bool, warn_only: bool, verdict: Value) -> Verification {
        Verification::from(VerificationRecord {
            at: "2026-06-01T10:00:00Z".parse().expect("a time"),
            by: "ada (uid 1000) on build1".to_owned(),
            command: VerifyingCommand::Gate,
            artifact: Sha256Digest::of(b"m.ko"),
            policy: Some(Sha256Digest::of(b"policy")),
            passed,
            warn_only,
            attestations: Vec::new(),
            verdict,
        })
    }

    #[test]
    fn who_what_when_and_how_it_came_out_is_shown() {
        let rule = |name: &str, outcome: &str| json!({ "rule": name, "outcome": outcome, "because": "so" });
        let rules = [
            rule("signer", "holds"),
            rule("inputs", "excepted"),
            rule("label", "fails"),
        ];
        let used = json!({ "rule": "inputs", "state": "used" });
        let idle = json!({ "rule": "label", "state": "elsewhere" });
        let cell = "debian-12/amd64/6.1=1/m";
        let verdict = json!({ "cell": cell, "rules": rules, "exceptions": [used, idle] });
        let all = [
            record(true, false, json!({ "cell": cell })),
            record(false, true, verdict),
            record(
                false,
                false,
                json!({ "archive": { "why": "byte 7 is wrong" } }),
            ),
            record(false, false, json!({ "auditOnly": true })),
        ];
        let mut out = Vec::new();
        print_verifications(&mut out, &all).expect("memory");
        let printed = String::from_utf8(out).expect("text");
        insta::assert_snapshot!(printed);
        let document = serde_json::to_value(VerificationsDocument::from(&all[..])).expect("JSON");
        let second = &document["verifications"][1];
        assert_eq!(second["exceptions"], json!([used]));
        assert_eq!(
            (&second["holds"], &second["warnOnly"]),
            (&json!(1), &json!(true))
        );
        assert_eq!(second["by"], "ada (uid 1000) on build1");
    }
}

//! Verdicts: as people read them, and as a document. Every rule is named in both.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::verify::policy::{Artifact, ExceptionState, ExceptionUse};
use crate::verify::{Outcome, Refused, RuleResult, Verdict};

/// One module with what a policy says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub path: PathBuf,
    pub artifact: Artifact,
    pub verdict: Verdict,
    /// The attestations that were handed in for it and refused.
    pub refused: Vec<(PathBuf, Refused)>,
}

/// Everything that one command judged.
#[derive(Debug, Clone)]
pub struct Judgement<'a> {
    pub at: Timestamp,
    pub policy: Sha256Digest,
    /// True if failures are told and nothing else follows from them.
    pub warn_only: bool,
    pub modules: &'a [Judged],
    pub exit: Exit,
}

/// What `verify --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictsDocument<'a> {
    schema_version: u32,
    at: Timestamp,
    policy: Sha256Digest,
    warn_only: bool,
    passed: bool,
    exit: u8,
    modules: Vec<ModuleDocument<'a>>,
    /// Exceptions of the policy that have run out, or that no module needed.
    idle_exceptions: Vec<ExceptionUse>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleDocument<'a> {
    path: &'a Path,
    passed: bool,
    verdict: &'a Verdict,
    refused: Vec<RefusedDocument<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedDocument<'a> {
    path: &'a Path,
    #[serde(flatten)]
    refused: &'a Refused,
}

impl Judgement<'_> {
    /// Returns true if everything may be called passed.
    pub fn passed(&self) -> bool {
        !self.warn_only
            && !self.modules.is_empty()
            && self.modules.iter().all(|m| m.verdict.passes())
    }

    /// Returns the exceptions that have run out for some module, and those that let nothing pass.
    pub fn idle_exceptions(&self) -> Vec<ExceptionUse> {
        let mut idle: Vec<ExceptionUse> = Vec::new();
        let all = || {
            self.modules
                .iter()
                .flat_map(|module| &module.verdict.exceptions)
        };
        for one in all() {
            let same = |other: &&ExceptionUse| other.index == one.index;
            let is_used = all().filter(same).any(|o| o.state == ExceptionState::Used);
            // What has run out for one module has for all.
            let ran_out = all()
                .filter(same)
                .find(|o| o.state == ExceptionState::RunOut);
            if !is_used && !idle.iter().any(|known| known.index == one.index) {
                idle.push(ran_out.unwrap_or(one).clone());
            }
        }
        idle
    }
}

impl<'a> From<&Judgement<'a>> for VerdictsDocument<'a> {
    fn from(judgement: &Judgement<'a>) -> Self {
        let module = |module: &'a Judged| ModuleDocument {
            path: &module.path,
            passed: module.verdict.passes() && !judgement.warn_only,
            verdict: &module.verdict,
            refused: module
                .refused
                .iter()
                .map(|(path, refused)| RefusedDocument { path, refused })
                .collect(),
        };
        Self {
            schema_version: 1,
            at: judgement.at,
            policy: judgement.policy,
            warn_only: judgement.warn_only,
            passed: judgement.passed(),
            exit: judgement.exit.code(),
            modules: judgement.modules.iter().map(module).collect(),
            idle_exceptions: judgement.idle_exceptions(),
        }
    }
}

/// Prints every module with its rules: all of them for one module, and of several those that do not
/// hold as they are.
pub fn print_verdicts(to: &mut impl Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let is_alone = judgement.modules.len() == 1;
    for module in judgement.modules {
        print_verdict(to, module, is_alone)?;
    }
    for exception in judgement.idle_exceptions() {
        let ExceptionUse {
            index: _,
            rule,
            reason,
            ticket: _,
            until,
            state,
        } = &exception;
        let why = match state {
            ExceptionState::RunOut => format!("ran out at {until}"),
            ExceptionState::Used | ExceptionState::Unneeded | ExceptionState::Elsewhere => {
                "is needed by nothing here".to_owned()
            }
        };
        writeln!(to, "note: the exception from `{rule}` ({reason}) {why}")?;
    }
    let count = judgement.modules.len();
    let passed = judgement
        .modules
        .iter()
        .filter(|m| m.verdict.passes())
        .count();
    let only = if judgement.warn_only {
        "; warnings only, so nothing is called passed"
    } else if judgement
        .modules
        .iter()
        .any(|module| module.verdict.audit_only)
    {
        "; the policy only watches, so nothing is called passed"
    } else {
        ""
    };
    writeln!(
        to,
        "{passed} of {count} passed, by the policy {}{only}",
        judgement.policy.short()
    )
}

fn print_verdict(to: &mut impl Write, module: &Judged, with_all: bool) -> io::Result<()> {
    let Verdict {
        artifact,
        policy: _,
        rules,
        audit_only: _,
        cell,
        known: _,
        tier,
        statements,
        exceptions: _,
    } = &module.verdict;
    let word = match module.verdict.exit() {
        Exit::Success => "holds",
        Exit::EvidenceMissing => "incomplete",
        _ => "fails",
    };
    let cell = cell
        .as_ref()
        .map_or_else(String::new, |cell| format!(" {cell}"));
    let tier = tier.map_or_else(String::new, |tier| format!(" {tier}"));
    let count = statements.len();
    let path = module.path.display();
    writeln!(
        to,
        "{word}: {path} ({}){cell}{tier}, {count} statements",
        artifact.short()
    )?;
    for (path, refused) in &module.refused {
        writeln!(
            to,
            "  refused  {}: {refused} ({})",
            path.display(),
            refused.why.word()
        )?;
    }
    for RuleResult {
        rule,
        outcome,
        because,
    } in rules
    {
        let word = match outcome {
            Outcome::Holds if !with_all => continue,
            Outcome::Holds => "holds",
            Outcome::Fails => "FAILS",
            Outcome::Excepted => "excepted",
            Outcome::Missing => "MISSING",
        };
        writeln!(to, "  {word:<8} {rule:<22} {because}")?;
    }
    Ok(())
}

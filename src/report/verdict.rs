//! Verdicts: as people read them, and as a document, which names every rule.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::verify::policy::{Artifact, ExceptionState, ExceptionUse};
use crate::verify::{Outcome, Refused, ReleaseVerdict, RuleResult, Verdict};

/// One module with what a policy says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub path: PathBuf,
    pub artifact: Artifact,
    pub verdict: Verdict,
    /// The attestations that were handed in for it and refused.
    pub refused: Vec<(PathBuf, Refused)>,
    /// The attestations beside it that their signers have signed again since.
    pub replaced: Vec<PathBuf>,
}

/// A release with what a policy says of it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedRelease {
    /// The directory or the archive.
    pub path: PathBuf,
    pub verdict: ReleaseVerdict,
}

/// Everything that one command judged.
#[derive(Debug, Clone)]
pub struct Judgement<'a> {
    pub at: Timestamp,
    pub policy: Sha256Digest,
    /// True if failures are told and nothing else follows from them.
    pub warn_only: bool,
    pub modules: &'a [Judged],
    /// The releases that they are of, where whole directories or archives were judged.
    pub releases: &'a [JudgedRelease],
    pub exit: Exit,
    /// True if there is a ledger, which has a record of this, and of which builds were verified before.
    pub recorded: bool,
    /// Where modules may be that nobody looked at.
    pub left_out: &'a [PathBuf],
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
    /// False if there is no ledger to record it in.
    recorded: bool,
    /// False if there is no ledger that would have them, so that an older build cannot be told.
    earlier_builds_known: bool,
    left_out: &'a [PathBuf],
    modules: Vec<ModuleDocument<'a>>,
    releases: Vec<ReleaseDocument<'a>>,
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
    replaced: &'a [PathBuf],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReleaseDocument<'a> {
    path: &'a Path,
    passed: bool,
    verdict: &'a ReleaseVerdict,
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
            && self.releases.iter().all(|r| r.verdict.passes())
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
            replaced: &module.replaced,
        };
        let release = |release: &'a JudgedRelease| ReleaseDocument {
            path: &release.path,
            passed: release.verdict.passes() && !judgement.warn_only,
            verdict: &release.verdict,
        };
        Self {
            schema_version: 1,
            at: judgement.at,
            policy: judgement.policy,
            warn_only: judgement.warn_only,
            passed: judgement.passed(),
            exit: judgement.exit.code(),
            recorded: judgement.recorded,
            earlier_builds_known: judgement.recorded,
            left_out: judgement.left_out,
            modules: judgement.modules.iter().map(module).collect(),
            releases: judgement.releases.iter().map(release).collect(),
            idle_exceptions: judgement.idle_exceptions(),
        }
    }
}

/// Which rules people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those that do not hold as they are; the others are counted.
    Broken,
    /// All.
    All,
}

/// Prints every module with its rules.
pub fn print_verdicts(
    to: &mut impl Write,
    judgement: &Judgement<'_>,
    shown: Shown,
) -> io::Result<()> {
    for module in judgement.modules {
        print_verdict(to, module, shown)?;
    }
    for release in judgement.releases {
        print_release(to, release, shown)?;
    }
    for path in judgement.left_out {
        let path = path.display();
        writeln!(
            to,
            "note: `{path}` is a link to a directory, and nobody looked into it"
        )?;
    }
    if !judgement.recorded {
        writeln!(
            to,
            "note: nothing is recorded, and nothing is known of earlier builds, because there is no \
             state directory (`--state`): an older build would pass too"
        )?;
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
    let all = judgement.modules.iter();
    let passed = all.filter(|m| m.verdict.passes()).count();
    let whole = judgement.releases.len();
    let all = judgement.releases.iter();
    let releases = match all.filter(|r| r.verdict.passes()).count() {
        _ if whole == 0 => String::new(),
        passed if whole == 1 && passed == 1 => ", and so did the release".to_owned(),
        _ if whole == 1 => ", and the release did not".to_owned(),
        passed => format!(", and {passed} of {whole} releases"),
    };
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
        "{passed} of {count} passed{releases}, by the policy {}{only}",
        judgement.policy.short()
    )
}

fn print_verdict(to: &mut impl Write, module: &Judged, shown: Shown) -> io::Result<()> {
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
    let word = word_of(module.verdict.exit());
    let cell = cell
        .as_ref()
        .map_or_else(String::new, |cell| format!(" {cell}"));
    let tier = tier.map_or_else(String::new, |tier| format!(" {tier}"));
    let count = statements.len();
    let path = module.path.display();
    let hold = |rule: &&RuleResult| rule.outcome == Outcome::Holds;
    let (held, all) = (rules.iter().filter(hold).count(), rules.len());
    writeln!(
        to,
        "{word}: {path} ({}){cell}{tier}, {count} statements, {held} of {all} rules hold",
        artifact.short()
    )?;
    for path in &module.replaced {
        let path = path.display();
        writeln!(to, "  replaced {path}: its signer has signed another since")?;
    }
    for (path, refused) in &module.refused {
        writeln!(
            to,
            "  refused  {}: {refused} ({})",
            path.display(),
            refused.why.word()
        )?;
    }
    print_rules(to, rules, shown)
}

fn print_release(to: &mut impl Write, release: &JudgedRelease, shown: Shown) -> io::Result<()> {
    let ReleaseVerdict {
        release: name,
        policy: _,
        rules,
        audit_only: _,
        tier,
        promised,
        complete,
        statements,
    } = &release.verdict;
    let word = word_of(release.verdict.exit());
    let name = name
        .as_ref()
        .map_or_else(String::new, |name| format!(" release `{name}`"));
    let tier = tier.map_or_else(String::new, |tier| format!(" {tier}"));
    let (path, count) = (release.path.display(), statements.len());
    let hold = |rule: &&RuleResult| rule.outcome == Outcome::Holds;
    let (held, all) = (rules.iter().filter(hold).count(), rules.len());
    writeln!(
        to,
        "{word}: {path}{name}{tier}, {complete} of {promised} cells, {count} statements, {held} of \
         {all} rules hold"
    )?;
    print_rules(to, rules, shown)
}

fn word_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Success => "holds",
        Exit::EvidenceMissing => "incomplete",
        _ => "fails",
    }
}

fn print_rules(to: &mut impl Write, rules: &[RuleResult], shown: Shown) -> io::Result<()> {
    for RuleResult {
        rule,
        outcome,
        because,
    } in rules
    {
        let word = match outcome {
            Outcome::Holds if shown == Shown::Broken => continue,
            Outcome::Holds => "holds",
            Outcome::Fails => "FAILS",
            Outcome::Excepted => "excepted",
            Outcome::Missing => "MISSING",
        };
        writeln!(to, "  {word:<8} {rule:<23} {because}")?;
    }
    Ok(())
}

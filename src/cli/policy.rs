//! `kmatrix policy`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::cli::judging::{Evidence, Trusting, judge_module, open_policy, trust};
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::report::{PolicyRulesDocument, print_policy_rules};
use crate::verify::policy::{DEFAULT, FixtureError, Policy, fixtures};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the commented default policy, to begin with
    Init,
    /// Read a policy and the files that it names, and list every problem
    Check(Check),
    /// Hold a policy against modules of which it must say that they pass or fail
    Test(Test),
    /// Print every rule, what it asks, and what is asked by default
    Rules(Rules),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The policy
    #[arg(value_name = "FILE")]
    policy: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The policy
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// Directories `NAME_pass` and `NAME_fail`, each with a module, its attestations, and a `fixture.toml`
    /// [default: `tests` beside the policy]
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    #[command(flatten)]
    trusting: Trusting,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<Exit, Refusal> {
    match command {
        Command::Init => answer(|out| out.write_all(DEFAULT.as_bytes()))?,
        Command::Check(check) => {
            let policy = Policy::read(&check.policy)?;
            answer(|out| {
                let (signers, digest) = (policy.signers.len(), policy.digest);
                writeln!(out, "{digest}: {signers} signers, mode {}", policy.mode)
            })?;
        }
        Command::Test(arguments) => return test(arguments),
        Command::Rules(rules) => match rules.format {
            Format::Human => answer(print_policy_rules)?,
            Format::Json => answer_json(&PolicyRulesDocument::all())?,
        },
    }
    Ok(Exit::Success)
}

fn test(arguments: &Test) -> Result<Exit, Refusal> {
    let policy = open_policy(&arguments.policy)?;
    let trust = trust(&policy, &arguments.trusting)?;
    let beside = arguments.policy.with_file_name("tests");
    let folder = arguments.fixtures.as_ref().unwrap_or(&beside);
    let mut lines = Vec::new();
    let mut exit = Exit::Success;
    for fixture in fixtures(folder)? {
        let evidence = Evidence::read(&fixture.attestations, &trust)?;
        let at = fixture.at.unwrap_or_else(Timestamp::now);
        let expectation = &fixture.expectation;
        let evidence = [&evidence];
        let judged = judge_module(&fixture.module, expectation, &evidence, &policy, at, None)?;
        let surprise = fixture.surprise(&judged.verdict);
        if surprise.is_some() {
            exit = Exit::VerificationFailed;
        }
        let (word, why) = match surprise {
            None => ("ok", String::new()),
            Some(why) => ("WRONG", format!(": {why}")),
        };
        lines.push(format!("{word:<6} {}{why}", fixture.name));
    }
    answer(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?;
    Ok(exit)
}

impl From<FixtureError> for Refusal {
    fn from(error: FixtureError) -> Self {
        match error {
            FixtureError::Invalid(problems) => problems.into(),
            FixtureError::Files(error) => error.into(),
            FixtureError::Io { .. } | FixtureError::None(_) => {
                Self::new(Exit::EvidenceMissing, error.to_string()).caused_by(&error)
            }
            FixtureError::Name(_)
            | FixtureError::Modules { .. }
            | FixtureError::PassWithRules(_) => Self::new(Exit::Invalid, error.to_string()),
        }
    }
}

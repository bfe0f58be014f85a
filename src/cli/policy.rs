//! `kmatrix policy`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::report::{PolicyRulesDocument, print_policy_rules};
use crate::verify::policy::{DEFAULT, Policy};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the commented default policy, to begin with
    Init,
    /// Read a policy and the files that it names, and list every problem
    Check(Check),
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
        Command::Rules(rules) => match rules.format {
            Format::Human => answer(|out| print_policy_rules(out))?,
            Format::Json => answer_json(&PolicyRulesDocument::all())?,
        },
    }
    Ok(Exit::Success)
}

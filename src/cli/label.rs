//! `kmatrix label`.

use clap::{Args, Subcommand};

use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::label::rule_table;
use crate::report::{RulesDocument, print_rules};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the grades of every axis, and what each tier needs
    Rules(Rules),
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<Exit, Refusal> {
    match command {
        Command::Rules(rules) => match rules.format {
            Format::Human => answer(|out| print_rules(out, rule_table()))?,
            Format::Json => answer_json(&RulesDocument::from(rule_table()))?,
        },
    }
    Ok(Exit::Success)
}

//! `kmatrix label`.

use std::io::Write;

use clap::Subcommand;

use crate::cli::{Refusal, answer};
use crate::exit::Exit;
use crate::label::{Axis, rule_table, rules_text};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the grades of every axis, and what each tier needs
    Rules,
}

pub(crate) fn run(command: &Command) -> Result<Exit, Refusal> {
    match command {
        Command::Rules => {
            answer(|out| {
                writeln!(
                    out,
                    "# version {}, {}",
                    rule_table().version,
                    rule_table().digest
                )?;
                writeln!(out, "#\n# axes and their grades, worst first:")?;
                for axis in Axis::ALL {
                    let grades: Vec<&str> =
                        axis.grades().iter().map(|grade| grade.as_str()).collect();
                    writeln!(out, "#   {axis:<15}  {}", grades.join(" < "))?;
                }
                writeln!(out)?;
                out.write_all(rules_text().as_bytes())
            })?;
        }
    }
    Ok(Exit::Success)
}

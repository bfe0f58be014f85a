//! `kmatrix images`.

use std::collections::BTreeSet;
use std::io::Write;

use clap::{Args, Subcommand};

use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::document::toml_files;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::image::ImageRecord;
use crate::image::definition::ImageDefinition;
use crate::name::ImageName;
use crate::report::Status;
use crate::state;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the images that are defined, and what is recorded of them
    List(List),
    /// Make images, or load them into the engine again
    Build(Build),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The images; all that are defined if none is named
    name: Vec<ImageName>,
    /// Make them anew from today's archive
    #[arg(long)]
    update: bool,
}

pub(crate) async fn run(
    common: &Common,
    command: Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    let inputs = Inputs::open(common, status)?;
    let defined: Vec<ImageDefinition> = toml_files(&common.images)?
        .into_iter()
        .map(ImageDefinition::read)
        .collect::<Result<_, _>>()?;
    match command {
        Command::List(list) => {
            let records: Vec<(ImageDefinition, Option<ImageRecord>)> = defined
                .into_iter()
                .map(|definition| {
                    let record = state::read_json(&inputs.state.image(&definition.name))?;
                    Ok((definition, record))
                })
                .collect::<Result<_, Refusal>>()?;
            print(&records, list.format)?;
        }
        Command::Build(build) => {
            let _claim = inputs.state.claim()?;
            let docker = Docker::connect(&inputs.state.id()?).await?;
            let names: BTreeSet<ImageName> = if build.name.is_empty() {
                defined.into_iter().map(|image| image.name).collect()
            } else {
                build.name.into_iter().collect()
            };
            let renewal = Renewal::of(build.update, false);
            let records = unless_stopped(inputs.images(&names, &docker, renewal)).await?;
            answer(|out| {
                for record in records.values() {
                    writeln!(out, "{} {}", record.name, record.id)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(Exit::Success)
}

fn print(
    records: &[(ImageDefinition, Option<ImageRecord>)],
    format: Format,
) -> Result<(), Refusal> {
    match format {
        Format::Json => {
            let made: Vec<&ImageRecord> = records
                .iter()
                .filter_map(|(_, record)| record.as_ref())
                .collect();
            answer_json(&serde_json::json!({ "schemaVersion": 1, "images": made }))
        }
        Format::Human => answer(|out| {
            for (definition, record) in records {
                match record {
                    None => writeln!(out, "{}: not made yet", definition.name)?,
                    Some(record) => {
                        writeln!(out, "{} {}", record.name, record.id)?;
                        if let Some(date) = record.archive_date {
                            let date = date.strftime("%Y-%m-%d");
                            writeln!(
                                out,
                                "  archive of {date}, {} packages",
                                record.packages.len()
                            )?;
                        }
                        if record.definition != definition.digest {
                            writeln!(out, "  its definition has changed since")?;
                        }
                        for (tool, version) in &record.tools {
                            writeln!(out, "  {tool}: {version}")?;
                        }
                    }
                }
            }
            Ok(())
        }),
    }
}

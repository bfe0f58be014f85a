//! `kmatrix explain`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::diffoscope::hand_over;
use crate::cli::explain_beside::Beside;
use crate::cli::find::{ambiguous, meant};
use crate::cli::{Common, Format, Refusal, answer, answer_json, explain_pair};
use crate::engine::Observed;
use crate::exit::Exit;
use crate::image::ImageReproduction;
use crate::ledger::{AttemptRecord, Ledger};
use crate::name::CellId;
use crate::outcome::MOST_OF_COMMANDS;
use crate::recipe::{BuildSpec, MAX_SPEC, built_at};
use crate::report::{CausesDocument, CellDocument, explain, print_catalogue, print_history};
use crate::run::{Assessment, assess_cell};
use crate::state::{self, State};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cell's id, with or without its package version, any part of it that names one cell alone,
    /// or its directory below `out/`; or a module, with another behind it
    #[arg(value_name = "CELL|FILE", required_unless_present = "causes")]
    cell: Option<String>,
    /// A second module: the two are held against each other, wherever they are from
    #[arg(value_name = "FILE")]
    with: Option<PathBuf>,
    /// Hand the two modules to diffoscope as well: of a cell, the reference and the first rebuild that
    /// differs
    #[arg(long, requires = "cell")]
    diffoscope: bool,
    /// List every cause of a difference that is known, with what it looks like and what helps
    #[arg(long, conflicts_with_all = ["cell", "with"])]
    causes: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Refusal> {
    let Some(cell) = &arguments.cell else {
        match arguments.format {
            Format::Json => answer_json(&CausesDocument::all())?,
            Format::Human => answer(print_catalogue)?,
        }
        return Ok(Exit::Success);
    };
    if arguments.diffoscope && arguments.format == Format::Json {
        return Err(Refusal::new(
            Exit::Usage,
            "`--diffoscope` prints for people, and `--format json` for programs",
        )
        .hint("leave one of them out".to_owned()));
    }
    if let Some(second) = &arguments.with {
        let commands = |module: &Path| recorded_commands(common, module);
        let (format, diffoscope) = (arguments.format, arguments.diffoscope);
        return explain_pair::run(Path::new(cell), second, commands, format, diffoscope);
    }
    let state = recorded(common)?;
    let ledger = Ledger::open(&state.ledger())?;
    let id = find(&ledger, &state, cell)?;
    let cell = ledger.cell(&id)?.ok_or_else(|| unknown(cell))?;
    let assessment = assess_cell(&ledger, &cell)?;
    let over_time = ledger.cell_history(&id)?;
    match arguments.format {
        Format::Json => {
            answer_json(&CellDocument::from(&assessment).with_history(&over_time))?;
        }
        Format::Human => {
            let history = ledger.history(&cell.inputs.digest())?;
            let store = Store::open(&state.store())?;
            let place = |name: &str, digest: &crate::digest::Sha256Digest| {
                let laid_out = state.out().join(id.to_string()).join(name);
                let path = Some(laid_out).filter(|path| path.is_file());
                path.or_else(|| store.blob_path(digest))
                    .map(|path| path.display().to_string())
            };
            let spec = |digest: &crate::digest::Sha256Digest| {
                let bytes = store.read_blob(digest, MAX_SPEC).ok()?;
                serde_json::from_slice::<BuildSpec>(&bytes).ok()
            };
            let found: Option<ImageReproduction> =
                state::read_json(&state.reproduction(&cell.image.name))?;
            let found = found.filter(|found| found.id == cell.image.id);
            answer(|out| {
                explain(out, &assessment, found.as_ref(), &history, place, spec)?;
                print_history(out, &over_time)
            })?;
            if arguments.diffoscope {
                hand_over_pairs(&assessment, &store)?;
            }
        }
    }
    Ok(Exit::Success)
}

/// Hands each module that differs to diffoscope: the reference's and the one of the first rebuild that
/// has another.
fn hand_over_pairs(assessment: &Assessment, store: &Store) -> Result<(), Refusal> {
    let mut pairs = BTreeMap::new();
    for (number, comparison) in &assessment.comparisons {
        for found in &comparison.differences {
            if let (Some(reference), Some(rebuild)) = (found.reference, found.rebuild) {
                let first = pairs.entry(&found.path);
                first.or_insert((*number, reference, rebuild));
            }
        }
    }
    if pairs.is_empty() {
        return answer(|out| {
            writeln!(
                out,
                "no rebuild has another module: there is no pair for diffoscope"
            )
        });
    }
    for (path, (number, reference, rebuild)) in pairs {
        let [one, two] = [reference, rebuild].map(|digest| {
            store.blob_path(&digest).ok_or_else(|| {
                let refused = format!("the store no longer has `{path}` ({digest})");
                Refusal::new(Exit::InputUnavailable, refused).hint(
                    "give another copy of it: `kmatrix explain A.ko B.ko --diffoscope`".to_owned(),
                )
            })
        });
        answer(|out| writeln!(out, "{path}: the reference, and rebuild {number}"))?;
        hand_over(&one?, &two?)?;
    }
    Ok(())
}

/// Returns the commands that were recorded of a module in the state's `out` directory; `None` for any
/// other file.
fn recorded_commands(common: &Common, module: &Path) -> Result<Option<Beside>, Refusal> {
    let Some(state) = State::existing(&common.state)?.filter(|state| state.ledger().is_file())
    else {
        return Ok(None);
    };
    let text = module.to_string_lossy();
    let id = below_out(&state, &text);
    if id == text {
        return Ok(None);
    }
    let ledger = Ledger::open(&state.ledger())?;
    let Some(id) = ledger
        .cell_ids()?
        .into_iter()
        .find(|known| known.to_string() == id)
    else {
        return Ok(None);
    };
    let Some(cell) = ledger.cell(&id)? else {
        return Ok(None);
    };
    let assessment = assess_cell(&ledger, &cell)?;
    let reference = assessment
        .attempts
        .iter()
        .find(|attempt| attempt.number == 0);
    let store = Store::open(&state.store())?;
    let read = |attempt: &AttemptRecord| -> Option<Beside> {
        let text = attempt.commands.as_ref()?.text;
        let text = store.read_blob(&text, MOST_OF_COMMANDS).ok()?;
        let variation = &attempt.variation;
        let headers = vec![variation.header_root.clone()];
        let observed = attempt.observed.as_ref();
        let is_sealed = observed.is_some_and(Observed::is_sealed);
        Some(Beside::recorded(
            text,
            built_at(variation),
            headers,
            is_sealed,
        ))
    };
    Ok(reference.and_then(read))
}

/// Opens the state directory, if something was ever built there.
pub(super) fn recorded(common: &Common) -> Result<State, Refusal> {
    State::existing(&common.state)?
        .filter(|state| state.ledger().is_file())
        .ok_or_else(|| {
            Refusal::new(
                Exit::EvidenceMissing,
                format!("nothing is recorded in `{}`", common.state.display()),
            )
            .hint("name the state directory with `--state`; `kmatrix build` makes one".to_owned())
        })
}

fn find(ledger: &Ledger, state: &State, text: &str) -> Result<CellId, Refusal> {
    let all = ledger.cell_ids()?;
    let text = below_out(state, text);
    match meant(&text, &all, CellId::without_version)[..] {
        [] => Err(unknown(&text)),
        [id] => Ok(id.clone()),
        ref several => Err(ambiguous(&text, "cells", several)),
    }
}

/// Returns the id that a path below `out/` stands for, as shells complete it; any other text as it is.
fn below_out(state: &State, text: &str) -> String {
    let Ok(path) = std::fs::canonicalize(text) else {
        return text.to_owned();
    };
    let directory = if path.is_file() {
        path.parent()
    } else {
        Some(path.as_path())
    };
    directory
        .and_then(|directory| directory.strip_prefix(state.out()).ok())
        .and_then(|id| id.to_str())
        .map_or_else(|| text.to_owned(), str::to_owned)
}

fn unknown(text: &str) -> Refusal {
    Refusal::new(
        Exit::EvidenceMissing,
        format!("nothing is recorded of a cell `{text}`"),
    )
    .hint("`kmatrix plan` lists the cells of a matrix; `kmatrix build` records them".to_owned())
}

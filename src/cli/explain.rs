//! `kmatrix explain`.

use clap::Args;

use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::image::ImageReproduction;
use crate::ledger::Ledger;
use crate::name::CellId;
use crate::recipe::BuildSpec;
use crate::report::{CellDocument, explain, log_name};
use crate::run::assess_cell;
use crate::state::{self, State};
use crate::store::Store;

/// The most bytes that a build spec may have.
const MAX_SPEC: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cell's id, or any part of it that names one cell alone
    cell: String,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Refusal> {
    let state = State::existing(&common.state)?
        .filter(|state| state.ledger().is_file())
        .ok_or_else(|| {
            Refusal::new(
                Exit::EvidenceMissing,
                format!("nothing is recorded in `{}`", common.state.display()),
            )
            .hint("name the state directory with `--state`; `kmatrix build` makes one".to_owned())
        })?;
    let ledger = Ledger::open(&state.ledger())?;
    let id = find(&ledger, &arguments.cell)?;
    let cell = ledger.cell(&id)?.ok_or_else(|| unknown(&arguments.cell))?;
    let assessment = assess_cell(&ledger, &cell)?;
    match arguments.format {
        Format::Json => answer_json(&CellDocument::from(&assessment))?,
        Format::Human => {
            let history = ledger.history(&cell.inputs.digest())?;
            let store = Store::open(&state.store())?;
            let place = |number: u32, digest: &crate::digest::Sha256Digest| {
                let laid_out = state.out().join(id.to_string()).join(log_name(number));
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
            answer(|out| explain(out, &assessment, found.as_ref(), &history, place, spec))?;
        }
    }
    Ok(Exit::Success)
}

fn find(ledger: &Ledger, text: &str) -> Result<CellId, Refusal> {
    let all = ledger.cell_ids()?;
    if let Some(id) = all.iter().find(|id| id.to_string() == text) {
        return Ok(id.clone());
    }
    let found: Vec<&CellId> = all
        .iter()
        .filter(|id| id.to_string().contains(text))
        .collect();
    match found[..] {
        [] => Err(unknown(text)),
        [id] => Ok(id.clone()),
        [first, second, ..] => Err(Refusal::new(
            Exit::Usage,
            format!("`{text}` names {} cells", found.len()),
        )
        .hint(format!("say more, such as `{first}` or `{second}`"))),
    }
}

fn unknown(text: &str) -> Refusal {
    Refusal::new(
        Exit::EvidenceMissing,
        format!("nothing is recorded of a cell `{text}`"),
    )
    .hint("`kmatrix plan` lists the cells of a matrix; `kmatrix build` records them".to_owned())
}

//! `kmatrix kernels show`.

use clap::Args;

use crate::catalog::facts::find;
use crate::cli::find::{ambiguous, meant};
use crate::cli::prepare::Inputs;
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::name::Target;
use crate::report::{KernelDocument, print_kernel};
use crate::run::{Assessment, assess_cell};
use crate::state;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What `uname -r` prints, such as `6.1.0-56-amd64`, with `=` and the package version where there
    /// are several uploads; or the whole name, such as `debian-12/amd64/6.1.0-56-amd64`
    kernel: String,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(inputs: &Inputs<'_>, arguments: &Arguments) -> Result<Exit, Refusal> {
    let all_facts = inputs.facts()?;
    let mut looks = Vec::new();
    for facts in &all_facts {
        looks.extend(inputs.last_look(facts)?);
    }
    let targets: Vec<Target> = looks
        .iter()
        .flat_map(|look| look.list.kernels.iter().map(|kernel| kernel.target.clone()))
        .collect();
    let target = chosen(&arguments.kernel, &targets)?;
    let (look, kernel) = looks
        .iter()
        .find_map(|look| {
            let kernel = look.list.kernels.iter().find(|k| k.target == *target)?;
            Some((look, kernel))
        })
        .ok_or_else(|| unknown(&arguments.kernel))?;
    let name = format!("{}-{}", target.distro, target.distro_release);
    let locks = locks_with(inputs, target)?;
    let cells = cells_of(inputs, target)?;
    let document = KernelDocument::new(look, kernel, find(&all_facts, &name), &locks, &cells);
    match arguments.format {
        Format::Json => answer_json(&document)?,
        Format::Human => answer(|out| print_kernel(out, &document))?,
    }
    Ok(Exit::Success)
}

/// Returns the one kernel that is meant. What is exactly a kernel release is never a part of another.
fn chosen<'t>(text: &str, targets: &'t [Target]) -> Result<&'t Target, Refusal> {
    let exact: Vec<&Target> = targets
        .iter()
        .filter(|target| {
            let release = target.kernel_release.as_str();
            release == text || format!("{release}={}", target.package_version) == text
        })
        .collect();
    let found = if exact.is_empty() {
        meant(text, targets, Target::without_version)
    } else {
        exact
    };
    match found[..] {
        [] => Err(unknown(text)),
        [target] => Ok(target),
        ref several => Err(ambiguous(text, "kernels", several)),
    }
}

fn unknown(text: &str) -> Refusal {
    Refusal::new(
        Exit::EvidenceMissing,
        format!("no list of kernels that is recorded has `{text}`"),
    )
    .hint("`kmatrix kernels list RELEASE` records one, `kmatrix kernels update` a newer".to_owned())
}

/// Returns the names of the locks that have a kernel.
fn locks_with(inputs: &Inputs<'_>, target: &Target) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for path in inputs.state.all_locks()? {
        let lock: Option<Lock> = state::read_versioned(&path)?;
        let has = lock.is_some_and(|lock| lock.targets.iter().any(|t| t.target == *target));
        if let Some(stem) = path.file_stem().filter(|_| has) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Returns the cells of a kernel that the ledger knows.
fn cells_of(inputs: &Inputs<'_>, target: &Target) -> Result<Vec<Assessment>, Refusal> {
    let path = inputs.state.ledger();
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let ledger = Ledger::open(&path)?;
    let prefix = format!("{target}/");
    let mut cells = Vec::new();
    for id in ledger.cell_ids()? {
        if id.to_string().starts_with(&prefix)
            && let Some(cell) = ledger.cell(&id)?
        {
            cells.push(assess_cell(&ledger, &cell)?);
        }
    }
    Ok(cells)
}

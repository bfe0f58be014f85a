//! `kmatrix store`.

use clap::{Args, Subcommand};

use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::document::ByteSize;
use crate::exit::Exit;
use crate::report::{
    Collected, CollectedDocument, Status, StoreDocument, VerifiedDocument, print_collected,
    print_store, print_verified, size,
};
use crate::retention::{Needs, open_store};
use crate::state::State;
use crate::store::{SoleStore, choose};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is stored, and who needs it
    List(List),
    /// Remove what is not needed, the least recently used first, until the rest is within a budget
    Gc(Gc),
    /// Hash everything again, and name what is corrupt
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// What the store may take on the disk
    #[arg(long, default_value = "20GiB", value_name = "SIZE")]
    budget: ByteSize,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(common: &Common, command: &Command, status: &Status) -> Result<Exit, Refusal> {
    let state = State::open(&common.state)?;
    match command {
        Command::List(list) => {
            let items = open_store(&state)?.items()?;
            let needs = Needs::of_all(&state)?;
            match list.format {
                Format::Human => answer(|out| print_store(out, &items, &needs))?,
                Format::Json => answer_json(&StoreDocument::new(&items, &needs))?,
            }
            Ok(Exit::Success)
        }
        Command::Gc(gc) => collect(&state, gc, status),
        Command::Verify(verify) => {
            status.busy("Verifying", &format!("{}", state.store().display()));
            let verification = open_store(&state)?.verify()?;
            match verify.format {
                Format::Human => answer(|out| print_verified(out, &verification))?,
                Format::Json => answer_json(&VerifiedDocument::from(&verification))?,
            }
            if verification.corrupt.is_empty() {
                Ok(Exit::Success)
            } else {
                Ok(Exit::InputUnavailable)
            }
        }
    }
}

fn collect(state: &State, gc: &Gc, status: &Status) -> Result<Exit, Refusal> {
    let _claim = state.claim()?;
    // Leaves word that this directory uses the store, before anybody else may clean it up.
    drop(open_store(state)?);
    let store = SoleStore::open(&state.store())?.ok_or_else(|| {
        Refusal::new(
            Exit::Usage,
            format!(
                "`{}` is in use by another `kmatrix`",
                state.store().display()
            ),
        )
        .hint("wait for it; nothing was removed".to_owned())
    })?;
    let needs = Needs::of_all(state)?;
    for path in &needs.forgotten {
        status.warn(&format!(
            "`{}` used this store and is no longer there; what it needed is not kept",
            path.display()
        ));
    }
    let choice = choose(
        store.items()?,
        |item| needs.has(&item.digest),
        gc.budget.bytes(),
    );
    if !gc.dry_run {
        for item in &choice.remove {
            store.remove(item)?;
        }
    }
    let collected = Collected {
        budget: gc.budget.bytes(),
        is_dry_run: gc.dry_run,
        choice: &choice,
        needs: &needs,
    };
    match gc.format {
        Format::Human => answer(|out| print_collected(out, &collected))?,
        Format::Json => answer_json(&CollectedDocument::from(&collected))?,
    }
    if collected.after() <= collected.budget {
        return Ok(Exit::Success);
    }
    Err(Refusal::new(
        Exit::Usage,
        format!(
            "{} are needed, which is more than the budget of {}",
            size(collected.after()),
            gc.budget
        ),
    )
    .hint("give more with `--budget`, or remove locks that are no longer wanted".to_owned()))
}

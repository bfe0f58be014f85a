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
use crate::store::{Collection, choose};

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
    // Leaves word that this directory uses the store, before anybody else may clean it up.
    drop(open_store(state)?);
    let store = Collection::open(&state.store())?.ok_or_else(|| {
        Refusal::new(
            Exit::Usage,
            format!(
                "another `kmatrix store gc` is at work in `{}`",
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
    let mut choice = choose(
        store.items()?,
        |item| needs.has(&item.digest) || store.may_be_in_use(item),
        gc.budget.bytes(),
    );
    if !gc.dry_run {
        for item in std::mem::take(&mut choice.remove) {
            if store.remove(&item)? {
                choice.remove.push(item);
            } else {
                choice.keep.push(item);
            }
        }
    }
    let in_use = choice
        .keep
        .iter()
        .filter(|item| !needs.has(&item.digest) && store.may_be_in_use(item));
    let collected = Collected {
        budget: gc.budget.bytes(),
        is_dry_run: gc.dry_run,
        in_use: in_use.map(|item| item.bytes).sum(),
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
    let after = size(collected.after());
    let (why, hint) = if collected.in_use > 0 {
        let hint = "run it again when nothing else runs, or give more with `--budget`";
        ("are needed or in use", hint)
    } else {
        let hint = "give more with `--budget`, or remove locks that are no longer wanted";
        ("are needed", hint)
    };
    let message = format!(
        "{after} {why}, which is more than the budget of {}",
        gc.budget
    );
    Err(Refusal::new(Exit::Usage, message).hint(hint.to_owned()))
}

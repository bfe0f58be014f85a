//! What became of a cell over time, for people.

use std::io::{self, Write};

use crate::ledger::CellHistory;

/// Prints how attempts ended and what rebuilds gave, over all runs and all inputs that the cell had.
/// Nothing if there were no attempts.
pub fn print_history(to: &mut impl Write, history: &CellHistory) -> io::Result<()> {
    if history.runs.is_empty() {
        return Ok(());
    }
    writeln!(to, "  {}", ends(history))?;
    if let Some(first) = history.first_difference() {
        let started = first.started.strftime("%Y-%m-%d %H:%M UTC");
        writeln!(to, "  first difference in run {} of {started}", first.run)?;
    }
    Ok(())
}

/// Writes the number of runs and the numbers of one history, those that are 0 left out.
pub(super) fn ends(history: &CellHistory) -> String {
    let parts: Vec<String> = [
        (history.sum(|run| run.built), "built"),
        (history.sum(|run| run.excluded), "excluded"),
        (history.sum(|run| run.failed), "failed"),
        (
            history.sum(|run| run.infrastructure),
            "ended by the engine or an interrupt",
        ),
        (history.sum(|run| run.same), "rebuilt the same"),
        (history.sum(|run| run.different), "rebuilt different"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    let runs = match history.runs.len() {
        1 => "in 1 run".to_owned(),
        count => format!("in {count} runs"),
    };
    format!("{runs}: {}", parts.join(", "))
}

//! In what the commands of two recorded attempts differ.

use crate::ledger::AttemptRecord;
use crate::outcome::{Changed, CommandText, MOST_OF_COMMANDS, Sign, changed};
use crate::recipe::built_at;
use crate::store::{Store, StoreError};

/// Returns the words in which the commands of two attempts differ; none where the store has not the
/// text of both, as of attempts that somebody else recorded.
pub(super) fn commands_apart(
    store: &Store,
    first: &AttemptRecord,
    second: &AttemptRecord,
) -> Result<Vec<Changed>, StoreError> {
    let (Some(one), Some(two)) = (text(store, first)?, text(store, second)?) else {
        return Ok(Vec::new());
    };
    let (one, two) = (of_attempt(first, &one), of_attempt(second, &two));
    Ok(changed(&one, &two))
}

/// Returns what the commands of an attempt let in.
pub(super) fn signs_of(attempt: &AttemptRecord) -> &[Sign] {
    let commands = attempt.commands.as_ref();
    commands.map_or(&[], |commands| &commands.signs)
}

/// Returns the text of an attempt's commands with the directories that only this attempt has.
pub(super) fn of_attempt<'a>(attempt: &AttemptRecord, text: &'a [u8]) -> CommandText<'a> {
    let variation = &attempt.variation;
    CommandText {
        text,
        directories: vec![built_at(variation), variation.header_root.clone()],
    }
}

fn text(store: &Store, attempt: &AttemptRecord) -> Result<Option<Vec<u8>>, StoreError> {
    let known = attempt.commands.as_ref().map(|commands| commands.text);
    let kept = known.filter(|digest| store.blob_path(digest).is_some());
    kept.map(|digest| store.read_blob(&digest, MOST_OF_COMMANDS))
        .transpose()
}

//! Reading the records of an archive, a line at a time.

use std::io::{BufRead, BufReader, Read};

use crate::bundle::contents::LEDGER;
use crate::bundle::held::{Contradiction, Unheld};
use crate::bundle::row::Row;
use crate::store::unreadable;

/// The most bytes of one record.
const MOST_OF_A_RECORD: u64 = 64 << 20;

/// Reads rows line by line, with their numbers.
pub(super) struct Lines<R> {
    source: BufReader<R>,
    number: u64,
    done: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(source: R) -> Self {
        Self {
            source: BufReader::new(source),
            number: 0,
            done: false,
        }
    }

    fn next_row(&mut self) -> Result<Option<Row>, Unheld> {
        let refuse = |why| Contradiction::Record {
            line: self.number,
            why,
        };
        let mut line = Vec::new();
        let mut limited = (&mut self.source).take(MOST_OF_A_RECORD);
        limited
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(error, LEDGER.into()))?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(refuse("it does not end, or is longer than is read".to_owned()).into());
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| refuse(error.to_string()).into())
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<(Row, u64), Unheld>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.number += 1;
        let line = self.number;
        match self.next_row() {
            Ok(Some(row)) => Some(Ok((row, line))),
            Ok(None) => None,
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

//! Reading the records of an archive, a line at a time.

use std::io::{BufRead, BufReader, Read};

use crate::bundle::held::Contradiction;
use crate::bundle::row::Row;

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

    fn next_row(&mut self) -> Result<Option<Row>, String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.source).take(MOST_OF_A_RECORD);
        limited
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err("it does not end, or is longer than is read".to_owned());
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<(Row, u64), Contradiction>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.number += 1;
        let line = self.number;
        match self.next_row() {
            Ok(Some(row)) => Some(Ok((row, line))),
            Ok(None) => None,
            Err(why) => {
                self.done = true;
                Some(Err(Contradiction::Record { line, why }))
            }
        }
    }
}

//! The list of problems that grows while a document is read.

use std::cell::RefCell;
use std::path::Path;

use crate::document::problem::{Place, Problem, ProblemCode};

/// What reading a value gives: the value, or the proof that a problem was written down.
pub type Read<T> = Result<T, Reported>;

/// Proof that a problem was written down: only a [`Report`] can make one.
#[derive(Debug, Clone, Copy)]
pub struct Reported(());

/// The problems of one text so far.
pub(super) struct Report<'d> {
    path: &'d Path,
    text: &'d str,
    /// The offset at which each line begins.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'d> Report<'d> {
    /// Begins an empty report on a text.
    pub(super) fn new(path: &'d Path, text: &'d str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self {
            path,
            text,
            lines: std::iter::once(0).chain(after_breaks).collect(),
            problems: RefCell::default(),
        }
    }

    /// Writes a problem down.
    pub(super) fn refuse(
        &self,
        offset: usize,
        code: ProblemCode,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Reported {
        self.problems.borrow_mut().push(Problem {
            code,
            message: message.into(),
            path: self.path.to_owned(),
            place: Some(self.place(offset)),
            hint,
        });
        Reported(())
    }

    /// Returns where a byte of the text stands for people.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|&start| start <= offset);
        let start = self.lines[line - 1];
        let column = self.text[start..]
            .char_indices()
            .take_while(|(index, _)| start + index < offset)
            .count();
        Place {
            line,
            column: column + 1,
        }
    }

    /// Returns what was written down.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_begin_at_one() {
        let report = Report::new(Path::new("x"), "é = 1\n\nab\r\nc");
        for (offset, line, column) in [
            (0, 1, 1),
            (2, 1, 2),
            (6, 1, 6),
            (7, 2, 1),
            (9, 3, 2),
            (12, 4, 1),
            (13, 4, 2),
            (99, 4, 2),
        ] {
            assert_eq!(report.place(offset), Place { line, column }, "{offset}");
        }
    }
}

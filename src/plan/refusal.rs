//! Writing down what a matrix asks for in vain.

use std::fmt::Display;
use std::path::Path;

use crate::document::Place;
use crate::name::{Distro, DistroRelease};
use crate::plan::problem::{PlanProblem, PlanProblemCode};

/// The problems of a plan so far.
pub(super) struct Refusals<'m> {
    path: &'m Path,
    problems: Vec<PlanProblem>,
}

/// The words of one problem.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) cause: Option<String>,
    pub(super) hint: Option<String>,
}

impl<'m> Refusals<'m> {
    /// Begins with none, about the matrix file at `path`.
    pub(super) fn new(path: &'m Path) -> Self {
        Self {
            path,
            problems: Vec::new(),
        }
    }

    /// Writes a problem down.
    pub(super) fn add(&mut self, code: PlanProblemCode, place: Option<Place>, refusal: Refusal) {
        let Refusal {
            message,
            cause,
            hint,
        } = refusal;
        self.problems.push(PlanProblem {
            code,
            message,
            cause,
            path: self.path.to_owned(),
            place,
            hint,
        });
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Says how to see which kernels there are, and what to take out of the matrix otherwise.
    pub(super) fn list_or_drop(
        &self,
        distro: &Distro,
        release: &DistroRelease,
        noun: &str,
        place: Place,
    ) -> String {
        format!(
            "run `kmatrix kernels list {distro}-{release}`, or {}",
            self.drop_from(noun, place)
        )
    }

    /// Says what to take out of the matrix, and where it stands.
    pub(super) fn drop_from(&self, noun: &str, place: Place) -> String {
        format!(
            "drop the {noun} from {}:{}",
            self.path.display(),
            place.line
        )
    }

    /// Returns the problems, ordered by place.
    pub(super) fn into_problems(mut self) -> Vec<PlanProblem> {
        self.problems.sort_by_key(|problem| problem.place);
        self.problems
    }
}

/// Joins names for a sentence.
pub(super) fn join<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

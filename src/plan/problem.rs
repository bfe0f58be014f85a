//! Why a matrix and the kernels that there are make no plan.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::document::{Place, print_problem, print_problems};

/// Why there is no plan. The two have exit statuses of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The matrix asks for what there is not; never empty, ordered by place.
    Invalid(Vec<PlanProblem>),
    /// The matrix is right, and its excludes leave nothing.
    NoCells(Box<PlanProblem>),
}

/// One thing that a matrix asks for in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanProblem {
    pub code: PlanProblemCode,
    pub message: String,
    /// What there is instead.
    pub cause: Option<String>,
    /// The matrix file.
    pub path: PathBuf,
    #[serde(flatten)]
    pub place: Option<Place>,
    pub hint: Option<String>,
}

/// The kinds of problems that a plan can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanProblemCode {
    /// No catalog has the distribution or its release.
    UnknownRelease,
    /// The catalog has no kernel for the architecture.
    UnknownArch,
    /// The catalog has no kernel of the flavour.
    UnknownFlavour,
    /// A selector or an include matches no kernel.
    NoKernel,
    /// A package version cannot be compared, so it is not known which kernel is newest.
    BadVersion,
    /// An exclude takes nothing away.
    UnmatchedExclude,
    /// An exclude's last day has passed.
    ExpiredExclude,
    /// Nothing is left to build.
    NoCells,
}

impl PlanError {
    /// Returns the problems in order.
    pub fn problems(&self) -> &[PlanProblem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::NoCells(problem) => std::slice::from_ref(problem),
        }
    }
}

/// Prints the problems with an empty line between them.
impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_problems(f, self.problems())
    }
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code: _,
            message,
            cause,
            path,
            place,
            hint,
        } = self;
        print_problem(f, message, cause.as_deref(), path, *place, hint.as_deref())
    }
}

//! Judging what lies in one place as a release: what its scope promises, and what is there of it.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::judging::Evidence;
use crate::report::{Judged, JudgedRelease};
use crate::verify::policy::{Expectation, Policy, ReleaseModule, judge_release};

/// Judges the release that modules of one place are of, by what is said of the whole.
pub(super) fn release_of(
    place: &Path,
    modules: &[Judged],
    evidence: &[&Evidence],
    expectation: &Expectation,
    policy: &Policy,
    at: Timestamp,
) -> JudgedRelease {
    let of_release: Vec<ReleaseModule> = modules
        .iter()
        .map(|one| ReleaseModule::of(&one.artifact, &one.verdict, policy))
        .collect();
    let accepted = evidence.iter().flat_map(|evidence| &evidence.accepted);
    let expected = expectation.release.as_deref();
    JudgedRelease {
        path: place.to_owned(),
        verdict: judge_release(&of_release, accepted, expected, policy, at),
    }
}

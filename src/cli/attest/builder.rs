//! Which builder provenance names where nobody says it: never one that claims more than is known.

use std::collections::BTreeSet;

use crate::attest::{CI_BUILDER, LOCAL_BUILDER};
use crate::ledger::{Ledger, LedgerError};
use crate::run::Assessment;
use crate::sign::CiJob;

/// Returns the builder of a release. `job` is the CI job whose provider vouches for who signs.
pub(super) fn builder_of(
    assessments: &[Assessment],
    job: Option<&CiJob>,
    ledger: &Ledger,
) -> Result<&'static str, LedgerError> {
    let Some(job) = job else {
        return Ok(LOCAL_BUILDER);
    };
    let runs: BTreeSet<&str> = assessments.iter().flat_map(runs_of).collect();
    let mut jobs = Vec::new();
    for run in runs {
        jobs.push(ledger.run(run)?.and_then(|run| run.job));
    }
    Ok(of_jobs(&jobs, &job.to_string()))
}

/// Returns the runs that made anything of what a cell consists of.
fn runs_of(assessment: &Assessment) -> impl Iterator<Item = &str> {
    let attempts = assessment.attempts.iter().map(|one| one.run.as_str());
    attempts.chain(assessment.preparations.iter().map(|one| one.run.as_str()))
}

fn of_jobs(jobs: &[Option<String>], this: &str) -> &'static str {
    let is_this = |job: &Option<String>| job.as_deref() == Some(this);
    if !jobs.is_empty() && jobs.iter().all(is_this) {
        CI_BUILDER
    } else {
        LOCAL_BUILDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_job_is_named_only_if_everything_ran_in_it() {
        let job = |text: &str| Some(text.to_owned());
        for (jobs, expected) in [
            (&[job("this")][..], CI_BUILDER),
            (&[job("this"), job("this")], CI_BUILDER),
            (&[], LOCAL_BUILDER),
            (&[None], LOCAL_BUILDER),
            (&[job("other")], LOCAL_BUILDER),
            (&[job("this"), None], LOCAL_BUILDER),
            (&[job("this"), job("other")], LOCAL_BUILDER),
        ] {
            assert_eq!(of_jobs(jobs, "this"), expected, "{jobs:?}");
        }
    }
}

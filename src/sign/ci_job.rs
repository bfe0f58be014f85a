//! The job of a CI provider that this runs in, as the environment says that the provider makes for it.

use std::fmt;
use std::fs;

/// Changes with each boot of a machine (Linux, `Documentation/admin-guide/sysctl/kernel.rst`, `random`).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A provider that hands identity tokens to its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiProvider {
    Buildkite,
    CircleCi,
    GitHubActions,
    GitLab,
}

/// One job, on one boot of one machine: where two of them are the same, so was the machine.
///
/// An environment is whatever its owner says. A job becomes more than that with a token that its
/// provider gave, and with whoever believes that token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiJob {
    provider: CiProvider,
    id: String,
}

impl CiProvider {
    const ALL: [Self; 4] = [
        Self::Buildkite,
        Self::CircleCi,
        Self::GitHubActions,
        Self::GitLab,
    ];

    /// Returns the provider's word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buildkite => "buildkite",
            Self::CircleCi => "circleci",
            Self::GitHubActions => "github-actions",
            Self::GitLab => "gitlab",
        }
    }

    /// Returns true if a token in `SIGSTORE_ID_TOKEN` is how this provider gives it (GitLab, "ID token
    /// authentication"); with the others, somebody put it there.
    pub(super) fn gives_by_variable(self) -> bool {
        match self {
            Self::GitLab => true,
            Self::Buildkite | Self::CircleCi | Self::GitHubActions => false,
        }
    }

    /// Returns the variable that is `true` in every job.
    fn mark(self) -> &'static str {
        match self {
            Self::Buildkite => "BUILDKITE",
            Self::CircleCi => "CIRCLECI",
            Self::GitHubActions => "GITHUB_ACTIONS",
            Self::GitLab => "GITLAB_CI",
        }
    }

    /// Returns the variables that tell one job from every other, as the providers' documentation has them.
    fn names_of_a_job(self) -> &'static [&'static str] {
        match self {
            Self::Buildkite => &["BUILDKITE_JOB_ID"],
            Self::CircleCi => &["CIRCLE_WORKFLOW_JOB_ID"],
            // Jobs of one matrix have these in common, and their machines apart.
            Self::GitHubActions => &[
                "GITHUB_REPOSITORY",
                "GITHUB_RUN_ID",
                "GITHUB_RUN_ATTEMPT",
                "GITHUB_JOB",
            ],
            Self::GitLab => &["CI_SERVER_HOST", "CI_JOB_ID"],
        }
    }
}

impl CiJob {
    /// Returns the job that this process runs in; `None` if there is none, or not all of it is known.
    pub fn current() -> Option<Self> {
        let boot = fs::read_to_string(BOOT).ok()?;
        Self::of(|name| std::env::var(name).ok(), boot.trim())
    }

    fn of(variable: impl Fn(&str) -> Option<String>, boot: &str) -> Option<Self> {
        let is_at =
            |provider: &CiProvider| variable(provider.mark()).is_some_and(|set| set == "true");
        let provider = CiProvider::ALL.into_iter().find(is_at)?;
        let names = provider.names_of_a_job().iter();
        let parts: Vec<String> = names
            .map(|name| variable(name).filter(|set| !set.is_empty()))
            .collect::<Option<_>>()?;
        Some(Self {
            provider,
            id: format!("{}@{boot}", parts.join("/")),
        })
    }

    pub fn provider(&self) -> CiProvider {
        self.provider
    }
}

impl fmt::Display for CiJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider.as_str(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        CiJob::of(variable, "boot").map(|job| job.to_string())
    }

    #[test]
    fn a_job_is_known_by_all_that_tells_it_from_others() {
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_JOB", "build"),
        ];
        assert_eq!(
            of(&github).as_deref(),
            Some("github-actions:o/r/7/1/build@boot")
        );
        for (set, expected) in [
            (
                &[
                    ("GITLAB_CI", "true"),
                    ("CI_SERVER_HOST", "h"),
                    ("CI_JOB_ID", "9"),
                ][..],
                Some("gitlab:h/9@boot"),
            ),
            (
                &[("BUILDKITE", "true"), ("BUILDKITE_JOB_ID", "9")],
                Some("buildkite:9@boot"),
            ),
            (
                &[("CIRCLECI", "true"), ("CIRCLE_WORKFLOW_JOB_ID", "9")],
                Some("circleci:9@boot"),
            ),
            (&[], None),
            (&[("GITLAB_CI", "1"), ("CI_JOB_ID", "9")], None),
            (&[("GITLAB_CI", "true"), ("CI_JOB_ID", "9")], None),
            (&[("BUILDKITE", "true"), ("BUILDKITE_JOB_ID", "")], None),
            (&github[..4], None),
        ] {
            assert_eq!(of(set).as_deref(), expected, "{set:?}");
        }
    }
}

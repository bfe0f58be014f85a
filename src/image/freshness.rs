//! How fresh an image is, from what was found when somebody looked (pure).
//!
//! Three things bear on it: the age of what it was made from, the updates that it has missed, and
//! whether the tag that its digest came from has moved. The worst of them decides, and what nobody
//! could look at is unknown, which is never fresh.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalog::SuiteRecord;
use crate::catalog::indexed_package::IndexedPackage;
use crate::catalog::version_order::VersionOrder;
use crate::digest::Sha256Digest;
use crate::image::InstalledPackage;
use crate::label::{AgeLimits, Freshness, freshness};
use crate::name::{PackageVersion, Suite};

/// When an image is not fresh any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessPolicy {
    pub ages: AgeLimits,
    /// How many updates may be missed; `None` for any number.
    pub missed_updates: Option<u32>,
    pub missed_security_updates: Option<u32>,
}

/// How fresh an image is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ImageFreshness {
    Fresh,
    Ageing,
    /// Nobody could look at something that may make it stale.
    Unknown,
    Stale,
}

impl ImageFreshness {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ageing => "ageing",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
        }
    }

    /// Returns true if it is too old, or if nobody knows that it is not.
    pub fn is_stale_or_unknown(self) -> bool {
        match self {
            Self::Fresh | Self::Ageing => false,
            Self::Unknown | Self::Stale => true,
        }
    }
}

/// What the archives have for the packages of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Updates {
    /// Somebody looked.
    #[serde(rename_all = "camelCase")]
    Looked {
        /// The present states of the suites, in the order of the definition.
        suites: Vec<SuiteRecord>,
        /// Ordered by package.
        missed: Vec<MissedUpdate>,
        /// How many of them are in a security suite.
        security: usize,
        /// Packages that no suite has any more, in no version.
        gone: Vec<String>,
        /// When the oldest of the missed updates can have appeared.
        oldest: Option<Appeared>,
    },
    /// Nobody could.
    #[serde(rename_all = "camelCase")]
    Unknown { reason: String },
}

/// A package of an image of which the archive has a newer version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissedUpdate {
    pub package: String,
    pub architecture: String,
    pub source: Option<String>,
    pub installed: PackageVersion,
    /// The newest that any suite has.
    pub available: PackageVersion,
    /// The suite that has it.
    pub suite: Suite,
    /// Whether a security suite has a newer version than the installed one.
    pub security: bool,
    pub appeared: Appeared,
}

/// Between which states of a suite something appeared. An index has no date of its own for a
/// package, so no more than this is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Appeared {
    /// The date of the state that the image was made from, which did not have it; `None` if that is
    /// not recorded.
    pub after: Option<Timestamp>,
    /// The date of the state that has it.
    pub by: Timestamp,
}

/// Whether the tag that a digest came from still names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum TagStanding {
    /// The definition names none.
    NotGiven,
    Same {
        tag: String,
    },
    /// It names another image now. The digest still decides what is used.
    Moved {
        tag: String,
        to: Sha256Digest,
    },
    Unknown {
        tag: String,
        reason: String,
    },
}

/// Holds the packages of an image against what the suites offer now.
///
/// `then` are the states that the image was made from, and `security` the suites that count apart.
pub fn updates(
    packages: &[InstalledPackage],
    then: &[SuiteRecord],
    now: Vec<(SuiteRecord, Vec<IndexedPackage>)>,
    security: &[Suite],
) -> Updates {
    let mut offers: BTreeMap<&str, Vec<(&SuiteRecord, &IndexedPackage)>> = BTreeMap::new();
    for (suite, offered) in &now {
        for package in offered {
            let name = package.name.as_str();
            offers.entry(name).or_default().push((suite, package));
        }
    }
    let (mut missed, mut gone) = (Vec::new(), Vec::new());
    for package in packages {
        // A package may become one for all architectures, or cease to be.
        let is_its = |offer: &IndexedPackage| {
            [offer.architecture.as_str(), "all"].contains(&package.architecture.as_str())
                || offer.architecture == "all"
        };
        let offered = offers
            .get(package.name.as_str())
            .map_or(&[][..], Vec::as_slice);
        let offered = offered.iter().filter(|(_, offer)| is_its(offer));
        if offered.clone().next().is_none() {
            gone.push(package.name.clone());
            continue;
        }
        let newer = offered.filter(|(_, offer)| {
            VersionOrder::Deb
                .compare(&offer.version, &package.version)
                .is_gt()
        });
        let newest = newer
            .clone()
            .max_by(|(_, a), (_, b)| VersionOrder::Deb.compare(&a.version, &b.version));
        let Some((suite, newest)) = newest else {
            continue;
        };
        missed.push(MissedUpdate {
            package: package.name.clone(),
            architecture: package.architecture.clone(),
            source: package.source.clone(),
            installed: package.version.clone(),
            available: newest.version.clone(),
            suite: suite.suite.clone(),
            security: newer
                .clone()
                .any(|(suite, _)| security.contains(&suite.suite)),
            appeared: appeared(newer.map(|(suite, _)| *suite), then, suite),
        });
    }
    missed.sort();
    Updates::Looked {
        security: missed.iter().filter(|update| update.security).count(),
        oldest: missed.iter().map(|update| update.appeared).min(),
        suites: now.iter().map(|(suite, _)| suite.clone()).collect(),
        missed,
        gone,
    }
}

/// Says when the first of the suites that have an update can have had it.
fn appeared<'s>(
    suites: impl Iterator<Item = &'s SuiteRecord>,
    then: &[SuiteRecord],
    newest: &SuiteRecord,
) -> Appeared {
    let of = |now: &SuiteRecord| Appeared {
        after: then
            .iter()
            .find(|then| then.archive == now.archive && then.suite == now.suite)
            .map(|then| then.date),
        by: now.date,
    };
    suites.map(of).min().unwrap_or_else(|| of(newest))
}

/// Judges what was found, and says why.
pub fn judge(
    archive_date: Option<Timestamp>,
    updates: &Updates,
    tag: &TagStanding,
    policy: &FreshnessPolicy,
    now: Timestamp,
) -> (ImageFreshness, Vec<String>) {
    let mut reasons = Vec::new();
    match (archive_date, updates) {
        (None, Updates::Looked { missed, gone, .. }) => {
            reasons.extend(without_an_age(missed.len(), gone.len(), policy));
        }
        (Some(_), _) | (None, Updates::Unknown { .. }) => {
            reasons.push(by_age(archive_date, policy, now));
        }
    }
    reasons.extend(by_updates(updates, policy));
    reasons.extend(by_tag(tag));
    let word = reasons.iter().map(|(word, _)| *word).max();
    (
        word.unwrap_or(ImageFreshness::Unknown),
        reasons.into_iter().map(|(_, reason)| reason).collect(),
    )
}

type Reason = (ImageFreshness, String);

fn by_age(archive_date: Option<Timestamp>, policy: &FreshnessPolicy, now: Timestamp) -> Reason {
    let found = freshness(archive_date, now, policy.ages);
    let days = |limit: SignedDuration| limit.as_hours() / 24;
    let said = |age_days| {
        let stale = days(policy.ages.stale_after);
        match policy.ages.warn_after {
            Some(warn) => format!(
                "its archive is {age_days} days old (ageing after {}, stale after {stale})",
                days(warn)
            ),
            None => format!("its archive is {age_days} days old (stale after {stale})"),
        }
    };
    match found {
        Freshness::Fresh { age_days, .. } => (ImageFreshness::Fresh, said(age_days)),
        Freshness::Ageing { age_days, .. } => (ImageFreshness::Ageing, said(age_days)),
        Freshness::Stale { age_days, .. } => (ImageFreshness::Stale, said(age_days)),
        Freshness::Unknown => (
            ImageFreshness::Unknown,
            "no date of the archive that it was made from is recorded".to_owned(),
        ),
    }
}

/// Judges an image that nobody here made from an archive: how old its packages are is not recorded, but
/// somebody has held each of them against what there is today. What it has missed may have been there
/// for years, so it is stale unless the policy allows so much to be missed.
fn without_an_age(missed: usize, gone: usize, policy: &FreshnessPolicy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if gone > 0 {
        let text =
            format!("{gone} packages are in none of its archives, and nobody could judge them");
        reasons.push((ImageFreshness::Unknown, text));
    }
    let is_allowed = policy
        .missed_updates
        .is_some_and(|limit| missed <= limit as usize);
    let no_date = "no date of the archive that it was made from is recorded";
    reasons.push(match missed {
        0 => (
            ImageFreshness::Fresh,
            format!("{no_date}, and no package has a newer version today"),
        ),
        _ if is_allowed => (
            ImageFreshness::Ageing,
            format!("{no_date}, and the updates that it has missed are no more than allowed"),
        ),
        _ => (
            ImageFreshness::Stale,
            format!("{no_date}, so nobody knows since when it has missed updates"),
        ),
    });
    reasons
}

fn by_updates(updates: &Updates, policy: &FreshnessPolicy) -> Vec<Reason> {
    let (missed, security) = match updates {
        Updates::Unknown { reason } => {
            let text = format!("nobody could look for updates: {reason}");
            return vec![(ImageFreshness::Unknown, text)];
        }
        Updates::Looked {
            missed, security, ..
        } => (missed.len(), *security),
    };
    let judged = |count: usize, limit: Option<u32>, otherwise, what: &str| {
        let over = limit.is_some_and(|limit| count > limit as usize);
        let word = if over {
            ImageFreshness::Stale
        } else {
            otherwise
        };
        let allowed = match limit {
            Some(limit) => format!(" (stale after more than {limit})"),
            None => String::new(),
        };
        (word, format!("{count} {what}{allowed}"))
    };
    let security_is_missed = if security > 0 {
        ImageFreshness::Ageing
    } else {
        ImageFreshness::Fresh
    };
    vec![
        judged(
            missed,
            policy.missed_updates,
            ImageFreshness::Fresh,
            "packages have a newer version in the archive",
        ),
        judged(
            security,
            policy.missed_security_updates,
            security_is_missed,
            "of them in a security suite",
        ),
    ]
}

fn by_tag(tag: &TagStanding) -> Option<Reason> {
    match tag {
        TagStanding::NotGiven => None,
        TagStanding::Same { tag } => Some((
            ImageFreshness::Fresh,
            format!("the tag `{tag}` names its digest"),
        )),
        TagStanding::Moved { tag, to } => Some((
            ImageFreshness::Ageing,
            format!("the tag `{tag}` has moved to {to}"),
        )),
        TagStanding::Unknown { tag, reason } => Some((
            ImageFreshness::Unknown,
            format!("nobody could look where the tag `{tag}` is: {reason}"),
        )),
    }
}

#[cfg(test)]
mod tests;

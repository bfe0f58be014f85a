//! Looking how fresh an image is: at its archive and at its registry, without making anything.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::apt::read_packages_of;
use crate::catalog::error::CatalogError;
use crate::catalog::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::engine::{Docker, EngineFailure};
use crate::image::definition::{ImageDefinition, ImageOrigin, UpdateArchives};
use crate::image::freshness::{
    FreshnessPolicy, ImageFreshness, TagStanding, Updates, judge, updates,
};
use crate::image::{ImageRecord, PackageDatabase};
use crate::name::{Arch, ImageName};

/// How fresh one image is, and everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FreshnessReport {
    pub image: ImageName,
    pub state: ImageFreshness,
    /// What was judged, in sentences.
    pub because: Vec<String>,
    /// `None` if it is not made yet.
    pub id: Option<Sha256Digest>,
    pub made: Option<Timestamp>,
    /// The date of the newest archive state that it was made from.
    pub archive_date: Option<Timestamp>,
    /// How old that was when the image was made.
    pub age_days_when_made: Option<i64>,
    pub age_days: Option<i64>,
    pub updates: Updates,
    pub tag: TagStanding,
}

/// What a look needs beside the images.
pub struct Look<'a> {
    pub at: Surroundings<'a>,
    pub arch: Arch,
    pub policy: FreshnessPolicy,
    /// Why nobody may look, if so.
    pub forbidden: Option<&'a str>,
    /// The engine asks registries; it is only needed for images that name a tag.
    pub docker: Option<Result<&'a Docker, &'a EngineFailure>>,
}

/// Looks at one image. Whatever cannot be looked at is part of the answer.
///
/// `archives` are what its packages come from: those that it names, or those of our image that it
/// stands on.
pub async fn examine(
    definition: &ImageDefinition,
    record: Option<&ImageRecord>,
    archives: Option<&UpdateArchives>,
    look: &Look<'_>,
) -> FreshnessReport {
    let updates = match record {
        None => unknown("it is not made yet"),
        Some(record) => look_for_updates(record, archives, look).await,
    };
    let tag = look_at_tag(&definition.origin, look).await;
    let archive_date = record.and_then(|record| record.archive_date);
    let now = look.at.now;
    let days = |until: Timestamp| {
        archive_date.map(|date| (until.duration_since(date).as_hours() / 24).max(0))
    };
    let (state, because) = judge(archive_date, &updates, &tag, &look.policy, now);
    FreshnessReport {
        image: definition.name.clone(),
        state,
        because,
        id: record.map(|record| record.id),
        made: record.map(|record| record.made),
        archive_date,
        age_days_when_made: record.and_then(|record| days(record.made)),
        age_days: days(now),
        updates,
        tag,
    }
}

fn unknown(reason: impl Into<String>) -> Updates {
    Updates::Unknown {
        reason: reason.into(),
    }
}

async fn look_for_updates(
    record: &ImageRecord,
    archives: Option<&UpdateArchives>,
    look: &Look<'_>,
) -> Updates {
    if let Some(reason) = look.forbidden {
        return unknown(reason);
    }
    let Some(archives) = archives else {
        return unknown(
            "its definition names no archive in `[updates]` that its packages come from",
        );
    };
    match record.inventory.map(|inventory| inventory.database) {
        Some(PackageDatabase::Dpkg) | None => {}
        Some(
            database @ (PackageDatabase::Apk
            | PackageDatabase::Pacman
            | PackageDatabase::Rpm
            | PackageDatabase::Unknown),
        ) => {
            return unknown(format!(
                "its package database is `{}`, and its archives are of Debian's kind",
                database.as_str()
            ));
        }
    }
    let names: BTreeSet<String> = record
        .packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let wanted = move |name: &str| names.contains(name);
    match read_packages_of(&archives.archives, look.arch, wanted, &look.at).await {
        Ok(now) => updates(&record.packages, &record.suites, now, &archives.security),
        Err(error) => unknown(chain(&error)),
    }
}

async fn look_at_tag(origin: &ImageOrigin, look: &Look<'_>) -> TagStanding {
    let (reference, digest, tag) = match origin {
        ImageOrigin::Registry {
            reference,
            digest,
            tag: Some(tag),
        } => (reference, digest, tag.clone()),
        ImageOrigin::Registry { tag: None, .. }
        | ImageOrigin::Bootstrap(_)
        | ImageOrigin::Dockerfile(_) => return TagStanding::NotGiven,
    };
    if let Some(reason) = look.forbidden {
        let reason = reason.to_owned();
        return TagStanding::Unknown { tag, reason };
    }
    let found = match look.docker {
        Some(Ok(docker)) => docker.tag_digest(reference, &tag).await,
        Some(Err(failure)) => Err(failure.clone()),
        None => {
            let reason = "no engine was asked".to_owned();
            return TagStanding::Unknown { tag, reason };
        }
    };
    match found {
        Ok(found) if found == *digest => TagStanding::Same { tag },
        Ok(to) => TagStanding::Moved { tag, to },
        Err(failure) => {
            let reason = failure.to_string();
            TagStanding::Unknown { tag, reason }
        }
    }
}

fn chain(error: &CatalogError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
